//! What somebody looks for in what is kept: at some messages in each turn of the loop, so that nobody else waits for it.

use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::conversation::ending::LEAVE_FILES;
use crate::cli::talk::conversation::found::Sought;
use crate::cli::talk::conversation::kept::Find;
use crate::cli::talk::conversation::requests::{ABOUT_TO_END, Asked};
use crate::cli::{Error, ExitCode};
use crate::control::Client;
use crate::store::{Page, Search};

/// Who looks at one time. What is asked for beyond them is looked for at once.
const MOST: usize = 64;

/// Somebody looks.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) search: Search,
    /// Messages that are wanted at most, and their bytes.
    pub(super) most: usize,
    pub(super) bytes: usize,
    pub(super) whose: Whose,
}

/// Who it is.
#[derive(Debug)]
pub(super) enum Whose {
    Person(Sought),
    Program(Find),
}

impl Conversation {
    /// Begins to look, and has found what there is among few messages; [`Conversation::look_on`] goes on.
    pub(super) fn look(&mut self, look: Look) {
        let looks = &mut self.state.looks;
        let is_alone = looks.is_empty();
        looks.push_back(look);
        if is_alone {
            self.look_on();
        }
        while self.state.looks.len() > MOST {
            self.look_on_for(0);
        }
    }

    /// Goes on for one of those who look, each in turn. Whether there is more to do.
    pub(super) fn look_on(&mut self) -> bool {
        self.state.looks.retain(|look| !look.whose.has_left());
        let before = self.state.looks.len();
        self.look_on_for(0);
        if before > 0 && self.state.looks.len() == before {
            self.state.looks.rotate_left(1);
        }
        !self.state.looks.is_empty()
    }

    /// Goes on for the one at this place, which leaves it once all is found.
    fn look_on_for(&mut self, place: usize) {
        let Some(look) = self.state.looks.get_mut(place) else {
            return;
        };
        let archive = self.profile.journal.archive();
        let found = look.search.step(archive, look.most, look.bytes);
        let Some(found) = found.transpose() else {
            return;
        };
        let Some(look) = self.state.looks.remove(place) else {
            return;
        };
        match found {
            Ok(page) => self.on_looked(look, &page),
            Err(error) => self.on_not_looked(look.whose, error.into()),
        }
    }

    fn on_looked(&mut self, look: Look, page: &Page) {
        match look.whose {
            Whose::Person(sought) => self.tell_found(&sought, page),
            Whose::Program(find) => self.answer_found(&find, look.search, page),
        }
    }

    fn on_not_looked(&mut self, whose: Whose, error: Error) {
        match whose {
            Whose::Person(_) => self.complain(&error),
            Whose::Program(find) => self.answer(&find.asked, Err(error)),
        }
    }

    /// Finds what this one has asked for before something that changes what there is: its requests are done in their order.
    /// What others look for, people too, is looked for in what is left.
    pub(super) fn look_to_the_end(&mut self, asked: &Asked) {
        let is_its = |look: &Look| look.whose.is_asked_by(asked);
        while let Some(place) = self.state.looks.iter().position(is_its) {
            self.look_on_for(place);
        }
    }

    /// Nobody sees a screen any more: what a person looked for must not appear in the shell behind it.
    pub(super) fn drop_looks_of_screen(&mut self) {
        if self.face.is_screen() {
            let is_of_program = |look: &Look| matches!(look.whose, Whose::Program(_));
            self.state.looks.retain(is_of_program);
        }
    }

    /// The end has come: what was asked for before it is looked for to its end, unless a signal ends the program or that
    /// takes too long.
    pub(super) fn finish_looks(&mut self, end: &Result<ExitCode, Error>) {
        use ExitCode::{HungUp, Interrupted, Terminated};
        // Whoever leaves has waited already.
        let since = self.state.leaving.unwrap_or_else(|| self.clock.now());
        let is_at_once = matches!(end, Ok(HungUp | Interrupted | Terminated));
        while !is_at_once && self.clock.now().saturating_since(since) < LEAVE_FILES {
            if !self.look_on() {
                return;
            }
        }
        for look in core::mem::take(&mut self.state.looks) {
            let reason = ABOUT_TO_END.into();
            match look.whose {
                Whose::Program(find) => self.answer(&find.asked, Err(Error::BadRequest { reason })),
                Whose::Person(_) if is_at_once => {}
                Whose::Person(_) => {
                    self.warn("not looked for to the end: the program ended".into());
                }
            }
        }
    }
}

impl Whose {
    fn is_asked_by(&self, asked: &Asked) -> bool {
        matches!(self, Self::Program(find) if find.asked.is_of_same(asked))
    }

    /// Whether the program at standard input waits for it.
    pub(super) const fn is_of_standard_input(&self) -> bool {
        matches!(self, Self::Program(find) if find.asked.is_of_standard_input())
    }

    /// Whether nobody waits for it any more.
    fn has_left(&self) -> bool {
        let Self::Program(find) = self else {
            return false;
        };
        find.asked.client().is_some_and(Client::is_closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Incoming;
    use crate::cli::talk::conversation::Typist;
    use crate::cli::talk::goal::Goal;
    use crate::cli::talk::goal::tests::reach;
    use crate::cli::talk::journal::tests::incoming;
    use crate::cli::talk::profile::tests::{context, conversation};
    use crate::cli::talk::request::HistoryFind;
    use crate::id::PeerId;
    use crate::store::Keep;

    const BOB: PeerId = PeerId::new([2; 32]);
    const CAROL: PeerId = PeerId::new([3; 32]);

    /// More than are looked at in a turn of the loop.
    fn with_many_messages(home: &std::path::Path) -> Conversation {
        let mut context = context(home);
        context.config.keep = Keep::Forever;
        let mut talk = conversation(&context, Typist::Pipe, Goal::Listen { once: None });
        let messages: Vec<Incoming> = (0..2_500).map(incoming).collect();
        let messages = messages.iter().map(|message| (BOB.into(), message));
        talk.profile.journal.receive(messages).unwrap();
        talk
    }

    fn told(talk: &mut Conversation) -> Vec<String> {
        let told = core::mem::take(&mut talk.state.told_to_people_for_testing_only);
        told.iter().map(ToString::to_string).collect()
    }

    /// The loop did nothing else until all were opened.
    #[test]
    fn a_search_through_many_messages_leaves_the_loop_to_others_in_between() {
        let home = tempfile::tempdir().unwrap();
        let mut talk = with_many_messages(home.path());
        talk.search("nothing has this".to_owned(), None, None);
        talk.history_find(Asked::of_standard_input(), &HistoryFind::default());
        let mut turns = 0;
        let words = loop {
            assert!(talk.look_on(), "a program waits for its turn");
            turns += 1;
            if let Some(words) = told(&mut talk).first() {
                break words.clone();
            }
        };
        assert!(turns > 5, "{turns}");
        let found = "nothing of what is kept has that in it";
        assert!(words.starts_with(found), "{words}");
        assert!(talk.look_on(), "a program still waits");
        talk.finish_looks(&Ok(ExitCode::Done));
        assert!(!talk.look_on());
    }

    /// What a person looked for was printed before it was deleted.
    #[test]
    fn what_one_asks_for_first_is_found_first_and_nobody_elses_search_is_hastened() {
        let home = tempfile::tempdir().unwrap();
        let mut talk = with_many_messages(home.path());
        talk.search("nothing has this".to_owned(), None, None);
        talk.history_find(Asked::of_standard_input(), &HistoryFind::default());
        let own = Asked::of_client(Client::of_nobody_for_testing_only());
        let other = Asked::of_client(Client::of_nobody_for_testing_only());
        talk.history_find(own.clone(), &HistoryFind::default());
        talk.history_find(own.clone(), &HistoryFind::default());
        talk.look_to_the_end(&other);
        assert_eq!(talk.state.looks.len(), 4);
        talk.look_to_the_end(&own);
        assert_eq!(talk.state.looks.len(), 2);
        talk.look_to_the_end(&Asked::of_standard_input());
        assert_eq!(talk.state.looks.len(), 1);
        assert_eq!(told(&mut talk), Vec::<String>::new());
    }

    /// An answer came to nobody, and others waited for that.
    #[test]
    fn nothing_is_looked_for_that_nobody_waits_for_any_more() {
        let home = tempfile::tempdir().unwrap();
        let mut talk = with_many_messages(home.path());
        let gone = Client::of_nobody_for_testing_only();
        gone.close();
        talk.history_find(Asked::of_client(gone), &HistoryFind::default());
        talk.search("nothing has this".to_owned(), None, None);
        talk.look_on();
        assert_eq!(talk.state.looks.len(), 1);
        assert!(matches!(talk.state.looks[0].whose, Whose::Person(_)));
    }

    #[test]
    fn who_looks_for_little_does_not_wait_for_who_looks_for_much() {
        let home = tempfile::tempdir().unwrap();
        let mut talk = with_many_messages(home.path());
        for sequence in [7, 8] {
            let message = [(CAROL.into(), &incoming(sequence))];
            talk.profile.journal.receive(message.into_iter()).unwrap();
        }
        talk.search("nothing has this".to_owned(), None, None);
        talk.search("nothing has this".to_owned(), Some(CAROL), None);
        while told(&mut talk).is_empty() {
            talk.look_on();
        }
        assert_eq!(talk.state.looks.len(), 1, "the first still looks");
    }

    #[test]
    fn an_input_that_has_ended_waits_for_what_it_looks_for() {
        let home = tempfile::tempdir().unwrap();
        let mut talk = with_many_messages(home.path());
        talk.goal = reach(BOB, true);
        let now = talk.clock.now();
        talk.state.ended = Some(now);
        talk.history_find(Asked::of_standard_input(), &HistoryFind::default());
        assert_eq!(talk.check_end(now).unwrap(), None);
        talk.look_to_the_end(&Asked::of_standard_input());
        assert_eq!(talk.check_end(now).unwrap(), Some(ExitCode::Done));
        talk.state.leaving = Some(now);
        talk.history_find(Asked::of_standard_input(), &HistoryFind::default());
        assert_eq!(talk.check_leave(now), None);
        assert_eq!(talk.check_leave(now + LEAVE_FILES), Some(ExitCode::Done));
    }

    #[test]
    fn a_signal_waits_for_no_search_and_another_end_does() {
        for (end, has_told) in [(ExitCode::Terminated, false), (ExitCode::Done, true)] {
            let home = tempfile::tempdir().unwrap();
            let mut talk = with_many_messages(home.path());
            talk.search("nothing has this".to_owned(), None, None);
            talk.history_find(Asked::of_standard_input(), &HistoryFind::default());
            talk.finish_looks(&Ok(end));
            assert!(talk.state.looks.is_empty());
            assert_eq!(!told(&mut talk).is_empty(), has_told);
        }
    }

    #[test]
    fn of_too_many_who_look_the_first_are_done_with_at_once() {
        let home = tempfile::tempdir().unwrap();
        let mut talk = with_many_messages(home.path());
        for _ in 0..=MOST {
            talk.search("hi".to_owned(), Some(BOB), None);
        }
        assert_eq!(talk.state.looks.len(), MOST);
        let told = told(&mut talk);
        assert!(
            told.last().unwrap().starts_with("the newest 200"),
            "{told:?}"
        );
        let mut turns = 0;
        while talk.look_on() {
            turns += 1;
        }
        assert!(turns > 5 * MOST, "the others have only begun: {turns}");
    }
}
