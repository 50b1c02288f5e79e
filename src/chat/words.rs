//! The words that two people compare: the English list of BIP 39, 2,048 words whose first four letters
//! are unlike those of any other.
//!
//! `words/english.txt` is the list of <https://github.com/bitcoin/bips/blob/master/bip-0039/english.txt>,
//! byte for byte, as the crate bip39 2.2.2 has it (CC0-1.0; BIP 39 itself is under the MIT licence).
//! Committed, because the crate brings three others for what is a text of 13 KB.

pub use crate::proto::ShortCode;

const LIST: &str = include_str!("words/english.txt");
/// From so many letters on, the beginning of a word stands for it.
const PREFIX_LEN: usize = 4;

/// The word of that number; empty for one that has none.
fn word(number: u16) -> &'static str {
    LIST.lines().nth(usize::from(number)).unwrap_or_default()
}

/// The four words of a code.
#[must_use]
pub fn words(code: &ShortCode) -> [&'static str; 4] {
    code.words().map(word)
}

/// The words that begin so, in lower case.
pub fn beginning_with(part: &str) -> impl Iterator<Item = &'static str> {
    let part = part.to_lowercase();
    LIST.lines().filter(move |word| word.starts_with(&part))
}

/// What somebody typed who was read words or numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// They are those of the code.
    Same,
    /// They are others.
    Other,
    /// They are not four words or three numbers.
    Incomplete,
    /// The word at this place, counted from 1, is not on the list.
    Unknown(usize),
}

/// Compares what somebody typed with a code: four words, of which four letters each are enough, or the
/// three numbers. Case and spacing do not count.
#[must_use]
pub fn compare(typed: &str, code: &ShortCode) -> Typed {
    let typed = typed.to_lowercase();
    let parts: Vec<&str> = typed
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .collect();
    let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    if parts.iter().all(is_number) {
        let numbers = code.numbers().map(|number| number.to_string());
        return match parts.len() {
            3 if parts == numbers => Typed::Same,
            3 => Typed::Other,
            _ => Typed::Incomplete,
        };
    }
    if let Some(at) = parts.iter().position(|part| find(part).is_none()) {
        return Typed::Unknown(at + 1);
    }
    let found: Vec<u16> = parts.iter().filter_map(|part| find(part)).collect();
    match found.len() {
        4 if found == code.words() => Typed::Same,
        4 => Typed::Other,
        _ => Typed::Incomplete,
    }
}

/// A name, if one stands first, and what was read out: four words or three numbers.
#[must_use]
pub fn split_name(rest: &str) -> (Option<&str>, &str) {
    let rest = rest.trim();
    let parts: Vec<&str> = rest.split_whitespace().collect();
    let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = parts.iter().filter(|part| is_number(part)).count();
    let has_name = match parts.len() {
        1 | 5 => true,
        4 => numbers == 3 && parts.first().is_some_and(|first| !is_number(first)),
        _ => false,
    };
    if !has_name {
        return (None, rest);
    }
    match rest.split_once(char::is_whitespace) {
        Some((name, typed)) => (Some(name), typed.trim()),
        None => (Some(rest), ""),
    }
}

/// The number of a word, or of the one that begins like it.
fn find(typed: &str) -> Option<u16> {
    let is_it =
        |word: &str| word == typed || (typed.len() >= PREFIX_LEN && word.starts_with(typed));
    let at = LIST.lines().position(is_it)?;
    u16::try_from(at).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write;

    use sha2::{Digest, Sha256};

    use super::*;
    use crate::id::PeerId;
    use crate::proto::Comparison;

    fn code(byte: u8) -> ShortCode {
        let comparison = Comparison {
            handshake: [byte; 32],
            attempt: 1,
            asker: PeerId::new([1; 32]),
            answerer: PeerId::new([2; 32]),
        };
        comparison.code(&[3; 32], &[4; 32])
    }

    #[test]
    fn the_list_is_the_official_one() {
        let mut hash = String::new();
        for byte in Sha256::digest(LIST) {
            write!(hash, "{byte:02x}").unwrap();
        }
        assert_eq!(
            hash,
            "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
        );
        assert_eq!((word(0), word(2_047), word(2_048)), ("abandon", "zoo", ""));
    }

    #[test]
    fn four_letters_tell_every_word_from_the_others() {
        let short = |word: &'static str| word.get(..4).unwrap_or(word);
        let beginnings: BTreeSet<&str> = LIST.lines().map(short).collect();
        assert_eq!(beginnings.len(), 2_048);
        for (at, word) in LIST.lines().enumerate() {
            assert_eq!(find(word).map(usize::from), Some(at), "{word}");
            assert_eq!(find(short(word)).map(usize::from), Some(at), "{word}");
        }
    }

    #[test]
    fn what_is_typed_may_be_short_shouted_and_spaced() {
        let code = code(7);
        let words = words(&code);
        let joined = words.join(" ");
        let short = words.map(|word| word.get(..4).unwrap_or(word)).join("  ");
        let numbers = code.numbers().map(|it| it.to_string()).join(" - ");
        for typed in [
            &joined,
            &joined.to_uppercase(),
            &short,
            &format!(" {joined}\n"),
            &numbers,
        ] {
            assert_eq!(compare(typed, &code), Typed::Same, "{typed}");
        }
    }

    #[test]
    fn what_is_not_the_code_is_never_taken_for_it() {
        let (of_one, of_other) = (code(7), code(8));
        let mut reversed = words(&of_one);
        reversed.reverse();
        let three = words(&of_one)[..3].join(" ");
        assert_eq!(compare(&words(&of_other).join(" "), &of_one), Typed::Other);
        assert_eq!(compare(&reversed.join(" "), &of_one), Typed::Other);
        assert_eq!(compare(&three, &of_one), Typed::Incomplete);
        assert_eq!(compare("", &of_one), Typed::Incomplete);
        assert_eq!(compare("zoo abandonn", &of_one), Typed::Unknown(2));
        assert_eq!(compare("1000 1000 1000", &of_one), Typed::Other);
        assert_eq!(compare("1000 1000", &of_one), Typed::Incomplete);
    }

    #[test]
    fn a_name_is_told_from_what_was_read_out() {
        for (typed, name, rest) in [
            ("", None, ""),
            ("bob", Some("bob"), ""),
            ("a b c d", None, "a b c d"),
            ("bob a b c d", Some("bob"), "a b c d"),
            ("1000 2000 3000", None, "1000 2000 3000"),
            ("bob 1000 2000 3000", Some("bob"), "1000 2000 3000"),
            ("a b", None, "a b"),
        ] {
            assert_eq!(split_name(typed), (name, rest), "{typed}");
        }
    }
}
