//! How things stand, in words.

use std::sync::LazyLock;

use super::*;
use crate::cli::Globals;
use crate::cli::talk::conversation::screen::link_status;
use crate::time::{Instant, UnixTime};

static OUT: LazyLock<Out> = LazyLock::new(|| Out::new(&Globals::default()));

const NOBODY: SessionStatus = SessionStatus {
    established: false,
    address: None,
    moving: false,
    tries: 0,
    next_try: None,
    key_age: None,
    heard: None,
    waiting: false,
    guest: false,
    newer_version: None,
    other_psk: false,
    rtt: None,
    loss: None,
    unacked: None,
    handshake: None,
    transfer: crate::proto::Transfer {
        received: 0,
        sent: 0,
    },
    keepalive: None,
    awaits_ack: false,
    keypairs: 0,
    attempts: 0,
    initiator: None,
};

fn way(status: SessionStatus, link: &Link) -> Way<'_> {
    Way {
        peer: Peer {
            label: "bob".into(),
            saved: true,
        },
        is_aside: false,
        is_revoked: false,
        status: Some(status),
        link: Some(link),
        again: None,
        is_refused_for: None,
        is_sought: false,
        complaint: None,
        keeps: true,
        out: &OUT,
    }
}

fn told(status: SessionStatus, link: &Link, again: Option<Duration>) -> [String; 2] {
    let way = Way {
        again,
        ..way(status, link)
    };
    [
        way.word().to_owned(),
        (way.reason() + "; " + way.next()).to_string(),
    ]
}

#[test]
fn every_state_has_a_reason_and_says_what_is_next() {
    let link = Link::default();
    let left = || Link {
        why: Some("bob left".into()),
        ..Link::default()
    };
    let declined = Link {
        why: Some("bob does not want another".into()),
        wants_nothing: true,
        ..Link::default()
    };
    let silent = Link {
        is_silent: true,
        ..Link::default()
    };
    let moved = Link {
        is_silent: true,
        has_new_address: true,
        ..Link::default()
    };
    let address = Some("127.0.0.1:7419".parse().unwrap());
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let nobody = NOBODY;
    let stands = SessionStatus {
        established: true,
        heard: seconds(8),
        address,
        ..NOBODY
    };
    let calls = SessionStatus {
        tries: 2,
        next_try: seconds(4),
        address,
        ..NOBODY
    };
    let waits = SessionStatus {
        waiting: true,
        ..NOBODY
    };
    let guest = SessionStatus {
        guest: true,
        ..NOBODY
    };
    let idle = SessionStatus { address, ..NOBODY };
    let newer = SessionStatus {
        newer_version: Some(2),
        ..idle
    };
    // A session does not count as established while nothing is heard.
    let lost = SessionStatus {
        established: false,
        key_age: seconds(60),
        tries: 1,
        next_try: seconds(1),
        ..stands
    };
    let forgotten = SessionStatus {
        waiting: true,
        ..lost
    };
    for (status, link, again, word, sentence) in [
        (
            nobody,
            &link,
            None,
            "not connected",
            "bob is not connected; no address is known, so it has to call",
        ),
        (
            idle,
            &left(),
            None,
            "not connected",
            "bob left; your next message calls it",
        ),
        (
            idle,
            &declined,
            None,
            "not connected",
            "bob does not want another; your next message asks it to take you in again",
        ),
        (
            newer,
            &left(),
            None,
            "not connected",
            "bob has used protocol version 2, this program speaks 1; it has to call",
        ),
        (
            idle,
            &left(),
            seconds(3),
            "not connected",
            "bob left; trying again in 3 s",
        ),
        (
            calls,
            &link,
            None,
            "connecting",
            "no answer from bob yet (2 calls); trying again in 4 s",
        ),
        (
            calls,
            &left(),
            None,
            "connecting",
            "bob left; trying again in 4 s",
        ),
        (
            SessionStatus {
                other_psk: true,
                ..calls
            },
            &left(),
            None,
            "connecting",
            "bob's answers do not open: perhaps one of you has another shared secret (psk), or none; \
             trying again in 4 s",
        ),
        (
            guest,
            &link,
            None,
            "waits for your answer",
            "bob waits for your answer; nothing is said before that",
        ),
        (
            waits,
            &link,
            None,
            "has to accept you",
            "bob has to accept you first; waiting",
        ),
        (
            forgotten,
            &silent,
            None,
            "has to accept you",
            "nothing heard from bob for 8 s; trying again in 1 s",
        ),
        (
            stands,
            &link,
            None,
            "connected",
            "bob has not acknowledged it yet; sending again",
        ),
        (
            lost,
            &silent,
            None,
            "silent",
            "nothing heard from bob for 8 s; trying again in 1 s",
        ),
        (
            lost,
            &moved,
            None,
            "silent",
            "nothing heard from bob for 8 s, and this machine has a new address; trying again in 1 s",
        ),
    ] {
        assert_eq!(told(status, link, again), [word, sentence]);
    }
}

#[test]
fn what_the_network_says_is_part_of_the_reason() {
    let calls = SessionStatus {
        tries: 2,
        next_try: Some(Duration::from_secs(4)),
        address: Some("192.0.2.7:7419".parse().unwrap()),
        ..NOBODY
    };
    let left = Link {
        why: Some("bob left".into()),
        ..Link::default()
    };
    let unknown = Link::default();
    let reason = |link, complaint| {
        let way = Way {
            link,
            complaint: calls.address.map(|at| (at, complaint)),
            ..way(calls, &unknown)
        };
        way.reason().to_string()
    };
    for (link, complaint, words) in [
        (
            None,
            IcmpKind::Refused,
            "closed port reported at 192.0.2.7:7419",
        ),
        (
            None,
            IcmpKind::NetUnreachable,
            "192.0.2.7:7419 cannot be reached",
        ),
        (
            None,
            IcmpKind::Prohibited,
            "192.0.2.7:7419 cannot be reached: a firewall there, or here, lets nothing through",
        ),
        (None, IcmpKind::TooBig, "no answer from bob yet (2 calls)"),
        (
            Some(&left),
            IcmpKind::Refused,
            "bob left, and closed port reported at 192.0.2.7:7419",
        ),
    ] {
        assert_eq!(reason(link, complaint), words);
    }
}

/// Every state there can be: a reason that says more than that there is no connection, or what has to
/// happen for one.
#[test]
fn no_state_is_without_its_reason() {
    let both = [false, true];
    let address = "192.0.2.7:7419".parse().unwrap();
    for bits in 0..128_u32 {
        let is = |bit: u32| bits >> bit & 1 == 1;
        let status = SessionStatus {
            established: is(0),
            waiting: is(1),
            guest: is(2),
            tries: bits >> 3 & 1,
            next_try: is(3).then_some(Duration::from_secs(2)),
            address: is(4).then_some(address),
            heard: is(5).then_some(Duration::from_secs(9)),
            ..NOBODY
        };
        for is_silent in both {
            let link = Link {
                is_silent,
                why: is(6).then(|| "bob left".into()),
                ..Link::default()
            };
            let [word, sentence] = told(status, &link, None);
            let explains = ["no address is known", "your next message calls it"];
            let is_bare = sentence.starts_with("bob is not connected");
            let is_explained = explains.iter().any(|it| sentence.ends_with(it));
            assert!(
                !word.is_empty() && (!is_bare || is_explained || sentence.contains(explains[0])),
                "{sentence}"
            );
            assert!(
                !sentence.ends_with("; ") && !sentence.starts_with("; "),
                "{sentence}"
            );
        }
    }
}

#[test]
fn what_is_sent_into_a_silence_may_have_left() {
    let key_age = Some(Duration::from_secs(9));
    let keyed = SessionStatus { key_age, ..NOBODY };
    let stands = SessionStatus {
        established: true,
        ..keyed
    };
    let waiting = SessionStatus {
        waiting: true,
        ..keyed
    };
    let silent = Link {
        is_silent: true,
        ..Link::default()
    };
    let over = Link {
        is_unreachable: true,
        ..Link::default()
    };
    for (status, link, passage) in [
        (stands, &Link::default(), Passage::Open),
        (stands, &over, Passage::Unsure),
        (stands, &silent, Passage::Unsure),
        (keyed, &silent, Passage::Unsure),
        (keyed, &Link::default(), Passage::Unsure),
        (waiting, &Link::default(), Passage::Closed),
        (NOBODY, &silent, Passage::Closed),
    ] {
        assert_eq!(way(status, link).passage(), passage, "{status:?}");
    }
}

#[test]
fn where_nothing_is_kept_no_command_brings_back_whose_words_differed() {
    let link = Link::default();
    let next = |keeps| {
        let way = Way {
            status: None,
            is_aside: true,
            keeps,
            ..way(NOBODY, &link)
        };
        way.next().to_string()
    };
    assert!(next(true).contains("peers verify bob"));
    assert_eq!(next(false), NO_WAY_BACK);
}

#[test]
fn whoever_has_to_accept_us_first_is_not_there_however_long_nothing_is_heard() {
    let stands = SessionStatus {
        established: true,
        ..NOBODY
    };
    let waiting = SessionStatus {
        waiting: true,
        ..NOBODY
    };
    let silent = Link {
        is_silent: true,
        ..Link::default()
    };
    let over = Link {
        is_unreachable: true,
        ..Link::default()
    };
    for (status, link, is_up) in [
        (stands, &Link::default(), true),
        (stands, &over, false),
        (NOBODY, &silent, true),
        (NOBODY, &Link::default(), false),
        (waiting, &silent, false),
    ] {
        assert_eq!(way(status, link).is_up(), is_up, "{status:?}");
    }
}

/// It was shown as connected for weeks, and programs had figures of the way there every three seconds.
#[test]
fn a_silence_that_has_lasted_too_long_is_the_end_of_the_session() {
    let link = |is_unreachable| Link {
        since: Some(UnixTime::default()),
        is_silent: true,
        is_unreachable,
        why: Some("no answer from bob to 22 handshakes".into()),
        ..Link::default()
    };
    let calls = SessionStatus {
        tries: 23,
        next_try: Some(Duration::from_secs(50)),
        heard: Some(Duration::from_secs(1_814_400)),
        ..NOBODY
    };
    let gone = SessionStatus {
        heard: calls.heard,
        address: Some("192.0.2.7:7419".parse().unwrap()),
        ..NOBODY
    };
    for (status, word, sentence) in [
        (
            calls,
            "connecting",
            "no answer from bob to 22 handshakes; trying again in 51 s",
        ),
        (
            gone,
            "not connected",
            "no answer from bob to 22 handshakes; your next message calls it",
        ),
    ] {
        assert!(link_status(&way(status, &link(false))).is_some());
        let link = link(true);
        let lost = way(status, &link);
        assert!(!lost.is_up() && link_status(&lost).is_none());
        assert_eq!(told(status, &link, None), [word, sentence]);
    }
}

#[test]
fn a_session_whose_keys_are_gone_because_nothing_was_said_is_open() {
    let stands = SessionStatus {
        established: true,
        ..NOBODY
    };
    let rests = SessionStatus {
        rtt: Some(Duration::from_millis(9)),
        ..NOBODY
    };
    let calls = SessionStatus { tries: 1, ..rests };
    let waiting = SessionStatus {
        waiting: true,
        ..rests
    };
    let link = |is_silent, is_unreachable| Link {
        since: Some(UnixTime::default()),
        is_silent,
        is_unreachable,
        ..Link::default()
    };
    let lasting = link(false, false);
    for (status, link, is_open) in [
        (stands, &lasting, true),
        (rests, &lasting, true),
        (NOBODY, &lasting, false),
        (rests, &Link::default(), false),
        (rests, &link(true, false), false),
        (rests, &link(false, true), false),
        (calls, &lasting, false),
        (waiting, &lasting, false),
    ] {
        assert_eq!(way(status, link).is_open(), is_open, "{status:?} {link:?}");
    }
}

/// Its machine may be off by now, or it never took our HELLO.
#[test]
fn nobody_is_said_to_be_undecided_who_is_not_heard() {
    let waiting = SessionStatus {
        waiting: true,
        address: Some("192.0.2.7:7419".parse().unwrap()),
        ..NOBODY
    };
    let link = |is_silent, is_unreachable| Link {
        is_silent,
        is_unreachable,
        ..Link::default()
    };
    for (link, is_undecided) in [
        (link(false, false), true),
        (link(true, false), false),
        (link(false, true), false),
    ] {
        let hindrance = way(waiting, &link).hindrance();
        let is_right = match hindrance {
            Some(Obstacle::Undecided) => is_undecided,
            Some(Obstacle::Silence { .. }) => !is_undecided,
            _ => false,
        };
        assert!(is_right, "{hindrance:?} of {link:?}");
    }
}

/// Through a program that runs, `send` blamed the peer for what the network said.
#[test]
fn what_the_network_says_is_what_is_in_the_way() {
    let calls = SessionStatus {
        tries: 2,
        address: Some("192.0.2.7:7419".parse().unwrap()),
        ..NOBODY
    };
    let link = Link::default();
    let hindrance = |complaint: Option<IcmpKind>| {
        let way = Way {
            complaint: calls.address.zip(complaint),
            ..way(calls, &link)
        };
        format!("{:?}", way.hindrance())
    };
    for (complaint, words) in [
        (None, "Silence"),
        (Some(IcmpKind::Refused), "Closed"),
        (Some(IcmpKind::NetUnreachable), "barrier: NoWay"),
        (Some(IcmpKind::Prohibited), "barrier: Firewall"),
    ] {
        let hindrance = hindrance(complaint);
        assert!(hindrance.contains(words), "{hindrance}");
    }
}

#[test]
fn while_attempts_go_on_the_next_is_told_and_not_the_next_look_up() {
    let calls = SessionStatus {
        tries: 23,
        next_try: Some(Duration::from_secs(50)),
        ..NOBODY
    };
    let [_, sentence] = told(calls, &Link::default(), Some(Duration::from_secs(10)));
    assert!(sentence.ends_with("; trying again in 51 s"), "{sentence}");
}

#[test]
fn a_countdown_goes_in_steps_while_it_is_long() {
    let shown = |seconds| {
        let calls = SessionStatus {
            tries: 1,
            next_try: Some(Duration::from_secs(seconds)),
            ..NOBODY
        };
        let [_, sentence] = told(calls, &Link::default(), None);
        sentence.rsplit_once(" in ").unwrap().1.to_owned()
    };
    assert_eq!(
        [119, 60, 59, 58, 57, 56].map(shown),
        ["120 s", "60 s", "60 s", "60 s", "57 s", "57 s"]
    );
    assert_eq!(
        [11, 10, 9, 1, 0].map(shown),
        ["12 s", "10 s", "9 s", "1 s", "1 s"]
    );
}

/// It was told to start anew for as long as it ran, though what was said after five minutes was asked about.
#[test]
fn who_has_said_no_is_asked_once_more_by_another_run_or_after_a_while() {
    let no = Link {
        wants_nothing: true,
        said_no: Some(Instant::ZERO),
        ..Link::default()
    };
    let status = SessionStatus {
        address: Some("192.0.2.7:7419".parse().unwrap()),
        ..NOBODY
    };
    let next = |seconds| {
        let now = Instant::ZERO + Duration::from_secs(seconds);
        let way = Way {
            is_refused_for: no.is_refused_for(now),
            ..way(status, &no)
        };
        way.next().to_string()
    };
    let words = "to have it asked once more, start this program anew, or write in ";
    assert_eq!(next(1), format!("{words}5 min"));
    assert_eq!(next(299), format!("{words}1 min"));
    assert_eq!(next(300), "your next message has it asked once more");
}
