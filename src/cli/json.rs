//! JSON objects that are safe to print: every character that a terminal could act on is escaped, so
//! nothing is lost and nothing is done.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::text::{Safe, safe_line};

/// An object that is being written.
#[derive(Debug, Default)]
pub(super) struct Object(String);

impl Object {
    /// An object that says `"v":1` first.
    pub(super) fn versioned() -> Self {
        Self::default().raw("v", "1")
    }

    /// Adds a text.
    pub(super) fn text(self, name: &'static str, value: &str) -> Self {
        let value = string(value);
        self.raw(name, &value)
    }

    /// Adds a text, or null.
    pub(super) fn optional(self, name: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self.raw(name, "null"),
        }
    }

    /// Adds a number.
    pub(super) fn number(self, name: &'static str, value: u64) -> Self {
        self.raw(name, &value.to_string())
    }

    /// Adds a truth value.
    pub(super) fn flag(self, name: &'static str, value: bool) -> Self {
        self.raw(name, if value { "true" } else { "false" })
    }

    /// Adds an array of texts.
    pub(super) fn texts(self, name: &'static str, values: impl Iterator<Item = String>) -> Self {
        let values: Vec<String> = values.map(|value| string(&value)).collect();
        self.raw(name, &format!("[{}]", values.join(",")))
    }

    /// Adds an array of objects.
    pub(super) fn objects(self, name: &'static str, values: impl Iterator<Item = Self>) -> Self {
        let values: Vec<String> = values.map(|value| value.close()).collect();
        self.raw(name, &format!("[{}]", values.join(",")))
    }

    /// The object on one line.
    pub(super) fn line(self) -> Safe {
        // Changes nothing: what it would change is escaped already.
        safe_line(&self.close())
    }

    fn raw(mut self, name: &'static str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&format!("\"{name}\":{value}"));
        self
    }

    fn close(self) -> String {
        format!("{{{}}}", self.0)
    }
}

fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if must_be_escaped(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
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

    use super::*;

    #[test]
    fn objects_nest() {
        let inner = Object::default().flag("b", true).optional("c", None);
        let texts = ["x".to_owned(), "y".to_owned()];
        let outer = Object::versioned()
            .texts("a", texts.into_iter())
            .objects("d", [inner].into_iter());
        assert_eq!(
            outer.line().as_str(),
            r#"{"v":1,"a":["x","y"],"d":[{"b":true,"c":null}]}"#
        );
    }

    #[test]
    fn what_a_terminal_could_act_on_is_escaped() {
        let line = Object::default().text("t", "\u{1b}[2J\u{9b}\u{202e}\u{7f}\u{e0041}\"\\");
        assert_eq!(
            line.line().as_str(),
            "{\"t\":\"\\u001b[2J\\u009b\\u202e\\u007f\\udb40\\udc41\\\"\\\\\"}"
        );
    }

    proptest! {
        #[test]
        fn nothing_is_left_for_the_terminal(text in any::<String>()) {
            let object = Object::default().text("t", &text).close();
            let safe = safe_line(&object);
            prop_assert_eq!(safe.as_str(), object);
        }
    }
}
