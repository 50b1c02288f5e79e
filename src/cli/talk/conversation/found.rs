//! What people look for in what is kept, in lines and on the full screen.

use std::time::Duration;

use crate::calendar::Stamp;
use crate::chat::MessageRef;
use crate::cli::When;
use crate::cli::history::{Limits, NO_ROOM, search_command, transcript};
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::conversation::looks::{Look, Whose};
use crate::commands::Wanted;
use crate::id::PeerId;
use crate::store::{Entry, Filter, Page, Search, Way};
use crate::text::{Safe, Words, count_messages, safe_line};
use crate::time::UnixTime;
use crate::tui::{Hit, Told};

/// Messages that a search shows at most, and their bytes: the newest, and one in any case.
const MOST_FOUND: usize = 200;
const MOST_FOUND_BYTES: usize = 256 << 10;
/// Lines of one of them that a list has.
const MOST_LINES: usize = 6;
/// Messages on either side that are shown around one of them, and their bytes.
const MOST_AROUND: usize = 50;
const MOST_AROUND_BYTES: usize = 128 << 10;

/// What a person looks for.
#[derive(Debug)]
pub(super) struct Sought {
    words: String,
    with: Option<PeerId>,
    /// Not older than this.
    within: Option<Duration>,
}

impl Conversation {
    /// Looks in what is kept, for a person in lines.
    pub(super) fn search_for(&mut self, wanted: Wanted<'_>) {
        let with = wanted.with.map(|name| self.named(Some(name)));
        // Who is not known has been told.
        if with != Some(None) {
            self.search(wanted.words.to_owned(), with.flatten(), wanted.since);
        }
    }

    /// The command that shows all that has words in it.
    fn search_of_all(&self, words: &str, with: Option<PeerId>, within: Option<Duration>) -> Safe {
        let limits = Limits {
            with: with.map(|peer| self.label(&peer)),
            since: within.map(When::Ago),
            ..Limits::default()
        };
        self.out.command(&search_command(words, limits))
    }

    /// Looks in what is kept, as `history search` does. That it cannot is told and ends nothing.
    pub(super) fn search(&mut self, words: String, with: Option<PeerId>, within: Option<Duration>) {
        if let Err(error) = self.profile.journal.catch_up() {
            return self.complain(&error.into());
        }
        let search = self.search_in_all(words.clone(), with, within);
        let sought = Sought {
            words,
            with,
            within,
        };
        let (most, bytes) = (MOST_FOUND, MOST_FOUND_BYTES);
        let whose = Whose::Person(sought);
        self.look(Look {
            search,
            most,
            bytes,
            whose,
        });
    }

    /// Shows a person what was found.
    pub(super) fn tell_found(&mut self, sought: &Sought, page: &Page) {
        let words = &sought.words;
        let all = self.search_of_all(words, sought.with, sought.within);
        let sum = summary(page, &all);
        let now = Stamp::local(self.clock.unix_time());
        let told = |it: &Entry| transcript(it, self.label(&it.contact.peer()), &now);
        if self.face.is_screen() {
            let hit = |it: &Entry| Hit {
                which: it.which(),
                at: it.at,
                lines: excerpt(&told(it), words),
            };
            let hits = page.entries.iter().rev().map(hit).collect();
            return self.face.show(Told::Found { hits, sum });
        }
        let told: Vec<Safe> = page.entries.iter().map(told).collect();
        let lines = told.iter().flat_map(lines_of);
        for line in lines.chain(sum).collect::<Vec<_>>() {
            self.warn(line);
        }
    }

    fn search_in_all(
        &self,
        words: String,
        with: Option<PeerId>,
        within: Option<Duration>,
    ) -> Search {
        let now = self.clock.unix_time();
        let ago = |within: Duration| u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let filter = Filter {
            contact: with.map(Into::into),
            since: within.map(|within| UnixTime(now.0.saturating_sub(ago(within)))),
            before: None,
            words: Some(words),
        };
        Search::new(filter, Way::Back, None)
    }

    /// Shows a message that was found among its neighbours.
    pub(super) fn show_around(&mut self, which: MessageRef) {
        let archive = self.profile.journal.archive();
        let found = archive.around(which, MOST_AROUND, MOST_AROUND_BYTES);
        let around = match found {
            Ok(Some(around)) => around,
            Ok(None) => return self.nothing_around("that message is not in the history any more"),
            Err(error) => {
                self.complain(&error.into());
                return self.nothing_around("that message cannot be read");
            }
        };
        let label = self.label(&which.contact.peer());
        let now = Stamp::local(self.clock.unix_time());
        let told = |it: &Entry| lines_of(&transcript(it, label.clone(), &now)).collect();
        let messages = around.entries.iter().map(told).collect();
        let at = around.at;
        self.face.show(Told::Around { messages, at });
    }

    fn nothing_around(&mut self, why: &'static str) {
        self.face.show(Told::NotAround(why.into()));
    }
}

/// What is told about all that was found, which the command `all` shows.
fn summary(page: &Page, all: &Safe) -> Vec<Safe> {
    let mut lines = vec![match (page.entries.len(), page.more) {
        (0, _) => {
            "nothing of what is kept has that in it ([history] keep says what is kept)".into()
        }
        (len, 0) => Safe::from("found: ") + len,
        (len, older) => {
            let words = Safe::from("the newest ") + len + "; older ones with that in them: ";
            words + older + " (all: " + all + ")"
        }
    }];
    if page.unreadable > 0 {
        lines.push(Safe::from("not readable, and not searched: ") + page.unreadable);
    }
    if page.made_room > 0 {
        lines.push(Safe::from("not searched: ") + count_messages(page.made_room) + NO_ROOM);
    }
    lines
}

fn lines_of(told: &Safe) -> impl Iterator<Item = Safe> {
    told.as_str().lines().map(safe_line)
}

/// As much of a message as is looked at in a list: its first line, and those around the words.
fn excerpt(told: &Safe, words: &str) -> Vec<Safe> {
    let lines: Vec<Safe> = lines_of(told).collect();
    if lines.len() <= MOST_LINES {
        return lines;
    }
    let words = Words::new(words);
    let has = |line: &Safe| words.are_in(line.as_str());
    let at = lines.iter().position(has).unwrap_or(0);
    let from = at.saturating_sub(1).clamp(1, lines.len() - 1);
    let upto = (from + MOST_LINES - 2).min(lines.len());
    let gap = |is_there: bool| is_there.then(|| Safe::from("      ..."));
    let mut shown: Vec<Safe> = lines.iter().take(1).cloned().collect();
    shown.extend(gap(from > 1));
    shown.extend_from_slice(lines.get(from..upto).unwrap_or(&[]));
    shown.extend(gap(upto < lines.len()));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::safe_text;

    #[test]
    fn of_a_long_message_the_first_line_and_those_with_the_words_are_listed() {
        let long = |needle: usize| {
            let line = |at: usize| {
                if at == needle {
                    "the NEEDLE".into()
                } else {
                    format!("line {at}")
                }
            };
            safe_text(&(0..50).map(line).collect::<Vec<_>>().join("\n"))
        };
        let listed = |needle| {
            let lines = excerpt(&long(needle), "needle");
            lines.iter().map(|it| it.to_string()).collect::<Vec<_>>()
        };
        let gap = "      ...";
        let wanted = [
            "line 0",
            gap,
            "line 19",
            "the NEEDLE",
            "line 21",
            "line 22",
            gap,
        ];
        assert_eq!(listed(20), wanted);
        assert_eq!(listed(0)[..2], ["the NEEDLE", "line 1"]);
        let end = listed(49);
        assert_eq!(end[end.len() - 2..], ["line 48", "the NEEDLE"]);
        let short = safe_text("one\ntwo");
        assert_eq!(excerpt(&short, "two").len(), 2);
    }
}
