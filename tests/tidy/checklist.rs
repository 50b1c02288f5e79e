//! The tests that `docs/checklist.md` and `docs/complaints.md` name exist.

use std::path::Path;

use crate::{read, report, root, source};

#[test]
fn every_test_that_the_checklist_names_exists() {
    check_tables("docs/checklist.md", 41);
}

#[test]
fn every_test_that_the_complaints_name_exists() {
    check_tables("docs/complaints.md", 27);
}

fn check_tables(name: &str, least: usize) {
    let document = read(Path::new(name));
    let rows: Vec<_> = rows(&document).collect();
    assert!(rows.len() >= least, "{name} has lost its tables");
    let findings = rows.iter().filter_map(|(line, file, tests)| {
        let why = check(file, tests).err()?;
        Some(format!("{name}:{line}: {why}"))
    });
    report(
        &format!("{name} names what is not there"),
        &findings.collect::<Vec<_>>(),
    );
}

/// Line number, file and tests of each row.
fn rows(document: &str) -> impl Iterator<Item = (usize, &str, Vec<&str>)> {
    let lines = document.lines().zip(1..);
    let rows = lines.filter(|(line, _)| line.starts_with('|') && line.contains('`'));
    rows.map(|(row, line)| {
        let mut cells = row.trim_matches('|').split('|').skip(1);
        let file = cells.next().unwrap_or_default();
        let tests = cells.next().unwrap_or_default();
        let file = spans(file).next().unwrap_or_default();
        (line, file, spans(tests).collect())
    })
}

/// What stands between backticks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn check(file: &str, tests: &[&str]) -> Result<(), String> {
    if tests.is_empty() || !root().join(file).is_file() {
        return Err(format!("\"{file}\" is no file, or no test follows"));
    }
    let code = source::code(&read(Path::new(file)));
    let missing = tests.iter().find(|name| !has_test(&code, name));
    missing.map_or(Ok(()), |name| Err(format!("{file} has no test {name}")))
}

/// Whether `name` is a function that is run as a test.
fn has_test(code: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    let mut attributes = Vec::new();
    for line in code.lines().map(str::trim) {
        if line.starts_with(&head) {
            let ignored = attributes
                .iter()
                .any(|it: &&str| it.starts_with("#[ignore"));
            return attributes.contains(&"#[test]") && !ignored;
        }
        if line.starts_with("#[") {
            attributes.push(line);
        } else {
            attributes.clear();
        }
    }
    false
}

#[test]
fn a_test_is_told_from_what_only_looks_like_one() {
    let code = "#[test]\nfn one() {\n}\n#[test]\n#[ignore]\nfn two() {\n}\nfn three() {\n}\n\
                #[test]\nfn property(text in any()) {\n}\n";
    let found = ["one", "property", "two", "three", "on", "four"].map(|name| has_test(code, name));
    assert_eq!(found, [true, true, false, false, false, false]);
}
