use core::time::Duration;
use std::fs;

use proptest::prelude::*;

use super::*;

/// What a file that must be understood settles.
fn config(text: &str) -> Config {
    parse_config(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What is said about a file, and the advice.
fn said(text: &str) -> (String, String) {
    let error = parse_config(text).expect_err(text);
    let advice = error.problem.advice().unwrap_or_default();
    (error.to_string(), advice.to_string())
}

#[test]
fn nothing_has_to_be_settled() {
    for text in ["", "\n# a remark\n", "[history]\n[net]\n", "\u{feff}"] {
        assert_eq!(config(text), Config::default());
    }
    let default = Config::default();
    assert_eq!(
        (default.keep, default.keepalive),
        (Keep::Off, Keepalive::Auto)
    );
}

#[test]
fn the_example_settles_everything() {
    let text = include_str!("../../../keys/config.toml.example");
    let args = ["lookup", "app", "securechat"];
    assert_eq!(
        config(text),
        Config {
            nickname: Some(safe_name("alice").unwrap()),
            keep: Keep::ThirtyDays,
            passphrase_command: Some(Program {
                name: "secret-tool".to_owned(),
                args: args.map(str::to_owned).to_vec(),
            }),
            keepalive: Keepalive::Every(Duration::from_secs(25)),
            listen: Some("[::]:7419".parse().unwrap()),
            callers: Callers::Strict,
            save_addresses: true,
            mode: Mode::Plain,
            notify: Notify::Sender,
            bell: Some(true),
            osc: Osc::Osc777,
            notify_command: Some(Program {
                name: "/usr/local/bin/blink".to_owned(),
                args: vec!["--once".to_owned()],
            }),
            has_colours: false,
            ascii: Some(true),
            mouse: true,
            bindings: vec![binding(text, "f2", "go"), binding(text, "alt-k", "none")],
        }
    );
    for (section, key) in config_keys() {
        assert!(text.contains(&format!("[{section}]\n")), "{section}");
        assert!(text.contains(&format!("\n{key} = ")), "{key}");
    }
}

/// As the design of the program has it: what everything may be, with the usual values.
const DESIGNED: &str = r#"
[chat]   receipts = true   read_receipts = false   typing = false
[ui]     mode = "auto"  # auto|tui|plain      theme = "terminal"   mouse = false   ascii = false
[notify] bell = true   desktop = "off"  # off|sender|full     command = []
[history] keep = "off"  # off|session|30d|forever
[net]    listen = "[::]:7419"   keepalive = "25s"
[keys]   passphrase_command = ["secret-tool", "lookup", "app", "securechat"]
"#;

/// The lines of it as TOML wants them: a section and each of its keys on a line of its own.
fn designed() -> String {
    let lines = DESIGNED.lines().filter_map(|line| line.split_once(' '));
    let lines = lines.flat_map(|(section, keys)| {
        let keys = keys.split("   ").map(str::trim);
        core::iter::once(section).chain(keys.filter(|key| !key.is_empty()))
    });
    lines.fold(String::new(), |text, line| text + line + "\n")
}

#[test]
fn the_example_of_the_design_is_taken_word_for_word() {
    let text = designed();
    assert_eq!((text.matches('[').count(), text.lines().count()), (9, 20));
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(&text), words(DESIGNED));
    let args = ["lookup", "app", "securechat"];
    assert_eq!(
        config(&text),
        Config {
            passphrase_command: Some(Program {
                name: "secret-tool".to_owned(),
                args: args.map(str::to_owned).to_vec(),
            }),
            keepalive: Keepalive::Every(Duration::from_secs(25)),
            listen: Some("[::]:7419".parse().unwrap()),
            bell: Some(true),
            ascii: Some(false),
            ..Config::default()
        }
    );
}

#[test]
fn each_key_of_the_design_with_a_slip_in_it_leads_to_the_right_one() {
    let text = designed();
    let keys = text.lines().filter_map(|line| line.split_once(" = "));
    let keys: Vec<&str> = keys.map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 14);
    for (key, at) in keys.iter().zip(text.match_indices(" = ").map(|(at, _)| at)) {
        let mut slipped = text.clone();
        slipped.insert(at, 'x');
        let (words, advice) = said(&slipped);
        assert!(
            words.contains(&format!(": there is no {key}x in [")),
            "{words}"
        );
        assert_eq!(advice, format!("Did you mean {key}?"));
    }
}

fn binding(text: &str, key: &str, action: &str) -> Binding {
    let is_it = |line: &str| line.trim_matches('"').starts_with(key) && line.contains('=');
    Binding {
        line: 1 + text.lines().position(is_it).unwrap(),
        key: key.to_owned(),
        action: action.to_owned(),
    }
}

#[test]
fn keys_of_the_keyboard_have_a_section_of_their_own() {
    let (words, advice) = said("[keys]\n\"alt-k\" = \"go\"");
    assert_eq!(words, "line 2: there is no alt-k in [keys]");
    assert_eq!(advice, "It belongs below [bind].");
    let form = "bind must be the name of an action, such as \"go\"";
    assert_eq!(said("[bind]\nf5 = 5").0, format!("line 2: {form}"));
    assert_eq!(said("bind = \"f5\"").0, "line 1: bind is a section");
    assert_eq!(said("[bnid]").1, "Did you mean [bind]?");
}

#[test]
fn every_value_that_is_allowed_is_taken() {
    for (name, keep) in Keep::ALL {
        assert_eq!(config(&format!("[history]\nkeep = \"{name}\"")).keep, keep);
    }
    let every = |seconds| Keepalive::Every(Duration::from_secs(seconds));
    for (text, keepalive) in [
        ("auto", Keepalive::Auto),
        ("off", Keepalive::Off),
        ("5s", every(5)),
        ("1h", every(3600)),
    ] {
        let text = format!("[net]\nkeepalive = '{text}'");
        assert_eq!(config(&text).keepalive, keepalive);
    }
    assert_eq!(config("net.trust = \"ask\"").callers, Callers::Ask);
    assert_eq!(config("ui.mode = \"auto\"").mode, Mode::Auto);
    assert_eq!(config("ui.mode = \"tui\"").mode, Mode::Tui);
    assert!(!config("net.save_addresses = false").save_addresses);
    assert_eq!(config("notify.command = []").notify_command, None);
    for (text, notify) in [("off", Notify::Off), ("full", Notify::Full)] {
        assert_eq!(
            config(&format!("[notify]\ndesktop = '{text}'")).notify,
            notify
        );
    }
    for (text, osc) in [
        ("auto", Osc::Auto),
        ("osc9", Osc::Osc9),
        ("osc99", Osc::Osc99),
    ] {
        assert_eq!(config(&format!("notify.terminal = '{text}'")).osc, osc);
    }
    assert_eq!(config("notify.bell = false").bell, Some(false));
    assert!(config("ui.theme = 'terminal'").has_colours);
    let inline = config("net = { listen = \"127.0.0.1:7420\" }");
    assert_eq!(inline.listen, Some("127.0.0.1:7420".parse().unwrap()));
}

#[test]
fn a_value_that_is_not_allowed_is_told_what_is() {
    for (text, expected) in [
        (
            "[history]\nkeep = \"Forever\"",
            "line 2: keep must be \"off\", \"session\", \"30d\" or \"forever\"",
        ),
        (
            "[history]\nkeep = 30",
            "line 2: keep must be \"off\", \"session\", \"30d\" or \"forever\"",
        ),
        (
            "[net]\n\nkeepalive = \"4s\"",
            "line 3: keepalive must be \"auto\", \"off\", or a time from 5s to 1h, such as \"25s\"",
        ),
        (
            "[net]\nkeepalive = false",
            "line 2: keepalive must be \"auto\", \"off\", or a time from 5s to 1h, such as \"25s\"",
        ),
        (
            "[net]\nlisten = \"7419\"",
            "line 2: listen must be an address and a port, such as \"[::]:7419\" or \"127.0.0.1:7420\"",
        ),
        (
            "[net]\ntrust = \"new\"",
            "line 2: trust must be \"ask\" or \"strict\" (\"new\" is for the flag --trust alone)",
        ),
        (
            "[ui]\ntheme = \"dark\"",
            "line 2: theme must be \"terminal\" (its own colours) or \"mono\" (none)",
        ),
        (
            "[notify]\nbell = \"no\"",
            "line 2: bell must be true or false",
        ),
        (
            "[notify]\ncommand = \"notify-send securechat\"",
            "line 2: command must be a list: a program and its arguments, such as [\"notify-send\", \"securechat\"], or [] for none",
        ),
        (
            "[chat]\nreceipts = false",
            "line 2: receipts must be true, or left out: they cannot be switched off",
        ),
        (
            "[chat]\n\nread_receipts = true",
            "line 3: read_receipts must be false, or left out: this version sends none",
        ),
        (
            "[chat]\ntyping = true",
            "line 2: typing must be false, or left out: this version tells nobody that you type",
        ),
        (
            "[chat]\nreceipts = \"true\"",
            "line 2: receipts must be true, or left out: they cannot be switched off",
        ),
        (
            "[net]\nsave_addresses = \"yes\"",
            "line 2: save_addresses must be true or false",
        ),
        (
            "[ui]\nmode = \"screen\"",
            "line 2: mode must be \"auto\", \"tui\" or \"plain\"",
        ),
        (
            "[chat]\nnickname = \"Alice!\"",
            "line 2: nickname must be a name: lower-case letters, digits and . _ -",
        ),
    ] {
        assert_eq!(said(text), (expected.to_owned(), String::new()));
    }
}

#[test]
fn a_command_is_a_program_and_its_arguments() {
    let parse = |value: &str| parse_config(&format!("[keys]\npassphrase_command = {value}"));
    let program = parse("[\"pass\", \"\"]")
        .unwrap()
        .passphrase_command
        .unwrap();
    assert_eq!(
        (program.name.as_str(), program.args.as_slice()),
        ("pass", &[String::new()][..])
    );
    for value in [
        "\"pass show\"",
        "[]",
        "[\"\"]",
        "[\"pass\", 1]",
        "[\"a\\u0000\"]",
    ] {
        let error = parse(value).expect_err(value);
        let form = "passphrase_command must be a list: a program and its arguments";
        assert!(error.problem.to_string().starts_with(form), "{error}");
    }
}

#[test]
fn a_key_that_does_not_exist_leads_to_one_that_does() {
    let cases = [
        (
            "[history]\nkep = 1",
            "there is no kep in [history]",
            "Did you mean keep?",
        ),
        (
            "[history]\nx = 1",
            "there is no x in [history]",
            "[history] takes: keep.",
        ),
        (
            "[net]\nx = 1",
            "there is no x in [net]",
            "[net] takes: keepalive, listen, save_addresses, trust.",
        ),
        (
            "[net]\nkeep = 1",
            "there is no keep in [net]",
            "It belongs below [history].",
        ),
        (
            "[history]\nKEEP = 1",
            "there is no KEEP in [history]",
            "[history] takes: keep.",
        ),
    ];
    for (text, problem, advice) in cases {
        let problem = format!("line 2: {problem}");
        assert_eq!(said(text), (problem, advice.to_owned()));
    }
}

#[test]
fn a_section_that_does_not_exist_leads_to_one_that_does() {
    let all = "There are: [bind], [chat], [history], [keys], [net], [notify], [ui].";
    for (text, problem, advice) in [
        (
            "[hitsory]",
            "there is no section [hitsory]",
            "Did you mean [history]?",
        ),
        ("[windows]", "there is no section [windows]", all),
        (
            "keep = 1",
            "keep stands in no section",
            "It belongs below [history].",
        ),
        (
            "kep = 1",
            "kep stands in no section",
            "Did you mean keep? It belongs below [history].",
        ),
        ("windows = 1", "windows stands in no section", all),
        (
            "net = 1",
            "net is a section",
            "Write [net] on a line of its own, its keys below.",
        ),
        (
            "[[net]]",
            "net is a section",
            "Write [net] on a line of its own, its keys below.",
        ),
    ] {
        assert_eq!(
            said(text),
            (format!("line 1: {problem}"), advice.to_owned())
        );
    }
}

#[test]
fn of_several_problems_the_first_in_the_file_is_told() {
    let (first, _) = said("[net]\nzzz = 1\naaa = 1\n[chat]\nbbb = 1\n[history]\nkeep = 1");
    assert_eq!(first, "line 2: there is no zzz in [net]");
    let (first, _) = said("[net]\nlisten = 1\n[zzz]\n[aaa]");
    assert!(first.starts_with("line 2: listen must be"), "{first}");
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    for (text, line) in [
        ("[net]\nlisten = [::]:7419\n", 2),
        ("[net]\n\nlisten 7419", 3),
        ("[net\n", 1),
        ("[net]\ntrust = \"ask\"\ntrust = \"ask\"\n", 3),
        ("[net]\n[chat]\n[net]\n", 3),
        ("[net]\nlisten = \"", 2),
    ] {
        let error = parse_config(text).expect_err(text);
        assert_eq!(error.line, line, "{text}: {error}");
        assert!(
            matches!(error.problem, ConfigProblem::Syntax { .. }),
            "{error}"
        );
    }
}

#[test]
fn a_text_without_quotes_is_told_what_its_key_takes() {
    let keep = "line 2: keep must be \"off\", \"session\", \"30d\" or \"forever\"";
    for value in ["forever", "30d", "off", "", "  true-ish # mine"] {
        assert_eq!(said(&format!("[history]\nkeep = {value}\n")).0, keep);
    }
    let (listen, _) = said("[history]\n\n[net]\nlisten = 127.0.0.1:7420");
    assert!(
        listen.starts_with("line 4: listen must be an address and a port"),
        "{listen}"
    );
    let (mode, _) = said("[ui]\r\nmode = tui\r\n");
    assert!(mode.starts_with("line 2: mode must be \"auto\""), "{mode}");
    let (bind, _) = said("[bind]\nf2 = go\n");
    assert_eq!(
        bind,
        "line 2: bind must be the name of an action, such as \"go\""
    );
    let (problem, advice) = said("[history]\nkep = forever\n");
    assert_eq!(problem, "line 2: there is no kep in [history]");
    assert_eq!(advice, "Did you mean keep?");
}

#[test]
fn what_is_wrong_beside_a_value_is_what_the_parser_says() {
    for text in [
        "[history]\nkeep = \"off\nx = 1",
        "[history]\nkeep = \"off\" and more",
        "[history]\nkeep = \"off\"\nkeep = 1",
        "[elsewhere]\nkeep = forever",
        "keep = forever",
    ] {
        let error = parse_config(text).unwrap_err();
        assert!(
            matches!(error.problem, ConfigProblem::Syntax { .. }),
            "{error}"
        );
    }
}

#[test]
fn what_is_repeated_from_the_file_is_short_and_safe() {
    let (problem, _) = said(r#"history."\u001b[2J\u202e" = 1"#);
    assert_eq!(problem, "line 1: there is no ^[[2J<U+202E> in [history]");
    let (problem, _) = said(&format!("[{}]", "x".repeat(9_000)));
    assert!(problem.len() < 200, "{problem}");
}

#[test]
fn a_file_of_any_size_or_depth_is_met() {
    let largest = format!("#{}", "x".repeat(CONFIG_MAX_LEN - 1));
    assert_eq!(config(&largest), Config::default());
    let error = parse_config(&format!("{largest}x")).unwrap_err();
    assert_eq!(error.problem, ConfigProblem::TooLong);
    for deep in ["[", "a.", "{a=", "[a", "\"", "'''"] {
        let deep = deep.repeat(CONFIG_MAX_LEN / deep.len() - 1);
        assert!(parse_config(&deep).is_err());
        assert!(parse_config(&format!("a={deep}")).is_err());
    }
}

#[test]
fn the_file_may_be_missing_and_must_not_be_writable_by_others() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("config.toml");
    assert_eq!(Config::load(&path).unwrap(), Config::default());
    assert_eq!(
        Config::load(&home.path().join("none/config.toml")).unwrap(),
        Config::default()
    );
    fs::write(&path, "[history]\nkeep = \"30d\"\n").unwrap();
    #[cfg(unix)]
    {
        use crate::store::os::testing::set_mode;
        for mode in [0o600, 0o644] {
            set_mode(&path, mode);
            assert_eq!(Config::load(&path).unwrap().keep, Keep::ThirtyDays);
        }
        for mode in [0o620, 0o602, 0o666] {
            set_mode(&path, mode);
            let error = Config::load(&path).unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::UnsafePermissions { mode: found, wanted: 0o644 } if *found == mode)
            );
        }
        set_mode(&path, 0o600);
        set_mode(home.path(), 0o777);
        let error = Config::load(&path).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UnsafeDirectory { .. }));
    }
}

/// Nix keeps all files of all programs in one directory that is sticky, and links to them.
#[cfg(unix)]
#[test]
fn a_link_may_lead_to_our_own_file_where_others_have_files_too() {
    use crate::store::os::testing::{set_mode, symlink};
    let [home, shared] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (path, led) = (home.path().join("config.toml"), shared.path().join("c"));
    fs::write(&led, "[history]\nkeep = \"30d\"\n").unwrap();
    set_mode(&led, 0o444);
    set_mode(shared.path(), 0o1775);
    symlink(&led, &path).unwrap();
    assert_eq!(Config::load(&path).unwrap().keep, Keep::ThirtyDays);
}

#[test]
fn a_file_that_is_no_text_says_where() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("config.toml");
    fs::write(&path, b"[history]\n# caf\xe9\n").unwrap();
    let error = Config::load(&path).unwrap_err();
    let ErrorKind::Config(error) = error.kind() else {
        panic!("{error}")
    };
    assert_eq!(error.to_string(), "line 2: it is not text in UTF-8");
}

proptest! {
    #[test]
    fn no_text_panics(text in "[\\[\\]={}.\"'#a-z0-9:, \n\\\\]{0,80}") {
        if let Err(error) = parse_config(&text) {
            prop_assert!(error.line <= 1 + text.matches('\n').count());
        }
    }

    #[test]
    fn no_change_of_the_example_panics(at in 0..2_000_usize, with in any::<char>()) {
        let text = include_str!("../../../keys/config.toml.example");
        let mut changed: Vec<char> = text.chars().collect();
        let at = at % changed.len();
        changed[at] = with;
        let _ = parse_config(&String::from_iter(changed));
    }
}
