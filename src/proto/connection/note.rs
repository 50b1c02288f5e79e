//! RECEIPT, REJECT and VERIFY frames on their way out. The connection repeats them until they are acknowledged
//! and does not read them.

use tinyvec::TinyVec;

use crate::wire::frame::{Frame, Verdict, Verify, VerifyStep};
use crate::wire::varint_len;

/// The body of a RECEIPT or REJECT, in the words of the layer above. One of a single range fits without
/// memory of its own.
pub type NoteBody = TinyVec<[u8; 30]>;

/// A frame for the layer above on the other side. Saying it twice does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proto) enum Note {
    /// What has been taken.
    Receipt(NoteBody),
    /// What is not taken.
    Reject(NoteBody),
    /// A step of a comparison.
    Verify(Verify),
}

impl Default for Note {
    fn default() -> Self {
        Self::Receipt(NoteBody::default())
    }
}

impl Note {
    pub(super) fn frame(&self) -> Frame<'_> {
        match self {
            Self::Receipt(body) => Frame::Receipt(body),
            Self::Reject(body) => Frame::Reject(body),
            Self::Verify(verify) => Frame::Verify(*verify),
        }
    }

    /// Whether the session ends with it: words differ, and there is one packet left to say so in.
    pub(super) const fn is_last_word(&self) -> bool {
        matches!(
            self,
            Self::Verify(Verify {
                step: VerifyStep::Verdict(Verdict::Different),
                ..
            })
        )
    }

    /// Whether it is gone unless it is taken: what a receipt says the layer above still knows.
    pub(super) const fn has_nobody_to_keep_it(&self) -> bool {
        match self {
            Self::Receipt(_) | Self::Reject(_) => false,
            Self::Verify(_) => true,
        }
    }

    /// Bytes of the frame.
    pub(super) fn frame_len(&self) -> usize {
        match self {
            Self::Receipt(body) | Self::Reject(body) => {
                1 + varint_len(body.len() as u64) + body.len()
            }
            Self::Verify(verify) => 2 + varint_len(verify.body_len() as u64) + verify.body_len(),
        }
    }
}
