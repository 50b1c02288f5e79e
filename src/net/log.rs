//! The log of this process, written by a thread of its own: whoever has something to log may hold the core's lock, and a
//! disk or a terminal that takes its time must not hold up everybody.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::mpsc::Receiver;

use crate::net::background::{Background, Noted};

/// Lines that wait to be written: a second of TRACE at full speed, about 1 MB.
const MAX_WAITING: usize = 8_192;

/// How long an end of the process waits for a disk or a terminal that takes nothing.
const TO_FINISH: Duration = Duration::from_secs(1);

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
        // A log that cannot be written ends in silence: there is nowhere to say it.
        let _ = write_all(target, waiting, unsaid);
    };
    Background::start("log", room, body)
}

/// Each line at once: whoever looks on sees what has happened.
fn write_all(
    mut target: impl Write,
    waiting: &Receiver<Noted<Vec<u8>>>,
    unsaid: &AtomicU64,
) -> io::Result<()> {
    for Noted { item, missing } in waiting {
        tell_missing(&mut target, missing)?;
        target.write_all(&item)?;
        target.flush()?;
    }
    tell_missing(&mut target, unsaid.load(Ordering::Relaxed))?;
    target.flush()
}

fn tell_missing(target: &mut impl Write, missing: u64) -> io::Result<()> {
    if missing == 0 {
        return Ok(());
    }
    let words = format!("({missing} lines found no room here and are missing)\n");
    target.write_all(words.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Sender};

    use super::*;

    /// A disk that takes a line whenever it is let to, and shows it.
    struct Disk {
        gate: Receiver<()>,
        seen: Sender<String>,
    }

    impl Write for Disk {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.gate.recv().map_err(io::Error::other)?;
            let text = String::from_utf8(line.to_vec()).unwrap();
            self.seen.send(text).map_err(io::Error::other)?;
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn disk() -> (Disk, Sender<()>, Receiver<String>) {
        let ((open, gate), (seen, lines)) = (mpsc::channel(), mpsc::channel());
        (Disk { gate, seen }, open, lines)
    }

    #[test]
    fn nobody_waits_for_a_slow_disk_and_the_log_says_what_it_lacks() {
        let (disk, open, lines) = disk();
        let log = begin(Box::new(disk), 2).unwrap();
        for number in 0..6 {
            log.note(format!("{number}\n").into_bytes());
        }
        (0..9).for_each(|_| open.send(()).unwrap());
        log.finish();
        let lines: Vec<String> = lines.try_iter().collect();
        // The thread may have taken one or none before the next found no room.
        let (kept, told) = lines.split_at(lines.len() - 1);
        assert!((2..=3).contains(&kept.len()), "{lines:?}");
        let expected: Vec<String> = (0..kept.len()).map(|it| format!("{it}\n")).collect();
        assert_eq!(kept, expected, "in their order");
        let missing = 6 - kept.len();
        let words = format!("({missing} lines found no room here and are missing)\n");
        assert_eq!(told, [words]);
    }

    #[test]
    fn an_end_does_not_wait_for_a_disk_that_takes_nothing() {
        let (disk, open, lines) = disk();
        let log = begin(Box::new(disk), 2).unwrap();
        (0..9).for_each(|_| log.note(b"x\n".to_vec()));
        log.finish_within(Duration::ZERO);
        assert_eq!(lines.try_iter().count(), 0);
        drop(open);
    }
}
