//! The log of this process, written by a thread of its own: whoever has something to log may hold the core's lock, and a
//! disk or a terminal that takes its time must not hold up everybody.

use core::sync::atomic::{AtomicU64, Ordering};
use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::mpsc::Receiver;

use crate::net::background::{Background, Noted, TO_FINISH};

/// Lines that wait to be written: a second of TRACE at full speed, about 1 MB.
const MAX_WAITING: usize = 8_192;

static LOG: OnceLock<Background<Vec<u8>>> = OnceLock::new();

/// One line of the log: what is written to it by one call.
#[derive(Debug)]
pub struct LogLine;

impl LogLine {
    /// Starts the log of this process, which goes to `target`. One that was started before stays as it is.
    ///
    /// # Errors
    /// The system's, if it gives no thread.
    pub fn start(target: Box<dyn Write + Send>) -> io::Result<()> {
        let log = begin(target, MAX_WAITING)?;
        let _ = LOG.set(log);
        Ok(())
    }

    /// Lets everything that waits be written, for a second at most, and ends the log. To be called before the process
    /// ends, however it does.
    pub fn finish() {
        if let Some(log) = LOG.get() {
            log.finish_within(TO_FINISH);
        }
    }
}

impl Write for LogLine {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(log) = LOG.get() {
            log.note(line.to_vec());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn begin(target: Box<dyn Write + Send>, room: usize) -> io::Result<Background<Vec<u8>>> {
    let body = move |waiting: &Receiver<_>, unsaid: &AtomicU64| {
        let mut file = File {
            target,
            missing: 0,
            is_torn: false,
        };
        // When the reader of a pipe is gone, the log ends in silence: there is nowhere to say it.
        let _ = file.write_all(waiting, unsaid);
    };
    Background::start("log", room, body)
}

/// What the log goes to. A line that cannot be written is counted, and the next is tried: a disk may have room
/// again, a terminal take more.
struct File<W> {
    target: W,
    /// Lines that are not there, and of which the log does not say so yet.
    missing: u64,
    /// Whether the last line is there in part.
    is_torn: bool,
}

impl<W: Write> File<W> {
    /// Each line at once: whoever looks on sees what has happened. Ends with an error when nobody can read it
    /// any more.
    fn write_all(
        &mut self,
        waiting: &Receiver<Noted<Vec<u8>>>,
        unsaid: &AtomicU64,
    ) -> io::Result<()> {
        for Noted { item, missing } in waiting {
            self.missing += missing;
            if !self.tell_missing()? || !self.put(&item)? {
                self.missing += 1;
            }
        }
        self.missing += unsaid.load(Ordering::Relaxed);
        self.tell_missing().map(|_| ())
    }

    /// Whether the log says now all that it lacks.
    fn tell_missing(&mut self) -> io::Result<bool> {
        if self.missing == 0 {
            return Ok(true);
        }
        let new_line = if self.is_torn { "\n" } else { "" };
        let missing = self.missing;
        let words = format!("{new_line}({missing} lines found no room here and are missing)\n");
        let told = self.put(words.as_bytes())?;
        if told {
            self.missing = 0;
        }
        Ok(told)
    }

    /// Whether all of it was written. An error only if nothing ever will be.
    fn put(&mut self, line: &[u8]) -> io::Result<bool> {
        let mut rest = line;
        while !rest.is_empty() {
            match self.target.write(rest) {
                Ok(0) => return Ok(false),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return unless_broken(error),
            }
            self.is_torn = !rest.is_empty();
        }
        self.target
            .flush()
            .map_or_else(unless_broken, |()| Ok(true))
    }
}

fn unless_broken(error: io::Error) -> io::Result<bool> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Err(error);
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::sync::mpsc::{self, Sender};

    use super::*;

    /// Against hanging only.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A disk that says that it has a line to take, takes it when it is let to, and shows it.
    struct Disk {
        asked: Sender<()>,
        gate: Receiver<()>,
        seen: Sender<String>,
    }

    impl Write for Disk {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.asked.send(()).map_err(io::Error::other)?;
            self.gate.recv().map_err(io::Error::other)?;
            let text = String::from_utf8(line.to_vec()).unwrap();
            self.seen.send(text).map_err(io::Error::other)?;
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a test has of a [`Disk`].
    struct Outside {
        asked: Receiver<()>,
        open: Sender<()>,
        lines: Receiver<String>,
    }

    fn disk() -> (Disk, Outside) {
        let ((ask, asked), (open, gate)) = (mpsc::channel(), mpsc::channel());
        let (seen, lines) = mpsc::channel();
        let disk = Disk {
            asked: ask,
            gate,
            seen,
        };
        (disk, Outside { asked, open, lines })
    }

    #[test]
    fn nobody_waits_for_a_slow_disk_and_the_log_says_what_it_lacks() {
        let (disk, outside) = disk();
        let log = begin(Box::new(disk), 2).unwrap();
        log.note(b"0\n".to_vec());
        // From here on the thread waits for the disk, and two lines have room.
        outside.asked.recv().unwrap();
        for number in 1..6 {
            log.note(format!("{number}\n").into_bytes());
        }
        (0..9).for_each(|_| outside.open.send(()).unwrap());
        log.finish_within(PATIENCE);
        let lines: Vec<String> = outside.lines.try_iter().collect();
        let lacks = "(3 lines found no room here and are missing)\n";
        assert_eq!(lines, ["0\n", "1\n", "2\n", lacks]);
    }

    /// A disk that answers each write with the next of these: how much it takes, or why it takes nothing.
    struct Scripted {
        answers: std::vec::IntoIter<Result<usize, io::ErrorKind>>,
        seen: Sender<Vec<u8>>,
    }

    impl Write for Scripted {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let taken = self.answers.next().unwrap_or(Ok(line.len()))?;
            let taken = taken.min(line.len());
            self.seen.send(line[..taken].to_vec()).unwrap();
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is there of the lines `0` to `3` on such a disk.
    fn written(answers: Vec<Result<usize, io::ErrorKind>>) -> String {
        let (seen, lines) = mpsc::channel();
        let answers = answers.into_iter();
        let log = begin(Box::new(Scripted { answers, seen }), 9).unwrap();
        (0..4).for_each(|number| log.note(format!("{number}\n").into_bytes()));
        log.finish_within(PATIENCE);
        String::from_utf8(lines.try_iter().flatten().collect()).unwrap()
    }

    #[test]
    fn a_disk_that_fails_for_a_while_costs_the_lines_of_that_while_and_they_are_counted() {
        use io::ErrorKind::{Interrupted, StorageFull, WouldBlock};
        let lacks = |count| format!("({count} lines found no room here and are missing)\n");
        let full = written(vec![Ok(9), Err(StorageFull), Err(StorageFull), Ok(99)]);
        assert_eq!(full, format!("0\n{}3\n", lacks(2)));
        let torn = written(vec![Ok(1), Err(WouldBlock)]);
        assert_eq!(torn, format!("0\n{}1\n2\n3\n", lacks(1)));
        let end = written(vec![Ok(9), Ok(9), Ok(9), Ok(0)]);
        assert_eq!(end, format!("0\n1\n2\n{}", lacks(1)));
        assert_eq!(written(vec![Err(Interrupted)]), "0\n1\n2\n3\n");
    }

    #[test]
    fn a_log_that_nobody_reads_any_more_ends() {
        assert_eq!(written(vec![Ok(9), Err(io::ErrorKind::BrokenPipe)]), "0\n");
    }

    #[test]
    fn an_end_does_not_wait_for_a_disk_that_takes_nothing() {
        let (disk, outside) = disk();
        let log = begin(Box::new(disk), 2).unwrap();
        (0..9).for_each(|_| log.note(b"x\n".to_vec()));
        log.finish_within(Duration::ZERO);
        assert_eq!(outside.lines.try_iter().count(), 0);
        drop(outside);
    }
}
