//! What the text that is being written quotes, so that it goes with the messages that it is of.

use crate::text::typeable;
use crate::time::UnixTime;
use crate::tui::log::shifted;

/// What stands before a line that is quoted.
const MARK: &str = "> ";

/// The quotes, in the order in which they were asked for.
#[derive(Debug, Default)]
pub(super) struct Quotes(Vec<Quote>);

/// A line that was put into a text.
#[derive(Debug)]
pub(super) struct Quote {
    /// The entry that it is of, and its time.
    pub(super) entry: u64,
    pub(super) at: UnixTime,
    /// The line, without its break.
    line: String,
}

impl Quotes {
    /// `text`: what was quoted of an entry, a line.
    pub(super) fn push(&mut self, entry: u64, at: UnixTime, text: &str) {
        let line = typeable(text).as_str().trim_end_matches('\n').to_owned();
        self.0.push(Quote { entry, at, line });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// An entry was put in at this place.
    pub(super) fn shift(&mut self, place: u64) {
        for quote in &mut self.0 {
            quote.entry = shifted(quote.entry, place);
        }
    }

    /// Takes those out whose entries are gone.
    pub(super) fn forget(&mut self, is_gone: impl Fn(&Quote) -> bool) -> Vec<Quote> {
        self.0.extract_if(.., |quote| is_gone(quote)).collect()
    }
}

impl Quote {
    /// Where it stands in a text, with its break: as it was put there, without its end, or before what was written on
    /// its line, which stays.
    pub(super) fn find(&self, text: &str) -> Option<core::ops::Range<usize>> {
        // Of a message that begins with an empty line there is nothing to be found.
        if self.line.len() <= MARK.len() {
            return None;
        }
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let words = line.strip_suffix('\n').unwrap_or(line);
            let is_it = self.line == words
                || words.len() > MARK.len()
                    && words.starts_with(MARK)
                    && self.line.starts_with(words);
            if is_it {
                return Some(start..start + line.len());
            }
            if words.starts_with(&self.line) {
                return Some(start..start + self.line.len());
            }
            start += line.len();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<&str> {
        found_of("> did it\u{1b} work?\n", text)
    }

    fn found_of<'a>(quote: &str, text: &'a str) -> Option<&'a str> {
        let mut quotes = Quotes::default();
        quotes.push(7, UnixTime(0), quote);
        let quote = quotes.forget(|quote| quote.entry == 7).pop().unwrap();
        quote.find(text).and_then(|range| text.get(range))
    }

    #[test]
    fn a_quote_is_found_wherever_it_stands_also_without_its_end() {
        let whole = Some("> did it work?\n");
        assert_eq!(found("> did it work?\nyes"), whole);
        assert_eq!(found("first\n> did it work?\nyes"), whole);
        assert_eq!(found("> did it\nyes"), Some("> did it\n"));
        assert_eq!(found("yes\n> did it work?"), Some("> did it work?"));
        assert_eq!(found("> did it work? yes\n"), Some("> did it work?"));
        for own in ["> \nyes", ">", "did it work?", "> did I work? yes\n", ""] {
            assert_eq!(found(own), None, "{own:?}");
        }
    }

    #[test]
    fn a_quote_of_nothing_takes_no_mark_from_others() {
        assert_eq!(found_of("> \n", "> what another has said\nyes"), None);
    }
}
