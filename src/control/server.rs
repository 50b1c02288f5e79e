//! The serving side: a thread that accepts, and two for each client.

use std::io::{self, BufRead, BufReader, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::control::lines::next_line;
use crate::control::os::{FileId, Listener, Place, Stream, Waker};
use crate::control::queue::{Client, Kind};
use crate::sync::thread;

/// Clients at one time. One more waits in the system's queue until another one has left.
const MAX_CLIENTS: usize = 32;

/// How long the last answers may take to be written at the end.
const TO_END: Duration = Duration::from_millis(500);

/// A client that takes nothing for so long, while there is something for it, is closed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes that are written at once: so few that a socket takes all of them or none. Of more it takes a part when
/// [`PATIENCE`] is over, and has as much time again for the rest.
const PIECE: usize = 2 << 10;

/// How long to wait before somebody is let in again after that has failed: a process without a free descriptor
/// leaves the next client waiting.
const PAUSE: Duration = Duration::from_millis(100);

/// What the owner is told.
#[derive(Debug)]
pub enum Happening {
    /// A client asks for something.
    Incoming(Incoming),
    /// A line with this token is on its way to its client.
    Written(u64),
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
    patience: Duration,
    all: Arc<All>,
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

#[derive(Debug, Default)]
struct All {
    count: AtomicUsize,
    open: Mutex<Vec<(Client, Stream)>>,
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
        Self::start_with(place, PATIENCE, tell)
    }

    fn start_with(
        place: Place,
        patience: Duration,
        tell: impl Fn(Happening) + Send + Sync + Clone + 'static,
    ) -> io::Result<Self> {
        let bound = place.clone().listen()?;
        let (alive, writers) = channel();
        let mut server = Self {
            place,
            patience,
            all: Arc::default(),
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
        let (file, patience) = (listener.file(), self.patience);
        let (shared, alive) = (Arc::clone(&self.all), self.alive.clone());
        let accept = move || accept(&listener, patience, &shared, &tell, &alive);
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
        let open = core::mem::take(&mut *self.all.lock());
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

impl All {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Client, Stream)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept<T>(listener: &Listener, patience: Duration, all: &Arc<All>, tell: &T, alive: &Sender<()>)
where
    T: Fn(Happening) + Send + Sync + Clone + 'static,
{
    while listener.waits() {
        if all.count.load(Ordering::SeqCst) >= MAX_CLIENTS {
            listener.pause(PAUSE);
            continue;
        }
        match listener.accept() {
            // Another user is turned away by dropping the stream.
            Ok(stream) if stream.check_user().is_err() => {}
            // Without threads for it there is nothing to be done for this client.
            Ok(stream) => {
                let _ = serve(stream, patience, all, tell, alive);
            }
            // It has left while it waited.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => listener.pause(PAUSE),
        }
    }
}

fn serve<T>(
    stream: Stream,
    patience: Duration,
    all: &Arc<All>,
    tell: &T,
    alive: &Sender<()>,
) -> io::Result<()>
where
    T: Fn(Happening) + Send + Sync + Clone + 'static,
{
    stream.set_write_patience(patience)?;
    let client = Client::new();
    let (input, output) = (stream.try_clone()?, stream.try_clone()?);
    let (writer, told, alive) = (client.clone(), tell.clone(), alive.clone());
    let write = move || {
        write_lines(&writer, output, &told);
        drop(alive);
    };
    thread::start("control-out", write)?;
    all.lock().push((client.clone(), stream));
    all.count.fetch_add(1, Ordering::SeqCst);
    let (shared, told, reader) = (Arc::clone(all), tell.clone(), client.clone());
    let read = move || {
        let mut input = BufReader::new(input);
        read_lines(reader.held(), &mut input, &told);
        // It may have closed its half alone, and wait for answers or listen.
        input.get_ref().wait_for_its_end();
        reader.finish();
        shared.lock().retain(|(open, _)| !open.is(&reader));
        shared.count.fetch_sub(1, Ordering::SeqCst);
    };
    let reading = thread::start("control-in", read);
    if reading.is_err() {
        client.close();
        all.lock().retain(|(open, _)| !open.is(&client));
        all.count.fetch_sub(1, Ordering::SeqCst);
    }
    reading.map(drop)
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
fn read_lines(client: Client, input: &mut impl BufRead, tell: &impl Fn(Happening)) {
    while client.has_room() {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers each line with itself, as an owner would from its loop.
    #[cfg(unix)]
    fn parrot(home: &tempfile::TempDir) -> (Server, Place) {
        parrot_with(home, PATIENCE)
    }

    #[cfg(unix)]
    fn parrot_with(home: &tempfile::TempDir, patience: Duration) -> (Server, Place) {
        let place = Place::new(home.path().join("ctl.sock")).unwrap();
        let server = Server::start_with(place.clone(), patience, answer);
        (server.unwrap(), place)
    }

    #[cfg(unix)]
    fn answer(happening: Happening) {
        if let Happening::Incoming(Incoming { client, line, .. }) = happening {
            let text = line.map_or_else(
                |len| len.to_string(),
                |line| String::from_utf8(line).unwrap(),
            );
            let _ = client.answer(text + "\n");
        }
    }

    #[cfg(unix)]
    fn said(stream: &mut Stream, line: &str) -> Option<String> {
        stream.write_all(format!("{line}\n").as_bytes()).ok()?;
        let answer = next_line(&mut BufReader::new(stream))?.ok()?;
        String::from_utf8(answer).ok()
    }

    #[cfg(unix)]
    #[test]
    fn as_many_clients_as_are_allowed_are_served_and_one_more_waits_until_one_has_left() {
        let home = tempfile::tempdir().unwrap();
        let (_server, place) = parrot(&home);
        let mut clients: Vec<Stream> = (0..MAX_CLIENTS)
            .map(|_| place.connect(PATIENCE).unwrap())
            .collect();
        for client in &mut clients {
            assert_eq!(said(client, "hi").as_deref(), Some("hi"));
        }
        let mut waits = place.connect(PATIENCE).unwrap();
        waits
            .set_patience(Some(Duration::from_millis(100)))
            .unwrap();
        assert_eq!(said(&mut waits, "me too"), None);
        waits.set_patience(None).unwrap();
        clients.pop().unwrap().shut_down();
        let answer = next_line(&mut BufReader::new(waits)).unwrap().unwrap();
        assert_eq!(answer, b"me too");
    }

    /// They have asked for more than a socket holds, and take nothing of it.
    #[cfg(unix)]
    #[test]
    fn clients_that_take_nothing_lose_their_places() {
        let home = tempfile::tempdir().unwrap();
        let (_server, place) = parrot_with(&home, Duration::from_millis(1));
        let line = format!("{}\n", "x".repeat(8 << 20));
        let ask = |_| {
            let mut deaf = place.connect(PATIENCE).unwrap();
            deaf.write_all(line.as_bytes()).unwrap();
            deaf
        };
        let _deaf: Vec<Stream> = (0..MAX_CLIENTS).map(ask).collect();
        let served = || said(&mut place.connect(PATIENCE).ok()?, "is there room?");
        while served().is_none() {}
    }

    /// Counts how often something could not be written at once, which is after patience was over.
    #[cfg(target_os = "linux")]
    struct Waits(Stream, usize);

    #[cfg(target_os = "linux")]
    impl Write for Waits {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let written = self.0.write(bytes);
            self.1 += usize::from(!matches!(written, Ok(len) if len == bytes.len()));
            written
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// It was closed after twice the time that docs/json.md says.
    #[cfg(target_os = "linux")]
    #[test]
    fn patience_with_who_takes_nothing_is_over_once_and_is_what_is_documented() {
        let home = tempfile::tempdir().unwrap();
        let place = Place::new(home.path().join("ctl.sock")).unwrap();
        let (listener, _waker) = place.clone().listen().unwrap();
        let _deaf = place.connect(PATIENCE).unwrap();
        let stream = listener.accept().unwrap();
        stream.set_write_patience(Duration::from_millis(1)).unwrap();
        let mut output = Waits(stream, 0);
        write_patiently(&mut output, &vec![b'x'; 8 << 20]).unwrap_err();
        assert_eq!(output.1, 1);
        let documented = include_str!("../../docs/json.md");
        let seconds = PATIENCE.as_secs();
        let words = format!("A client that takes nothing for {seconds} s while something");
        assert!(documented.contains(&words));
    }

    #[cfg(unix)]
    #[test]
    fn a_server_whose_file_somebody_else_has_by_now_ends_and_leaves_it_there() {
        let home = tempfile::tempdir().unwrap();
        let (server, place) = parrot(&home);
        std::fs::remove_file(place.path()).unwrap();
        let (_other, _) = parrot(&home);
        drop(server);
        let mut client = place.connect(PATIENCE).unwrap();
        assert_eq!(said(&mut client, "hi").as_deref(), Some("hi"));
    }

    #[cfg(unix)]
    #[test]
    fn who_is_connected_stays_so_while_the_place_of_a_removed_file_is_taken_anew() {
        let home = tempfile::tempdir().unwrap();
        let (mut server, place) = parrot(&home);
        let mut early = place.connect(PATIENCE).unwrap();
        assert_eq!(said(&mut early, "hi").as_deref(), Some("hi"));
        assert_eq!(server.look().unwrap(), Whose::Ours);
        std::fs::remove_file(place.path()).unwrap();
        assert_eq!(server.look().unwrap(), Whose::Nobodys);
        server.listen_anew(answer).unwrap();
        assert_eq!(server.look().unwrap(), Whose::Ours);
        let mut late = place.connect(PATIENCE).unwrap();
        for client in [&mut early, &mut late] {
            assert_eq!(said(client, "still").as_deref(), Some("still"));
        }
        drop(server);
        assert!(!place.path().exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_there_is_not_taken_anew() {
        let home = tempfile::tempdir().unwrap();
        let (mut server, place) = parrot(&home);
        std::fs::remove_file(place.path()).unwrap();
        let (_other, _) = parrot(&home);
        assert_eq!(server.look().unwrap(), Whose::Anothers);
        assert!(server.listen_anew(answer).is_err());
        assert_eq!(server.look().unwrap(), Whose::Anothers);
    }

    #[cfg(unix)]
    #[test]
    fn what_was_asked_before_the_end_is_answered_and_the_connection_then_ends() {
        let home = tempfile::tempdir().unwrap();
        let (server, place) = parrot(&home);
        let mut client = place.connect(PATIENCE).unwrap();
        assert_eq!(said(&mut client, "one").as_deref(), Some("one"));
        drop(server);
        assert_eq!(said(&mut client, "two"), None);
        assert!(!place.path().exists());
    }

    /// A client that has asked for something and closed its half, its connection, and the server.
    #[cfg(unix)]
    fn half_closed(home: &tempfile::TempDir) -> (Client, Stream, Server) {
        let place = Place::new(home.path().join("ctl.sock")).unwrap();
        let (asked, asking) = channel();
        let tell = move |happening| {
            if let Happening::Incoming(incoming) = happening {
                asked.send(incoming.client.clone()).unwrap();
            }
        };
        let server = Server::start(place.clone(), tell).unwrap();
        let mut stream = place.connect(PATIENCE).unwrap();
        stream.write_all(b"later\n").unwrap();
        stream.close_its_half();
        let client: Client = asking.recv().unwrap();
        while !client.is_the_last() {
            std::thread::yield_now();
        }
        (client, stream, server)
    }

    #[cfg(unix)]
    #[test]
    fn who_has_closed_a_half_is_answered_before_the_connection_ends() {
        let home = tempfile::tempdir().unwrap();
        let (client, stream, _server) = half_closed(&home);
        assert!(client.answer("here it is\n"));
        drop(client);
        assert_eq!(io::read_to_string(stream).unwrap(), "here it is\n");
    }

    #[cfg(unix)]
    #[test]
    fn who_has_closed_a_half_has_its_place_until_it_closes_the_other() {
        let home = tempfile::tempdir().unwrap();
        let (client, stream, server) = half_closed(&home);
        assert!(client.tell("an event\n"));
        assert_eq!(server.all.count.load(Ordering::SeqCst), 1);
        drop(stream);
        while server.all.count.load(Ordering::SeqCst) > 0 || !client.is_closed() {
            std::thread::yield_now();
        }
    }

    #[cfg(unix)]
    #[test]
    fn who_has_closed_a_half_is_let_go_when_the_server_ends() {
        let home = tempfile::tempdir().unwrap();
        let (client, stream, server) = half_closed(&home);
        let all = Arc::clone(&server.all);
        assert!(client.answer("the last word\n"));
        drop(server);
        assert_eq!(io::read_to_string(stream).unwrap(), "the last word\n");
        while all.count.load(Ordering::SeqCst) > 0 {
            std::thread::yield_now();
        }
    }
}
