//! What is done with a conversation: a line now and then, and a file that fills the link.

use std::collections::VecDeque;
use std::time::Duration;

use securechat::time::Instant;

use crate::ours::Ours;
use crate::path::{End, Flow};
use crate::quic::Quic;

/// A contestant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    OursBbr,
    OursNewReno,
    QuinnNewReno,
    QuinnCubic,
    QuinnBbr,
}

impl Kind {
    pub const ALL: [Self; 5] = [
        Self::OursBbr,
        Self::OursNewReno,
        Self::QuinnNewReno,
        Self::QuinnCubic,
        Self::QuinnBbr,
    ];

    /// For the command line.
    pub const fn key(self) -> &'static str {
        match self {
            Self::OursBbr => "ours-bbr",
            Self::OursNewReno => "ours-newreno",
            Self::QuinnNewReno => "quinn-newreno",
            Self::QuinnCubic => "quinn-cubic",
            Self::QuinnBbr => "quinn-bbr",
        }
    }

    /// As named on the command line.
    pub fn of(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OursBbr => "ours",
            Self::OursNewReno => "ours, NewReno",
            Self::QuinnNewReno => "quinn, NewReno",
            Self::QuinnCubic => "quinn, CUBIC",
            Self::QuinnBbr => "quinn, BBR",
        }
    }

    /// `seed`: for what it draws itself.
    fn contestant(self, seed: u8) -> Box<dyn Contestant> {
        match self {
            Self::OursBbr | Self::OursNewReno => Box::new(Ours::new(self, seed)),
            Self::QuinnNewReno | Self::QuinnCubic | Self::QuinnBbr => {
                Box::new(Quic::new(self, seed))
            }
        }
    }
}

/// Two applications, and the protocol between them.
pub trait Contestant: Flow {
    fn connect(&mut self, now: Instant);
    /// Sends a line to the far application; while there is no connection yet it waits for it.
    fn say(&mut self, now: Instant);
    /// Keeps the file's stream full from now on.
    fn begin_file(&mut self);
    /// Lines that the far application has.
    fn heard(&self) -> usize;
    /// Bytes of the file that the far application has.
    fn moved(&self) -> u64;
}

/// What a conversation is for.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// When it connects.
    pub start: Duration,
    pub file: bool,
    /// When the first line is said, and how often one follows.
    pub lines: Option<(Duration, Duration)>,
}

/// A contestant at work.
pub struct Talk {
    contestant: Box<dyn Contestant>,
    load: Load,
    connected: bool,
    next_line: Option<Instant>,
    /// When those lines were said that the far application does not have.
    said: VecDeque<Instant>,
    heard: usize,
    /// How long each line took.
    pub delays: Vec<Duration>,
}

impl Talk {
    pub fn new(kind: Kind, seed: u8, load: Load) -> Self {
        Self {
            contestant: kind.contestant(seed),
            load,
            connected: false,
            next_line: load.lines.map(|(first, _)| Instant::ZERO + first),
            said: VecDeque::new(),
            heard: 0,
            delays: Vec::new(),
        }
    }

    pub fn moved(&self) -> u64 {
        self.contestant.moved()
    }

    /// Lines that are still under way count with what they have taken so far.
    pub fn into_delays(self, end: Instant) -> Vec<Duration> {
        let late = self.said.iter().map(|said| end.saturating_since(*said));
        self.delays.iter().copied().chain(late).collect()
    }

    fn start(&self) -> Instant {
        Instant::ZERO + self.load.start
    }

    fn note_heard(&mut self, now: Instant) {
        while self.heard < self.contestant.heard() {
            let said = self.said.pop_front().expect("it was said before");
            self.delays.push(now.saturating_since(said));
            self.heard += 1;
        }
    }
}

impl Flow for Talk {
    fn poll(&mut self, end: End, now: Instant, out: &mut Vec<Vec<u8>>) {
        if !self.connected && now >= self.start() {
            self.wake(now);
        }
        self.contestant.poll(end, now, out);
    }

    fn deliver(&mut self, end: End, datagram: Vec<u8>, now: Instant) {
        self.contestant.deliver(end, datagram, now);
        self.note_heard(now);
    }

    fn next(&mut self) -> Option<Instant> {
        let start = (!self.connected).then(|| self.start());
        let timers = [start, self.next_line, self.contestant.next()];
        timers.into_iter().flatten().min()
    }

    fn wake(&mut self, now: Instant) {
        if !self.connected && now >= self.start() {
            self.connected = true;
            self.contestant.connect(now);
            if self.load.file {
                self.contestant.begin_file();
            }
        }
        if let Some(due) = self.next_line.filter(|due| *due <= now) {
            self.next_line = self.load.lines.map(|(_, every)| due + every);
            self.contestant.say(now);
            self.said.push_back(now);
        }
        self.contestant.wake(now);
        self.note_heard(now);
    }
}
