//! What is wrong with a file of settings, and what was perhaps meant.

use core::fmt;
use core::str::Utf8Error;

use super::{BIND, SETTINGS, Setting, config_keys};
use crate::text::{Safe, nearest, safe_line};

/// Characters of a name or a remark from the file that are repeated.
const SHOWN_LEN: usize = 120;

/// A file of settings that is not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// In which line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: ConfigProblem,
}

/// What is wrong with a file of settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigProblem {
    /// It is longer than 64 KiB.
    TooLong,
    /// It is not UTF-8.
    NotText,
    /// It is not TOML.
    Syntax {
        /// The parser's words.
        said: Safe,
    },
    /// A key that stands in no section.
    Outside {
        /// The key.
        name: Safe,
        /// The section that has such a key, or `similar`.
        section: Option<&'static str>,
        /// A key with nearly that name, if none has it.
        similar: Option<Safe>,
    },
    /// There is no such section.
    UnknownSection {
        /// Its name.
        name: Safe,
        /// A section with nearly that name.
        similar: Option<Safe>,
    },
    /// A value, or a list, where a section is meant.
    NotASection {
        /// Its name.
        name: &'static str,
    },
    /// The section has no such key.
    UnknownKey {
        /// The section.
        section: &'static str,
        /// The key.
        name: Safe,
        /// A key of the section with nearly that name.
        similar: Option<Safe>,
        /// Another section that has such a key.
        elsewhere: Option<&'static str>,
    },
    /// A key of the keyboard cannot be given this meaning.
    Binding {
        /// What is wrong.
        words: Safe,
        /// What to do.
        advice: Safe,
    },
    /// The key cannot be set to this.
    WrongValue {
        /// The key.
        key: &'static str,
        /// What it may be, behind "must be".
        form: &'static str,
    },
}

impl ConfigError {
    /// `at`: the byte of `text` where the problem is.
    pub(super) fn new(text: &str, at: usize, problem: ConfigProblem) -> Self {
        Self {
            line: line_of(text, at),
            problem,
        }
    }

    pub(super) fn syntax(text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(text.len(), |span| span.start);
        if let Some(problem) = without_quotes(text, at) {
            return Self::new(text, at, problem);
        }
        let said = shown(error.message());
        Self::new(text, at, ConfigProblem::Syntax { said })
    }

    pub(super) fn not_text(bytes: &[u8], error: Utf8Error) -> Self {
        let before = bytes.get(..error.valid_up_to()).unwrap_or(bytes);
        Self {
            line: line_after(before),
            problem: ConfigProblem::NotText,
        }
    }
}

/// What is wrong with a value that is no TOML at `at`, if it stands behind a key: most often a text without its quotes,
/// which a parser takes for anything but a text.
fn without_quotes(text: &str, at: usize) -> Option<ConfigProblem> {
    let begin = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let (before, line) = (text.get(..begin)?, text.get(begin..)?.lines().next()?);
    let (name, value) = line.split_once('=')?;
    let is_quoted = value.trim_start().starts_with(['"', '\'', '[', '{']);
    if is_quoted || at <= begin + name.len() {
        return None;
    }
    let section = before.lines().rev().find_map(|line| {
        let name = line.trim().strip_prefix('[')?;
        Some(name.split(']').next()?.trim())
    })?;
    if section == BIND {
        return Some(ConfigProblem::no_action());
    }
    let section = sections().find(|it| *it == section)?;
    let mut settings = SETTINGS.iter().filter(|it| it.section == section);
    Some(match settings.find(|it| it.key == name.trim()) {
        Some(&Setting { key, form, .. }) => ConfigProblem::WrongValue { key, form },
        None => ConfigProblem::unknown_key(section, name.trim()),
    })
}

/// The line of this byte of `text`, counted from 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    line_after(text.as_bytes().get(..at).unwrap_or(text.as_bytes()))
}

fn line_after(before: &[u8]) -> usize {
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

impl ConfigProblem {
    pub(super) fn outside(name: &str) -> Self {
        let exact = section_with(name);
        let names: Vec<Safe> = config_keys().map(|(_, key)| Safe::from(key)).collect();
        let similar = nearest(name, names.iter()).filter(|_| exact.is_none());
        let section = similar.as_ref().and_then(|key| section_with(key.as_str()));
        Self::Outside {
            name: shown(name),
            section: exact.or(section),
            similar,
        }
    }

    pub(super) fn unknown_section(name: &str) -> Self {
        let names: Vec<Safe> = sections().map(Safe::from).collect();
        Self::UnknownSection {
            name: shown(name),
            similar: nearest(name, names.iter()),
        }
    }

    pub(super) const fn no_action() -> Self {
        Self::WrongValue {
            key: BIND,
            form: "the name of an action, such as \"go\"",
        }
    }

    pub(super) const fn not_a_section(name: &'static str) -> Self {
        Self::NotASection { name }
    }

    pub(super) fn unknown_key(section: &'static str, name: &str) -> Self {
        let names: Vec<Safe> = keys_of(section).map(Safe::from).collect();
        // No key of ours has a dash in its name, and every key of the keyboard with a modifier has.
        let is_of_keyboard = name.contains('-');
        Self::UnknownKey {
            section,
            name: shown(name),
            similar: nearest(name, names.iter()),
            elsewhere: section_with(name).or_else(|| is_of_keyboard.then_some(BIND)),
        }
    }

    /// What was perhaps meant, or what there is to choose from.
    #[must_use]
    pub fn advice(&self) -> Option<Safe> {
        match self {
            Self::TooLong | Self::NotText | Self::Syntax { .. } | Self::WrongValue { .. } => None,
            Self::Binding { advice, .. } => Some(advice.clone()),
            Self::Outside {
                section: Some(section),
                similar,
                ..
            } => {
                let place = belongs(section);
                Some(match similar {
                    Some(key) => did_you_mean(key) + " " + &place,
                    None => place,
                })
            }
            Self::Outside { section: None, .. } => Some(all_sections()),
            Self::UnknownSection { similar, .. } => Some(match similar {
                Some(similar) => did_you_mean(&(Safe::from("[") + similar + "]")),
                None => all_sections(),
            }),
            Self::NotASection { name } => {
                Some(Safe::from("Write [") + *name + "] on a line of its own, its keys below.")
            }
            Self::UnknownKey {
                section,
                similar,
                elsewhere,
                ..
            } => Some(match (similar, elsewhere) {
                (_, Some(elsewhere)) => belongs(elsewhere),
                (Some(similar), None) => did_you_mean(similar),
                (None, None) => {
                    let keys = Safe::join(keys_of(section).map(Safe::from), ", ");
                    Safe::from("[") + *section + "] takes: " + keys + "."
                }
            }),
        }
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the file is longer than 64 KiB"),
            Self::NotText => f.write_str("it is not text in UTF-8"),
            Self::Syntax { said } => f.write_str(said.as_str()),
            Self::Outside { name, .. } => write!(f, "{name} stands in no section"),
            Self::UnknownSection { name, .. } => write!(f, "there is no section [{name}]"),
            Self::NotASection { name } => write!(f, "{name} is a section"),
            Self::UnknownKey { section, name, .. } => {
                write!(f, "there is no {name} in [{section}]")
            }
            Self::Binding { words, .. } => f.write_str(words.as_str()),
            Self::WrongValue { key, form } => write!(f, "{key} must be {form}"),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl core::error::Error for ConfigError {}

fn belongs(section: &'static str) -> Safe {
    Safe::from("It belongs below [") + section + "]."
}

fn did_you_mean(name: &Safe) -> Safe {
    Safe::from("Did you mean ") + name + "?"
}

fn all_sections() -> Safe {
    let names = sections().map(|name| Safe::from("[") + name + "]");
    Safe::from("There are: ") + Safe::join(names, ", ") + "."
}

fn sections() -> impl Iterator<Item = &'static str> {
    let mut last = None;
    let names = config_keys().map(|(section, _)| section);
    let names = core::iter::once(BIND).chain(names);
    names.filter(move |name| last.replace(*name) != Some(*name))
}

fn keys_of(section: &str) -> impl Iterator<Item = &'static str> {
    config_keys().filter_map(move |(of, key)| (of == section).then_some(key))
}

fn section_with(key: &str) -> Option<&'static str> {
    let mut all = config_keys();
    all.find_map(|(section, its)| (its == key).then_some(section))
}

/// The beginning of something from the file.
fn shown(text: &str) -> Safe {
    let start: String = text.chars().take(SHOWN_LEN).collect();
    let more = if start.len() < text.len() { "..." } else { "" };
    safe_line(&start) + more
}
