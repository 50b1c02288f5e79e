//! From the core to the user: what comes is written down first.

use crate::chat::{ContactId, Event, FailReason, Name, State, Update};
use crate::cli::talk::conversation::Conversation;
use crate::cli::{Error, ExitCode};
use crate::id::PeerId;

/// Something that is to be told.
#[derive(Debug)]
pub(super) enum News {
    /// What the core says. A message is written down.
    Of(Update),
    /// A message came that the store knows: it was shown before, and lacks its receipt only.
    Known(ContactId, Name),
}

impl Conversation {
    /// Takes what the core has, at most so much, and writes its messages down, all at once. Returns how much is to be told.
    pub(super) fn take_news(&mut self, most: usize) -> Result<usize, Error> {
        let mut updates = Vec::new();
        self.handle.poll_events(most, &mut updates)?;
        let mut is_new = match self.write_down(&updates) {
            Ok(is_new) => is_new.into_iter(),
            Err(error) => {
                updates.iter().for_each(|update| self.note_settled(update));
                return Err(error);
            }
        };
        let news = updates.into_iter().map(|update| match message(&update) {
            Some((contact, name)) if is_new.next() == Some(false) => News::Known(contact, name),
            Some(_) | None => News::Of(update),
        });
        self.state.news.extend(news);
        Ok(self.state.news.len())
    }

    /// Somebody is no contact any more, and the core had `events` to tell by then. What they say of messages to him is
    /// written down first: what was delivered up to that moment has not failed.
    pub(super) fn part_with(&mut self, gone: &[PeerId], events: usize) -> Result<(), Error> {
        if gone.is_empty() {
            return Ok(());
        }
        self.take_news(events)?;
        let journal = &mut self.profile.journal;
        for news in &self.state.news {
            if let News::Of(Update::Chat(Event::State {
                contact,
                name,
                state,
            })) = news
                && gone.contains(&contact.peer())
            {
                journal.settled(*contact, *name, *state);
            }
        }
        for peer in gone {
            journal.forget((*peer).into(), self.state.sent.waiting(*peer));
        }
        Ok(())
    }

    fn write_down(&mut self, updates: &[Update]) -> Result<Vec<bool>, Error> {
        let messages = updates.iter().filter_map(|update| match update {
            Update::Chat(Event::Message { contact, message }) => Some((*contact, message)),
            Update::Chat(_) | Update::Session(_) => None,
        });
        let mut messages = messages.peekable();
        if messages.peek().is_none() {
            return Ok(Vec::new());
        }
        Ok(self.profile.journal.receive(messages)?)
    }

    /// Tells what was taken, then lets the receipts go, all at once.
    pub(super) fn tell_news(&mut self) -> Result<Option<ExitCode>, Error> {
        let end = self.tell_each();
        let shown = core::mem::take(&mut self.state.shown);
        let taken = self.take_all(&shown);
        let end = end?;
        taken?;
        Ok(end)
    }

    fn tell_each(&mut self) -> Result<Option<ExitCode>, Error> {
        while let Some(news) = self.state.news.pop_front() {
            let end = match news {
                News::Of(update) => self.on_update(update)?,
                News::Known(contact, name) => {
                    self.state.shown.push((contact, name));
                    None
                }
            };
            if end.is_some() {
                return Ok(end);
            }
        }
        Ok(None)
    }

    /// Lets the receipts of messages go: they share packets. Not if another run would not find the messages.
    pub(super) fn take_all(&self, messages: &[(ContactId, Name)]) -> Result<(), Error> {
        if messages.is_empty() {
            return Ok(());
        }
        self.profile.journal.check_place()?;
        Ok(self.handle.with(|messenger, now| {
            for &(contact, name) in messages {
                messenger.take(contact, name, now);
            }
        })?)
    }

    /// Notes that a message of ours was delivered, without telling. One that has failed is told by the
    /// next run, which sends it again; not so if it was to somebody who has been removed, and of whom nothing is kept.
    pub(super) fn note_settled(&mut self, update: &Update) {
        let Update::Chat(Event::State {
            contact,
            name,
            state,
        }) = *update
        else {
            return;
        };
        let perhaps = self.may_have_arrived(contact, name);
        match state {
            State::Delivered => {
                let now = self.clock.now();
                self.state.sent.on_state(contact, name, state, now);
            }
            State::Failed(FailReason::Removed) => {
                // Where nothing can be printed any more nobody can be told.
                let _ = self.tell_state(contact, name, state);
            }
            State::Queued | State::Sent | State::Failed(_) => return,
        }
        self.profile.journal.settled(contact, name, state);
        self.answer_waits(contact, name, state, perhaps);
    }
}

fn message(update: &Update) -> Option<(ContactId, Name)> {
    match update {
        Update::Chat(Event::Message { contact, message }) => Some((*contact, message.name)),
        Update::Chat(_) | Update::Session(_) => None,
    }
}
