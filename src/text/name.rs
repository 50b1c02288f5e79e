//! Names that cannot be mistaken for other names.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_security::{GeneralSecurityProfile, MixedScript};

use super::body::{MAX_MARKS, is_mark};
use super::safe::Safe;

/// Characters in a name, after normalisation.
pub const MAX_NAME_LEN: usize = 32;

const DOT_ABOVE: char = '\u{307}';

/// The combining class of marks that stand above a letter.
const CLASS_ABOVE: u8 = 230;

/// Why a text is no name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// There is nothing in it.
    #[error("a name needs at least one character")]
    Empty,
    /// More than [`MAX_NAME_LEN`] characters.
    #[error("a name has at most 32 characters")]
    TooLong,
    /// It begins with a character that would make it a flag, a hidden file or a mark.
    #[error("a name begins with a letter, a digit or an underscore")]
    BadStart,
    /// It has an upper-case letter; `Bob` and `bob` would be two people.
    #[error("a name is written in lower case")]
    UpperCase,
    /// It has a character that is neither a letter nor one of `0-9 . _ -`.
    #[error("a name consists of letters, digits and . _ -")]
    BadCharacter(char),
    /// Its letters come from more than one script, or from one that hides such a mixture.
    #[error("the letters of a name come from a single script")]
    MixedScripts,
    /// More combining marks on one letter than any script needs.
    #[error("a letter of a name carries at most 4 marks")]
    TooManyMarks,
}

/// Takes a text as a name, in its normal form (NFKC).
///
/// A name has 1 to 32 characters: `a-z 0-9 . _ -` and lower-case or caseless letters of a single
/// script that Unicode recommends for identifiers. Applying it to a name changes nothing.
///
/// # Errors
/// The first rule that the text breaks.
pub fn safe_name(text: &str) -> Result<Safe, NameError> {
    // Four times the bound: normalisation must not work hard on a text that is far too long.
    if text.chars().nth(4 * MAX_NAME_LEN).is_some() {
        return Err(NameError::TooLong);
    }
    let name: String = text.nfkc().collect();
    check_shape(&name)?;
    name.chars().try_for_each(check_character)?;
    check_marks(&name)?;
    if !name.as_str().is_single_script() {
        return Err(NameError::MixedScripts);
    }
    Ok(Safe::new(name))
}

/// What a name looks like: two names with one skeleton are told apart by nobody.
///
/// The skeleton is compared, never shown. It is in lower case because the confusables table maps
/// some lower-case shapes to upper-case letters (`0` to `O`).
///
/// Source: UTS #39 §4, and §5.4 for the marks that show as nothing.
#[must_use]
pub fn skeleton(name: &Safe) -> String {
    let shape: String = unicode_security::skeleton(name.as_str()).collect();
    without_unseen_marks(&shape.to_lowercase())
}

/// Leaves out the dot above a letter that has one, and a mark that lies upon itself.
///
/// They are no error in a name, because `İ` in lower case is an `i` with that dot and Lithuanian writes it under an accent:
/// nobody is refused, but nobody is told from the name without them either.
fn without_unseen_marks(shape: &str) -> String {
    let mut seen = String::with_capacity(shape.len());
    let mut last = None;
    // Whether the letter shows its own dot: a mark above takes its place, one below does not.
    let mut is_dotted = false;
    for c in shape.chars() {
        if (is_dotted && c == DOT_ABOVE) || (is_nonspacing(c) && last == Some(c)) {
            continue;
        }
        is_dotted = match canonical_combining_class(c) {
            // What Unicode calls soft-dotted and allows in identifiers has one of these two as its shape.
            0 => matches!(c, 'i' | 'j'),
            CLASS_ABOVE => false,
            _ => is_dotted,
        };
        last = Some(c);
        seen.push(c);
    }
    seen
}

fn is_nonspacing(c: char) -> bool {
    use GeneralCategory as Is;
    matches!(c.general_category(), Is::NonspacingMark | Is::EnclosingMark)
}

fn check_shape(name: &str) -> Result<(), NameError> {
    let first = name.chars().next().ok_or(NameError::Empty)?;
    if name.chars().nth(MAX_NAME_LEN).is_some() {
        return Err(NameError::TooLong);
    }
    if matches!(first, '-' | '.' | '#' | '@' | '/') || is_mark(first) {
        return Err(NameError::BadStart);
    }
    Ok(())
}

fn check_character(c: char) -> Result<(), NameError> {
    if matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-') {
        return Ok(());
    }
    if c.is_uppercase() || c.general_category() == GeneralCategory::TitlecaseLetter {
        return Err(NameError::UpperCase);
    }
    if (c.is_alphabetic() || is_mark(c)) && c.identifier_allowed() {
        return Ok(());
    }
    Err(NameError::BadCharacter(c))
}

fn check_marks(name: &str) -> Result<(), NameError> {
    let mut marks = 0;
    for c in name.chars() {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if marks > MAX_MARKS {
            return Err(NameError::TooManyMarks);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Result<String, NameError> {
        safe_name(text).map(|name| name.to_string())
    }

    #[test]
    fn ordinary_names_are_names() {
        for text in [
            "bob",
            "a",
            "alice-2",
            "_x.y",
            "jürgen",
            "борис",
            "惠子",
            "けい子",
            "ravi_7",
            "रवि",
            "0day",
        ] {
            assert_eq!(name(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_name_is_stored_in_normal_form() {
        assert_eq!(name("ｂｏｂ").as_deref(), Ok("bob"));
        assert_eq!(name("jose\u{301}").as_deref(), Ok("jos\u{e9}"));
    }

    #[test]
    fn names_that_could_be_something_else_are_refused() {
        for text in ["-rf", ".hidden", "#c", "@revoked", "/etc", "\u{301}a"] {
            assert_eq!(name(text), Err(NameError::BadStart), "{text:?}");
        }
        assert_eq!(name(""), Err(NameError::Empty));
        assert_eq!(name("Bob"), Err(NameError::UpperCase));
        assert_eq!(name("ǅ"), Err(NameError::UpperCase));
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(name(&"я".repeat(32)).is_ok());
        assert_eq!(name(&"я".repeat(33)), Err(NameError::TooLong));
        assert_eq!(name(&"a".repeat(1_000_000)), Err(NameError::TooLong));
        // One character that normalises to eighteen.
        assert_eq!(name("\u{fdfa}\u{fdfa}"), Err(NameError::TooLong));
    }

    #[test]
    fn no_row_of_the_policy_is_allowed_in_a_name() {
        for c in [
            '\n',
            '\u{2028}',
            '\t',
            '\u{1b}',
            '\u{7f}',
            '\u{9b}',
            '\u{202e}',
            '\u{200d}',
            '\u{200c}',
            '\u{200b}',
            '\u{ad}',
            '\u{34f}',
            '\u{115f}',
            '\u{1160}',
            '\u{e0100}',
            '\u{e0041}',
            '\u{e000}',
            '\u{378}',
            ' ',
            '=',
            '"',
            '/',
            '@',
            '#',
            ':',
            '\u{b7}',
            '😀',
            '\u{661}',
        ] {
            let text = format!("a{c}b");
            assert!(
                matches!(name(&text), Err(NameError::BadCharacter(_))),
                "{text:?}"
            );
        }
    }

    #[test]
    fn scripts_do_not_mix() {
        assert_eq!(name("bоb"), Err(NameError::MixedScripts));
        assert_eq!(name("αlpha"), Err(NameError::MixedScripts));
    }

    #[test]
    fn marks_do_not_stack() {
        let tower = "x\u{323}\u{331}\u{300}\u{301}\u{302}\u{304}";
        assert_eq!(name(tower), Err(NameError::TooManyMarks));
    }

    #[test]
    fn a_cyrillic_alice_has_the_skeleton_of_alice() {
        let cyrillic = safe_name("аӏісе").unwrap();
        assert_eq!(skeleton(&cyrillic), skeleton(&safe_name("alice").unwrap()));
    }

    #[test]
    fn a_zero_looks_like_an_o_and_a_one_like_an_l() {
        let same = |a, b| skeleton(&safe_name(a).unwrap()) == skeleton(&safe_name(b).unwrap());
        assert!(same("b0b", "bob"));
        assert!(same("car1", "carl"));
        assert!(!same("bob", "rob"));
    }

    #[test]
    fn a_dot_upon_a_dot_and_a_mark_upon_itself_are_not_seen() {
        for (name, like) in [
            ("mi\u{307}ke", "mike"),
            ("ali\u{307}ce", "alice"),
            ("j\u{307}ose", "jose"),
            ("ı\u{307}an", "ian"),
            ("\u{12f}\u{307}a", "\u{12f}a"),
            ("\u{1ecb}\u{307}n", "\u{1ecb}n"),
            ("\u{268}\u{307}n", "\u{268}n"),
            ("i\u{307}\u{307}an", "ian"),
            ("i\u{307}\u{301}an", "\u{ed}an"),
            ("jose\u{301}\u{301}", "jos\u{e9}"),
            ("e\u{323}\u{301}\u{301}va", "e\u{323}\u{301}va"),
        ] {
            let [name, like] = [name, like].map(|it| safe_name(it).unwrap());
            assert_ne!(name, like);
            assert_eq!(skeleton(&name), skeleton(&like), "{name}");
        }
    }

    #[test]
    fn every_letter_with_a_soft_dot_hides_a_second_one() {
        // Soft_Dotted in PropList.txt, without the letters of mathematics, which are others in normal form.
        let soft = "ij\u{12f}\u{249}\u{268}\u{29d}\u{2b2}\u{3f3}\u{456}\u{458}\u{1d62}\u{1d96}\u{1da4}\u{1da8}\
                    \u{1e2d}\u{1ecb}\u{2071}\u{2148}\u{2149}\u{2c7c}\u{1df1a}\u{1e04c}\u{1e04d}\u{1e068}";
        let mut names = 0;
        for letter in soft.chars() {
            // Cyrillic letters carry no such dot in a name: its script is another.
            let [Ok(plain), Ok(dotted)] =
                ["", "\u{307}"].map(|dot| safe_name(&format!("{letter}{dot}")))
            else {
                continue;
            };
            assert_eq!(skeleton(&dotted), skeleton(&plain), "{letter:?}");
            names += 1;
        }
        assert!(names > 8, "{names}");
    }

    #[test]
    fn a_dot_that_is_seen_tells_names_apart() {
        for (name, other) in [
            ("\u{17c}uk", "zuk"),
            ("i\u{301}\u{307}a", "\u{ed}a"),
            ("e\u{301}\u{300}va", "\u{e9}va"),
        ] {
            let [name, other] = [name, other].map(|it| skeleton(&safe_name(it).unwrap()));
            assert_ne!(name, other);
        }
    }

    #[test]
    fn a_name_of_a_real_language_stays_one_in_lower_case() {
        for name in [
            "\u{130}pek",
            "\u{130}brahim",
            "Žemait\u{117}",
            "Ki\u{307}\u{301}rkis",
        ] {
            let name = name.to_lowercase();
            assert!(safe_name(&name).is_ok(), "{name}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn a_name_is_a_name_of_itself_and_safe_text(text in "\\PC{1,12}|[a-zа-яα-ω0-9._-]{1,32}") {
            if let Ok(name) = safe_name(&text) {
                prop_assert_eq!(safe_name(name.as_str()), Ok(name.clone()));
                prop_assert_eq!(crate::text::safe_text(name.as_str()), name);
            }
        }
    }
}
