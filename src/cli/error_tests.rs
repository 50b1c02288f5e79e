use std::collections::BTreeSet;

use clap::{CommandFactory, Parser};

use super::*;
use crate::cli::Suggestion;
use crate::cli::args::Cli;

const OWN: PeerId = PeerId::new([7; 32]);

pub(in crate::cli) fn bob() -> Peer {
    Peer {
        label: "bob".into(),
        saved: true,
    }
}

pub(in crate::cli) fn address() -> SocketAddr {
    "203.0.113.9:7419".parse().unwrap()
}

fn loss(messages: usize, perhaps: usize, end: End, obstacle: Option<Obstacle>) -> Error {
    let kept = if matches!(end, End::Failed(_)) {
        0
    } else {
        messages
    };
    Error::NotDelivered(Box::new(Loss {
        to: vec!["bob".into()],
        messages,
        perhaps,
        kept,
        end,
        obstacle,
    }))
}

fn waited() -> End {
    End::After(Duration::from_secs(30))
}

fn silent(saved: bool) -> Obstacle {
    Obstacle::Silence {
        peer: Peer { saved, ..bob() },
        address: address(),
    }
}

fn other_psk(saved: bool) -> Obstacle {
    Obstacle::OtherPsk {
        peer: Peer { saved, ..bob() },
        address: address(),
    }
}

fn closed() -> Obstacle {
    Obstacle::Closed {
        peer: bob(),
        address: address(),
    }
}

fn no_way() -> Obstacle {
    Obstacle::NoWay {
        address: address(),
        barrier: Barrier::NoWay,
    }
}

fn differed() -> Obstacle {
    Obstacle::Differed(vec!["bob".into()])
}

fn no_address(saved: bool, runs: bool) -> Error {
    Error::NoAddress {
        peer: Peer { saved, ..bob() },
        key: PeerId::new([2; 32]),
        runs,
    }
}

fn moved(is_taken: bool, now: Option<Safe>) -> Error {
    Error::NameMoved {
        name: "bob".into(),
        has_begun: false,
        is_taken,
        now,
    }
}

/// One error of every kind, two where the words differ.
fn samples() -> Vec<Report> {
    let bind = |source, reason| Error::CannotListen {
        address: "[::]:7419".parse().unwrap(),
        source,
        reason,
    };
    let listen = |reason| bind(BindSource::Command("listen"), reason);
    let no_answer = |saved| Error::NoAnswer {
        peer: Peer { saved, ..bob() },
        address: address(),
        after: Duration::from_secs(10),
        tries: 5,
        barrier: None,
    };
    let answered = |saved| Error::OtherPsk {
        peer: Peer { saved, ..bob() },
        address: address(),
        after: Duration::from_secs(10),
        tries: 5,
    };
    let wrong = |attempts| Error::WrongPassphrase {
        path: "identity.key".into(),
        attempts,
    };
    let mut errors = vec![
        Error::SecretKey,
        Error::NoSuchPeer { name: "bbo".into() },
        no_answer(true),
        no_answer(false),
        answered(true),
        answered(false),
        Error::PortClosed {
            peer: bob(),
            address: address(),
        },
        Error::NameClaimed {
            name: "bob".into(),
            saved: PeerId::new([1; 32]),
            offered: PeerId::new([2; 32]),
        },
        Error::Refused {
            peer: bob(),
            own: OWN,
        },
        loss(2, 1, End::After(Duration::from_secs(10)), None),
        loss(1, 0, End::Left, None),
        loss(1, 0, End::Crowded, None),
        loss(
            1,
            0,
            End::Failed("longer than the other side accepts".into()),
            None,
        ),
        loss(1, 0, waited(), Some(silent(true))),
        loss(1, 0, waited(), Some(silent(false))),
        loss(1, 0, waited(), Some(other_psk(true))),
        loss(1, 0, waited(), Some(closed())),
        loss(1, 0, waited(), Some(no_way())),
        loss(1, 0, waited(), Some(Obstacle::Undecided)),
        loss(1, 0, End::Left, Some(differed())),
        Error::Unanswered { peer: bob() },
        Error::Usage {
            complaint: "unrecognized subcommand 'lisen'".into(),
            help: vec!["Usage: securechat peers list --json".into()],
        },
        Error::NoScreen {
            settings: "config.toml".into(),
            reason: "standard input is no terminal".into(),
        },
        Error::OutputFull,
        Error::OutputExists {
            path: "old.json".into(),
        },
        Error::Exists {
            path: "identity.key".into(),
            output: None,
        },
        Error::Exists {
            path: "my key".into(),
            output: Some("my key".into()),
        },
        Error::PublicExists {
            path: "my.pub".into(),
        },
        wrong(Some(3)),
        wrong(None),
        listen(BindProblem::InUse),
        listen(BindProblem::NotOurs),
        bind(BindSource::Nobody, BindProblem::NotOurs),
        bind(BindSource::Flag, BindProblem::NotOurs),
        bind(
            BindSource::Settings("daemon", "config.toml".into()),
            BindProblem::NotOurs,
        ),
        listen(BindProblem::Forbidden),
        listen(BindProblem::Other("no such device".into())),
        Error::HostNotFound {
            host: "chat.exmaple.org".into(),
            reason: "no such name".into(),
        },
        Error::OtherVersion {
            peer: bob(),
            ours: 1,
        },
        Error::NewerVersion {
            peer: bob(),
            theirs: 2,
            ours: 1,
        },
        Error::WordsDiffered { peer: bob() },
        Error::WordsDiffered {
            peer: Peer {
                saved: false,
                ..bob()
            },
        },
        Error::NumberDiffers { name: "bob".into() },
        moved(true, Some("robert".into())),
        moved(true, None),
        moved(false, Some("robert".into())),
        moved(false, None),
        Error::GivenUp {
            error: Box::new(moved(false, None)),
            perhaps: true,
        },
        Error::SigningKeyChanged { peer: bob() }.with_kept("bob".into()),
        Error::OwnKey { saved: None },
        Error::OwnKey {
            saved: Some("bob".into()),
        },
        Error::SigningKeyChanged { peer: bob() },
        Error::SigningKeyChanged {
            peer: Peer {
                saved: false,
                ..bob()
            },
        },
        Error::NoPassphrase {
            reason: "it is empty".into(),
        },
        no_address(true, false),
        no_address(true, true),
        no_address(false, true),
        Error::TestKey,
        Error::BadArgument {
            given: "x".into(),
            reason: "that is none".into(),
            example: &["help", "keys"],
        },
        Error::BadRequest {
            reason: "a request has a \"cmd\"".into(),
        },
        Error::Control {
            path: "/run/user/1000/securechat/ctl.sock".into(),
            reason: "it is in use".into(),
        },
        Error::NotHere { command: "daemon" },
        Error::NotConnected {
            peer: bob(),
            reason: "bob left".into(),
            next: "trying again in 3 s".into(),
        },
        Error::NotConnected {
            peer: Peer {
                saved: false,
                ..bob()
            },
            reason: "bob left".into(),
            next: "your next message calls it".into(),
        },
        Error::System {
            operation: "read standard input",
            reason: "it is gone".into(),
        },
    ];
    let prompts = [
        Prompt::Passphrase,
        Prompt::NewPassphrase(None),
        Prompt::NewPassphrase(Some("my key".into())),
        Prompt::ChangedPassphrase(None),
        Prompt::ChangedPassphrase(Some("my key".into())),
        Prompt::ExportPassphrase,
        Prompt::Trust,
        Prompt::Deletion(vec![
            "--in".into(),
            "bob".into(),
            "--before".into(),
            "30d".into(),
        ]),
        Prompt::Deletion(vec!["--all".into()]),
        Prompt::NewKey("bob".into(), OWN),
        Prompt::SafetyNumber("bob".into()),
    ];
    errors.extend(prompts.map(Error::NeedsInput));
    let reports = errors.iter().map(Error::report);
    reports.chain(trouble::tests::samples()).collect()
}

fn shown(error: &Error) -> String {
    let lines = error.report().render(&[]);
    let lines: Vec<&str> = lines.iter().map(Safe::as_str).collect();
    lines.join("\n")
}

#[test]
fn every_suggested_command_is_understood() {
    let ours =
        |command: &&Suggestion| command.words_for_testing_only().next() == Some("securechat");
    let mut seen = 0;
    for report in samples() {
        for command in report.suggestions_for_testing_only().filter(ours) {
            seen += 1;
            if let Err(error) = Cli::try_parse_from(command.words_for_testing_only()) {
                // `--version` is no error of the command line.
                assert_eq!(error.exit_code(), 0, "{}: {error}", report.code);
            }
        }
    }
    assert!(seen > 20, "only {seen} commands");
}

#[test]
fn every_flag_that_is_named_exists() {
    let mut flags = BTreeSet::new();
    collect_flags(&Cli::command(), &mut flags);
    for report in samples() {
        for line in report.render(&[]) {
            let words = line
                .as_str()
                .split(|c: char| !(c == '-' || c.is_alphanumeric()));
            for flag in words.filter(|word| word.starts_with("--")) {
                assert!(flags.contains(flag), "{}: {flag}", report.code);
            }
        }
    }
}

fn collect_flags(command: &clap::Command, flags: &mut BTreeSet<String>) {
    let own = command.get_arguments().filter_map(clap::Arg::get_long);
    flags.extend(own.map(|flag| format!("--{flag}")));
    flags.insert("--version".to_owned());
    for inner in command.get_subcommands() {
        collect_flags(inner, flags);
    }
}

#[test]
fn every_code_of_this_version_can_be_printed() {
    let codes: BTreeSet<&str> = samples().iter().map(|report| report.code).collect();
    assert_eq!(codes, BTreeSet::from(crate::cli::report::CODES));
}

#[test]
fn what_another_program_says_keeps_its_code() {
    for report in samples() {
        assert_eq!(crate::cli::control::known(report.code), Some(report.code));
    }
}

#[test]
fn one_code_has_one_exit_code() {
    let mut exits = std::collections::BTreeMap::new();
    for report in samples() {
        let first = exits.entry(report.code).or_insert(report.exit);
        assert_eq!(*first, report.exit, "{}", report.code);
    }
}

#[test]
fn a_claimed_name_shows_both_keys() {
    let error = Error::NameClaimed {
        name: "bob".into(),
        saved: PeerId::new([0; 32]),
        offered: PeerId::new([0xff; 32]),
    };
    assert_eq!(
        shown(&error),
        "error: an unknown key is calling itself \"bob\"  [SC09]\n\
         \x20 Your saved bob has a different key. Not connected; it waits for an answer.\n\
         \x20   saved    AAAAA AAAAA AAAAA AAAAA AAAAA AAAAA AAAAA AAAAA AAA\n\
         \x20   offered  ///// ///// ///// ///// ///// ///// ///// ///// //8\n\
         \x20 try: ask bob by another way; the saved key: securechat peers show bob\n\
         \x20 If it is really a new key of bob: \
         securechat peers replace bob //////////////////////////////////////////8="
    );
    assert_eq!(error.exit_code(), ExitCode::Trust);
}

#[test]
fn a_refusal_says_what_the_other_side_needs() {
    let error = Error::Refused {
        peer: bob(),
        own: PeerId::new([0; 32]),
    };
    assert_eq!(
        shown(&error),
        "error: bob refused the connection  [SC10]\n\
         \x20 The other side does not know your key, or its user has said no.\n\
         \x20 Your key is added there with (any name will do):\n\
         \x20   securechat peers add you AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    );
}

#[test]
fn a_message_that_is_kept_is_told_with_what_is_in_its_way() {
    let report = |error: Error| error.with_kept("bob".into()).report();
    let refused = report(Error::Refused {
        peer: bob(),
        own: OWN,
    });
    assert_eq!((refused.code, refused.kept), ("SC10", Some(1)));
    let last = refused.render(&[]).pop().unwrap();
    let kept = "  1 message is kept and will be sent next time bob is reachable.";
    assert_eq!(last.as_str(), kept);
    // When it is reachable is not the question.
    let differed = report(Error::WordsDiffered { peer: bob() });
    assert_eq!((differed.code, differed.kept), ("SC33", Some(1)));
    let lines = differed.render(&[]);
    assert!(lines.iter().all(|line| line.as_str() != kept), "{lines:?}");
}

#[test]
fn a_name_that_has_moved_says_where_both_are_now() {
    assert_eq!(
        shown(&moved(true, Some("robert".into()))),
        "error: \"bob\" does not mean whom it meant when this command began  [SC46]\n\
         \x20 Somebody has changed known-peers meanwhile. Nothing was sent, kept or changed.\n\
         \x20 Whom it meant is called robert now: securechat peers show robert\n\
         \x20 Before you use that name, look whose key bob is now: securechat peers show bob"
    );
    assert_eq!(moved(false, None).exit_code(), ExitCode::Trust);
}

#[test]
fn a_port_in_use_leads_to_the_next_one() {
    let error = Error::CannotListen {
        address: "[::]:7419".parse().unwrap(),
        source: BindSource::Command("listen"),
        reason: BindProblem::InUse,
    };
    let quote = if cfg!(windows) { "" } else { "'" };
    assert_eq!(
        shown(&error),
        format!(
            "error: cannot listen on [::]:7419: the port is in use  [SC12]\n\
             \x20 Another program is listening there, perhaps another securechat.\n\
             \x20 try: securechat listen {quote}[::]:7420{quote}"
        )
    );
}

#[test]
fn an_address_that_a_flag_names_leads_to_no_other_command() {
    let error = Error::CannotListen {
        address: "192.0.2.1:0".parse().unwrap(),
        source: BindSource::Flag,
        reason: BindProblem::NotOurs,
    };
    assert_eq!(
        shown(&error),
        "error: cannot listen on 192.0.2.1:0: that is no address of this machine  [SC12]\n\
         \x20 Without --bind the system chooses one that it has."
    );
}

#[test]
fn an_unknown_host_is_named() {
    let error = Error::HostNotFound {
        host: "chat.exmaple.org".into(),
        reason: "Name or service not known".into(),
    };
    assert_eq!(
        shown(&error),
        "error: cannot find the host \"chat.exmaple.org\"  [SC13]\n\
         \x20 The name leads to no address. Spelling? Network connected?\n\
         \x20 The system says: Name or service not known"
    );
}

#[test]
fn another_version_says_who_is_behind() {
    let error = Error::OtherVersion {
        peer: bob(),
        ours: 1,
    };
    assert_eq!(
        shown(&error),
        "error: bob no longer speaks version 1 of the protocol  [SC16]\n\
         \x20 This side needs a newer securechat.\n\
         \x20 try: securechat --version"
    );
    assert_eq!(error.exit_code(), ExitCode::Version);
}

#[test]
fn what_is_not_delivered_says_whether_it_may_have_arrived() {
    let error = loss(1, 1, waited(), None);
    assert_eq!(
        shown(&error),
        "error: not delivered to bob within 30 s  [SC14]\n\
         \x20 It was sent, but no receipt came back: it may have arrived.\n\
         \x20 1 message is kept and will be sent next time bob is reachable."
    );
    assert_eq!(error.exit_code(), ExitCode::NotDelivered);
    let first = |messages, perhaps| {
        let shown = shown(&loss(messages, perhaps, waited(), None));
        shown.lines().nth(1).unwrap().trim().to_owned()
    };
    assert_eq!(first(1, 0), "It never left this machine.");
    assert_eq!(first(3, 0), "None of the 3 messages left this machine.");
    assert_eq!(
        first(3, 3),
        "3 messages have no receipt; they may have arrived."
    );
    assert_eq!(
        first(3, 2),
        "3 messages have no receipt; 2 of them may have arrived."
    );
}

#[test]
fn what_was_in_the_way_of_a_message_is_told_with_it() {
    assert_eq!(
        shown(&loss(1, 0, waited(), Some(closed()))),
        "error: not delivered to bob within 30 s  [SC14]\n\
         \x20 It never left this machine.\n\
         \x20 1 message is kept and will be sent next time bob is reachable.\n\
         \x20 Nothing seems to listen at 203.0.113.9:7419:\n\
         \x20 The machine, or something on the way, reported that this UDP port is closed.\n\
         \x20 try: ask bob to run \"securechat listen\", and check the port number"
    );
    let silence = shown(&loss(1, 0, waited(), Some(silent(true))));
    assert!(silence.contains("\n  No answer came from 203.0.113.9:7419:\n  Perhaps the address"));
    let refused = End::Failed("longer than the other side accepts".into());
    assert_eq!(
        shown(&loss(1, 0, refused, None)),
        "error: not delivered to bob: longer than the other side accepts  [SC14]\n\
         \x20 The message is given up; it will not be sent again."
    );
}

#[test]
fn what_is_kept_is_told_from_what_had_no_room() {
    let several = Loss {
        to: vec!["bob".into(), "carol".into()],
        messages: 3,
        perhaps: 0,
        kept: 2,
        end: End::Left,
        obstacle: None,
    };
    assert_eq!(
        shown(&Error::NotDelivered(Box::new(several))),
        "error: not delivered to bob, carol: the conversation was over  [SC14]\n\
         \x20 None of the 3 messages left this machine.\n\
         \x20 2 messages are kept and will be sent next time bob, carol are reachable; 1 more was not taken."
    );
}

#[test]
fn what_is_kept_for_whose_words_differed_is_not_said_to_be_sent_next_time() {
    assert_eq!(
        shown(&loss(2, 1, End::Left, Some(differed()))),
        "error: not delivered to bob: the conversation was over  [SC14]\n\
         \x20 2 messages have no receipt; 1 of them may have arrived.\n\
         \x20 2 messages for bob are kept until you decide.\n\
         \x20 Nothing is sent to bob until you decide: the words that you compared differed."
    );
}

#[test]
fn a_full_disk_loses_no_message() {
    assert_eq!(
        shown(&Error::OutputFull),
        "error: cannot write to standard output: there is no room on the disk  [SC18]\n\
         \x20 Make room. A message that came and was not written out is shown at the next start, marked (again).\n\
         \x20 What else was to be done may be done: look before you repeat it."
    );
    assert_eq!(Error::OutputFull.exit_code(), ExitCode::Storage);
    let full = io::Error::from(io::ErrorKind::StorageFull);
    assert!(matches!(Error::output(&full), Error::OutputFull));
}

#[test]
fn a_newer_version_of_before_is_named() {
    let error = Error::NewerVersion {
        peer: bob(),
        theirs: 2,
        ours: 1,
    };
    let title = "error: bob has used protocol version 2 before; this program speaks 1  [SC16]\n";
    assert!(shown(&error).starts_with(title), "{}", shown(&error));
    assert_eq!(error.exit_code(), ExitCode::Version);
}

#[test]
fn another_signing_key_says_what_to_do() {
    let error = Error::SigningKeyChanged { peer: bob() };
    assert_eq!(
        shown(&error),
        "error: bob shows another signing key than before  [SC31]\n\
         \x20 It comes with the secret key and never changes by itself. The session was ended.\n\
         \x20 Either sign= was altered in known-peers, or somebody else uses bob's secret key.\n\
         \x20 try: ask bob by another way. If all is well there, take sign= out\n\
         \x20 of bob's line in known-peers. To compare the key: securechat peers show bob"
    );
    assert_eq!(error.exit_code(), ExitCode::Trust);
}
