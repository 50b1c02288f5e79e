//! Letters whose case does not matter.

/// As a text is compared with another where upper and lower case are the same: in lower case, letter by letter. The
/// sigma at the end of a word is one like any other, or a part of a word would not be found in the whole.
#[must_use]
pub fn caseless(text: &str) -> String {
    let mut lower = String::with_capacity(text.len());
    lower.extend(text.chars().flat_map(caseless_letter));
    lower
}

/// What [`caseless`] makes of a letter.
pub fn caseless_letter(letter: char) -> impl Iterator<Item = char> {
    let lower = letter.to_lowercase();
    lower.map(|c| if c == 'ς' { 'σ' } else { c })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_word_is_found_in_whatever_case() {
        for (word, part) in [
            ("ΚΟΣΜΟΣ", "ΚΟΣ"),
            ("κόσμος", "ΜΟΣ"),
            ("Straße", "STRA"),
            ("İ", "i"),
        ] {
            assert!(caseless(word).contains(&caseless(part)), "{part} in {word}");
        }
    }
}
