//! The serving side: a thread that accepts, and two for each client.

use std::io::{self, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::{Value, json};

use crate::control::lines::next_line;
use crate::control::os::{FileId, Listener, Place, Stream, Waker};
use crate::control::places::{Places, max_clients};
use crate::control::queue::{Client, Kind};
use crate::control::rpc::{self, Code};
use crate::sync::thread;

/// How long the last answers may take to be written at the end.
const TO_END: Duration = Duration::from_millis(500);

/// A client that takes nothing for so long, while there is something for it, is closed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client that has asked for nothing for so long may have to give its place to another.
const QUIET: Duration = Duration::from_secs(10);

/// Bytes that are written at once: so few that a socket takes all of them or none. Of more it takes a part when
/// [`PATIENCE`] is over, and has as much time again for the rest.
const PIECE: usize = 2 << 10;

/// How long to wait before somebody is let in again after that has failed: a process without a free descriptor
/// leaves the next client waiting.
const PAUSE: Duration = Duration::from_millis(100);

/// So many pauses long, a second, whoever is to give its place may take to leave it.
const TO_LEAVE: u32 = 10;

/// What the owner is told.
#[derive(Debug)]
pub enum Happening {
    /// A client asks for something.
    Incoming(Incoming),
    /// A line with this token is on its way to its client.
    Written(u64),
    /// Somebody comes, places are short, and nobody is idle: who has waited longest for an answer is to have it now.
    /// No other one comes while this is there.
    Crowded(Arc<()>),
}

/// How long clients are waited for, and how many there are.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    patience: Duration,
    quiet: Duration,
    clients: usize,
}

/// A line of a client. The next one of the same client comes when this is dropped.
#[derive(Debug)]
pub struct Incoming {
    /// Where the answer goes.
    pub client: Client,
    /// The line without its break; its length alone if it was longer than [`LINE_MAX_LEN`](crate::json::LINE_MAX_LEN).
    pub line: Result<Vec<u8>, usize>,
    _taken: SyncSender<()>,
}

/// A socket that is served. Dropping it ends every connection, after what is still to be written.
#[derive(Debug)]
pub struct Server {
    place: Place,
    bounds: Bounds,
    all: Arc<Places>,
    accepting: Option<Accepting>,
    /// What each writer has a copy of.
    alive: Sender<()>,
    /// Ends when every writer has.
    writers: Receiver<()>,
}

/// The thread that accepts, and the file through which others come to it.
#[derive(Debug)]
struct Accepting {
    file: FileId,
    waker: Waker,
    thread: thread::JoinHandle<()>,
}

/// Whose file is in the place of a socket that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// That of the socket.
    Ours,
    /// None is there any more: whoever comes finds nobody.
    Nobodys,
    /// Another one.
    Anothers,
}

impl Server {
    /// Takes the place and serves it. `tell` is called by several threads, and must not block for long.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(
        place: Place,
        tell: impl Fn(Happening) + Send + Sync + Clone + 'static,
    ) -> io::Result<Self> {
        let bounds = Bounds {
            patience: PATIENCE,
            quiet: QUIET,
            clients: max_clients(),
        };
        Self::start_with(place, bounds, tell)
    }

    fn start_with(
        place: Place,
        bounds: Bounds,
        tell: impl Fn(Happening) + Send + Sync + Clone + 'static,
    ) -> io::Result<Self> {
        let bound = place.clone().listen()?;
        let (alive, writers) = channel();
        let mut server = Self {
            place,
            bounds,
            all: Arc::new(Places::new(bounds.clients)),
            accepting: None,
            alive,
            writers,
        };
        server.accept_from(bound, tell)?;
        Ok(server)
    }

    /// Where the socket is.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Looks whose file is in its place.
    ///
    /// # Errors
    /// What the system says.
    pub fn look(&self) -> io::Result<Whose> {
        let ours = self.accepting.as_ref().map(|it| it.file);
        match self.place.file() {
            Ok(file) if Some(file) == ours => Ok(Whose::Ours),
            Ok(_) => Ok(Whose::Anothers),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Whose::Nobodys),
            Err(error) => Err(error),
        }
    }

    /// Takes its place anew after its file was removed. Whoever is connected stays so.
    ///
    /// # Errors
    /// What the system says; then nothing changes.
    pub fn listen_anew(
        &mut self,
        tell: impl Fn(Happening) + Send + Sync + Clone + 'static,
    ) -> io::Result<()> {
        let bound = self.place.clone().listen_anew()?;
        self.accept_from(bound, tell)
    }

    /// Accepts whoever comes to this listener, and no more to the one before.
    fn accept_from(
        &mut self,
        (listener, waker): (Listener, Waker),
        tell: impl Fn(Happening) + Send + Sync + Clone + 'static,
    ) -> io::Result<()> {
        let (file, bounds) = (listener.file(), self.bounds);
        let (shared, alive) = (Arc::clone(&self.all), self.alive.clone());
        let accept = move || accept(&listener, bounds, &shared, &tell, &alive);
        let thread = thread::start("control", accept)?;
        let accepting = Accepting {
            file,
            waker,
            thread,
        };
        if let Some(before) = self.accepting.replace(accepting) {
            before.end();
        }
        Ok(())
    }
}

impl Accepting {
    fn end(self) {
        self.waker.wake();
        // A panic there has ended the program already.
        let _ = self.thread.join();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.end();
        }
        // The last one that is no writer's.
        self.alive = channel().0;
        let open = self.all.take();
        for (client, _) in &open {
            client.finish();
        }
        let _ = self.writers.recv_timeout(TO_END);
        for (client, stream) in open {
            client.close();
            stream.shut_down();
        }
    }
}

fn accept<T>(listener: &Listener, bounds: Bounds, all: &Arc<Places>, tell: &T, alive: &Sender<()>)
where
    T: Fn(Happening) + Send + Sync + Clone + 'static,
{
    let mut crowd = Crowd::default();
    while listener.waits() {
        if all.are_short()
            && !all.retire_one()
            && let Some(told) = crowd.needs_a_place()
        {
            tell(Happening::Crowded(told));
        }
        if all.are_taken() {
            listener.pause(PAUSE);
            continue;
        }
        crowd.comes_in();
        match listener.accept() {
            // Another user is turned away by dropping the stream.
            Ok(stream) if stream.check_user().is_err() => {}
            Ok(stream) => {
                let unserved = stream.share();
                if let Err(error) = serve(stream, bounds, all, tell, alive) {
                    refuse(unserved, &error);
                }
            }
            // It has left while it waited.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => listener.pause(PAUSE),
        }
    }
}

/// Has one client leave for each that comes, and another one if none has left.
#[derive(Debug, Default)]
struct Crowd {
    /// What the owner was told and has not done yet.
    told: Weak<()>,
    /// How many pauses long nobody else is to leave for who comes now.
    to_leave: u32,
}

impl Crowd {
    /// What the owner is to be told now, if anything.
    fn needs_a_place(&mut self) -> Option<Arc<()>> {
        if self.told.strong_count() > 0 {
            return None;
        }
        if self.to_leave > 0 {
            self.to_leave -= 1;
            return None;
        }
        let told = Arc::new(());
        self.told = Arc::downgrade(&told);
        self.to_leave = TO_LEAVE;
        Some(told)
    }

    /// Who comes next needs another place.
    const fn comes_in(&mut self) {
        self.to_leave = 0;
    }
}

/// Starts the two threads of a client.
///
/// # Errors
/// The system's, if it gives none and the client is yet to be told.
fn serve<T>(
    stream: Stream,
    bounds: Bounds,
    all: &Arc<Places>,
    tell: &T,
    alive: &Sender<()>,
) -> io::Result<()>
where
    T: Fn(Happening) + Send + Sync + Clone + 'static,
{
    stream.set_write_patience(bounds.patience)?;
    let client = Client::new();
    let (input, output) = (stream.share(), stream.share());
    let (writer, told, alive) = (client.clone(), tell.clone(), alive.clone());
    let write = move || {
        write_lines(&writer, output, &told);
        drop(alive);
    };
    thread::start("control-out", write)?;
    all.add(client.clone(), stream);
    let (shared, told, reader) = (Arc::clone(all), tell.clone(), client.clone());
    let input = Input {
        stream: input,
        client: client.clone(),
        quiet: bounds.quiet,
    };
    let read = move || {
        let mut input = BufReader::new(input);
        read_lines(reader.held(), &mut input, &told);
        // It may have closed its half alone, and wait for answers or listen.
        input.get_ref().stream.wait_for_its_end();
        reader.finish();
        shared.remove(&reader);
    };
    if let Err(error) = thread::start("control-in", read) {
        // Its writer does the rest.
        let _ = client.answer(refusal(&error));
        client.finish();
        all.remove(&client);
    }
    Ok(())
}

/// Tells a client that it is not served, and why: it would take a connection that ends for a program that has ended.
fn refuse(mut stream: Stream, error: &io::Error) {
    // It may have left by now.
    let _ = stream.write_all(refusal(error).as_bytes());
}

/// The answer to whatever it asks.
fn refusal(error: &io::Error) -> String {
    let words = format!("it has no thread for another client: {error}");
    let data = json!({ "code": "SC41", "exit": 1, "message": words });
    rpc::error(&Value::Null, Code::Failed, &words, &data)
}

fn write_lines(client: &Client, mut output: Stream, tell: &impl Fn(Happening)) {
    while let Some(line) = client.next() {
        if write_patiently(&mut output, line.text.as_bytes()).is_err() {
            break;
        }
        client.written(line.text.len(), line.kind);
        if let Kind::Message(token) = line.kind {
            tell(Happening::Written(token));
        }
    }
    client.close();
    // The reader ends too.
    output.shut_down();
}

/// Writes all of it, unless the other end takes nothing for as long as the patience of the output.
fn write_patiently(output: &mut impl Write, text: &[u8]) -> io::Result<()> {
    let mut pieces = text.chunks(PIECE);
    pieces.try_for_each(|piece| output.write_all(piece))
}

/// Reads until nothing more comes. What the owner has kept of the client by then may still be answered.
fn read_lines(client: Client, input: &mut BufReader<Input>, tell: &impl Fn(Happening)) {
    while client.has_room() && client.wake() {
        let Some(line) = next_line(input) else {
            return;
        };
        let (taken, until_taken) = sync_channel(1);
        tell(Happening::Incoming(Incoming {
            client: client.clone(),
            line,
            _taken: taken,
        }));
        // It ends by being dropped.
        let _ = until_taken.recv();
    }
}

/// What a client writes. Who stops for long is quiet, also within a line.
#[derive(Debug)]
struct Input {
    stream: Stream,
    client: Client,
    quiet: Duration,
}

impl Read for Input {
    /// Fails once the client has lost its place.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.stream.waits_for_input(Some(self.quiet)) {
            self.client.grow_quiet();
            self.stream.waits_for_input(None);
        }
        if !self.client.wake() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.stream.read(buffer)
    }
}

#[cfg(test)]
mod tests;
