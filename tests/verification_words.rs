//! A known answer of the words that two people compare, and of the safety number.

#![allow(clippy::indexing_slicing, reason = "tests")]

use securechat::chat::words::words;
use securechat::crypto::{Comparison, safety_number};
use securechat::id::PeerId;

/// docs/vectors/README.md; computed by another implementation.
#[test]
fn the_known_answer_is_found() {
    let comparison = Comparison {
        handshake: [0x11; 32],
        attempt: 0x0102_0304_0506_0708,
        asker: PeerId::new([0x22; 32]),
        answerer: PeerId::new([0x33; 32]),
    };
    let code = comparison.code(&[0x44; 32], &[0x55; 32]);
    assert_eq!(words(&code).join(" "), "later village deal cradle");
    assert_eq!(code.numbers(), [4686, 2520, 4145]);
    let commitment = comparison.commitment(&[0x44; 32]);
    assert_eq!(commitment[..4], [105, 116, 138, 46]);
    let number = safety_number(&comparison.asker, &comparison.answerer);
    assert_eq!(
        number,
        "367493304035513371073028300438611649671313236100488797616747"
    );
}
