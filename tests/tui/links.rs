//! Why nothing gets through, in one line.

use std::time::Duration;

use securechat::tui::{LinkStatus, Standing, Told};

use crate::screen::{BOB, Screen};

#[test]
fn silence_has_moshs_words_at_moshs_times() {
    let mut screen = Screen::with_bob(80, 10);
    let link = LinkStatus {
        heard: Some(Duration::ZERO),
        is_due: true,
        ..LinkStatus::default()
    };
    screen.link(BOB, link);
    screen.seconds(6);
    assert_eq!(screen.rule(), "");
    screen.seconds(6);
    assert_eq!(
        screen.rule(),
        "last contact 12 s ago - trying (messages are queued)"
    );
    screen.link(BOB, link);
    assert_eq!(screen.rule(), "");
    screen.link(
        BOB,
        LinkStatus {
            unacked: Some(Duration::from_secs(14)),
            is_due: false,
            ..link
        },
    );
    assert_eq!(screen.rule(), "last reply 14 s ago - they may not hear us");
}

#[test]
fn a_state_is_never_without_its_reason() {
    let mut screen = Screen::with_bob(80, 10);
    for standing in [
        Standing::Offline {
            why: "bob left; your next message calls it".into(),
        },
        Standing::Ended {
            why: "bob left; your next message calls it".into(),
        },
    ] {
        screen.tell(Told::Standing {
            peer: BOB,
            standing,
        });
        assert_eq!(screen.rule(), "bob left; your next message calls it");
    }
}

#[test]
fn figures_of_a_session_that_is_gone_are_gone() {
    let mut screen = Screen::with_bob(80, 10);
    let link = LinkStatus {
        rtt: Some(Duration::from_millis(42)),
        ..LinkStatus::default()
    };
    screen.link(BOB, link);
    assert!(screen.rows()[0].ends_with("rtt 42 ms"));
    screen.tell(Told::Standing {
        peer: BOB,
        standing: Standing::Offline { why: "".into() },
    });
    assert!(!screen.rows()[0].contains("rtt"));
}

#[test]
fn words_that_are_too_long_are_cut_with_a_sign() {
    let mut screen = Screen::with_bob(40, 6);
    screen.tell(Told::Standing {
        peer: BOB,
        standing: Standing::Offline {
            why: "no answer from bob to 12 handshakes; trying again in 9 s".into(),
        },
    });
    let rows = screen.rows();
    assert!(rows.iter().any(|row| row.ends_with('…')), "{rows:#?}");
}
