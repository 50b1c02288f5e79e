//! What became of handshake messages, for whoever keeps a record of it. Nothing depends on it.

use core::fmt;

use crate::id::{PeerLabel, SessionIndex};
use crate::proto::payload::Welcome;
use crate::proto::stats::DropReason;

/// What an endpoint did with a handshake datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It was dropped in silence.
    Dropped(DropReason),
    /// It is half of a message, which is not whole yet.
    Kept,
    /// A message is whole with it, and will be read.
    Whole,
    /// Its sender is asked to prove his address.
    CookieAsked,
    /// It is half of a message that was answered before: the same answer goes out again.
    AnsweredAgain,
    /// It was the cookie that we needed: our INIT goes out again.
    CookieTaken,
}

impl fmt::Display for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped(reason) => write!(f, "dropped: {reason}"),
            Self::Kept => f.write_str("half of a message"),
            Self::Whole => f.write_str("makes the message whole"),
            Self::CookieAsked => f.write_str("answered by COOKIE"),
            Self::AnsweredAgain => f.write_str("answered by the same RESP again"),
            Self::CookieTaken => f.write_str("INIT goes out again with it"),
        }
    }
}

/// What a whole handshake message turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    pub(super) message: Message,
    /// The initiator's session index, which both messages name.
    pub(super) index: SessionIndex,
    pub(super) result: Result<(Option<PeerLabel>, Welcome), DropReason>,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    First,
    Second,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = match self.message {
            Message::First => 1,
            Message::Second => 2,
        };
        write!(f, "message {number} of 0x{:08x} ", self.index.0)?;
        match self.result {
            Err(reason) => write!(f, "was dropped: {reason}"),
            Ok((peer, welcome)) => {
                match peer {
                    Some(peer) => write!(f, "was read: {peer}, ")?,
                    None => f.write_str("was read: a stranger, ")?,
                }
                f.write_str(match welcome {
                    Welcome::Known => "known",
                    Welcome::Guest => "a guest",
                    Welcome::Refused => "refused",
                    Welcome::Version => "refused for its version",
                })
            }
        }
    }
}

#[cfg(test)]
impl Finding {
    /// One like many, for tests of those who write them down.
    pub(crate) const fn for_testing_only() -> Self {
        Self {
            message: Message::First,
            index: SessionIndex(7),
            result: Err(DropReason::OtherVersion),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_told_in_words() {
        let finding = |message, result| Finding {
            message,
            index: SessionIndex(0x1a2b_3c4d),
            result,
        };
        let of_peer = Ok((Some(PeerLabel(3)), Welcome::Known));
        let found = [
            finding(Message::First, of_peer),
            finding(Message::First, Ok((None, Welcome::Refused))),
            finding(Message::Second, Err(DropReason::Forged)),
        ];
        assert_eq!(
            found.map(|finding| finding.to_string()),
            [
                "message 1 of 0x1a2b3c4d was read: peer#3, known",
                "message 1 of 0x1a2b3c4d was read: a stranger, refused",
                "message 2 of 0x1a2b3c4d was dropped: forged",
            ]
        );
    }
}
