//! Whom a program calls, when, and where a look-up leads.

use super::*;

const BOB: PeerId = PeerId::new([2; 32]);

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn calls() -> Calls {
    let mut calls = Calls::default();
    calls.add(BOB, "192.0.2.1:7419".parse().unwrap(), at(0));
    calls
}

#[test]
fn somebody_is_called_once_until_that_ends() {
    let mut calls = calls();
    assert_eq!(calls.due(at(0)).len(), 1);
    assert!(calls.due(at(1_000)).is_empty());
    calls.on_end(&BOB, at(10));
    assert_eq!(calls.patience(at(10)), Some(Duration::from_secs(5)));
    assert!(calls.due(at(14)).is_empty());
    assert_eq!(calls.due(at(15)).len(), 1);
}

#[test]
fn calls_that_come_to_nothing_become_rare_until_one_does_not() {
    let mut calls = calls();
    for pause in [5, 10, 30, 60, 60] {
        calls.on_end(&BOB, at(0));
        assert_eq!(
            calls.calls_in(&BOB, at(0)),
            Some(Duration::from_secs(pause))
        );
    }
    calls.on_established(&BOB, at(0));
    assert_eq!(calls.patience(at(0)), None, "it stands");
    calls.on_end(&BOB, at(0));
    assert_eq!(calls.calls_in(&BOB, at(0)), Some(Duration::from_secs(5)));
}

/// It was called every 5 s for ever, and each time its session began and ended on the screen.
#[test]
fn whose_program_does_not_fit_ours_is_called_more_and_more_rarely_until_it_is_another() {
    let mut calls = calls();
    let mut ends_after = |stood, end: fn(&mut Calls, &PeerId, Instant)| {
        calls.on_established(&BOB, at(0));
        end(&mut calls, &BOB, at(stood));
        calls.calls_in(&BOB, at(stood)).unwrap().as_secs()
    };
    for pause in [5, 60, 600, 3_600, 3_600] {
        assert_eq!(ends_after(1, Calls::on_misfit), pause);
    }
    assert_eq!(ends_after(30, Calls::on_misfit), 5, "they could talk");
    assert_eq!(ends_after(1, Calls::on_misfit), 60);
    assert_eq!(ends_after(1, Calls::on_end), 5, "its secret is another");
    assert_eq!(ends_after(1, Calls::on_misfit), 600);
    assert_eq!(ends_after(1, Calls::on_left), 5);
    assert_eq!(ends_after(1, Calls::on_misfit), 5);
    calls.add(BOB, "192.0.2.1:7419".parse().unwrap(), at(2));
    assert_eq!(calls.calls_in(&BOB, at(2)), Some(Duration::ZERO));
}

/// A session that a refusal had ended counted as standing on, and the next one as a long one.
#[test]
fn what_stood_before_a_refusal_does_not_count_for_what_stands_after_it() {
    for refuse in [Calls::on_kept_out, Calls::on_refused] {
        let mut calls = calls();
        let misfit = |calls: &mut Calls, second| {
            calls.on_established(&BOB, at(second));
            calls.on_misfit(&BOB, at(second + 1));
            calls.calls_in(&BOB, at(second + 1)).unwrap().as_secs()
        };
        assert_eq!(misfit(&mut calls, 0), 5);
        calls.on_established(&BOB, at(10));
        refuse(&mut calls, &BOB);
        assert_eq!(misfit(&mut calls, 100), 60);
    }
}

#[test]
fn in_another_network_whoever_waits_for_a_call_has_it_at_once() {
    let mut calls = calls();
    for _ in 0..3 {
        calls.on_end(&BOB, at(0));
    }
    calls.hurry(|_| false, at(1));
    assert_eq!(calls.due(at(1)).len(), 1);
    calls.hurry(|_| false, at(2));
    assert!(calls.due(at(1_000)).is_empty(), "a call is under way");
    calls.on_end(&BOB, at(2));
    assert_eq!(calls.calls_in(&BOB, at(2)), Some(Duration::from_secs(5)));
}

/// It was told nothing, and what it had to say came to where we were before.
#[test]
fn in_another_network_whoever_would_not_find_us_is_called_unless_it_is_or_will_be() {
    let [asleep, awake, hung_up_on, left, sought] = [3, 4, 5, 6, 7].map(peer);
    let all = [asleep, awake, hung_up_on, left, sought];
    let host: HostPort = "chat.example.org:7419".parse().unwrap();
    let mut calls = Calls::default();
    for peer in all {
        calls.add(peer, host.clone(), at(0));
        calls.let_be(&peer);
    }
    calls.rest(hung_up_on);
    calls.on_left(&left, at(2));
    calls.inquire(sought, host.clone(), Family::Any, false);
    assert_eq!(calls.hurry(|peer| *peer != awake, at(3)), [asleep]);
    let due: Vec<_> = calls.all_due(at(3)).into_iter().map(|it| it.2).collect();
    assert_eq!(due, [asleep, left], "who left is called again in any case");
    assert_eq!(calls.hurry(|peer| *peer == awake, at(4)), [awake]);
}

/// Each call of the program's own began the fast series of handshakes anew.
#[test]
fn calls_after_one_in_vain_begin_nothing_anew_until_somebody_asks_or_the_network_is_another() {
    let host: HostPort = "192.0.2.1:7419".parse().unwrap();
    let begins_anew = |calls: &mut Calls, is_asked| {
        let inquiry = calls.inquire(BOB, host.clone(), Family::Any, is_asked);
        let begins_anew = calls.begins_anew(inquiry);
        assert_eq!(calls.take(inquiry), Some(BOB));
        begins_anew
    };
    let mut calls = calls();
    calls.due(at(0));
    assert!(begins_anew(&mut calls, false));
    for second in [0, 90, 150] {
        calls.on_end(&BOB, at(second));
        assert!(!begins_anew(&mut calls, false));
        assert!(begins_anew(&mut calls, true), "a program asks");
    }
    calls.hurry(|_| false, at(151));
    assert!(begins_anew(&mut calls, false));
    calls.on_end(&BOB, at(200));
    calls.due(at(260));
    let under_way = calls.inquire(BOB, host.clone(), Family::Any, false);
    calls.hurry(|_| false, at(261));
    assert!(calls.begins_anew(under_way));
    calls.on_end(&BOB, at(300));
    calls.add(BOB, host.clone(), at(301));
    assert!(begins_anew(&mut calls, false), "a person asks");
    calls.on_end(&BOB, at(400));
    assert_eq!(calls.due(at(3_600)).len(), 1);
    assert!(begins_anew(&mut calls, false), "the machine slept");
}

#[test]
fn whose_call_is_over_without_an_end_is_called_at_once() {
    let mut calls = calls();
    calls.due(at(0));
    calls.call_at_once(&BOB, at(1));
    assert_eq!(calls.due(at(1)).len(), 1);
    calls.rest(BOB);
    calls.call_at_once(&BOB, at(1));
    assert!(calls.due(at(1)).is_empty());
}

#[test]
fn who_was_hung_up_on_is_not_called_until_somebody_wants_to() {
    let mut calls = calls();
    calls.rest(BOB);
    assert!(calls.has(&BOB), "else everybody who is called includes it");
    calls.on_end(&BOB, at(10));
    assert!(calls.due(at(1_000)).is_empty());
    calls.add(BOB, "192.0.2.1:7419".parse().unwrap(), at(2_000));
    assert_eq!(calls.due(at(2_000)).len(), 1);
}

#[test]
fn who_was_hung_up_on_and_called_back_is_among_everybody_again() {
    let mut calls = Calls::default();
    calls.rest(BOB);
    calls.wake(&BOB);
    assert!(!calls.has(&BOB), "else an address of it would not count");
}

#[test]
fn who_is_called_at_another_place_is_not_called_where_it_was() {
    let host = |name: &str| -> HostPort { format!("{name}.example:7419").parse().unwrap() };
    let mut calls = Calls::default();
    calls.add(BOB, host("old"), at(0));
    calls.due(at(0));
    let under_way = [false, true].map(|is_asked| {
        let old = host("old");
        calls.inquire(BOB, old, Family::Any, is_asked)
    });
    calls.follow(BOB, Some(host("new")), false, at(1));
    let found = under_way.map(|inquiry| calls.take(inquiry));
    assert_eq!(found, [None, Some(BOB)], "a program wants what it named");
    assert_eq!(calls.due(at(1)), [(BOB, host("new"))]);
    calls.on_established(&BOB, at(1));
    calls.follow(BOB, Some(host("third")), true, at(2));
    assert!(calls.due(at(1_000)).is_empty(), "the session goes on");
    calls.on_end(&BOB, at(1_000));
    assert_eq!(calls.due(at(1_005)), [(BOB, host("third"))]);
    calls.follow(BOB, None, false, at(1_006));
    calls.on_end(&BOB, at(1_006));
    assert!(calls.due(at(2_000)).is_empty());
    assert!(!calls.has(&BOB), "else an address of it would not count");
}

#[test]
fn who_is_gone_is_not_called() {
    let mut calls = calls();
    calls.forget(&[BOB]);
    assert!(calls.due(at(9)).is_empty());
}

#[test]
fn what_is_found_counts_once_and_only_while_its_peer_is_to_be_called() {
    let carol = PeerId::new([3; 32]);
    let host: HostPort = "chat.example.org:7419".parse().unwrap();
    for let_go in [
        |it: &mut Calls| it.rest(BOB),
        |it: &mut Calls| it.forget(&[BOB]),
    ] {
        let mut calls = Calls::default();
        let [bob, other] =
            [BOB, carol].map(|it| calls.inquire(it, host.clone(), Family::Any, true));
        assert!(calls.inquires_about(&BOB));
        let_go(&mut calls);
        assert!(!calls.inquires_about(&BOB));
        assert_eq!(calls.take(bob), None);
        let again = calls.inquire(BOB, host.clone(), Family::Any, true);
        assert_eq!((calls.take(bob), calls.take(again)), (None, Some(BOB)));
        assert_eq!((calls.take(other), calls.take(other)), (Some(carol), None));
    }
}

#[test]
fn of_what_programs_ask_for_the_same_is_looked_up_once_and_names_not_without_end() {
    let host = |number: usize| -> HostPort { format!("host{number}:7419").parse().unwrap() };
    let mut calls = Calls::default();
    calls.inquire(BOB, host(0), Family::Any, true);
    assert!(!calls.may_inquire(BOB, &host(0), Family::Any));
    // Those of calls by themselves take no program's place.
    for number in MAX_INQUIRIES..2 * MAX_INQUIRIES {
        calls.inquire(BOB, host(2 * number), Family::Any, false);
    }
    assert!(calls.may_inquire(BOB, &host(0), Family::V6));
    assert!(calls.may_inquire(BOB, &host(1), Family::Any));
    for number in 1..MAX_INQUIRIES {
        assert!(calls.may_inquire(BOB, &host(number), Family::Any));
        calls.inquire(BOB, host(number), Family::Any, true);
    }
    assert!(!calls.may_inquire(BOB, &host(MAX_INQUIRIES), Family::Any));
    calls.rest(BOB);
    let is_free = calls.may_inquire(BOB, &host(MAX_INQUIRIES), Family::Any);
    assert!(!is_free, "the threads are there yet");
    for address in ["192.0.2.7:7419", "[2001:db8::7]:7419"] {
        assert!(calls.may_inquire(BOB, &address.parse().unwrap(), Family::Any));
    }
}
/// Whoever it was about was never called again, and programs that had asked for many such could ask for none.
#[test]
fn a_look_up_that_never_comes_back_is_given_up_and_made_again_some_times() {
    let host: HostPort = "chat.example.org:7419".parse().unwrap();
    let other: HostPort = "other.example.org:7419".parse().unwrap();
    let mut calls = Calls::default();
    calls.add(BOB, host.clone(), at(0));
    let mut of_calls = Vec::new();
    for second in [0, 100, 200] {
        assert_eq!(calls.due(at(second)), [(BOB, host.clone())]);
        assert!(!calls.is_stuck(&host));
        of_calls.push(calls.inquire(BOB, host.clone(), Family::Any, false));
        assert_eq!(calls.give_up(at(second)), []);
        assert_eq!(calls.give_up(at(second + 59)), []);
        assert!(calls.inquires_about(&BOB));
        assert_eq!(calls.give_up(at(second + 60)), [BOB]);
        assert!(!calls.inquires_about(&BOB));
        calls.on_end(&BOB, at(second + 60));
    }
    assert!(calls.is_stuck(&host) && !calls.is_stuck(&other));
    assert!(!calls.may_inquire(BOB, &host, Family::Any));
    assert!(calls.may_inquire(BOB, &other, Family::Any));
    let [first, ..] = of_calls[..] else {
        panic!("there are three");
    };
    assert_eq!(calls.take(first), Some(BOB), "late is not too late");
    assert!(!calls.is_stuck(&host));
    assert!(calls.may_inquire(BOB, &host, Family::Any));
}

#[test]
fn of_look_ups_for_programs_that_never_come_back_more_are_made_up_to_a_bound() {
    let host = |number: usize| -> HostPort { format!("host{number}:7419").parse().unwrap() };
    let mut calls = Calls::default();
    let mut made = 0;
    for minute in 0..100 {
        while calls.may_inquire(BOB, &host(made), Family::Any) {
            calls.inquire(BOB, host(made), Family::Any, true);
            made += 1;
        }
        assert_eq!(made, (MAX_INQUIRIES * (minute + 1)).min(MAX_ALL_STUCK));
        for seconds in [0, 60] {
            let now = at(60 * u64::try_from(minute).unwrap() + seconds);
            assert_eq!(calls.give_up(now), [], "no call waits for it");
        }
    }
}

fn peer(number: u8) -> PeerId {
    PeerId::new([number; 32])
}

/// People of these numbers, each at a host name of its own, who are to be called now.
fn at_names(numbers: core::ops::Range<u8>) -> Calls {
    let mut calls = Calls::default();
    for number in numbers {
        let host = format!("host{number}.example:7419");
        calls.add(peer(number), host.parse().unwrap(), at(0));
    }
    calls
}

/// Begins the look-ups that are due.
fn look_up(calls: &mut Calls, now: Instant) -> Vec<Inquiry> {
    let due = calls.due(now);
    due.into_iter()
        .map(|(peer, host)| calls.inquire(peer, host, Family::Any, false))
        .collect()
}

/// A list of a thousand names was a thousand threads at once.
#[test]
fn of_many_names_few_are_looked_up_at_one_time_and_each_has_its_turn() {
    let mut calls = at_names(0..200);
    let mut under_way = look_up(&mut calls, at(0));
    assert_eq!(under_way.len(), MAX_NAMES);
    assert!(calls.inquires_about(&peer(199)), "it will be");
    assert_eq!(calls.calls_in(&peer(199), at(0)), None);
    let mut order = Vec::new();
    for second in 0..200 {
        assert_eq!(under_way.len(), MAX_NAMES);
        assert!(look_up(&mut calls, at(second)).is_empty());
        let patience = calls.patience(at(second));
        assert_ne!(patience, Some(Duration::ZERO), "the loop would spin");
        let found = calls.take(under_way.remove(0)).unwrap();
        calls.on_end(&found, at(second));
        order.push(found);
        under_way.extend(look_up(&mut calls, at(second)));
    }
    let each_once: BTreeSet<_> = order.iter().collect();
    assert_eq!(each_once.len(), 200, "whoever had a turn waits for all");
}

/// Whoever was to be called at a person's word came behind all who were in line.
#[test]
fn who_is_asked_for_is_looked_up_before_all_in_line() {
    let mut calls = at_names(0..200);
    let under_way = look_up(&mut calls, at(0));
    let last = peer(199);
    let host = "asked.example:7419".parse().unwrap();
    calls.add_asked(last, host, at(5));
    calls.take(under_way[0]).unwrap();
    let next = look_up(&mut calls, at(5));
    assert_eq!(next.len(), 1);
    assert_eq!(calls.take(next[0]), Some(last));
}

#[test]
fn an_address_waits_for_no_look_up() {
    let mut calls = at_names(0..200);
    look_up(&mut calls, at(0));
    calls.add(BOB, "192.0.2.1:7419".parse().unwrap(), at(1));
    assert_eq!(calls.patience(at(1)), Some(Duration::ZERO));
    let due = calls.due(at(1));
    assert_eq!(due.len(), 1);
    assert_eq!(due.first().unwrap().0, BOB);
}

/// A thousand people at these hosts, who are to be called now.
fn a_thousand(host: fn(u64) -> String) -> Calls {
    let mut calls = Calls::default();
    for number in 0..1_000_u64 {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        calls.add(PeerId::new(key), host(number).parse().unwrap(), at(0));
    }
    calls
}

/// The loop did nothing else until all of them were.
#[test]
fn of_many_addresses_so_many_are_called_in_a_turn_until_all_are() {
    let mut calls = a_thousand(|number| format!("192.0.2.1:{}", number + 1));
    let mut called = Vec::new();
    while calls.patience(at(0)).is_some() {
        assert_eq!(calls.patience(at(0)), Some(Duration::ZERO));
        called.push(look_up(&mut calls, at(0)).len());
    }
    assert_eq!(called, [256, 256, 256, 232]);
}

#[test]
fn names_that_hang_let_others_in_after_a_minute_up_to_a_bound() {
    let mut calls = a_thousand(|number| format!("host{number}:7419"));
    let mut made = Vec::new();
    for minute in 0..20 {
        made.extend(look_up(&mut calls, at(60 * minute)));
        let rounds = usize::try_from(minute).unwrap() + 1;
        assert_eq!(made.len(), (MAX_NAMES * rounds).min(MAX_ALL_STUCK));
        calls.give_up(at(60 * minute));
        calls.give_up(at(60 * minute + 60));
    }
    calls.take(made.remove(0)).unwrap();
    assert_eq!(look_up(&mut calls, at(1_300)).len(), 1, "one is back");
}

#[test]
fn who_waits_in_line_for_long_was_not_asleep() {
    let mut calls = at_names(0..33);
    calls.on_end(&peer(32), at(0));
    let hung = look_up(&mut calls, at(0));
    for second in [5, 60, 120, 180] {
        assert!(look_up(&mut calls, at(second)).is_empty());
    }
    calls.take(hung[0]).unwrap();
    let last = look_up(&mut calls, at(200));
    assert!(!calls.begins_anew(last[0]), "it was called in vain before");
}

#[test]
fn several_at_one_host_are_found_by_one_look_up() {
    let mut calls = Calls::default();
    for (number, host) in [(1, "home.example:1"), (2, "home.example:2")] {
        calls.add(peer(number), host.parse().unwrap(), at(0));
    }
    calls.add(peer(3), "other.example:3".parse().unwrap(), at(0));
    let under_way = look_up(&mut calls, at(0));
    assert_eq!(under_way.len(), 2);
    assert_eq!(calls.take_in_line(under_way[1]), []);
    assert_eq!(calls.take_in_line(under_way[0]), [(peer(2), 2, true)]);
    assert_eq!(calls.take_in_line(under_way[0]), [], "each once");
    assert!(calls.due(at(0)).is_empty());
}

#[test]
fn what_a_program_looks_up_in_one_family_is_not_for_those_in_line() {
    let mut calls = at_names(0..1);
    let host: HostPort = "host0.example:7419".parse().unwrap();
    let of_one = calls.inquire(BOB, host.clone(), Family::V6, true);
    assert_eq!(look_up(&mut calls, at(0)).len(), 1);
    assert_eq!(calls.take_in_line(of_one), []);
    let mut calls = at_names(0..1);
    let of_any = calls.inquire(BOB, host, Family::Any, true);
    assert!(look_up(&mut calls, at(0)).is_empty());
    assert_eq!(calls.take_in_line(of_any), [(peer(0), 7_419, true)]);
}
