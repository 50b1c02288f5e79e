//! What comes from standard input.

use crate::chat::{ContactId, Draft, Messenger, Name, OutboxError, Outgoing, Policy, SendError};
use crate::cli::talk::conversation::deliveries::Ordered;
use crate::cli::talk::conversation::pending::Unsaid;
use crate::cli::talk::conversation::{Conversation, MAX_LINES, Target, Turn, Typist};
use crate::cli::talk::fact::{Fact, Said};
use crate::cli::talk::sent::Passage;
use crate::cli::talk::stdin::{Stdin, fills_terminal};
use crate::cli::talk::typed::without_keys;
use crate::cli::{Error, ExitCode};
use crate::commands::{self, Typed};
use crate::id::PeerId;
use crate::text::{Safe, count_messages, safe_line};
use crate::tui::{Ticket, Told};

/// Messages to one peer that are written down together, and then said.
#[derive(Debug, Default)]
pub(super) struct Batch {
    peer: Option<PeerId>,
    messages: Vec<Outgoing>,
    /// Who says each of them.
    authors: Vec<Author>,
}

/// Who says a message, and is told what becomes of it.
#[derive(Debug)]
pub(super) enum Author {
    /// Whoever has typed the line, or piped it in.
    Line,
    /// The screen, which shows it under this ticket.
    Screen(Ticket),
    /// A program.
    Program(Ordered),
}

impl Author {
    /// Whether its message may wait for those that wait for room already. Other programs are not to wait for them.
    fn waits_its_turn(&self) -> bool {
        match self {
            Self::Line | Self::Screen(_) => true,
            Self::Program(ordered) => ordered.asked.is_of_standard_input(),
        }
    }
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// To whom it is, and who says each message.
    pub(super) fn into_authors(self) -> (Option<PeerId>, Vec<Author>) {
        (self.peer, self.authors)
    }

    pub(super) fn is_of_standard_input(&self) -> bool {
        let is_of_another = |author: &Author| match author {
            Author::Program(ordered) => !ordered.asked.is_of_standard_input(),
            Author::Line | Author::Screen(_) => false,
        };
        !self.authors.iter().any(is_of_another)
    }
}

impl Conversation {
    /// Takes lines that have come, and says what they say.
    pub(super) fn take_lines(&mut self) -> Result<Turn, Error> {
        if self.face.is_screen() {
            return self.take_orders();
        }
        let mut taken = 0;
        while taken < MAX_LINES && self.is_ready_for_a_line()? {
            let Some(line) = self.lines.next() else {
                break;
            };
            taken += 1;
            if let Some(end) = self.on_input(line)? {
                return Ok(Turn::End(end));
            }
        }
        let end = self.say_batch()?;
        Ok(end.map_or(Turn::Took(taken), Turn::End))
    }

    pub(super) fn on_input(&mut self, line: Stdin) -> Result<Option<ExitCode>, Error> {
        match line {
            Stdin::Line(line) => return self.on_typed(line),
            Stdin::Overlong(len) if self.typist == Typist::Program => self.on_overlong_command(len),
            Stdin::Overlong(len) => {
                self.face.entered();
                let largest = Policy::default().largest;
                let why = SendError::TooLarge { len, largest }.to_string();
                if self.is_writing() {
                    self.leave_out(safe_line(&why));
                } else {
                    self.refuse(&why);
                }
            }
            Stdin::End if self.is_person() => {
                self.face.interrupt();
                self.begin_to_leave();
            }
            Stdin::End => self.state.ended = Some(self.clock.now()),
        }
        Ok(None)
    }

    /// Offers messages that wait to the outbox again. A pipe is read only once there is somebody to say its lines to, and
    /// nothing of it waits; its end alone needs nobody. A person at a terminal may type at any time, and what is asked for
    /// does not wait for a message that does.
    fn is_ready_for_a_line(&mut self) -> Result<bool, Error> {
        self.use_room()?;
        // A program is told of each request that it comes too late.
        let is_over = self.state.leaving.is_some() && self.typist != Typist::Program;
        if is_over || self.state.ended.is_some() {
            return Ok(false);
        }
        let pending = &self.state.pending;
        match self.typist {
            Typist::Pipe if self.lines.have_failed() => Ok(pending.is_empty()),
            Typist::Pipe => {
                let has_room = pending.is_empty();
                self.find_hearer()?;
                Ok(has_room && (self.has_hearer()? || self.has_said_all()))
            }
            Typist::Program | Typist::Nobody | Typist::Person { .. } => Ok(!pending.is_full()),
        }
    }

    /// Whether an input is at its end whose lines have all been said, and arrived: whoever heard them may have left.
    fn has_said_all(&mut self) -> bool {
        let sent = &self.state.sent;
        sent.has_said() && sent.is_settled() && self.lines.are_over()
    }

    /// Offers messages that wait to the outbox again, if there may be room.
    pub(super) fn use_room(&mut self) -> Result<(), Error> {
        if core::mem::take(&mut self.state.has_room) {
            self.offer_again()?;
        }
        Ok(())
    }

    /// What waits again is what still has no room; after an error, also what was not offered.
    fn offer_again(&mut self) -> Result<(), Error> {
        let mut waiting = self.state.pending.take().into_iter();
        while let Some(unsaid) = waiting.next() {
            if let Err(error) = self.offer(unsaid) {
                waiting.for_each(|it| self.state.pending.push(it));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Whether there is somebody to say a pipe's lines to: for a caller from the first session on, for
    /// a listener while one stands and is heard, since somebody else may come next.
    fn has_hearer(&self) -> Result<bool, Error> {
        let Some(peer) = self.state.target.peer() else {
            return Ok(false);
        };
        let way = self.way(peer)?;
        let has_stood = way.link.is_some_and(|link| link.has_stood);
        Ok(way.is_open() || (has_stood && !self.goal.is_listening()))
    }

    fn on_typed(&mut self, line: Vec<u8>) -> Result<Option<ExitCode>, Error> {
        if self.typist == Typist::Program {
            return self.on_command(&line);
        }
        self.look_for_secrets(&line);
        if !self.is_person() {
            return match self.text_of(line) {
                Some(text) => self.say(self.state.target.peer(), text),
                None => Ok(None),
            };
        }
        self.face.entered();
        if self.is_writing() {
            return self.write_line(&line);
        }
        if fills_terminal(&line) {
            self.refuse_filling();
            return Ok(None);
        }
        if let Some(text) = without_keys(&line) {
            self.refuse_keys(&text);
            return Ok(None);
        }
        match self.text_of(line) {
            Some(line) => self.on_text(&line),
            None => Ok(None),
        }
    }

    /// Does what a person means by a line.
    fn on_text(&mut self, line: &str) -> Result<Option<ExitCode>, Error> {
        let typed = Typed::parse(line);
        let is_command = matches!(typed, Typed::Command(_));
        // What was said before a command or an answer comes before it.
        let said = match typed {
            Typed::SayTo { text, .. } if !text.is_empty() => self.say_batch_before_another()?,
            Typed::Say(_) if !self.state.callers.is_question() => None,
            Typed::Say(_)
            | Typed::SayTo { .. }
            | Typed::Command(_)
            | Typed::Misused(_)
            | Typed::Unknown { .. } => self.say_batch()?,
        };
        if said.is_some() {
            return Ok(said);
        }
        // While a question is open a line answers it, unless it is one of our commands. A key may
        // begin with `/` too.
        if self.state.callers.is_question() && !is_command {
            self.on_answer(line)?;
            return Ok(None);
        }
        if !is_command && self.state.callers.have_lost_question(self.clock.now()) {
            self.warn("that was typed before the question was gone (nothing was sent)".into());
            return Ok(None);
        }
        match typed {
            Typed::Say("") => self.drop_quote(),
            Typed::Say(text) => return self.say_to_target(text),
            Typed::SayTo { name, text } => {
                let peer = self.go(name);
                if let Some(peer) = peer.filter(|_| !text.is_empty()) {
                    return self.say_or_answer(peer, text);
                }
            }
            Typed::Command(command) => return self.do_command(command),
            Typed::Misused(usage) => self.misused(usage),
            Typed::Unknown { word, similar } => self.warn(commands::unknown(word, similar)),
        }
        Ok(None)
    }

    /// Turns to the peer of that name; says so if there is none.
    pub(super) fn go(&mut self, name: &str) -> Option<PeerId> {
        let found = self.named(Some(name));
        if let Some(peer) = found {
            self.turn_to(Target::Peer(peer, None), None);
        }
        found
    }

    fn say_to_target(&mut self, text: &str) -> Result<Option<ExitCode>, Error> {
        match self.hearer() {
            Some(peer) => self.say_or_answer(peer, text),
            None => Ok(None),
        }
    }

    /// To whom a line goes that is typed now; says so if to nobody.
    pub(super) fn hearer(&mut self) -> Option<PeerId> {
        let Some(peer) = self.state.target.peer() else {
            let words = if self.state.target == Target::Gone {
                "to whom? Begin the line with @NAME (nothing was sent)"
            } else {
                "nobody is connected (nothing was sent)"
            };
            self.warn(words.into());
            return None;
        };
        if self.state.target.is_unseen(self.clock.now()) {
            let words = Safe::from("that was typed before ") + self.label(&peer);
            self.warn(words + " came (nothing was sent)");
            return None;
        }
        Some(peer)
    }

    /// Takes what was written, whatever it is, as one message.
    pub(super) fn say(
        &mut self,
        peer: Option<PeerId>,
        text: String,
    ) -> Result<Option<ExitCode>, Error> {
        match peer {
            Some(peer) if self.is_sendable(&text) => self.say_sendable(peer, text),
            Some(_) | None => Ok(None),
        }
    }

    /// As [`Self::say`], of what was looked at.
    pub(super) fn say_sendable(
        &mut self,
        peer: PeerId,
        text: String,
    ) -> Result<Option<ExitCode>, Error> {
        let others_wait = self.state.pending.waits_for(&peer);
        let end = self.prepare(peer, text, Author::Line)?;
        if !others_wait && self.state.pending.waits_for(&peer) {
            self.tell_wait(peer);
        }
        Ok(end)
    }

    /// Adds a message to what is said next.
    pub(super) fn prepare(
        &mut self,
        peer: PeerId,
        text: String,
        author: Author,
    ) -> Result<Option<ExitCode>, Error> {
        let since = self.clock.now();
        self.offer(Unsaid {
            peer,
            text,
            author,
            since,
        })
    }

    fn offer(&mut self, unsaid: Unsaid) -> Result<Option<ExitCode>, Error> {
        if self.state.pending.waits_for(&unsaid.peer) && unsaid.author.waits_its_turn() {
            self.state.pending.push(unsaid);
            return Ok(None);
        }
        let peer = unsaid.peer;
        if self.state.batch.peer != Some(peer) {
            let said = self.say_batch_before_another();
            if !matches!(said, Ok(None)) {
                self.answer_untaken(peer, unsaid.author);
                return said;
            }
        }
        self.state.batch.peer = Some(peer);
        let draft = Draft::text(unsaid.text.clone(), self.clock.unix_time());
        let earlier = &self.state.batch.messages;
        let prepared = self
            .handle
            .with(|messenger, _| messenger.prepare_after(peer.into(), draft, earlier));
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                // That is the end, at which whoever asked for it is answered.
                self.state.pending.push(unsaid);
                return Err(error.into());
            }
        };
        match prepared {
            Ok(message) => {
                self.state.batch.messages.push(message);
                self.state.batch.authors.push(unsaid.author);
            }
            Err(SendError::Outbox(OutboxError::TooMany | OutboxError::TooMuch))
                if self.may_wait(peer, &unsaid.author).unwrap_or(true) =>
            {
                self.state.pending.push(unsaid);
            }
            Err(error) => {
                let end = self.say_batch();
                self.refuse_for(peer, &unsaid.author, &error);
                return end;
            }
        }
        Ok(None)
    }

    /// Says that a line waits, of which nothing is to be seen until there is room for it.
    fn tell_wait(&mut self, peer: PeerId) {
        if self.is_person() {
            let words =
                Safe::from("waits for room: too much of what was said before has yet to reach ");
            let words = words + self.label(&peer);
            self.warn_about(peer, words);
        }
    }

    /// Whether a message that the outbox has no room for is kept until it has.
    fn may_wait(&self, peer: PeerId, author: &Author) -> Result<bool, Error> {
        if !author.waits_its_turn() {
            return Ok(false);
        }
        match author {
            Author::Line if self.typist == Typist::Pipe => Ok(true),
            Author::Program(_) if self.state.pending.is_slow(&peer) => Ok(false),
            Author::Line | Author::Screen(_) | Author::Program(_) => self.is_connected(peer),
        }
    }

    /// Says what comes before a message, which counts as not taken if that is the end.
    pub(super) fn say_batch_before_another(&mut self) -> Result<Option<ExitCode>, Error> {
        let end = self.say_batch();
        if !matches!(end, Ok(None)) {
            self.state.unsaid += 1;
        }
        end
    }

    /// Writes down what is to be said, and says it.
    pub(super) fn say_batch(&mut self) -> Result<Option<ExitCode>, Error> {
        let batch = core::mem::take(&mut self.state.batch);
        let Some(peer) = batch.peer.filter(|_| !batch.messages.is_empty()) else {
            return Ok(None);
        };
        let (contact, messages) = (ContactId::from(peer), batch.messages);
        if let Err(error) = self.write_batch(contact, &messages) {
            self.answer_unwritten(&batch.authors, &error);
            return Err(error);
        }
        let accept = |messenger: &mut Messenger, now| {
            let accept = |it: &Outgoing| messenger.accept(contact, it.clone(), now);
            messages.iter().map(accept).collect::<Vec<_>>()
        };
        let accepted = match self.handle.with(accept) {
            Ok(accepted) => accepted,
            Err(error) => {
                self.keep_batch(peer, &messages, batch.authors);
                return Err(error.into());
            }
        };
        let withdrawn = self.withdraw(contact, messages.iter().zip(&accepted));
        let end = self.tell_batch(peer, messages.iter().zip(accepted).zip(batch.authors));
        withdrawn?;
        end
    }

    /// Tells who said what is written down, and will be sent by the next run: the network of this one has failed.
    fn keep_batch(&mut self, peer: PeerId, messages: &[Outgoing], authors: Vec<Author>) {
        let now = self.clock.now();
        for (message, author) in messages.iter().zip(authors) {
            (self.state.sent).add(peer, message.name, Passage::Closed, now);
            if self.has_hearers() {
                let said = Said::outgoing(self.who(&peer), message);
                self.publish(&Fact::Message(said));
            }
            self.tell_author(peer, message, author);
        }
    }

    /// Takes back what was not accepted, whatever can be told of it: it would be sent next time.
    fn withdraw<'a>(
        &mut self,
        contact: ContactId,
        accepted: impl Iterator<Item = (&'a Outgoing, &'a Result<Name, SendError>)>,
    ) -> Result<(), Error> {
        let refused = accepted.filter(|(_, accepted)| accepted.is_err());
        let refused: Vec<Name> = refused.map(|(message, _)| message.name).collect();
        if !refused.is_empty() {
            self.profile.journal.withdraw(contact, &refused)?;
        }
        Ok(())
    }

    /// Tells what became of each message. Where nothing can be printed any more the others count as said all the same.
    fn tell_batch<'a>(
        &mut self,
        peer: PeerId,
        each: impl Iterator<Item = ((&'a Outgoing, Result<Name, SendError>), Author)>,
    ) -> Result<Option<ExitCode>, Error> {
        let passage = self.way(peer)?.passage();
        let mut end = Ok(None);
        for ((message, accepted), author) in each {
            if let Err(error) = accepted {
                self.refuse_for(peer, &author, &error);
                continue;
            }
            let number = self.note_said(peer, message, passage, author)?;
            if let Ok(None) = end {
                end = self.print_said(peer, number, message, passage);
            }
        }
        end
    }

    fn write_batch(&mut self, contact: ContactId, messages: &[Outgoing]) -> Result<(), Error> {
        let written = self.profile.journal.queue(contact, messages);
        if written.is_err() {
            self.state.has_failed = true;
            self.tell_unwritten(messages.len());
        }
        Ok(written?)
    }

    /// A screen is closed next, with all that it says: it is told behind it that they were not taken.
    fn tell_unwritten(&mut self, messages: usize) {
        if self.face.is_screen() {
            self.state.unsaid += messages;
        } else {
            let words = Safe::from("not sent: ") + count_messages(messages);
            self.warn(words + " could not be written down");
        }
    }

    /// Gives a message of ours its number, and tells programs and a screen.
    fn note_said(
        &mut self,
        peer: PeerId,
        message: &Outgoing,
        passage: Passage,
        author: Author,
    ) -> Result<u64, Error> {
        let now = self.clock.now();
        let number = self.state.sent.add(peer, message.name, passage, now);
        self.remember_ours(peer, number, message);
        self.publish_said(peer, message, passage)?;
        self.tell_author(peer, message, author);
        Ok(number)
    }

    /// Tells whoever says a message that it is taken.
    fn tell_author(&mut self, peer: PeerId, message: &Outgoing, author: Author) {
        match author {
            Author::Line => {}
            Author::Screen(ticket) => {
                let name = message.name;
                self.face.show(Told::Accepted { ticket, name });
            }
            Author::Program(ordered) => {
                let label = self.label(&peer);
                if let Some(screen) = self.face.screen() {
                    screen.sent((peer, &label), message);
                }
                self.on_ordered(ordered, peer.into(), message.name);
            }
        }
    }

    /// Shows a person a message of ours, and why it waits if it does.
    fn print_said(
        &mut self,
        peer: PeerId,
        number: u64,
        message: &Outgoing,
        passage: Passage,
    ) -> Result<Option<ExitCode>, Error> {
        if !self.is_person() {
            return Ok(None);
        }
        let own = self.own_message(number, peer);
        let printed = self.face.own(&own, message);
        if let Some(end) = self.printed(printed)? {
            return Ok(Some(end));
        }
        if passage == Passage::Open {
            return Ok(None);
        }
        let words = Safe::from("queued: ") + self.obstacle(peer)?;
        self.progress(number, peer, &words)
    }

    /// Tells programs of a message of ours, and why it waits if it does.
    fn publish_said(
        &mut self,
        peer: PeerId,
        message: &Outgoing,
        passage: Passage,
    ) -> Result<(), Error> {
        if !self.has_hearers() {
            return Ok(());
        }
        let said = Said::outgoing(self.who(&peer), message);
        self.publish(&Fact::Message(said));
        if passage != Passage::Open {
            let why = self.obstacle(peer)?;
            self.publish_receipt(peer.into(), message.name, "queued", Some(why));
        }
        Ok(())
    }

    /// Tells whoever says a message why it is not sent.
    fn refuse_for(&mut self, peer: PeerId, author: &Author, error: &SendError) {
        let why = if self.is_aside(&peer) {
            let label = self.label(&peer);
            Safe::from("the words that you compared with ") + label + " differed"
        } else {
            safe_line(&error.to_string())
        };
        match author {
            Author::Line => self.refuse(why.as_str()),
            Author::Screen(ticket) => {
                let ticket = *ticket;
                self.face.show(Told::NotAccepted { ticket, why });
            }
            Author::Program(ordered) => self.on_not_accepted(ordered, peer, error),
        }
    }

    /// Tells that a line is not sent. A script learns it from the exit code.
    pub(super) fn refuse(&mut self, why: &str) {
        self.state.has_failed = true;
        self.face.refused(&safe_line(why));
    }
}
