//! Which module may use which.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::source;
use crate::{files, read, report};

/// Each module, and what it may use of ours. Ground floor first; nothing knows a higher floor.
const MAY_USE: &[(&str, &[&str])] = &[
    ("id", &[]),
    ("sync", &[]),
    ("time", &[]),
    ("text", &[]),
    ("calendar", &["text", "time"]),
    ("commands", &["text", "time"]),
    ("wire", &["id"]),
    ("crypto", &["id", "sync"]),
    ("proto", &["id", "sync", "time", "wire", "crypto"]),
    ("chat", &["id", "time", "wire", "proto"]),
    (
        "sim",
        &["id", "time", "text", "wire", "crypto", "proto", "chat"],
    ),
    (
        "store",
        &["id", "time", "text", "calendar", "crypto", "chat"],
    ),
    (
        "net",
        &[
            "id", "sync", "time", "text", "wire", "crypto", "proto", "chat",
        ],
    ),
    ("json", &["text"]),
    ("control", &["sync", "json"]),
    ("plain", &["id", "time", "text", "calendar", "chat"]),
    (
        "tui",
        &["id", "sync", "time", "text", "calendar", "commands", "chat"],
    ),
    (
        "cli",
        &[
            "id", "sync", "time", "text", "calendar", "commands", "wire", "crypto", "proto",
            "chat", "sim", "store", "net", "plain", "tui", "json", "control",
        ],
    ),
];

/// The only files that may name what one operating system has and another lacks.
const OS_FILES: &[&str] = &["src/net/os.rs", "src/store/os.rs", "src/control/os.rs"];

/// Where our code is.
const TREES: [&str; 6] = ["src", "tests", "benches", "fuzz", "models", "examples"];

/// Lines of a file. Most have 100 to 300.
const LONGEST: usize = 600;

#[test]
fn every_module_uses_only_what_the_table_allows() {
    let mut findings = Vec::new();
    for path in sources() {
        let code = source::code(&read(&path));
        findings.extend(edges(&path, &code));
        findings.extend(shortcuts(&path, &code));
    }
    report(
        "edges that the table in tests/tidy/layers.rs lacks",
        &findings,
    );
}

#[test]
fn the_table_names_the_modules_that_exist() {
    let named: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    let found: Vec<PathBuf> = sources();
    let found: BTreeSet<&str> = found.iter().filter_map(|path| module(path)).collect();
    assert_eq!(named, found, "named in the table, found in src/");
}

#[test]
fn only_the_os_files_name_an_operating_system() {
    let mut findings = Vec::new();
    for path in sources() {
        if OS_FILES.iter().any(|file| path == Path::new(file)) {
            continue;
        }
        let code = source::code(&read(&path));
        for (at, _) in code.match_indices("std::os::") {
            findings.push(place(&path, &code, at, "std::os::"));
        }
    }
    report("operating systems are named elsewhere", &findings);
}

#[test]
fn nothing_is_left_half_done() {
    let words = ["TODO", "FIXME", "XXX", "HACK"];
    let calls = ["#[ignore", "todo!(", "unimplemented!("];
    let mut findings = Vec::new();
    for path in TREES.iter().flat_map(|tree| files(tree, "rs")) {
        let text = source::code_and_comments(&read(&path));
        for mark in words {
            for (at, _) in text.match_indices(mark) {
                if is_word(&text, at, mark.len()) {
                    findings.push(place(&path, &text, at, mark));
                }
            }
        }
        for mark in calls {
            for (at, _) in text.match_indices(mark) {
                findings.push(place(&path, &text, at, mark));
            }
        }
    }
    report("left half done", &findings);
}

#[test]
fn no_file_is_longer_than_can_be_read_at_once() {
    let mut findings = Vec::new();
    for path in TREES.iter().flat_map(|tree| files(tree, "rs")) {
        let lines = read(&path).lines().count();
        if lines > LONGEST {
            findings.push(format!("{}: {lines} lines", path.display()));
        }
    }
    report("files of more than 600 lines", &findings);
}

/// Every use of another module that the table does not allow.
fn edges(path: &Path, code: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (at, used) in crate_paths(code) {
        let allowed = match module(path) {
            // The crate's root declares the modules and uses none.
            None => false,
            Some(own) => used == own || may_use(own).contains(&used.as_str()),
        };
        if !allowed {
            findings.push(place(path, code, at, &format!("crate::{used}")));
        }
    }
    findings
}

/// Ways around the table: `super` up to the crate's root, and the crate by its own name.
fn shortcuts(path: &Path, code: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (at, found) in code.match_indices("super::super") {
        findings.push(place(path, code, at, found));
    }
    let depth = path.components().count();
    let parent_is_root = depth == 2 || (depth == 3 && path.ends_with("mod.rs"));
    for (at, _) in code.match_indices("super::") {
        let next = source::identifier(&code[at + "super::".len()..]);
        if parent_is_root && MAY_USE.iter().any(|(name, _)| *name == next) {
            findings.push(place(path, code, at, &format!("super::{next}")));
        }
    }
    if path != Path::new("src/main.rs") {
        for (at, found) in code.match_indices("securechat::") {
            findings.push(place(path, code, at, found));
        }
    }
    findings
}

/// First component of every `crate::` path, also of those in braces.
fn crate_paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, prefix) in code.match_indices("crate::") {
        if !is_word(code, at, "crate".len()) {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(members(group).into_iter().map(|name| (at, name))),
            None => found.push((at, source::identifier(rest).to_owned())),
        }
    }
    found
}

/// The leading identifiers of a `{a::B, c::{D, E}}` group, whose opening brace is gone.
fn members(group: &str) -> Vec<String> {
    let (mut depth, mut starts) = (0, vec![0]);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts.push(at + 1),
            _ => {}
        }
    }
    let names = starts
        .into_iter()
        .map(|at| source::identifier(group[at..].trim_start()).to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

/// The top-level module that a file under `src` belongs to; none for the crate's two roots.
fn module(path: &Path) -> Option<&str> {
    let first = path.strip_prefix("src").ok()?.components().next()?;
    let name = first.as_os_str().to_str()?;
    let name = name.strip_suffix(".rs").unwrap_or(name);
    (name != "lib" && name != "main").then_some(name)
}

fn may_use(module: &str) -> &'static [&'static str] {
    let entry = MAY_USE.iter().find(|(name, _)| *name == module);
    entry.map_or(&[], |(_, used)| used)
}

fn is_word(text: &str, at: usize, len: usize) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    !text[..at].ends_with(is_part) && !text[at + len..].starts_with(is_part)
}

fn sources() -> Vec<PathBuf> {
    files("src", "rs")
}

fn place(path: &Path, text: &str, at: usize, what: &str) -> String {
    format!("{}:{}: {what}", path.display(), source::line(text, at))
}

#[test]
fn forbidden_edges_are_found() {
    let findings = |path: &str, code: &str| {
        let path = Path::new(path);
        let code = source::code(code);
        [edges(path, &code), shortcuts(path, &code)].concat()
    };
    assert!(
        findings(
            "src/wire/packet.rs",
            "use crate::id::PeerId; use super::codec;"
        )
        .is_empty()
    );
    assert!(
        findings(
            "src/wire/packet.rs",
            "pub(crate) fn f() {} // crate::net::X"
        )
        .is_empty()
    );
    let wrong = [
        ("src/wire/packet.rs", "use crate::proto::Endpoint;"),
        (
            "src/wire/packet.rs",
            "use crate::{id::PeerId, net::{A, B}};",
        ),
        ("src/wire/packet.rs", "fn f() -> crate::store::Error {}"),
        ("src/wire/packet.rs", "use crate::PeerId;"),
        ("src/wire/packet.rs", "use super::super::net;"),
        ("src/wire/mod.rs", "use super::net::A;"),
        ("src/text.rs", "use super::id::PeerId;"),
        ("src/text.rs", "use securechat::id::PeerId;"),
        ("src/lib.rs", "pub use crate::id::PeerId;"),
    ];
    for (path, code) in wrong {
        assert_eq!(findings(path, code).len(), 1, "{path}: {code}");
    }
}
