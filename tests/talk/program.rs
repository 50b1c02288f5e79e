//! A running program: what it says, line by line, and how it ends.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(unix)]
use crate::common::skipped;

/// Against hanging only: a busy machine may take long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a promised time may be exceeded by, beside the time in which the machine was busy.
const SLACK: Duration = Duration::from_millis(1_500);

/// Where a program writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stream {
    /// Standard output, or a terminal.
    Out,
    /// Standard error.
    Err,
}

/// Bytes of a stream; none at its end.
type Chunk = (Stream, Vec<u8>);

/// A process that talks. It is killed when it is dropped.
pub(crate) struct Program {
    name: String,
    child: Child,
    input: Option<Box<dyn Write>>,
    chunks: Receiver<Chunk>,
    /// What came and was not yet asked for, of standard output and of standard error.
    unread: [Vec<u8>; 2],
    /// How many streams have not ended.
    open: usize,
    /// Everything, for the message of a test that fails.
    transcript: String,
    /// Which stream the end of that is of.
    last: Option<Stream>,
    /// How long to wait for what is asked for.
    patience: Duration,
}

impl Program {
    /// Starts a command with pipes.
    pub(crate) fn start(mut command: Command) -> Self {
        let pipes = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        let input = Box::new(child.stdin.take().unwrap());
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (sender, chunks) = channel();
        read(Stream::Out, out, sender.clone());
        read(Stream::Err, err, sender);
        Self::of(&command, child, input, chunks, 2)
    }

    /// Starts a command whose standard output nobody reads.
    pub(crate) fn without_reader(command: Command) -> Self {
        let (_, closed) = std::io::pipe().unwrap();
        Self::writing_to(command, closed)
    }

    /// Starts a command whose standard output goes somewhere else.
    pub(crate) fn writing_to(mut command: Command, output: impl Into<Stdio>) -> Self {
        let pipes = command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.stdout(output).spawn().unwrap();
        let input = Box::new(child.stdin.take().unwrap());
        let (sender, chunks) = channel();
        read(Stream::Err, child.stderr.take().unwrap(), sender);
        Self::of(&command, child, input, chunks, 1)
    }

    /// Starts a command whose standard output is a pipe that is full and that nobody reads. The
    /// pipe's end must be kept as long as that is to be so.
    #[cfg(target_os = "linux")]
    pub(crate) fn with_stuck_reader(mut command: Command) -> (Self, std::io::PipeReader) {
        use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
        let (reader, mut full) = std::io::pipe().unwrap();
        let flags = fcntl_getfl(&full).unwrap();
        fcntl_setfl(&full, flags | OFlags::NONBLOCK).unwrap();
        while full.write(b"x").is_ok() {}
        fcntl_setfl(&full, flags).unwrap();
        let pipes = command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.stdout(full).spawn().unwrap();
        let input = Box::new(child.stdin.take().unwrap());
        let (sender, chunks) = channel();
        read(Stream::Err, child.stderr.take().unwrap(), sender);
        (Self::of(&command, child, input, chunks, 1), reader)
    }

    /// Starts a command that somebody types at, and whose output goes into pipes: what it prints is then
    /// not mixed with what is typed.
    #[cfg(target_os = "linux")]
    pub(crate) fn typed_at(mut command: Command) -> Self {
        let (keyboard, typed) = crate::terminal::open_pair();
        let pipes = command.stdin(typed).stdout(Stdio::piped());
        let mut child = pipes.stderr(Stdio::piped()).spawn().unwrap();
        // With the command its end of the terminal is dropped, so that it closes with the process.
        command.stdin(Stdio::null());
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (sender, chunks) = channel();
        read(Stream::Out, out, sender.clone());
        read(Stream::Err, err, sender);
        // The echo of what is typed would fill the terminal.
        let mut echo = keyboard.try_clone().unwrap();
        let discard = move || std::io::copy(&mut echo, &mut std::io::sink());
        thread::Builder::new().spawn(discard).unwrap();
        Self::of(&command, child, Box::new(keyboard), chunks, 2)
    }

    /// Starts a command that somebody pastes into, so that lines come together, and whose standard output goes
    /// somewhere else.
    #[cfg(target_os = "linux")]
    pub(crate) fn pasted_into(mut command: Command, output: impl Into<Stdio>) -> Self {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let (keyboard, typed) = crate::terminal::open_pair();
        let mut modes = tcgetattr(&typed).unwrap();
        modes
            .local_modes
            .remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(&typed, OptionalActions::Now, &modes).unwrap();
        let pipes = command.stdin(typed).stdout(output);
        let mut child = pipes.stderr(Stdio::piped()).spawn().unwrap();
        // With the command its ends of terminals are dropped.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let (sender, chunks) = channel();
        read(Stream::Err, child.stderr.take().unwrap(), sender);
        Self::of(&command, child, Box::new(keyboard), chunks, 1)
    }

    /// Takes a process whose only stream is a terminal.
    #[cfg(target_os = "linux")]
    pub(crate) fn on_terminal(command: &Command, child: Child, terminal: std::fs::File) -> Self {
        let (sender, chunks) = channel();
        read(Stream::Out, terminal.try_clone().unwrap(), sender);
        Self::of(command, child, Box::new(terminal), chunks, 1)
    }

    fn of(
        command: &Command,
        child: Child,
        input: Box<dyn Write>,
        chunks: Receiver<Chunk>,
        open: usize,
    ) -> Self {
        let args: Vec<_> = command
            .get_args()
            .map(|arg| arg.to_string_lossy())
            .collect();
        Self {
            name: args.join(" "),
            child,
            input: Some(input),
            chunks,
            unread: [Vec::new(), Vec::new()],
            open,
            transcript: String::new(),
            last: None,
            patience: PATIENCE,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types a line.
    pub(crate) fn say(&mut self, line: &str) {
        self.say_bytes(line.as_bytes());
    }

    /// Has more patience, for a test that says much.
    pub(crate) const fn wait_up_to(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Presses keys, without an Enter.
    #[cfg(target_os = "linux")]
    pub(crate) fn press(&mut self, keys: &str) {
        let input = self.input.as_mut().expect("the input is open");
        input.write_all(keys.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// Waits for more of a terminal's output, and hands it over.
    #[cfg(target_os = "linux")]
    pub(crate) fn output(&mut self, start: Instant, wanted: &str) -> Vec<u8> {
        let unread = &mut self.unread[Stream::Out as usize];
        if !unread.is_empty() {
            return core::mem::take(unread);
        }
        self.receive(start, wanted);
        core::mem::take(&mut self.unread[Stream::Out as usize])
    }

    /// Types lines that come together.
    pub(crate) fn say_together(&mut self, lines: &[String]) {
        let input = self.input.as_mut().expect("the input is open");
        input
            .write_all((lines.join("\n") + "\n").as_bytes())
            .unwrap();
        input.flush().unwrap();
    }

    /// Types a line of any bytes.
    pub(crate) fn say_bytes(&mut self, line: &[u8]) {
        let input = self.input.as_mut().expect("the input is open");
        input.write_all(line).unwrap();
        input.write_all(b"\n").unwrap();
        input.flush().unwrap();
    }

    /// Types a line. False if the program has ended.
    pub(crate) fn say_if_it_runs(&mut self, line: &str) -> bool {
        let input = self.input.as_mut().expect("the input is open");
        input.write_all(format!("{line}\n").as_bytes()).is_ok()
    }

    /// Waits for a line of standard error that contains `wanted`; false if the program ends without.
    #[cfg(target_os = "linux")]
    pub(crate) fn tells(&mut self, wanted: &str) -> bool {
        let start = Instant::now();
        loop {
            while let Some(line) = self.next_line(Stream::Err) {
                if line.contains(wanted) {
                    return true;
                }
            }
            if self.open == 0 {
                return false;
            }
            self.receive(start, wanted);
        }
    }

    /// Ends the input.
    pub(crate) fn close(&mut self) {
        self.input = None;
    }

    /// The lines of a stream that have come and were not asked for.
    #[cfg(target_os = "linux")]
    pub(crate) fn lines(&mut self, stream: Stream) -> Vec<String> {
        core::iter::from_fn(|| self.next_line(stream)).collect()
    }

    /// Waits for a line of standard output that contains `wanted`; those before it are passed over.
    pub(crate) fn said(&mut self, wanted: &str) -> String {
        self.line(Stream::Out, wanted)
    }

    /// Waits for a line of standard error that contains `wanted`; those before it are passed over.
    pub(crate) fn told(&mut self, wanted: &str) -> String {
        self.line(Stream::Err, wanted)
    }

    fn line(&mut self, stream: Stream, wanted: &str) -> String {
        let start = Instant::now();
        loop {
            while let Some(line) = self.next_line(stream) {
                if line.contains(wanted) {
                    return line;
                }
            }
            self.receive(start, wanted);
        }
    }

    /// Waits for `wanted`, which need not end a line, on a terminal.
    #[cfg(target_os = "linux")]
    pub(crate) fn shown(&mut self, wanted: &str) {
        let start = Instant::now();
        loop {
            let unread = &mut self.unread[Stream::Out as usize];
            let found = unread
                .windows(wanted.len())
                .position(|window| window == wanted.as_bytes());
            if let Some(at) = found {
                unread.drain(..at + wanted.len());
                return;
            }
            self.receive(start, wanted);
        }
    }

    fn next_line(&mut self, stream: Stream) -> Option<String> {
        let unread = &mut self.unread[stream as usize];
        let end = unread.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = unread.drain(..=end).collect();
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        Some(String::from_utf8(line.to_vec()).expect("the program prints text"))
    }

    /// Lets pass what a person needs to read, while more may be printed.
    #[cfg(target_os = "linux")]
    pub(crate) fn is_read(&mut self, time: Duration) {
        let start = Instant::now();
        while let Ok((stream, bytes)) = self
            .chunks
            .recv_timeout(time.saturating_sub(start.elapsed()))
        {
            self.take(stream, &bytes);
        }
    }

    /// What has come of a terminal and was not asked for.
    #[cfg(target_os = "linux")]
    pub(crate) fn unread(&self) -> String {
        String::from_utf8_lossy(&self.unread[Stream::Out as usize]).into_owned()
    }

    /// Waits for more to read.
    fn receive(&mut self, start: Instant, wanted: &str) {
        assert!(
            self.open > 0,
            "{} ended without {wanted:?}:\n{}",
            self.name,
            self.transcript
        );
        let (stream, bytes) = self.chunk(start, wanted);
        self.take(stream, &bytes);
    }

    fn chunk(&self, start: Instant, wanted: &str) -> Chunk {
        match self
            .chunks
            .recv_timeout(self.patience.saturating_sub(start.elapsed()))
        {
            Ok(chunk) => chunk,
            Err(RecvTimeoutError::Timeout) => panic!(
                "{} did not come to {wanted:?} within {:?}:\n{}",
                self.name, self.patience, self.transcript
            ),
            Err(RecvTimeoutError::Disconnected) => unreachable!("each reader says when it ends"),
        }
    }

    fn take(&mut self, stream: Stream, bytes: &[u8]) {
        if bytes.is_empty() {
            self.open -= 1;
        }
        self.unread[stream as usize].extend_from_slice(bytes);
        // A line of one stream does not go on in the other.
        let last = self.last.replace(stream);
        if last.is_some_and(|last| last != stream) && !self.transcript.ends_with('\n') {
            self.transcript.push('\n');
        }
        self.transcript.push_str(&String::from_utf8_lossy(bytes));
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        let start = Instant::now();
        while self.open > 0 {
            let (stream, bytes) = self.chunk(start, "its end");
            self.take(stream, &bytes);
        }
        let status = self.child.wait().unwrap();
        let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
        Ended {
            code: status.code(),
            rest: text(&self.unread[0]),
            told: text(&self.unread[1]),
            transcript: self.transcript.clone(),
        }
    }

    /// Ends the input and waits for the end, which must be a good one.
    pub(crate) fn leave(mut self) -> Ended {
        self.close();
        let ended = self.end();
        assert_eq!(ended.code, Some(0), "{}", ended.transcript);
        ended
    }

    /// Kills it, without a goodbye.
    pub(crate) fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        self.end()
    }

    /// Waits until it is stopped, as by Ctrl+Z.
    #[cfg(target_os = "linux")]
    pub(crate) fn stops(&self) {
        use rustix::process::{Pid, WaitOptions, waitpid};
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        let options = WaitOptions::UNTRACED | WaitOptions::NOHANG;
        let (_, status) = until("its stop", || waitpid(Some(pid), options).unwrap());
        assert!(status.stopped(), "{status:?}");
    }

    /// Sends it a signal.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.pid()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

/// Whether a program that is started here hears of a hang-up: under `nohup` it ignores it, as it should,
/// and this says so.
#[cfg(unix)]
pub(crate) fn hears_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let is_ignored = mask.is_some_and(|mask| {
        mask.trim()
            .ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f'])
    });
    if is_ignored {
        skipped("hang-ups are ignored here, as under nohup");
    }
    !is_ignored
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None if a signal ended it.
    pub(crate) code: Option<i32>,
    /// What was not yet read of standard output, or of the terminal.
    pub(crate) rest: String,
    /// What was not yet read of standard error.
    pub(crate) told: String,
    /// Everything.
    pub(crate) transcript: String,
}

impl Ended {
    /// It failed with this exit code, and this is the only error that it printed.
    pub(crate) fn failed(&self, code: i32, error: &str) {
        let errors: Vec<&str> = self
            .transcript
            .lines()
            .filter(|line| line.starts_with("error:"))
            .collect();
        assert_eq!(self.code, Some(code), "{}", self.transcript);
        assert_eq!(errors.len(), 1, "{}", self.transcript);
        assert!(
            errors[0].ends_with(&format!("  [{error}]")),
            "{}",
            self.transcript
        );
    }
}

/// Reads on a thread of its own until the stream ends. A terminal ends with an error.
fn read(stream: Stream, mut from: impl Read + Send + 'static, to: Sender<Chunk>) {
    let forward = move || {
        let mut buffer = [0; 4096];
        loop {
            let len = from.read(&mut buffer).unwrap_or(0);
            // Nobody reads on when a test is over.
            if to.send((stream, buffer[..len].to_vec())).is_err() || len == 0 {
                return;
            }
        }
    };
    thread::Builder::new().spawn(forward).unwrap();
}

/// Tries until it is done, for as long as anything is waited for.
pub(crate) fn until<R>(what: &str, mut attempt: impl FnMut() -> Option<R>) -> R {
    let start = Instant::now();
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{what} did not come within {PATIENCE:?}"
        );
        thread::yield_now();
    }
}

/// Does something that is promised to take no longer than `promise` on a machine that has the time for it.
pub(crate) fn within<R>(promise: Duration, act: impl FnOnce() -> R) -> R {
    let (start, before) = (Instant::now(), busy());
    let result = act();
    let (took, busy) = (start.elapsed(), busy().saturating_sub(before));
    assert!(
        took < promise + SLACK + busy,
        "promised {promise:?}, took {took:?}, and for {busy:?} the machine was busy"
    );
    result
}

/// For how long since its start the machine had something waiting for a processor, or for a disk; always none where the
/// system does not tell.
fn busy() -> Duration {
    let of = |what: &str| {
        let told = std::fs::read_to_string(format!("/proc/pressure/{what}")).ok()?;
        let some = told.lines().find(|line| line.starts_with("some "))?;
        Some(Duration::from_micros(
            some.rsplit_once("total=")?.1.parse().ok()?,
        ))
    };
    ["cpu", "io"].into_iter().filter_map(of).sum()
}
