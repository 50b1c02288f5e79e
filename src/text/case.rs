//! Letters whose case does not matter.

/// A letter where upper and lower case are the same: in lower case. The sigma at the end of a word is one like any other, or a
/// part of a word would not be found in the whole.
pub fn caseless_letter(letter: char) -> impl Iterator<Item = char> {
    let lower = letter.to_lowercase();
    lower.map(|c| if c == 'ς' { 'σ' } else { c })
}

/// Words that texts are searched for, in whatever case. No copy of a text is made: one may have 16 MiB.
#[derive(Clone, Debug)]
pub struct Words {
    letters: Vec<char>,
    /// After so many letters that fit and one more: how many of the last ones fit the beginning, too.
    /// Source: Knuth, Morris, Pratt 1977.
    borders: Vec<usize>,
}

impl Words {
    /// Words as somebody wrote them.
    #[must_use]
    pub fn new(words: &str) -> Self {
        let mut it = Self {
            letters: words.chars().flat_map(caseless_letter).collect(),
            borders: Vec::new(),
        };
        let mut fit = 0;
        for place in 0..it.letters.len() {
            if let Some(letter) = it.letters.get(place).filter(|_| place > 0) {
                fit = it.go_on(fit, *letter);
            }
            it.borders.push(fit);
        }
        it
    }

    /// Whether they are in a text.
    #[must_use]
    pub fn are_in(&self, text: &str) -> bool {
        let mut fit = 0;
        let mut letters = text.chars().flat_map(caseless_letter);
        self.letters.is_empty()
            || letters.any(|letter| {
                fit = self.go_on(fit, letter);
                fit == self.letters.len()
            })
    }

    /// How many letters fit after the next one, if so many did before it.
    fn go_on(&self, mut fit: usize, letter: char) -> usize {
        while fit > 0 && self.letters.get(fit) != Some(&letter) {
            fit = self.borders.get(fit - 1).copied().unwrap_or(0);
        }
        fit + usize::from(self.letters.get(fit) == Some(&letter))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_part_of_a_word_is_found_in_whatever_case() {
        for (word, part) in [
            ("ΚΟΣΜΟΣ", "ΚΟΣ"),
            ("κόσμος", "ΜΟΣ"),
            ("Straße", "STRA"),
            ("İ", "i"),
        ] {
            assert!(Words::new(part).are_in(word), "{part} in {word}");
        }
    }

    proptest! {
        #[test]
        fn words_are_found_where_they_are_in_a_copy_in_lower_case(
            text in "([abAB]{0,16}|[aßİςΣσ]{0,12})",
            words in "([abB]{0,4}|[iςΣ]{0,3})",
        ) {
            let caseless = |text: &str| -> String { text.chars().flat_map(caseless_letter).collect() };
            let is_there = caseless(&text).contains(&caseless(&words));
            prop_assert_eq!(Words::new(&words).are_in(&text), is_there);
        }
    }
}
