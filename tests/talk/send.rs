//! `send`: one message, and the truth about it.

use std::net::UdpSocket;
use std::time::Duration;

use securechat::chat::{self, State, Update};
use securechat::proto::Event;

use crate::home::{Home, free_port};
use crate::program::{PATIENCE, Program, within};
use crate::rude::Rude;
use crate::wire::Wire;

/// Whoever has written it knows that it is read.
const MORE_THAN_A_PIPE_HOLDS: &str = match core::str::from_utf8(&[b'x'; 1 << 17]) {
    Ok(text) => text,
    Err(_) => unreachable!(),
};

/// What alice sends to bob at this address.
fn send(alice: &Home, address: &str, args: &[&str]) -> Program {
    alice.start(&[&["send", "bob", "--address", address], args].concat())
}

#[test]
fn a_message_that_was_shown_is_delivered() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let ended = send(&alice, &address.to_string(), &["on my way"]).end();
    assert_eq!((ended.code, ended.rest.as_str()), (Some(0), ""));
    assert!(ended.told.contains("delivered to bob after "));
    let line = listener.said("");
    assert!(line.ends_with("\talice\ton my way"), "{line}");
    listener.told("alice left");
}

#[test]
fn what_was_delivered_waits_no_longer_though_nobody_can_be_told() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let address = address.to_string();
    let hi = alice.command(&["send", "bob", "hi", "--json", "--address", &address]);
    let ended = Program::without_reader(hi).end();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    listener.told("alice left");
    #[cfg(target_os = "linux")]
    {
        let full = std::fs::File::options().write(true).open("/dev/full");
        let again = alice.command(&["send", "bob", "again", "--json", "--address", &address]);
        Program::writing_to(again, full.unwrap())
            .end()
            .failed(8, "SC18");
        listener.told("alice left");
    }
    let ended = alice.run(&["status", "--json"]);
    assert!(ended.rest.contains("\"waiting\":0"), "{}", ended.rest);
}

/// Whoever says -6 may not want to show its IPv4 address.
#[cfg(unix)]
#[test]
fn a_family_that_somebody_else_would_not_keep_to_is_refused() {
    let (alice, bob) = Home::friends();
    let (_program, _) = alice.listen(&[]);
    let (_listener, address) = bob.listen(&[]);
    let address = address.to_string();
    // Nor is anything read for nothing.
    for text in ["hi", "-"] {
        let sender = send(&alice, &address, &[text, "-6", "--wait", "1s"]);
        let ended = sender.end();
        ended.failed(2, "SC29");
        assert!(ended.told.contains("leave -6 out"), "{}", ended.told);
    }
    let waiting = alice.run(&["status", "--json"]).rest;
    assert!(waiting.contains("\"waiting\":0"), "{waiting}");
    let kept = alice.attempt(&["send", "bob", "hi", "--no-wait", "-4"]);
    assert_eq!(kept.code, Some(2), "{}", kept.transcript);
}

#[test]
fn a_saved_address_is_enough() {
    let (alice, bob) = (Home::new(), Home::new());
    bob.knows("alice", &alice);
    let (mut listener, address) = bob.listen(&[]);
    let address = address.to_string();
    alice.run(&["peers", "add", "bob", &bob.key(), "--address", &address]);
    let ended = alice.run(&["-q", "send", "bob", "done"]);
    assert_eq!((ended.rest.as_str(), ended.told.as_str()), ("", ""));
    listener.said("\talice\tdone");
}

#[test]
fn all_of_standard_input_is_one_message_and_its_last_break_is_none_of_it() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut sender = send(&alice, &address.to_string(), &["-"]);
    sender.say("one");
    sender.say("/quit");
    sender.leave();
    let line = listener.said("");
    assert!(line.ends_with("\talice\tone\\n/quit"), "{line}");
}

/// The secret key lies beside the public one.
#[test]
fn a_secret_key_is_not_sent_whoever_would_send_it() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let address = address.to_string();
    let key = std::fs::read_to_string(alice.path("identity.key")).unwrap();
    let refused = |args: &[&str]| {
        let mut sender = alice.start(&[&["send", "bob"], args].concat());
        if args[0] == "-" {
            sender.say(key.trim_end());
        }
        sender.close();
        let ended = sender.end();
        ended.failed(2, "SC29");
        let words = "that holds a SECRET key; it is not for anybody else (nothing was sent)";
        assert!(ended.told.contains(words), "{}", ended.told);
    };
    refused(&["-", "--address", &address]);
    refused(&["-", "--no-wait"]);
    refused(&["mine:\n-----BEGIN PRIVATE KEY-----\nAAAA", "--no-wait"]);
    let (program, _) = alice.listen(&[]);
    refused(&["-"]);
    drop(program.kill());
    let ended = send(&alice, &address, &["hi"]).end();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    let line = listener.said("");
    assert!(line.ends_with("\talice\thi"), "{line}");
}

#[test]
fn while_standard_input_is_open_others_have_the_identity() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let address = address.to_string();
    for flags in [&["--address", &address][..], &["--no-wait"]] {
        let mut sender = alice.start(&[&["send", "bob", "-"], flags].concat());
        sender.say(MORE_THAN_A_PIPE_HOLDS);
        let other = send(&alice, &address, &["meanwhile"]).end();
        assert_eq!(other.code, Some(0), "{}", other.transcript);
        listener.said("\talice\tmeanwhile");
        sender.leave();
        // With what was kept.
        send(&alice, &address, &["later"]).leave();
        listener.said("\talice\txxx");
    }
}

/// Alice sends a text behind a passphrase, alone and beside her own program, and bob reads but the text.
fn sends_the_text_without_the_passphrase(alice: &Home, bob: &Home, open: &[&str]) {
    let (mut listener, address) = bob.listen(&[]);
    let flags = ["-", "--passphrase-file", "-"];
    let mut say = || {
        let mut sender = send(alice, &address.to_string(), &flags);
        sender.say("correct horse");
        sender.say("the text");
        sender.leave();
        let line = listener.said("");
        assert!(line.ends_with("\talice\tthe text"), "{line}");
    };
    say();
    let beside = alice.listen(open);
    say();
    drop(beside);
}

#[test]
fn a_passphrase_on_standard_input_is_no_part_of_the_text() {
    let (alice, bob) = Home::friends();
    let key = alice.path("phrase");
    std::fs::write(&key, "correct horse\n").unwrap();
    let open = ["--passphrase-file", &key.display().to_string()];
    alice.run(&[&["keygen", "--force"], &open[..]].concat());
    bob.run(&["peers", "remove", "alice"]);
    bob.knows("alice", &alice);
    sends_the_text_without_the_passphrase(&alice, &bob, &open);
}

#[test]
fn a_passphrase_on_standard_input_that_the_identity_does_not_need_is_no_part_of_the_text_either() {
    let (alice, bob) = Home::friends();
    sends_the_text_without_the_passphrase(&alice, &bob, &[]);
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &["--passphrase-file", "-"]);
    caller.say("correct horse");
    caller.say("the first line");
    let line = listener.said("");
    assert!(line.ends_with("\talice\tthe first line"), "{line}");
    caller.leave();
    // Nobody has to pipe what is not needed.
    let flags = ["an argument", "--passphrase-file", "-"];
    send(&alice, &address.to_string(), &flags).leave();
    listener.said("\talice\tan argument");
}

#[test]
fn without_a_text_nothing_is_read_and_nothing_is_sent() {
    let (alice, bob) = Home::friends();
    let (listener, address) = bob.listen(&[]);
    let address = address.to_string();
    let sender = send(&alice, &address, &[]);
    // Its input stays open: whoever read it would hang.
    let ended = within(Duration::from_secs(2), || sender.end());
    ended.failed(2, "SC29");
    assert!(
        ended
            .told
            .contains("give a text, or - to read standard input")
    );
    let mut nothing = send(&alice, &address, &["-"]);
    nothing.close();
    nothing.end().failed(2, "SC29");
    send(&alice, &address, &[""]).end().failed(2, "SC29");
    let mut bytes = send(&alice, &address, &["-"]);
    bytes.say_bytes(b"\xff\xfe no text");
    bytes.close();
    let ended = bytes.end();
    ended.failed(2, "SC29");
    assert!(ended.told.contains("is not text in UTF-8"));
    assert!(!listener.kill().transcript.contains("secure: "));
}

#[test]
fn a_closed_port_is_named_when_the_time_is_over() {
    let (alice, _bob) = Home::friends();
    let address = free_port().to_string();
    let sender = send(&alice, &address, &["hello", "--wait", "3s"]);
    let ended = within(Duration::from_secs(3), || sender.end());
    ended.failed(6, "SC14");
    for words in [
        "not delivered to bob within 3 s",
        "It never left this machine.",
        &format!("Nothing seems to listen at {address}:"),
    ] {
        assert!(ended.told.contains(words), "{words}: {}", ended.told);
    }
}

#[test]
fn silence_is_explained_when_the_time_is_over() {
    let (alice, _bob) = Home::friends();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let sender = send(&alice, &address, &["hello", "--wait", "1s"]);
    let ended = within(Duration::from_secs(1), || sender.end());
    ended.failed(6, "SC14");
    for words in [
        "It never left this machine.",
        &format!("No answer came from {address}:"),
        "firewall or NAT",
    ] {
        assert!(ended.told.contains(words), "{words}: {}", ended.told);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_was_sent_and_not_confirmed_may_have_arrived() {
    let (alice, bob) = Home::friends();
    let command = bob.command(&["listen", "127.0.0.1:0"]);
    let (mut listener, _stuck) = Program::with_stuck_reader(command);
    let address = crate::home::listening(&mut listener);
    let sender = send(&alice, &address.to_string(), &["hello", "--wait", "5s"]);
    let ended = sender.end();
    ended.failed(6, "SC14");
    assert!(
        ended
            .told
            .contains("It was sent, but no receipt came back: it may have arrived."),
        "{}",
        ended.told
    );
}

#[test]
fn whoever_does_not_know_us_is_told_from_silence() {
    let (alice, bob) = (Home::new(), Home::new());
    alice.knows("bob", &bob);
    let (_listener, address) = bob.listen(&[]);
    let sender = send(&alice, &address.to_string(), &["hello"]);
    within(Duration::from_secs(2), || sender.end()).failed(4, "SC10");
}

#[test]
fn a_listener_that_comes_in_time_gets_it() {
    let (alice, bob) = Home::friends();
    let address = free_port().to_string();
    let mut sender = send(&alice, &address, &["hello"]);
    sender.told("connecting to bob");
    let (mut listener, _) = bob.listen_at(&address, &[]);
    listener.said("\talice\thello");
    assert_eq!(sender.end().code, Some(0));
}

#[test]
fn a_message_goes_through_a_storm() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let wire = Wire::to(address);
    wire.storm(11);
    let way = wire.address().to_string();
    let mut sender = send(&alice, &way, &["through the storm", "--wait", "90s"]);
    sender.wait_up_to(PATIENCE * 2);
    let ended = sender.end();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    listener.said("\talice\tthrough the storm");
}

#[test]
fn what_others_say_meanwhile_is_not_shown_and_has_no_receipt() {
    let (rude, alice) = (Rude::new(), Home::new());
    let address = rude.address().to_string();
    alice.run(&["peers", "add", "rude", &rude.key(), "--address", &address]);
    let peer = rude.knows(&alice);
    let sender = alice.start(&["send", "rude", "hello"]);
    rude.wait(|update| match update {
        Update::Session(Event::Established { .. }) => Some(()),
        Update::Session(_) | Update::Chat(_) => None,
    });
    rude.say(peer, b"did you see this?");
    let (mut ours, mut is_there) = (None, false);
    rude.wait(|update| {
        if let Update::Chat(chat::Event::Message { message, .. }) = update {
            ours = Some(message.name);
        } else if let Update::Chat(chat::Event::State { state, .. }) = update {
            is_there |= state == State::Sent;
        }
        (ours.is_some() && is_there).then_some(())
    });
    rude.take(peer, ours.unwrap());
    let ended = sender.end();
    assert_eq!((ended.code, ended.rest.as_str()), (Some(0), ""));
    rude.wait(|update| match update {
        Update::Session(Event::Closed { .. }) => Some(()),
        Update::Session(_) | Update::Chat(_) => None,
    });
    assert_eq!(rude.unsettled(peer), 1);
}

#[test]
fn a_peer_without_an_address_needs_one() {
    let (alice, _bob) = Home::friends();
    let ended = alice.attempt(&["send", "bob", "hello"]);
    ended.failed(2, "SC27");
    alice
        .attempt(&["send", "nobody", "hello"])
        .failed(4, "SC05");
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_wait() {
    let (alice, _bob) = Home::friends();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let mut sender = send(&alice, &address, &["hello"]);
    sender.told("connecting to bob");
    let ended = within(Duration::from_secs(1), || {
        sender.signal(rustix::process::Signal::INT);
        sender.end()
    });
    assert_eq!(ended.code, Some(130), "{}", ended.transcript);
}

#[test]
fn several_at_once_are_all_delivered() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let address = address.to_string();
    let senders: Vec<Program> = (0..5)
        .map(|number| send(&alice, &address, &[&format!("message {number}")]))
        .collect();
    for sender in senders {
        let ended = sender.end();
        assert_eq!(ended.code, Some(0), "{}", ended.transcript);
        assert!(ended.told.contains("delivered to bob"), "{}", ended.told);
    }
    let mut texts: Vec<String> = (0..5)
        .map(|_| listener.said("\talice\t"))
        .map(|line| line.rsplit('\t').next().unwrap().to_owned())
        .collect();
    texts.sort();
    let expected: Vec<String> = (0..5).map(|number| format!("message {number}")).collect();
    assert_eq!(texts, expected);
}

#[test]
fn several_at_once_for_somebody_who_is_away_are_all_kept() {
    let (alice, bob) = Home::friends();
    let address = free_port().to_string();
    let senders: Vec<Program> = (0..4)
        .map(|number| {
            send(
                &alice,
                &address,
                &[&format!("message {number}"), "--wait", "1s"],
            )
        })
        .collect();
    let last = alice.start(&["send", "bob", "later", "--no-wait"]);
    for sender in senders {
        sender.end().failed(6, "SC14");
    }
    assert_eq!(last.end().code, Some(0));
    let shown = alice.run(&["status"]).rest;
    assert!(shown.contains("  waiting: 5 to be sent\n"), "{shown}");
    let (mut listener, address) = bob.listen(&[]);
    send(&alice, &address.to_string(), &["now"]).end();
    for _ in 0..6 {
        listener.said("\talice\t");
    }
}

#[test]
fn a_message_waits_for_pings_of_the_same_identity_and_pings_for_a_message() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let address = address.to_string();
    let args = ["ping", "bob", &address, "--interval", "100ms", "-c"];
    // Where no signal ends them, they end by themselves, before anybody tires of waiting.
    let count = if cfg!(unix) { "200" } else { "30" };
    let mut pings = alice.start(&[&args[..], &[count]].concat());
    pings.said("seq=1 time=");
    let mut sender = send(&alice, &address, &["after the pings", "--wait", "60s"]);
    sender.told("another securechat command has this identity open; waiting for it");
    #[cfg(unix)]
    pings.signal(rustix::process::Signal::INT);
    assert_eq!(pings.end().code, Some(0));
    let sent = sender.end();
    assert_eq!(sent.code, Some(0), "{}", sent.transcript);
    listener.said("\talice\tafter the pings");
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let hole = silent.local_addr().unwrap().to_string();
    let mut sender = send(&alice, &hole, &["into the void", "--wait", "1s"]);
    sender.told("connecting to bob");
    let pings = alice.start(&[&args[..], &["5"]].concat());
    sender.end().failed(6, "SC14");
    assert_eq!(pings.end().code, Some(0));
}

#[test]
fn a_conversation_waits_for_a_message_on_its_way() {
    let (alice, bob) = Home::friends();
    let (_listener, address) = bob.listen(&[]);
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let hole = silent.local_addr().unwrap().to_string();
    // For less than others wait for it.
    let mut sender = send(&alice, &hole, &["into the void", "--wait", "3s"]);
    sender.told("connecting to bob");
    let mut chat = alice.connect("bob", address, &[]);
    chat.told("waiting for it");
    chat.told("secure: bob");
    sender.end().failed(6, "SC14");
}

#[test]
#[cfg(unix)]
fn history_and_doctor_wait_for_a_command_that_has_the_identity_for_a_moment() {
    let (alice, bob) = Home::friends();
    let keep = "[history]\nkeep = \"forever\"\n";
    std::fs::write(alice.path("config.toml"), keep).unwrap();
    crate::waiting::keep(&alice, "into the void");
    let (_listener, address) = bob.listen(&[]);
    let address = address.to_string();
    let show = ["history", "search", "void"];
    let file = alice.path("written").display().to_string();
    let export = ["history", "export", "-o", &file];
    let look = ["doctor", &address, "--peer", "bob"];
    let all: [&[&str]; 3] = [&show, &export, &look];
    let ended = all.map(|args| {
        let mut pings = alice.start(&["ping", "bob", &address]);
        pings.said("seq=1 time=");
        let mut other = alice.start(args);
        other.told("another securechat command has this identity open; waiting for it");
        pings.signal(rustix::process::Signal::INT);
        assert_eq!(pings.end().code, Some(0));
        let ended = other.end();
        assert_eq!(ended.code, Some(0), "{}", ended.transcript);
        ended
    });
    let [shown, _, looked] = ended;
    assert!(shown.rest.contains("\tbob\t"), "{}", shown.rest);
    let exported = std::fs::read_to_string(&file).unwrap();
    assert!(exported.ends_with("into the void\n"), "{exported}");
    assert!(
        looked.rest.contains("bob answers after "),
        "{}",
        looked.rest
    );
}

#[test]
fn who_has_the_identity_for_too_long_is_named_and_nothing_is_claimed() {
    let (alice, bob) = Home::friends();
    let (_listener, address) = bob.listen(&[]);
    let address = address.to_string();
    let mut pings = alice.start(&["ping", "bob", &address]);
    pings.said("seq=1 time=");
    let sender = send(&alice, &address, &["never", "--wait", "100ms"]);
    let ended = within(Duration::from_secs(6), || sender.end());
    ended.failed(8, "SC15");
    let words = "the message was neither sent nor kept";
    assert!(ended.told.contains(words), "{}", ended.told);
}
