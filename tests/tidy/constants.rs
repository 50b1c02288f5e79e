//! The constants in `docs/protocol.md` and those in the code are the same ones.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::links::heading;
use crate::{read, report, source};

/// Where the code keeps the constants of the specification.
const LIMITS: &[&str] = &["src/wire/limits.rs", "src/proto/limits.rs"];

/// The value of a constant, in whichever unit it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Value {
    Number(u128),
    Time(Duration),
    /// An array, as `1 s, 2 s` in the table.
    List(Vec<Self>),
}

type Constants = BTreeMap<String, Result<Value, String>>;

#[test]
fn the_specification_and_the_code_agree_on_every_constant() {
    let document = documented(&read(Path::new("docs/protocol.md")));
    let mut code = Constants::new();
    for path in LIMITS {
        for (name, value) in defined(&read(Path::new(path))) {
            let twice = code.insert(name.clone(), value).is_some();
            assert!(!twice, "{path}: {name} is defined twice");
        }
    }
    assert!(
        !document.is_empty(),
        "docs/protocol.md has no table of constants under a heading \"Constants\""
    );
    report(
        "docs/protocol.md and src/{wire,proto}/limits.rs differ",
        &differences(&document, &code),
    );
}

#[test]
fn every_timer_of_the_core_has_its_row_in_the_specification() {
    let code = source::code(&read(Path::new("src/proto/timer.rs")));
    let variants = code.split_once("pub enum Timer {").unwrap().1;
    let variants = variants.split_once('}').unwrap().0;
    let mut kinds: Vec<&str> = variants
        .split(',')
        .map(str::trim)
        .filter(|kind| !kind.is_empty())
        .collect();
    kinds.sort_unstable();
    let document = read(Path::new("docs/protocol.md"));
    let table = document.split_once("\n### Timers\n").unwrap().1;
    let table = table.split_once("\n#").unwrap().0;
    let mut rows: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .filter(|name| *name != "timer")
        .collect();
    rows.sort_unstable();
    assert_eq!(rows, kinds, "docs/protocol.md#timers, src/proto/timer.rs");
}

fn differences(document: &Constants, code: &Constants) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, value) in document {
        match (value, code.get(name)) {
            (Err(text), _) => findings.push(format!("{name}: cannot read \"{text}\" in the table")),
            (Ok(_), None) => findings.push(format!("{name}: in the table, not in the code")),
            (Ok(_), Some(Err(text))) => {
                findings.push(format!("{name}: cannot read \"{text}\" in the code"));
            }
            (Ok(said), Some(Ok(done))) if said != done => {
                findings.push(format!("{name}: table says {said:?}, code says {done:?}"));
            }
            (Ok(_), Some(Ok(_))) => {}
        }
    }
    let missing = code.keys().filter(|name| !document.contains_key(*name));
    findings.extend(missing.map(|name| format!("{name}: in the code, not in the table")));
    findings
}

/// Rows ``| `NAME` | value | …`` under a heading that ends in "Constants", to the next heading of
/// its level or above.
fn documented(document: &str) -> Constants {
    let mut found = Constants::new();
    let mut section = None;
    for line in document.lines() {
        if let Some((level, text)) = heading(line) {
            match section {
                _ if text.ends_with("Constants") => section = Some(level),
                Some(above) if level <= above => section = None,
                _ => {}
            }
        }
        if section.is_none() || !line.starts_with('|') {
            continue;
        }
        let mut cells = line.split('|').skip(1).map(str::trim);
        let (Some(name), Some(value)) = (cells.next(), cells.next()) else {
            continue;
        };
        let Some(name) = name.strip_prefix('`').and_then(|n| n.strip_suffix('`')) else {
            continue;
        };
        let twice = found.insert(
            name.to_owned(),
            document_value(value).ok_or_else(|| value.to_owned()),
        );
        assert!(twice.is_none(), "docs/protocol.md: {name} is listed twice");
    }
    found
}

/// `1,200`, `2^60`, `1,320 bytes`, `120 s`, `250 ms`, `1 s, 2 s`, perhaps in backticks.
fn document_value(text: &str) -> Option<Value> {
    let text = text.trim_matches('`').trim();
    if text.contains(", ") {
        return text
            .split(", ")
            .map(document_value)
            .collect::<Option<_>>()
            .map(Value::List);
    }
    let digits = |c: char| c.is_ascii_digit() || ",^\u{2009}\u{202f}".contains(c);
    let end = text.find(|c| !digits(c)).unwrap_or(text.len());
    let number: String = text[..end]
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == '^')
        .collect();
    let number = match number.split_once('^') {
        Some((base, power)) => {
            let base: u128 = base.parse().ok()?;
            base.checked_pow(power.parse().ok()?)?
        }
        None => number.parse().ok()?,
    };
    match text[end..].trim() {
        "" | "byte" | "bytes" | "B" => Some(Value::Number(number)),
        unit => time(number, unit),
    }
}

fn time(number: u128, unit: &str) -> Option<Value> {
    let number = u64::try_from(number).ok()?;
    let time = match unit {
        "us" | "µs" => Duration::from_micros(number),
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "min" => Duration::from_secs(number * 60),
        "h" => Duration::from_secs(number * 3600),
        _ => return None,
    };
    Some(Value::Time(time))
}

/// Every `pub const NAME: type = value;` of a file. Narrower ones belong to the implementation.
fn defined(source: &str) -> Constants {
    let code = source::code(source);
    let mut found = Constants::new();
    for (at, start) in code.match_indices("pub const ") {
        let definition = &code[at + start.len()..];
        let name = source::identifier(definition);
        // The type of an array has a semicolon too, but before the equals sign.
        let Some((head, value)) = definition.split_once('=') else {
            continue;
        };
        // A `const fn` has no value of its own.
        if name != "fn" && head.contains(':') {
            let value = value.split(';').next().unwrap_or_default();
            let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
            found.insert(name.to_owned(), code_value(&value).ok_or(value));
        }
    }
    found
}

/// `1_200`, `1 << 60`, `u64::MAX - (1 << 13)`, `64 * 1024`, `Duration::from_secs(120)`, `[1, 2]`.
fn code_value(text: &str) -> Option<Value> {
    let array = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Some(items) = array {
        let items = items.split(',').map(str::trim).filter(|it| !it.is_empty());
        return items
            .map(code_value)
            .collect::<Option<_>>()
            .map(Value::List);
    }
    let durations = [
        ("from_secs", "s"),
        ("from_millis", "ms"),
        ("from_micros", "us"),
    ];
    for (function, unit) in durations {
        let inner = text
            .strip_prefix("Duration::")
            .and_then(|rest| rest.strip_prefix(function))
            .and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')'));
        if let Some(inner) = inner {
            return time(code_number(inner)?, unit);
        }
    }
    code_number(text).map(Value::Number)
}

fn code_number(text: &str) -> Option<u128> {
    let literal = |text: &str| {
        let text = text.trim().replace('_', "");
        match text.strip_prefix("0x") {
            Some(hex) => u128::from_str_radix(hex, 16).ok(),
            None if text == "u64::MAX" => Some(u64::MAX.into()),
            None => text.parse().ok(),
        }
    };
    if let Some((from, less)) = text.split_once(" - ") {
        let less = less.trim_start_matches('(').trim_end_matches(')');
        return code_number(from)?.checked_sub(code_number(less)?);
    }
    if let Some((base, shift)) = text.split_once("<<") {
        let shift = u32::try_from(literal(shift)?).ok()?;
        return literal(base)?.checked_shl(shift);
    }
    let mut factors = text.split('*').map(literal);
    factors.try_fold(1, |product: u128, factor| product.checked_mul(factor?))
}

#[test]
fn values_are_read_in_both_notations() {
    let number = |n| Some(Value::Number(n));
    let time = |ms| Some(Value::Time(Duration::from_millis(ms)));
    let document = [
        ("1,200", number(1200)),
        ("`1\u{202f}200 bytes`", number(1200)),
        ("2^60", number(1 << 60)),
        ("120 s", time(120_000)),
        ("250 ms", time(250)),
        (
            "1 s, 250 ms",
            Some(Value::List(
                [time(1_000), time(250)].map(Option::unwrap).into(),
            )),
        ),
        ("many", None),
        ("3 apples", None),
    ];
    for (text, value) in document {
        assert_eq!(document_value(text), value, "{text}");
    }
    let code = [
        ("1_200", number(1200)),
        ("1 << 60", number(1 << 60)),
        ("64 * 1024", number(65_536)),
        ("Duration::from_secs(120)", time(120_000)),
        ("Duration::from_millis(250)", time(250)),
        ("u64::MAX - (1 << 13)", number((1 << 64) - (1 << 13) - 1)),
        (
            "[ Duration::from_secs(1), Duration::from_millis(250), ]",
            Some(Value::List(
                [time(1_000), time(250)].map(Option::unwrap).into(),
            )),
        ),
        ("A + 1", None),
    ];
    for (text, value) in code {
        assert_eq!(code_value(text), value, "{text}");
    }
}

#[test]
fn every_kind_of_difference_is_told() {
    let document = documented(
        "# Other\n| `X` | 9 | |\n## 3. Constants\n| name | value |\n|---|---|\n| `A` | 1 | |\n| `B` | 2 s | |\n\
         | `C` | soon | |\n| `D` | 4 | |\n# Next\n| `Y` | 9 | |\n",
    );
    let code = defined(
        "/// Says `pub const Z: u8 = 1;`\npub const A: u8 = 1;\npub const B: Duration = Duration::from_secs(3);\n\
         pub const C: u8 = 1;\npub const E: u8 = A + 1;\npub(crate) const F: u8 = 1;\npub const fn g() {}\n",
    );
    assert_eq!(
        differences(&document, &code),
        [
            "B: table says Time(2s), code says Time(3s)",
            "C: cannot read \"soon\" in the table",
            "D: in the table, not in the code",
            "E: in the code, not in the table",
        ]
    );
}
