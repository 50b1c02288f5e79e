//! What the program's log may say: every field above TRACE stands in a table here, and nothing of the
//! libraries gets into it.

use std::path::Path;

use crate::source;
use crate::{files, read, report};

/// Every field of a log line above TRACE. None of these can hold text, an address or a key: labels,
/// numbers, and enums without such a thing in them. Whoever adds one has looked.
const FIELDS: &[&str] = &[
    "?change",
    "?reason",
    "epoch = keypair.epoch.0",
    "initiator = keypair.initiator",
    "peer = %record.label",
    "peer = %self.label",
    "tries = retry.tries",
    "welcome = ?payload.welcome",
];

const MACROS: [&str; 4] = ["debug!(", "info!(", "warn!(", "error!("];

/// Other ways into a log, which this test could not read.
const BANNED: [&str; 7] = [
    "instrument]",
    "instrument(",
    "span!(",
    "tracing::event!",
    "tracing::Level::",
    "valuable",
    "record_debug",
];

/// A service manager keeps what a daemon says; without `-q` names and addresses are in it.
#[test]
fn every_unit_that_a_document_names_is_quiet() {
    let texts: Vec<String> = files("docs", "md").iter().map(|it| read(it)).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    let units: Vec<&str> = lines.filter(|it| it.contains("ExecStart=")).collect();
    assert!(units.len() > 1, "{units:?}");
    let is_loud = |unit: &&&str| !unit.contains("securechat daemon -q");
    let loud = units.iter().filter(is_loud).map(ToString::to_string);
    report("units without -q", &loud.collect::<Vec<_>>());
}

#[test]
fn no_log_line_above_trace_has_a_field_that_nobody_looked_at() {
    let (mut findings, mut lines) = (Vec::new(), 0);
    for path in files("src", "rs") {
        let text = read(&path);
        if path != Path::new("src/cli/log.rs") && text.contains("tracing") {
            lines += look(&path, &text, &mut findings);
        }
    }
    report(
        "log lines with fields that tests/tidy/logs.rs lacks",
        &findings,
    );
    assert!(lines > 10, "only {lines} log lines were found");
}

/// Checks one file; returns how many log lines above TRACE it has.
fn look(path: &Path, text: &str, findings: &mut Vec<String>) -> usize {
    let code = source::code(text);
    let place = |at| format!("{}:{}", path.display(), source::line(text, at));
    for banned in BANNED {
        if let Some(at) = code.find(banned) {
            findings.push(format!("{}: {banned}", place(at)));
        }
    }
    let mut lines = 0;
    for start in MACROS.iter().flat_map(|name| starts(&code, name)) {
        lines += 1;
        for field in arguments(&code[start..], &text[start..]) {
            let is_words = field.starts_with('"') && !field.contains('{');
            if !is_words && !FIELDS.contains(&field.as_str()) {
                findings.push(format!("{}: {field}", place(start)));
            }
        }
    }
    lines
}

/// Where the arguments of each call of a macro begin.
fn starts<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_whole = |at: usize| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    };
    code.match_indices(name)
        .map(|(at, _)| at)
        .filter(move |at| is_whole(*at))
        .map(|at| at + name.len())
}

/// The arguments up to the closing parenthesis, each on one line. `code` has its literals blanked out.
fn arguments(code: &str, text: &str) -> Vec<String> {
    let (mut found, mut depth, mut begin) = (Vec::new(), 0, 0);
    let mut push = |range: core::ops::Range<usize>| {
        let words: Vec<&str> = text[range].split_whitespace().collect();
        if !words.is_empty() {
            found.push(words.join(" "));
        }
    };
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => {
                push(begin..at);
                return found;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                push(begin..at);
                begin = at + 1;
            }
            _ => {}
        }
    }
    panic!("a call that does not end");
}

#[test]
fn a_field_that_nobody_looked_at_is_found() {
    let of = |text: &str| {
        let mut findings = Vec::new();
        let lines = look(Path::new("x.rs"), text, &mut findings);
        (lines, findings)
    };
    let good = "debug!(peer = %self.label, \"calls, twice\");";
    assert_eq!(of(good), (1, vec![]));
    let traced = "trace!(%address, \"packet\"); my_debug!(1);";
    assert_eq!(of(traced), (0, vec![]));
    for bad in [
        "info!(peer = %self.label, %to, \"roamed\");",
        "warn!(\"from {address}\");",
        "debug!(\n    key = ?peer,\n    \"x\",\n);",
        "tracing::event!(Level::INFO, %to);",
        "let span = info_span!(\"peer\", %key);",
        "#[instrument]\nfn f() {}",
    ] {
        let (_, findings) = of(bad);
        assert_eq!(findings.len(), 1, "{bad}: {findings:?}");
    }
}

/// `tracing-log` would bring in what libraries say by `log`; a library with `tracing` would write itself.
#[test]
fn no_library_writes_into_the_log() {
    let lock = read(Path::new("Cargo.lock"));
    for package in lock.split("[[package]]") {
        let name = package
            .lines()
            .find_map(|line| line.strip_prefix("name = "));
        let name = name.unwrap_or("").trim_matches('"');
        assert_ne!(name, "tracing-log");
        let has_tracing = package.contains("\n \"tracing\",");
        assert!(!has_tracing || name == "securechat", "{name} uses tracing");
    }
}
