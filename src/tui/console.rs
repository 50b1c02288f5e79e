//! Where what happens at the terminal comes from.

pub(super) use imp::Console;

#[cfg(unix)]
mod imp {
    use core::fmt;
    use core::time::Duration;
    use std::io::{self, PipeReader, Read, stdin};

    use ratatui_crossterm::crossterm::event::Event;
    use ratatui_crossterm::crossterm::terminal::size;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::{Errno, read, retry_on_intr};
    use signal_hook::consts::SIGWINCH;
    use signal_hook::low_level::pipe;

    use crate::time::Instant;
    use crate::tui::decoder::Decoder;
    use crate::tui::reader::Source;

    /// Bytes that are read at once.
    const READ_LEN: usize = 1_024;

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
            let stdin = stdin();
            let (keys, resized) = {
                let mut ends = [
                    PollFd::new(&stdin, PollFlags::IN),
                    PollFd::new(&self.resized, PollFlags::IN),
                ];
                let within = within.and_then(|within| Timespec::try_from(within).ok());
                retry_on_intr(|| poll(&mut ends, within.as_ref()))?;
                let [keys, resized] = ends.each_ref().map(|end| !end.revents().is_empty());
                (keys, resized)
            };
            if resized {
                self.read_size()?;
            }
            if keys {
                return self.read_keys();
            }
            self.decoder.expire((self.now)());
            Ok(())
        }

        /// A terminal at its end, or one that fails, is gone.
        fn read_keys(&mut self) -> io::Result<()> {
            let mut bytes = [0; READ_LEN];
            let len = match retry_on_intr(|| read(stdin(), &mut bytes)) {
                // Another program on the same terminal was faster.
                Err(Errno::AGAIN) => return Ok(()),
                len => len?,
            };
            let bytes = bytes.get(..len).filter(|bytes| !bytes.is_empty());
            let bytes = bytes.ok_or(io::ErrorKind::UnexpectedEof)?;
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
