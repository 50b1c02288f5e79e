//! Which messages of a contact have been seen, so that none is shown twice.

use crate::chat::message::{LogId, Name};
use crate::chat::ranges::Ranges;
use crate::proto::limits::{LOG_LIFE, MAX_LOGS};
use crate::time::Instant;

/// Ranges kept of one log: every second message of a full outbox may fail and none that waits for its
/// receipt is forgotten.
pub(super) const MAX_RANGES: usize = 512;

/// What is remembered of the messages of one log, so that each is known when it comes again. A store
/// keeps it: the next process then knows them too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenLog {
    /// The lowest sequence that has not been met: everything below is over.
    next: u64,
    /// What the application has taken.
    taken: Ranges,
}

impl SeenLog {
    /// How many logs of one contact are remembered.
    pub const MOST: usize = MAX_LOGS;

    /// What a store has written down: [`SeenLog::next`] and [`SeenLog::taken`].
    #[must_use]
    pub fn from_parts(next: u64, taken: &[(u64, u64)]) -> Self {
        let taken = taken.iter().copied().collect();
        Self { next, taken }
    }

    /// The lowest sequence that is still to come.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// The sequences that were taken, as inclusive ranges in ascending order: at most 512, the lowest
    /// are forgotten and stay below [`SeenLog::next`].
    #[must_use]
    pub fn taken(&self) -> &[(u64, u64)] {
        self.taken.as_slice()
    }

    /// Notes that a message is taken.
    pub fn take(&mut self, sequence: u64) {
        self.meet(sequence);
        self.taken.insert(sequence, sequence);
        self.taken.keep_highest(MAX_RANGES);
    }

    fn meet(&mut self, sequence: u64) {
        self.next = self.next.max(sequence.saturating_add(1));
    }
}

/// The logs of one contact.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// In the order of their ids.
    logs: Vec<(LogId, Log)>,
    /// How many messages were met, duplicates included.
    meetings: u64,
    /// How many had been met when the connection began.
    meetings_before: u64,
    /// Until then there is surely no room for another log: whoever sends many of them does not make us look
    /// through all of ours each time.
    full_until: Option<Instant>,
}

#[derive(Debug)]
struct Log {
    seen: SeenLog,
    /// When a message under this id was last met.
    heard: Instant,
    /// The number of that meeting.
    meeting: u64,
}

/// What is to be done with a message that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is new, and so many before it never arrived.
    New { missing: u64 },
    /// It has been taken: the receipt is repeated.
    Taken,
    /// It is lower than what has been met, and was not taken.
    Late,
    /// Its log is new, and as many as are remembered were met on this connection.
    TooManyLogs,
}

impl Seen {
    pub(super) fn judge(&self, name: Name, now: Instant) -> Verdict {
        let Some(log) = self.log(name.log) else {
            let has_room = || self.remembered(now) < MAX_LOGS || self.given_up().is_some();
            return if !self.is_surely_full(now) && has_room() {
                Verdict::New { missing: 0 }
            } else {
                Verdict::TooManyLogs
            };
        };
        if log.seen.taken.range_of(name.sequence).is_some() {
            return Verdict::Taken;
        }
        name.sequence
            .checked_sub(log.seen.next)
            .map_or(Verdict::Late, |missing| Verdict::New { missing })
    }

    /// Whether anything is known of a log.
    pub(super) fn remembers(&self, log: LogId) -> bool {
        self.log(log).is_some()
    }

    /// Another connection begins: its sender starts with all that waits, oldest first.
    pub(super) const fn start_anew(&mut self) {
        self.meetings_before = self.meetings;
        self.full_until = None;
    }

    /// Notes that a message under this id came, a duplicate too.
    pub(super) fn on_heard(&mut self, log: LogId, now: Instant) {
        self.meetings += 1;
        let meeting = self.meetings;
        if let Some(log) = self.log_mut(log) {
            log.heard = now;
            log.meeting = meeting;
        }
    }

    /// Notes that a message is in the application's hands, or was turned away: a lower one of its log
    /// comes too late from now on.
    pub(super) fn on_met(&mut self, name: Name, now: Instant) {
        if self.log(name.log).is_none() {
            self.make_room(now);
            self.restore(name.log, SeenLog::default(), now);
        }
        self.on_heard(name.log, now);
        if let Some(log) = self.log_mut(name.log) {
            log.seen.meet(name.sequence);
        }
    }

    fn make_room(&mut self, now: Instant) {
        if self.is_surely_full(now) {
            return;
        }
        self.logs.retain(|(_, log)| log.is_remembered(now));
        if self.logs.len() >= MAX_LOGS {
            match self.given_up() {
                Some(at) => drop(self.logs.remove(at)),
                None => self.full_until = self.first_forgotten(),
            }
        }
    }

    fn is_surely_full(&self, now: Instant) -> bool {
        self.full_until.is_some_and(|until| now <= until)
    }

    /// The end of the log that was met longest ago, if it is not met again.
    fn first_forgotten(&self) -> Option<Instant> {
        let heard = self.logs.iter().map(|(_, log)| log.heard).min();
        heard.map(|at| at + LOG_LIFE)
    }

    /// Where the log stands that was met longest ago, unless that was on this connection. Nothing of it
    /// waits for a receipt any more: its sender would have sent that before anything of a newer log.
    fn given_up(&self) -> Option<usize> {
        let meetings = self.logs.iter().map(|(_, log)| log.meeting).enumerate();
        let oldest = meetings.min_by_key(|&(_, meeting)| meeting);
        oldest.and_then(|(at, meeting)| (meeting <= self.meetings_before).then_some(at))
    }

    fn place(&self, log: LogId) -> Result<usize, usize> {
        self.logs.binary_search_by_key(&log, |(id, _)| *id)
    }

    fn log(&self, log: LogId) -> Option<&Log> {
        let at = self.place(log).ok()?;
        self.logs.get(at).map(|(_, log)| log)
    }

    fn log_mut(&mut self, log: LogId) -> Option<&mut Log> {
        let at = self.place(log).ok()?;
        self.logs.get_mut(at).map(|(_, log)| log)
    }

    /// Remembers what an earlier process saw, and when it last did, after those that were heard before.
    /// At most [`MAX_LOGS`] are.
    pub(super) fn restore(&mut self, log: LogId, seen: SeenLog, heard: Instant) {
        self.meetings += 1;
        self.full_until = self.full_until.map(|until| until.min(heard + LOG_LIFE));
        let known = Log {
            seen,
            heard,
            meeting: self.meetings,
        };
        match self.place(log) {
            Err(at) if self.logs.len() < MAX_LOGS => self.logs.insert(at, (log, known)),
            Err(_) => {}
            Ok(at) => {
                if let Some((_, log)) = self.logs.get_mut(at) {
                    *log = known;
                }
            }
        }
    }

    /// Notes that the application has taken a message.
    pub(super) fn on_taken(&mut self, name: Name, now: Instant) {
        if let Some(log) = self.log_mut(name.log) {
            log.seen.take(name.sequence);
            log.heard = now;
        }
    }

    /// The taken messages around this one: what its receipt says.
    pub(super) fn receipt_for(&self, name: Name) -> (u64, u64) {
        let range = self.log(name.log);
        let range = range.and_then(|log| log.seen.taken.range_of(name.sequence));
        range.unwrap_or((name.sequence, name.sequence))
    }

    fn remembered(&self, now: Instant) -> usize {
        if self.logs.len() < MAX_LOGS {
            return self.logs.len();
        }
        let remembered = |(_, log): &&(LogId, Log)| log.is_remembered(now);
        self.logs.iter().filter(remembered).count()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        let ranges = self.logs.iter().map(|(_, log)| log.seen.taken.len());
        (self.logs.len(), ranges.max().unwrap_or(0))
    }
}

impl Log {
    fn is_remembered(&self, now: Instant) -> bool {
        now.saturating_since(self.heard) <= LOG_LIFE
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const NEW: Verdict = Verdict::New { missing: 0 };

    fn name(log: u64, sequence: u64) -> Name {
        Name {
            log: LogId(log),
            sequence,
        }
    }

    fn take(seen: &mut Seen, name: Name, now: Instant) {
        seen.on_met(name, now);
        seen.on_taken(name, now);
    }

    #[test]
    fn a_message_is_new_once_and_a_gap_is_counted() {
        let (mut seen, now) = (Seen::default(), Instant::ZERO);
        assert_eq!(seen.judge(name(1, 5), now), NEW);
        take(&mut seen, name(1, 5), now);
        assert_eq!(seen.judge(name(1, 5), now), Verdict::Taken);
        assert_eq!(seen.judge(name(1, 6), now), NEW);
        assert_eq!(seen.judge(name(1, 9), now), Verdict::New { missing: 3 });
        assert_eq!(seen.judge(name(1, 4), now), Verdict::Late);
        assert_eq!(seen.judge(name(2, 5), now), NEW);
    }

    #[test]
    fn a_receipt_names_the_whole_range_again() {
        let (mut seen, now) = (Seen::default(), Instant::ZERO);
        for sequence in [0, 1, 2, 4] {
            take(&mut seen, name(1, sequence), now);
        }
        assert_eq!(seen.receipt_for(name(1, 1)), (0, 2));
        assert_eq!(seen.receipt_for(name(1, 4)), (4, 4));
    }

    #[test]
    fn on_another_connection_the_log_that_was_met_longest_ago_makes_room() {
        let (mut seen, now) = (Seen::default(), Instant::ZERO);
        let most = MAX_LOGS as u64;
        for log in 0..most {
            take(&mut seen, name(log, 0), now);
        }
        assert_eq!(seen.judge(name(most, 0), now), Verdict::TooManyLogs);
        seen.start_anew();
        // A duplicate of the oldest comes first: its sender has no receipt.
        assert_eq!(seen.judge(name(0, 0), now), Verdict::Taken);
        seen.on_heard(LogId(0), now);
        for log in most..2 * most - 1 {
            assert_eq!(seen.judge(name(log, 0), now), NEW);
            take(&mut seen, name(log, 0), now);
            assert_eq!(seen.len().0, MAX_LOGS);
        }
        assert_eq!(seen.judge(name(0, 0), now), Verdict::Taken);
        assert_eq!(seen.judge(name(1, 0), now), Verdict::TooManyLogs);
        seen.start_anew();
        assert_eq!(seen.judge(name(1, 0), now), NEW);
    }

    #[test]
    fn a_log_that_was_refused_has_room_on_the_next_connection() {
        let (mut seen, now) = (Seen::default(), Instant::ZERO);
        for log in 0..MAX_LOGS as u64 {
            take(&mut seen, name(log, 0), now);
        }
        for sequence in 0..2 {
            let refused = name(9_999, sequence);
            assert_eq!(seen.judge(refused, now), Verdict::TooManyLogs);
            seen.on_met(refused, now);
        }
        seen.start_anew();
        assert_eq!(seen.judge(name(9_999, 2), now), NEW);
        take(&mut seen, name(9_999, 2), now);
        assert_eq!(seen.judge(name(9_999, 2), now), Verdict::Taken);
    }

    #[test]
    fn on_one_connection_a_log_beyond_the_bound_is_refused_until_an_old_one_is_forgotten() {
        let (mut seen, mut now) = (Seen::default(), Instant::ZERO);
        for log in 0..MAX_LOGS as u64 {
            take(&mut seen, name(log, 0), now);
        }
        assert_eq!(seen.judge(name(9_999, 0), now), Verdict::TooManyLogs);
        seen.on_met(name(9_999, 0), now);
        assert_eq!(seen.len().0, MAX_LOGS);
        assert_eq!(seen.judge(name(3, 0), now), Verdict::Taken);
        now = now + LOG_LIFE;
        take(&mut seen, name(3, 1), now);
        assert_eq!(seen.judge(name(9_999, 0), now), Verdict::TooManyLogs);
        now = now + Duration::from_secs(1);
        assert_eq!(seen.judge(name(9_999, 0), now), NEW);
        take(&mut seen, name(9_999, 0), now);
        assert_eq!(seen.len().0, 2);
        assert_eq!(seen.judge(name(3, 1), now), Verdict::Taken);
    }

    #[test]
    fn the_ranges_of_a_log_are_bounded_and_the_forgotten_are_late_not_new() {
        let (mut seen, now) = (Seen::default(), Instant::ZERO);
        for sequence in 0..3 * MAX_RANGES as u64 {
            take(&mut seen, name(1, 2 * sequence), now);
        }
        assert_eq!(seen.len(), (1, MAX_RANGES));
        assert_eq!(seen.judge(name(1, 0), now), Verdict::Late);
    }
}
