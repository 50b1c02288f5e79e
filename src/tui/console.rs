//! Where what happens at the terminal comes from.

pub(super) use imp::Console;

#[cfg(unix)]
mod imp {
    use core::fmt;
    use core::time::Duration;
    use std::io::{self, ErrorKind, PipeReader, Read, stdin};

    use filedescriptor::{AsRawFileDescriptor, Error, POLLIN, RawFileDescriptor, poll, pollfd};
    use ratatui_crossterm::crossterm::event::Event;
    use ratatui_crossterm::crossterm::terminal::size;
    use rustix::io::{Errno, read, retry_on_intr};
    use signal_hook::consts::SIGWINCH;
    use signal_hook::low_level::pipe;

    use crate::sync::thread;
    use crate::time::Instant;
    use crate::tui::decoder::Decoder;
    use crate::tui::reader::Source;
    use crate::tui::tty::is_in_foreground;

    /// Bytes that are read at once.
    const READ_LEN: usize = 1_024;

    /// How often is looked whether the terminal is ours again, while there are keys to be read at it.
    const AWAY: Duration = Duration::from_millis(250);

    /// The terminal that is standard input, and the signal that tells of another size.
    pub(in crate::tui) struct Console {
        now: Box<dyn Fn() -> Instant + Send>,
        resized: PipeReader,
        decoder: Decoder,
        size: Option<(Event, Instant)>,
    }

    impl fmt::Debug for Console {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Console").finish_non_exhaustive()
        }
    }

    impl Console {
        pub(in crate::tui) fn open(now: Box<dyn Fn() -> Instant + Send>) -> io::Result<Self> {
            let (resized, told) = io::pipe()?;
            pipe::register(SIGWINCH, told)?;
            Ok(Self {
                now,
                resized,
                decoder: Decoder::default(),
                size: None,
            })
        }

        /// Waits until something comes, or until this moment.
        fn wait(&mut self, end: Option<Instant>) -> io::Result<()> {
            let end = self.decoder.deadline().into_iter().chain(end).min();
            let within = end.map(|end| end.saturating_since((self.now)()));
            let ends = [
                stdin().as_raw_file_descriptor(),
                self.resized.as_raw_file_descriptor(),
            ];
            let Some([keys, resized]) = ready(ends, within)? else {
                return Ok(());
            };
            if resized {
                return self.read_size();
            }
            if keys {
                return self.read_keys();
            }
            self.decoder.expire((self.now)());
            Ok(())
        }

        /// A terminal at its end, or one that fails, is gone. What is typed at a shell is the shell's: the system stops whoever
        /// reads it behind that.
        fn read_keys(&mut self) -> io::Result<()> {
            if !is_in_foreground() {
                thread::park_timeout(AWAY);
                return Ok(());
            }
            let mut bytes = [0; READ_LEN];
            let len = match retry_on_intr(|| read(stdin(), &mut bytes)) {
                // Another program on the same terminal was faster.
                Err(Errno::AGAIN) => return Ok(()),
                len => len?,
            };
            let bytes = bytes.get(..len).filter(|bytes| !bytes.is_empty());
            let bytes = bytes.ok_or(ErrorKind::UnexpectedEof)?;
            self.decoder.feed(bytes, (self.now)());
            Ok(())
        }

        fn read_size(&mut self) -> io::Result<()> {
            // As many signals as there were, it has one size now. What was not read is there the next time.
            let _ = self.resized.read(&mut [0; READ_LEN]);
            let (width, height) = size()?;
            self.size = Some((Event::Resize(width, height), (self.now)()));
            Ok(())
        }

        fn is_empty(&self) -> bool {
            self.size.is_none() && self.decoder.is_empty()
        }
    }

    /// Which of these can be read within this time; none if a signal came.
    fn ready<const N: usize>(
        ends: [RawFileDescriptor; N],
        within: Option<Duration>,
    ) -> io::Result<Option<[bool; N]>> {
        let mut ends = ends.map(|fd| pollfd {
            fd,
            events: POLLIN,
            revents: 0,
        });
        match poll(&mut ends, within.map(in_whole_ms)).map_err(cause) {
            Ok(_) => Ok(Some(ends.map(|end| end.revents != 0))),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Not less than this time: poll(2) counts milliseconds, to which the crate cuts it.
    const fn in_whole_ms(time: Duration) -> Duration {
        time.saturating_add(Duration::from_nanos(999_999))
    }

    /// What the system said.
    fn cause(error: Error) -> io::Error {
        if let Error::Poll(error) | Error::Io(error) = error {
            return error;
        }
        io::Error::other(error)
    }

    impl Source for Console {
        fn has(&mut self, within: Duration) -> io::Result<bool> {
            let end = (self.now)() + within;
            while self.is_empty() && (self.now)() < end {
                self.wait(Some(end))?;
            }
            Ok(!self.is_empty())
        }

        fn next(&mut self) -> io::Result<(Event, Instant)> {
            loop {
                let event = self.size.take().or_else(|| self.decoder.next());
                match event {
                    Some(event) => return Ok(event),
                    None => self.wait(None)?,
                }
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use std::io::Write;

        use super::*;

        const MOMENT: Duration = Duration::from_micros(1);

        #[test]
        fn of_several_ends_those_are_told_that_can_be_read() {
            let (silent, _mouth) = io::pipe().unwrap();
            let (mut told, mut mouth) = io::pipe().unwrap();
            let ends = [
                silent.as_raw_file_descriptor(),
                told.as_raw_file_descriptor(),
            ];
            assert_eq!(ready(ends, Some(MOMENT)).unwrap(), Some([false, false]));
            mouth.write_all(b"x").unwrap();
            assert_eq!(ready(ends, None).unwrap(), Some([false, true]));
            drop(mouth);
            told.read_exact(&mut [0]).unwrap();
            let ended = ready(ends, None).unwrap();
            assert_eq!(ended, Some([false, true]), "its end can be read");
        }

        /// It would be looked at again and again until the moment has come.
        #[test]
        fn a_time_below_a_millisecond_is_waited_for() {
            assert_eq!(in_whole_ms(MOMENT).as_millis(), 1);
            assert_eq!(in_whole_ms(Duration::ZERO).as_millis(), 0);
            assert_eq!(in_whole_ms(Duration::from_millis(50)).as_millis(), 50);
        }

        #[test]
        fn what_the_system_says_of_a_wait_is_told_as_it_said_it() {
            let system = || io::Error::from(ErrorKind::OutOfMemory);
            for error in [Error::Poll(system()), Error::Io(system())] {
                assert_eq!(cause(error).kind(), ErrorKind::OutOfMemory);
            }
            let large = cause(Error::FdValueOutsideFdSetSize(5_000));
            assert!(large.to_string().contains("5000"), "{large}");
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use core::fmt;
    use core::time::Duration;
    use std::io;

    use ratatui_crossterm::crossterm::event::{self, Event};

    use crate::time::Instant;
    use crate::tui::reader::Source;

    /// The console, which tells of keys as such.
    pub(in crate::tui) struct Console {
        now: Box<dyn Fn() -> Instant + Send>,
    }

    impl fmt::Debug for Console {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Console").finish_non_exhaustive()
        }
    }

    impl Console {
        pub(in crate::tui) fn open(now: Box<dyn Fn() -> Instant + Send>) -> io::Result<Self> {
            Ok(Self { now })
        }
    }

    impl Source for Console {
        fn has(&mut self, within: Duration) -> io::Result<bool> {
            event::poll(within)
        }

        fn next(&mut self) -> io::Result<(Event, Instant)> {
            let event = event::read()?;
            Ok((event, (self.now)()))
        }
    }
}
