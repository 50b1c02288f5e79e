//! What goes into the face and what comes out of it.

use std::net::SocketAddr;
use std::time::Duration;

use ratatui_crossterm::crossterm::event::KeyEvent;

use crate::calendar::Zone;
use crate::chat::words::ShortCode;
use crate::chat::{MessageRef, Name, State};
use crate::id::PeerId;
use crate::text::Safe;
use crate::time::{Instant, UnixTime};
use crate::tui::purged::Purged;
use crate::tui::verifying::Noted;

/// The two clocks at one moment, and what led to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// For what passes.
    pub instant: Instant,
    /// For what is shown.
    pub unix: UnixTime,
    /// When what is told of happened at the terminal: before `instant`, if nobody had time for it.
    pub happened: Instant,
}

/// What happens to the face.
#[derive(Debug)]
pub enum Input {
    /// A key.
    Key(KeyEvent),
    /// Text that was pasted in one piece, whatever it contains.
    Paste(String),
    /// The mouse wheel, where the mouse is on: rows to go up, or down if negative.
    Wheel(i16),
    /// A click on this cell, where the mouse is on: column, row.
    Click(u16, u16),
    /// The terminal has so many cells now.
    Resize {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// The terminal's window got or lost the keyboard.
    Focus(bool),
    /// Time has passed. Once a second is enough, and never needed for anything but the clock on the
    /// screen.
    Tick,
    /// The core tells something.
    Told(Told),
}

/// What the core tells.
#[derive(Debug)]
pub enum Told {
    /// Somebody is known, or known in another way than before.
    Peer(Card),
    /// The conversation with this person is what the program was started for: it comes first.
    Show(PeerId),
    /// Somebody is known no longer. The conversation stays to be read.
    Forgotten(PeerId),
    /// This machine's time zone is another from now on.
    Zone(Zone),
    /// Somebody said something.
    Said(Said),
    /// A message of ours was taken into the outbox, under this name.
    Accepted {
        /// The number that the face gave it.
        ticket: Ticket,
        /// Its name from now on.
        name: Name,
    },
    /// A message of ours was not taken.
    NotAccepted {
        /// The number that the face gave it.
        ticket: Ticket,
        /// Why.
        why: Safe,
    },
    /// What was last said with somebody before this run and was over by then, which was asked for.
    Earlier {
        /// With whom.
        peer: PeerId,
        /// The messages, oldest first.
        messages: Vec<Earlier>,
        /// Whether there are more before them.
        has_older: bool,
    },
    /// A message of ours from before this run that waits.
    Own {
        /// To whom.
        peer: PeerId,
        /// Which.
        name: Name,
        /// When it was written.
        at: UnixTime,
        /// What it says.
        text: String,
    },
    /// A message of ours that another program has said just now.
    Sent {
        /// To whom.
        peer: PeerId,
        /// Which.
        name: Name,
        /// When it was written.
        at: UnixTime,
        /// What it says.
        text: String,
    },
    /// A message of ours moved on.
    State {
        /// To whom it goes.
        peer: PeerId,
        /// Which one.
        name: Name,
        /// How far it has come.
        state: State,
    },
    /// How things stand with somebody.
    Standing {
        /// With whom.
        peer: PeerId,
        /// How.
        standing: Standing,
    },
    /// How good the way to somebody is; at most once a second.
    Link {
        /// To whom.
        peer: PeerId,
        /// How good.
        link: LinkStatus,
    },
    /// An unknown key calls.
    Guest(Guest),
    /// It is gone, or has its answer.
    GuestGone(PeerId),
    /// How a comparison of words with somebody stands.
    Comparison {
        /// With whom.
        peer: PeerId,
        /// How.
        comparison: Comparison,
    },
    /// The safety number of us and somebody, which was asked for.
    SafetyNumber {
        /// Of whom.
        peer: PeerId,
        /// 60 digits.
        number: Safe,
    },
    /// A word about a comparison, for the panel in which it is made: why what was typed proves nothing, and what to do.
    Remark {
        /// With whom it is made.
        peer: PeerId,
        /// What is said.
        words: Safe,
    },
    /// A QR code to be read off the screen, which was asked for.
    Code {
        /// Its rows, in blanks and half blocks, with the empty border that it needs.
        lines: Vec<Safe>,
        /// What it says.
        text: Safe,
    },
    /// What was found of what is kept.
    Found {
        /// The messages, newest first.
        hits: Vec<Hit>,
        /// What is to be said about all of them.
        sum: Vec<Safe>,
    },
    /// A message of a search and what was said around it, oldest first.
    Around {
        /// The messages, some lines each.
        messages: Vec<Vec<Safe>>,
        /// Which of them it is.
        at: usize,
    },
    /// Nothing is shown around a message that was found, and why.
    NotAround(Safe),
    /// A message was done away with, wherever it was kept.
    Deleted(MessageRef),
    /// It was not, and why.
    NotDeleted(Safe),
    /// What was over was done away with, wherever it was kept.
    Purged(Purged),
    /// What the beginning of a file's name could become, which was asked for.
    Files {
        /// The beginning, as it was asked for.
        part: String,
        /// What it could become, or why that cannot be said.
        found: Result<Files, Safe>,
    },
    /// Words about somebody, or about everything.
    Note {
        /// About whom.
        about: Option<PeerId>,
        /// The words, a line each.
        lines: Vec<Safe>,
    },
}

/// What a screen holds of a conversation, as it is read outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Its messages with date, author and state, a line each.
    pub lines: Vec<Safe>,
    /// How many messages had to make room.
    pub made_room: u64,
    /// When the oldest one was said, if there are older ones that were not loaded.
    pub older_than: Option<UnixTime>,
}

/// A message that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Which it is.
    pub which: MessageRef,
    /// When it came or was queued, by our clock.
    pub at: UnixTime,
    /// What is shown of it.
    pub lines: Vec<Safe>,
}

/// What the beginning of a file's name could become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Each as it would be typed, in their order; a directory ends with a slash.
    pub names: Vec<Safe>,
    /// There are more of them.
    pub has_more: bool,
}

/// Somebody who is known.
#[derive(Clone, Debug)]
pub struct Card {
    /// The key.
    pub peer: PeerId,
    /// What we call it.
    pub name: Safe,
    /// Whether the key was compared with its owner.
    pub verified: bool,
    /// Whether what we call it is a saved name.
    pub saved: bool,
}

/// A message of somebody's.
#[derive(Debug)]
pub struct Said {
    /// Whose.
    pub peer: PeerId,
    /// Which.
    pub name: Name,
    /// The text; none of bytes that are no text.
    pub text: Option<String>,
    /// How many bytes it has.
    pub len: usize,
    /// When it came.
    pub at: UnixTime,
    /// When its author says to have written it.
    pub written: UnixTime,
    /// Messages before it that never arrived.
    pub missing: u64,
    /// It may have been shown before.
    pub again: bool,
}

/// A message that was said before this run.
#[derive(Debug)]
pub enum Earlier {
    /// Somebody's.
    Theirs(Said),
    /// Ours.
    Ours {
        /// Its name.
        name: Name,
        /// When it was written.
        at: UnixTime,
        /// What it says.
        text: String,
        /// What became of it.
        state: State,
    },
}

/// An unknown key that calls.
#[derive(Clone, Debug)]
pub struct Guest {
    /// The key.
    pub peer: PeerId,
    /// In the form that people compare.
    pub fingerprint: Safe,
    /// From where.
    pub address: SocketAddr,
    /// What it is called if the person gives it no name.
    pub ours: Safe,
    /// What it would like to be called.
    pub nickname: Option<Safe>,
    /// What there is to be said against it.
    pub warning: Option<Safe>,
}

/// How things stand with somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No session, and none under way.
    Offline {
        /// Why, and what is tried next.
        why: Safe,
    },
    /// A handshake is under way.
    Connecting {
        /// Since when.
        since: Instant,
        /// Why it takes so long, and what is tried next.
        why: Safe,
    },
    /// A session stands.
    Up,
    /// It said goodbye.
    Ended {
        /// In words.
        why: Safe,
    },
    /// Another key is in its place. Nothing is sent.
    KeyChanged {
        /// What happened, and what to do.
        why: Safe,
    },
    /// Words that were compared were others. Nothing is sent until the person decides.
    WordsDiffer {
        /// What happened, and what to do.
        why: Safe,
    },
    /// The key was revoked. Nothing is sent, ever.
    Revoked,
}

/// How a comparison of words with somebody stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Words cannot be compared as things stand.
    NotNow {
        /// Why not.
        why: Safe,
    },
    /// Words can never be compared.
    Impossible {
        /// Why not.
        why: Safe,
    },
    /// One side has asked; the words follow.
    Begun {
        /// When it has taken too long.
        until: Instant,
    },
    /// These are the words.
    Words {
        /// Of which the words and the numbers are made.
        code: ShortCode,
        /// When it has taken too long.
        until: Instant,
        /// Whether the other person has confirmed.
        theirs: bool,
    },
    /// Our person has confirmed.
    Same {
        /// Where that is noted.
        noted: Noted,
        /// Whether the other person has confirmed.
        theirs: bool,
        /// How long that is waited for; none if nobody waits any more.
        until: Option<Instant>,
    },
    /// It ended without a result.
    Over {
        /// Why.
        why: Safe,
    },
    /// Somebody has said that they differ.
    Differ {
        /// The day on which the key had been verified; none if it never was, or if they were compared in another run.
        verified: Option<Safe>,
        /// Whether the other person has.
        theirs: bool,
        /// What is to be done.
        what_next: Safe,
    },
}

/// How good the way to somebody is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStatus {
    /// Where it is.
    pub address: Option<SocketAddr>,
    /// There and back.
    pub rtt: Option<Duration>,
    /// What was lost lately, in percent.
    pub loss: Option<u32>,
    /// How long ago something was heard.
    pub heard: Option<Duration>,
    /// Something is due from there: that nothing is heard means something.
    pub is_due: bool,
    /// For how long what we sent has not been acknowledged.
    pub unacked: Option<Duration>,
    /// How old the keys are.
    pub key_age: Option<Duration>,
    /// What has another address than before, while it is found out whether the way leads on.
    pub moved: Option<Moved>,
}

/// What has another address than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// This machine; nothing that left since has been acknowledged.
    Here,
    /// The peer, as its packets say; it has yet to prove that it receives there.
    There(SocketAddr),
}

/// The number that the face gives a message before the core has named it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// What the face wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this to `peer`, and to nobody else.
    Send {
        /// To whom, as it was when Enter was pressed.
        peer: PeerId,
        /// How the answer names it.
        ticket: Ticket,
        /// What to say: not empty, as it was written.
        text: String,
    },
    /// Do, or find out; the answer comes as a [`Told`].
    Ask(Ask),
    /// These messages of somebody have been looked at.
    Seen(PeerId, Vec<Name>),
    /// Put this into the clipboard.
    Copy(String),
    /// Call the person.
    Notify(Notice),
    /// Turn the mouse on or off.
    Mouse(bool),
    /// Draw everything anew.
    Redraw,
    /// Give the terminal back until the shell returns it.
    Suspend,
    /// End.
    Quit,
}

/// What only the core can do or know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Who is there.
    Peers,
    /// How things stand with each.
    Status,
    /// What was said with somebody before this run; it comes as [`Told::Earlier`].
    Earlier(PeerId),
    /// All about one.
    Whois(PeerId),
    /// Measure the way there and back.
    Ping(PeerId),
    /// Call somebody now.
    Connect(PeerId),
    /// End the session with somebody, and do not call.
    Disconnect(PeerId),
    /// Compare words; it comes as [`Told::Comparison`].
    Verify(PeerId),
    /// The words are the same.
    Match {
        /// Whose.
        peer: PeerId,
        /// What was on the screen; none if nothing was.
        code: Option<ShortCode>,
        /// What was read out, if that was typed.
        typed: String,
    },
    /// What was compared differs.
    Differ {
        /// With whom.
        peer: PeerId,
        /// The words or numbers that were on the screen; none if it is about the keys.
        code: Option<ShortCode>,
    },
    /// Our safety number and somebody's: compare it with what was read out, or tell it if nothing was.
    SafetyNumber(PeerId, String),
    /// Compare no more for now.
    Later(PeerId),
    /// Our own key, and what others have to type.
    MyId,
    /// Our own key as a QR code; it comes as [`Told::Code`].
    MyQr,
    /// Save somebody who has no name yet.
    Save {
        /// Whom.
        peer: PeerId,
        /// The name, unchecked.
        name: String,
    },
    /// Call somebody by another name.
    Rename {
        /// Whom.
        peer: PeerId,
        /// The name, unchecked.
        new: String,
    },
    /// Look in what is kept; it comes as [`Told::Found`].
    Search {
        /// What the messages have in them, in whatever case.
        words: String,
        /// With whom.
        with: Option<PeerId>,
        /// How far back.
        within: Option<Duration>,
    },
    /// Do away with a message here; it comes as [`Told::Deleted`] or [`Told::NotDeleted`].
    Delete(MessageRef),
    /// Look up what was said around a message; it comes as [`Told::Around`] or [`Told::NotAround`].
    Around(MessageRef),
    /// Find files whose names begin like this; they come as [`Told::Files`].
    Files(String),
    /// Write the conversation with somebody into a file that does not exist yet: what is kept of it, or
    /// [`App::held`](crate::tui::App::held).
    Export {
        /// With whom.
        peer: PeerId,
        /// Which file, unchecked.
        file: String,
    },
    /// Take an unknown key in under a name.
    Welcome {
        /// The key.
        peer: PeerId,
        /// The name, unchecked; one of the program's making if there is none.
        name: Option<String>,
    },
    /// Send an unknown key away.
    Refuse(PeerId),
    /// Save a key under a name.
    Add {
        /// The name, unchecked.
        name: String,
        /// The key in any form, unchecked.
        key: String,
    },
}

/// A call for the person's attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What a notification may say; nothing if none.
    pub words: Option<Safe>,
    /// Whether the bell rings.
    pub rings: bool,
}

/// What a notification may say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discretion {
    /// Nothing, and there is none.
    Off,
    /// Nothing: the bell alone.
    #[default]
    Bell,
    /// From whom.
    Sender,
    /// From whom, and what.
    Full,
}
