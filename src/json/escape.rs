//! The formatter that escapes what a terminal could act on. serde_json itself escapes what RFC 8259 asks
//! for, which lets DEL, C1 and the marks of bidirectional text pass.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// A value on one line, without the break at its end. Whatever is in it, the line has visible characters
/// and spaces only; parsing it gives back the exact text.
///
/// # Panics
/// If the value has a map whose keys are no strings: none of ours has.
#[must_use]
pub fn line(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Escaping);
    value
        .serialize(&mut serializer)
        .expect("our values are made of strings, numbers, lists and maps from strings");
    String::from_utf8(bytes).expect("serde_json writes UTF-8")
}

struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Nothing of plain ASCII but DEL is to be escaped here.
        if fragment.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut plain = 0;
        for (at, c) in fragment.char_indices().filter(|(_, c)| must_be_escaped(*c)) {
            let before = fragment.get(plain..at).unwrap_or_default();
            writer.write_all(before.as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain = at + c.len_utf8();
        }
        let rest = fragment.get(plain..).unwrap_or_default();
        writer.write_all(rest.as_bytes())
    }
}

/// What is not plainly a visible character or a space.
fn must_be_escaped(c: char) -> bool {
    use GeneralCategory as G;
    let unsafe_category = matches!(
        c.general_category(),
        G::Control
            | G::Format
            | G::LineSeparator
            | G::ParagraphSeparator
            | G::PrivateUse
            | G::Surrogate
            | G::Unassigned
            | G::NonspacingMark
            | G::SpacingMark
            | G::EnclosingMark
    );
    unsafe_category || matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::text::safe_line;

    #[test]
    fn what_a_terminal_could_act_on_is_escaped() {
        let hostile = "\u{1b}[2J\u{9b}\u{202e}\u{7f}\u{e0041}\u{2028}\u{fffe}\"\\\n";
        assert_eq!(
            line(&json!({ "t": hostile })),
            "{\"t\":\"\\u001b[2J\\u009b\\u202e\\u007f\\udb40\\udc41\\u2028\\ufffe\\\"\\\\\\n\"}"
        );
    }

    #[test]
    fn names_of_fields_are_escaped_too() {
        assert_eq!(line(&json!({ "\u{9b}": 1 })), "{\"\\u009b\":1}");
    }

    /// Text in which what is dangerous is frequent.
    fn hostile() -> impl Strategy<Value = String> {
        let dangerous = prop_oneof![
            any::<char>(),
            proptest::char::range('\u{0}', '\u{ff}'),
            proptest::char::range('\u{200b}', '\u{206f}'),
            proptest::char::range('\u{300}', '\u{36f}'),
            proptest::char::range('\u{e0000}', '\u{e007f}'),
            proptest::char::range('\u{fff0}', '\u{1000f}'),
        ];
        proptest::collection::vec(dangerous, 0..64).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn no_forbidden_character_is_written_and_the_exact_text_comes_back(text in hostile()) {
            let written = line(&json!([text]));
            prop_assert!(!written.chars().any(must_be_escaped), "{written:?}");
            let safe = safe_line(&written);
            prop_assert_eq!(safe.as_str(), &written);
            let back: Value = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(back, json!([text]));
        }
    }
}
