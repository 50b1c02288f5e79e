//! RECEIPT, REJECT and VERIFY frames on their way out. The connection repeats them until they are acknowledged
//! and does not read them.

use std::sync::Arc;

use crate::wire::frame::{Frame, Verify};
use crate::wire::varint_len;

/// A frame for the layer above on the other side. Saying it twice does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proto) enum Note {
    /// What has been taken.
    Receipt(Arc<[u8]>),
    /// What is not taken.
    Reject(Arc<[u8]>),
    /// A step of a comparison.
    Verify(Verify),
}

impl Note {
    pub(super) fn frame(&self) -> Frame<'_> {
        match self {
            Self::Receipt(body) => Frame::Receipt(body),
            Self::Reject(body) => Frame::Reject(body),
            Self::Verify(verify) => Frame::Verify(*verify),
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
