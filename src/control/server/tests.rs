use super::*;

/// Answers each line with itself, as an owner would from its loop.
#[cfg(unix)]
fn parrot(home: &tempfile::TempDir) -> (Server, Place) {
    parrot_with(home, bounds(PLACES))
}

/// Against hanging only.
#[cfg(unix)]
const LONG: Duration = Duration::from_secs(600);

#[cfg(unix)]
fn bounds(clients: usize) -> Bounds {
    Bounds {
        patience: PATIENCE,
        quiet: LONG,
        clients,
    }
}

#[cfg(unix)]
fn parrot_with(home: &tempfile::TempDir, bounds: Bounds) -> (Server, Place) {
    let place = Place::new(home.path().join("ctl.sock")).unwrap();
    let server = Server::start_with(place.clone(), bounds, answer);
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

/// How many places most of these servers have.
#[cfg(unix)]
const PLACES: usize = 32;

#[cfg(unix)]
fn connected(place: &Place, clients: usize) -> Vec<Stream> {
    let connect = |_| place.connect(PATIENCE).unwrap();
    (0..clients).map(connect).collect()
}

#[cfg(unix)]
#[test]
fn as_many_clients_as_are_allowed_are_served_and_one_more_waits_until_one_has_left() {
    let home = tempfile::tempdir().unwrap();
    let (_server, place) = parrot(&home);
    let mut clients = connected(&place, PLACES);
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

/// A connection that ends is a program that has ended, for whoever asks.
#[cfg(unix)]
#[test]
fn whom_no_thread_can_be_had_for_is_told_so_whenever_it_asks() {
    use crate::control::Connection;
    let home = tempfile::tempdir().unwrap();
    let place = Place::new(home.path().join("ctl.sock")).unwrap();
    let (listener, _waker) = place.clone().listen().unwrap();
    let none_left = io::Error::from(io::ErrorKind::WouldBlock);
    for asks_first in [false, true] {
        let mut connection = Connection::open(&place, LONG).unwrap().unwrap();
        if asks_first {
            connection.request("hello", &json!({}), LONG).unwrap();
        }
        refuse(listener.accept().unwrap(), &none_left);
        let answer = if asks_first {
            connection.answer()
        } else {
            connection.ask_within("hello", &json!({}), LONG)
        };
        let refusal = answer.unwrap().unwrap_err();
        let words = "it has no thread for another client: ";
        assert!(refusal.message.starts_with(words), "{}", refusal.message);
        assert_eq!(refusal.data["code"], "SC41");
    }
}

/// They have asked for more than a socket holds, and take nothing of it.
#[cfg(unix)]
#[test]
fn clients_that_take_nothing_lose_their_places() {
    let home = tempfile::tempdir().unwrap();
    let patience = Duration::from_millis(1);
    let bounds = Bounds {
        patience,
        ..bounds(PLACES)
    };
    let (_server, place) = parrot_with(&home, bounds);
    let line = format!("{}\n", "x".repeat(8 << 20));
    let ask = |_| {
        let mut deaf = place.connect(PATIENCE).unwrap();
        deaf.write_all(line.as_bytes()).unwrap();
        deaf
    };
    let _deaf: Vec<Stream> = (0..PLACES).map(ask).collect();
    let served = || said(&mut place.connect(PATIENCE).ok()?, "is there room?");
    while served().is_none() {}
}

/// As many of them as there are places kept everybody else out, for as long as they were there.
#[cfg(unix)]
#[test]
fn who_is_idle_gives_its_place_to_who_comes() {
    let home = tempfile::tempdir().unwrap();
    let quiet = Duration::from_millis(1);
    let bounds = Bounds { quiet, ..bounds(4) };
    let (_server, place) = parrot_with(&home, bounds);
    let mut idle = connected(&place, 4);
    for client in &mut idle {
        client.set_patience(Some(LONG)).unwrap();
    }
    assert_eq!(said(&mut idle[3], "hi").as_deref(), Some("hi"));
    for _ in 0..4 {
        let mut next = place.connect(PATIENCE).unwrap();
        next.set_patience(Some(LONG)).unwrap();
        assert_eq!(said(&mut next, "hi").as_deref(), Some("hi"));
        idle.push(next);
    }
    assert_eq!(said(&mut idle[0], "who came first"), None);
}

/// They were taken for busy for as long as they were there.
#[cfg(unix)]
#[test]
fn who_stops_within_a_line_gives_its_place_to_who_comes() {
    let home = tempfile::tempdir().unwrap();
    let quiet = Duration::from_millis(1);
    let bounds = Bounds { quiet, ..bounds(4) };
    let (_server, place) = parrot_with(&home, bounds);
    let stops = |_| {
        let mut client = place.connect(PATIENCE).unwrap();
        client.set_patience(Some(LONG)).unwrap();
        client.write_all(b"half a line").unwrap();
        client
    };
    let mut stopped: Vec<Stream> = (0..4).map(stops).collect();
    let mut next = place.connect(PATIENCE).unwrap();
    next.set_patience(Some(LONG)).unwrap();
    assert_eq!(said(&mut next, "hi").as_deref(), Some("hi"));
    let answers = stopped.iter_mut().map(|it| said(it, " and its rest"));
    let (stayed, left): (Vec<_>, Vec<_>) = answers.partition(Option::is_some);
    assert!(!left.is_empty());
    // What was not ended is no request.
    for answer in stayed.into_iter().flatten() {
        assert_eq!(answer, "half a line and its rest");
    }
}

/// Nobody is idle who waits for an answer, or is told of what happens.
#[cfg(unix)]
#[test]
fn whom_the_owner_has_something_for_stays_and_the_owner_is_told_that_others_come() {
    let home = tempfile::tempdir().unwrap();
    let place = Place::new(home.path().join("ctl.sock")).unwrap();
    let (asks, asked) = channel();
    let (comes, came) = channel();
    // The owner may be gone at the end.
    let tell = move |happening| match happening {
        Happening::Incoming(it) => drop(asks.send(it.client.clone())),
        Happening::Crowded(told) => drop(comes.send(told)),
        Happening::Written(_) => {}
    };
    let quiet = Duration::from_millis(1);
    let bounds = Bounds { quiet, ..bounds(4) };
    let server = Server::start_with(place.clone(), bounds, tell).unwrap();
    let connected = |line: &[u8]| {
        let mut client = place.connect(PATIENCE).unwrap();
        client.set_patience(Some(LONG)).unwrap();
        client.write_all(line).unwrap();
        client
    };
    // Each waits for its answer before the next one comes, which could have its place otherwise.
    let served = |_| (connected(b"later\n"), asked.recv_timeout(LONG).unwrap());
    let (clients, mut waiting): (Vec<_>, Vec<_>) = (0..4).map(served).unzip();
    came.try_iter().for_each(drop);
    let _next = connected(b"hi\n");
    // Who waits has been quiet for long by the second time.
    for _ in 0..2 {
        came.recv_timeout(LONG).unwrap();
    }
    assert_eq!(server.all.count(), 4);
    let waited = waiting.remove(0);
    assert!(waited.answer("not yet\n"));
    drop(waited);
    waiting.push(asked.recv_timeout(LONG).unwrap());
    let answers = clients.into_iter().filter_map(|mut client| {
        client.set_patience(Some(Duration::from_millis(1))).unwrap();
        next_line(&mut BufReader::new(&mut client))?.ok()
    });
    assert_eq!(answers.collect::<Vec<_>>(), [b"not yet".to_vec()]);
}

/// While the owner was busy it was told ten times a second, and then answered as many for one who had come.
#[test]
fn one_client_is_to_leave_for_each_that_comes_and_another_only_if_none_does() {
    let mut crowd = Crowd::default();
    let told = crowd.needs_a_place();
    assert!(told.is_some());
    for _ in 0..2 * TO_LEAVE {
        assert!(crowd.needs_a_place().is_none(), "it is not done yet");
    }
    drop(told);
    for _ in 0..TO_LEAVE {
        assert!(crowd.needs_a_place().is_none(), "it may be leaving");
    }
    assert!(crowd.needs_a_place().is_some());
    assert!(crowd.needs_a_place().is_none());
    crowd.comes_in();
    assert!(crowd.needs_a_place().is_some());
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
    let documented = include_str!("../../../docs/json.md");
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
    assert_eq!(server.all.count(), 1);
    drop(stream);
    while server.all.count() > 0 || !client.is_closed() {
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
    while all.count() > 0 {
        std::thread::yield_now();
    }
}
