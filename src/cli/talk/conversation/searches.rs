//! What programs look through page by page, remembered from one page to the next.

use std::time::Duration;

use crate::store::Search;
use crate::time::Instant;

/// How long a search is remembered that nobody goes on with.
const LIFE: Duration = Duration::from_secs(60);

/// Searches that are remembered at most, some 15 MB each: as many programs can look through messages at a time, and
/// each page of one more opens every message again.
const MOST: usize = 4;

/// Those that somebody may go on with, and when each was asked for last: oldest first.
#[derive(Debug, Default)]
pub(super) struct Searches(Vec<(Search, Instant)>);

impl Searches {
    /// The one that is asked for, if it is remembered.
    pub(super) fn take(&mut self, is_asked_for: impl Fn(&Search) -> bool) -> Option<Search> {
        let place = self.0.iter().position(|(it, _)| is_asked_for(it))?;
        Some(self.0.remove(place).0)
    }

    /// Remembers one, in the place of the oldest if there are too many.
    pub(super) fn keep(&mut self, search: Search, now: Instant) {
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push((search, now));
    }

    pub(super) fn drop_old(&mut self, now: Instant) {
        self.0.retain(|(_, at)| now.saturating_since(*at) < LIFE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Cursor, Filter, Way};

    fn parts(words: &str) -> (Filter, Cursor) {
        let words = Some(words.to_owned());
        let filter = Filter {
            words,
            ..Filter::default()
        };
        (filter, "A".repeat(76).parse().unwrap())
    }

    fn search(words: &str) -> Search {
        let (filter, cursor) = parts(words);
        Search::new(filter, Way::On, Some(cursor))
    }

    fn is(words: &str) -> impl Fn(&Search) -> bool {
        let (filter, cursor) = parts(words);
        move |it| it.goes_on(&filter, Way::On, cursor)
    }

    #[test]
    fn two_that_look_at_a_time_do_not_take_each_others_place() {
        let (mut searches, now) = (Searches::default(), Instant::ZERO);
        searches.keep(search("one"), now);
        searches.keep(search("two"), now);
        assert!(searches.take(is("one")).is_some());
        assert!(searches.take(is("one")).is_none());
        assert!(searches.take(is("two")).is_some());
    }

    #[test]
    fn the_oldest_makes_room_and_time_takes_the_rest() {
        let (mut searches, now) = (Searches::default(), Instant::ZERO);
        for words in ["one", "two", "three", "four", "five"] {
            searches.keep(search(words), now);
        }
        assert!(searches.take(is("one")).is_none());
        searches.drop_old(now + LIFE / 2);
        assert!(searches.take(is("two")).is_some());
        searches.drop_old(now + LIFE);
        assert!(searches.take(is("five")).is_none());
    }
}
