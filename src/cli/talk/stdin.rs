//! Standard input, line by line, on a thread of its own. It hands over what has come, waits until that
//! is taken, and reads on: a long pipe is not held in memory.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};

use crate::sync::thread;
use crate::text::{Safe, safe_line};
use crate::time::Instant;

/// What came from standard input.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Stdin {
    /// A line without its break.
    Line(Vec<u8>),
    /// A line so long that the rest of it was thrown away; its whole length is given, without its
    /// break.
    Overlong(usize),
    /// There is no more, or it cannot be read: [`Lines::failure`].
    End,
}

impl Stdin {
    /// Bytes that it takes to hold it.
    const fn held(&self) -> usize {
        let text = match self {
            Self::Line(line) => line.len(),
            Self::Overlong(_) | Self::End => 0,
        };
        size_of::<Self>() + text
    }
}

/// Room for the break behind the longest line.
const BREAK_LEN: usize = 2;

/// Bytes read at once. Lines that came together are handed over together.
const READ_LEN: usize = 64 * 1024;

/// As many bytes are looked through for the end while nothing is taken.
const AHEAD: usize = 1 << 20;

/// Bytes of a line that a terminal takes which puts lines together itself. What is typed or pasted beyond them it
/// drops up to the Enter, and says nothing: Linux has room for 4,096 with the break (`N_TTY_BUF_SIZE`), macOS for 1,024
/// (`TTYHOG`).
pub(super) const TERMINAL_LINE_LEN: usize = if cfg!(target_os = "macos") {
    1_023
} else {
    4_095
};

/// The lines that have come.
#[derive(Debug)]
pub(in crate::cli) struct Lines {
    handed_over: Receiver<Vec<Stdin>>,
    at_hand: VecDeque<Stdin>,
    /// When the end was seen behind them.
    ended: Option<Instant>,
    untaken: Arc<AtomicUsize>,
    failure: Arc<OnceLock<Safe>>,
}

impl Lines {
    /// None ever come.
    pub(super) fn none() -> Self {
        Self::handed_over().1
    }

    /// The reader's end, and ours.
    fn handed_over() -> (Sender, Self) {
        let (lots, handed_over) = sync_channel(1);
        let untaken = Arc::<AtomicUsize>::default();
        let failure = Arc::<OnceLock<Safe>>::default();
        let sender = Sender {
            lots,
            untaken: Arc::clone(&untaken),
            failure: Arc::clone(&failure),
        };
        let lines = Self {
            handed_over,
            at_hand: VecDeque::new(),
            ended: None,
            untaken,
            failure,
        };
        (sender, lines)
    }

    /// The next line, if one has come.
    pub(in crate::cli) fn next(&mut self) -> Option<Stdin> {
        if self.at_hand.is_empty() {
            // A reader that has ended has said so.
            self.at_hand = self.handed_over.try_recv().ok()?.into();
        }
        let line = self.at_hand.pop_front()?;
        if line != Stdin::End {
            self.untaken.fetch_sub(1, Ordering::Relaxed);
        }
        Some(line)
    }

    /// The next line that was read and not taken, also if the reader has yet to find room for it.
    pub(super) fn next_untaken(&mut self) -> Option<Stdin> {
        if self.at_hand.is_empty() && self.untaken() > 0 {
            // The reader counts it, and hands it over at once.
            self.at_hand = self.handed_over.recv().ok()?.into();
        }
        self.next()
    }

    /// Since when it is known that no more than a few lines come, though nobody takes them. Of an input that is longer
    /// nobody knows.
    pub(super) fn ended(&mut self, now: Instant) -> Option<Instant> {
        while self.at_hand.iter().map(Stdin::held).sum::<usize>() < AHEAD
            && let Ok(lines) = self.handed_over.try_recv()
        {
            self.at_hand.extend(lines);
        }
        let is_near = self.at_hand.back() == Some(&Stdin::End);
        is_near.then(|| *self.ended.get_or_insert(now))
    }

    /// Whether nothing is left but the end.
    pub(super) fn are_over(&mut self) -> bool {
        if self.at_hand.is_empty()
            && let Ok(lines) = self.handed_over.try_recv()
        {
            self.at_hand = lines.into();
        }
        self.at_hand.front() == Some(&Stdin::End)
    }

    /// Why nothing more can be read, if that is the end.
    pub(super) fn failure(&self) -> Option<&Safe> {
        self.failure.get()
    }

    /// Whether nothing is left but that end.
    pub(super) fn have_failed(&self) -> bool {
        self.failure().is_some() && self.untaken() == 0
    }

    /// How many lines were read and not taken, wherever they are.
    pub(super) fn untaken(&self) -> usize {
        self.untaken.load(Ordering::Relaxed)
    }
}

/// Hands lines over, a lot at a time.
struct Sender {
    lots: SyncSender<Vec<Stdin>>,
    /// Counts what the reader holds until there is room for it, too.
    untaken: Arc<AtomicUsize>,
    /// Why the input could not be read to its end.
    failure: Arc<OnceLock<Safe>>,
}

impl Sender {
    /// Waits for room; whether there is still somebody who takes them.
    fn send(&self, lines: Vec<Stdin>, failure: Option<Safe>) -> bool {
        let count = lines.iter().filter(|line| **line != Stdin::End).count();
        self.untaken.fetch_add(count, Ordering::Relaxed);
        if let Some(failure) = failure {
            // Whoever sees it has counted the lines before it.
            self.failure.get_or_init(|| failure);
        }
        self.lots.send(lines).is_ok()
    }
}

/// Starts to read. A line of more than `largest` bytes is not kept: it cannot be sent anyway. `wake`
/// is called whenever there is something to take.
///
/// # Errors
/// If no thread can be started.
pub(in crate::cli) fn read_lines(
    largest: usize,
    wake: impl Fn() + Send + 'static,
) -> io::Result<Lines> {
    let (sender, lines) = Lines::handed_over();
    let read = move || {
        let patient = Patient {
            input: io::stdin().lock(),
            wait: wait_for_input,
        };
        let mut input = BufReader::with_capacity(READ_LEN, patient);
        forward(&mut input, largest, &sender, &wake);
    };
    thread::start("input", read)?;
    Ok(lines)
}

/// An input that may have nothing at the moment: whoever else has it open can make it so for us, too.
struct Patient<R, W> {
    input: R,
    /// Waits until there is something.
    wait: W,
}

impl<R: Read, W: FnMut() -> io::Result<()>> Read for Patient<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.input.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => (self.wait)()?,
                read => return read,
            }
        }
    }
}

#[cfg(unix)]
fn wait_for_input() -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    let input = io::stdin();
    let wait = || poll(&mut [PollFd::new(&input, PollFlags::IN)], None);
    rustix::io::retry_on_intr(wait)?;
    Ok(())
}

/// Elsewhere nobody can.
#[cfg(not(unix))]
fn wait_for_input() -> io::Result<()> {
    Err(io::ErrorKind::WouldBlock.into())
}

/// Whether a line fills what the terminal takes of one: whether more was typed nobody can say. Nor is it known of a line
/// that was filled, and then made shorter by a Backspace.
pub(super) fn fills_terminal(line: &[u8]) -> bool {
    line.len() == TERMINAL_LINE_LEN && puts_lines_together()
}

/// Whether standard input is a terminal that hands over whole lines, and not each key.
#[cfg(unix)]
fn puts_lines_together() -> bool {
    use rustix::termios::{LocalModes, tcgetattr};
    tcgetattr(io::stdin()).is_ok_and(|modes| modes.local_modes.contains(LocalModes::ICANON))
}

/// Elsewhere what is too long for one reading comes with the next.
#[cfg(not(unix))]
const fn puts_lines_together() -> bool {
    false
}

fn forward<R: Read>(input: &mut BufReader<R>, largest: usize, sender: &Sender, wake: &impl Fn()) {
    loop {
        let (lines, failure) = next_lines(input, largest);
        let is_end = lines.contains(&Stdin::End);
        if !sender.send(lines, failure) {
            return;
        }
        wake();
        if is_end {
            return;
        }
    }
}

/// Waits for a line, and takes those that came with it. An input that cannot be read has ended, and says why.
fn next_lines<R: Read>(input: &mut BufReader<R>, largest: usize) -> (Vec<Stdin>, Option<Safe>) {
    let mut lines = Vec::new();
    loop {
        match next_line(input, largest) {
            Ok(line) => lines.push(line),
            Err(error) => {
                lines.push(Stdin::End);
                return (lines, Some(safe_line(&error.to_string())));
            }
        }
        if !input.buffer().contains(&b'\n') {
            return (lines, None);
        }
    }
}

/// Reads to the next line break. Of a line in which reading fails nothing is kept.
fn next_line(input: &mut impl BufRead, largest: usize) -> io::Result<Stdin> {
    let mut line = Vec::new();
    let mut kept = input.by_ref().take((largest + BREAK_LEN) as u64);
    Ok(match kept.read_until(b'\n', &mut line)? {
        0 => Stdin::End,
        len if line.last() == Some(&b'\n') || len < largest + BREAK_LEN => {
            trim_break(&mut line);
            of_len(line, largest)
        }
        len => Stdin::Overlong(len + skip_line(input)?),
    })
}

fn of_len(line: Vec<u8>, largest: usize) -> Stdin {
    if line.len() > largest {
        Stdin::Overlong(line.len())
    } else {
        Stdin::Line(line)
    }
}

/// Takes a line break off the end: LF, or CR and LF.
pub(in crate::cli) fn trim_break(line: &mut Vec<u8>) {
    for byte in [b'\n', b'\r'] {
        if line.last() != Some(&byte) {
            return;
        }
        line.pop();
    }
}

/// Throws the rest of a line away; returns its length without the break.
fn skip_line(input: &mut impl BufRead) -> io::Result<usize> {
    let mut skipped = 0;
    loop {
        let buffer = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            filled => filled?,
        };
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let len = end.unwrap_or(buffer.len());
        input.consume(len + usize::from(end.is_some()));
        skipped += len;
        if end.is_some() || len == 0 {
            return Ok(skipped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGEST: usize = 1_000;
    const LONG: &str = "longer";

    #[test]
    fn lines_that_came_together_are_handed_over_together_and_a_long_one_is_not_collected() {
        let long = "x".repeat(2 * LARGEST);
        let text = format!("one\ntwo\n{long}\nthree\nhalf");
        let mut input = BufReader::with_capacity(16, io::Cursor::new(text.into_bytes()));
        let line = |text: &str| Stdin::Line(text.as_bytes().to_vec());
        let mut next = |_| next_lines(&mut input, LARGEST).0;
        let handed_over: Vec<_> = (0..5).map(&mut next).collect();
        assert_eq!(handed_over[0], [line("one"), line("two")]);
        assert!(matches!(handed_over[1][..], [Stdin::Overlong(_), ..]));
        let rest: Vec<&Stdin> = handed_over[1..].iter().flatten().skip(1).collect();
        assert_eq!(rest[..2], [&line("three"), &line("half")]);
        assert_eq!(rest[2], &Stdin::End);
    }

    #[test]
    fn lines_that_wait_for_room_to_be_handed_over_count_as_read() {
        let (sender, mut lines) = Lines::handed_over();
        let line = || Stdin::Line(b"a line".to_vec());
        assert!(sender.send(vec![line(), line()], None));
        assert_eq!((lines.next(), lines.untaken()), (Some(line()), 1));
        assert!(sender.send(vec![line()], None));
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(sender.send(vec![line(), Stdin::End], None)));
            while lines.untaken() < 3 {
                std::thread::yield_now();
            }
            for left in [2, 1, 0] {
                assert_eq!(lines.next_untaken(), Some(line()));
                assert_eq!(lines.untaken(), left);
            }
        });
    }

    /// Reads what is said, one after the other.
    struct Said(VecDeque<io::Result<&'static str>>);

    impl Read for Said {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let text = self.0.pop_front().unwrap_or(Ok(""))?;
            buffer[..text.len()].copy_from_slice(text.as_bytes());
            Ok(text.len())
        }
    }

    #[test]
    fn an_input_that_cannot_be_read_says_so_and_one_that_has_nothing_yet_is_waited_for() {
        let not_yet = || Err(io::ErrorKind::WouldBlock.into());
        let broken = || Err(io::Error::other("the disk is gone"));
        let said = [
            not_yet(),
            Ok("one\ntw"),
            not_yet(),
            Ok("o\nthr"),
            broken(),
            Ok("ee\n"),
        ];
        let mut waited = 0;
        let wait = || {
            waited += 1;
            Ok(())
        };
        let input = Said(said.into());
        let mut input = BufReader::new(Patient { input, wait });
        let mut next = || next_lines(&mut input, LARGEST);
        let line = |text: &str| Stdin::Line(text.as_bytes().to_vec());
        assert_eq!(next(), (vec![line("one")], None));
        assert_eq!(next(), (vec![line("two")], None));
        let gone = Some("the disk is gone".into());
        assert_eq!(next(), (vec![Stdin::End], gone));
        assert_eq!(waited, 2);
        let long = Said([Ok(LONG), broken()].into());
        let (lines, failure) = next_lines(&mut BufReader::new(long), 1);
        assert_eq!((&lines[..], failure.is_some()), (&[Stdin::End][..], true));
    }

    #[test]
    fn the_end_is_seen_behind_lines_that_are_not_taken_if_it_is_near() {
        let at = |ms| Instant::ZERO + core::time::Duration::from_millis(ms);
        let (sender, mut lines) = Lines::handed_over();
        let line = |len| Stdin::Line(vec![0; len]);
        assert!(sender.send(vec![line(1), line(2)], None));
        assert_eq!(lines.ended(at(1)), None);
        assert!(sender.send(vec![line(3), Stdin::End], None));
        assert_eq!(lines.ended(at(2)), Some(at(2)));
        assert_eq!((lines.ended(at(9)), lines.untaken()), (Some(at(2)), 3));
        let taken: Vec<Stdin> = core::iter::from_fn(|| lines.next()).collect();
        assert_eq!(taken, [line(1), line(2), line(3), Stdin::End]);
        let (sender, mut lines) = Lines::handed_over();
        assert!(sender.send(vec![line(AHEAD)], None));
        assert_eq!(lines.ended(at(3)), None);
        assert!(sender.send(vec![Stdin::End], None));
        assert_eq!(lines.ended(at(4)), None, "that is held by the reader");
        assert_eq!(lines.next(), Some(line(AHEAD)));
        assert_eq!(lines.ended(at(5)), Some(at(5)));
    }

    #[test]
    fn lines_come_one_by_one_and_the_last_needs_no_break() {
        let mut input = io::Cursor::new(b"one\n\r\ntwo\r\nthree\r".to_vec());
        let mut next = |_| next_line(&mut input, LARGEST).unwrap();
        let lines: Vec<Stdin> = (0..5).map(&mut next).collect();
        let line = |text: &[u8]| Stdin::Line(text.to_vec());
        let expected = [line(b"one"), line(b""), line(b"two"), line(b"three\r")];
        assert_eq!(lines[..4], expected);
        assert_eq!(lines[4], Stdin::End);
    }

    #[test]
    fn an_endless_line_is_not_kept_and_does_not_become_two() {
        for len in [LARGEST + 1, LARGEST + 2, LARGEST + 3, 3 * LARGEST] {
            for end in ["\n", "\r\n"] {
                let input = "x".repeat(len) + end + "next\n";
                let mut input = io::Cursor::new(input.into_bytes());
                // A CR of which it is not seen whether a LF follows counts.
                let Ok(Stdin::Overlong(told)) = next_line(&mut input, LARGEST) else {
                    panic!("{len}");
                };
                assert!((len..=len + 1).contains(&told), "{len}: {told}");
                let next = Stdin::Line(b"next".to_vec());
                assert_eq!(next_line(&mut input, LARGEST).unwrap(), next);
            }
        }
    }

    #[test]
    fn the_longest_line_is_kept_whatever_its_break() {
        for end in ["\n", "\r\n", ""] {
            let line = "x".repeat(LARGEST);
            let mut input = io::Cursor::new((line.clone() + end).into_bytes());
            let mut next = || next_line(&mut input, LARGEST).unwrap();
            assert_eq!(next(), Stdin::Line(line.into_bytes()));
            assert_eq!(next(), Stdin::End);
        }
    }
}
