//! TCP and TLS 1.3 by rustls, blocking, one thread on each side.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConnection, ServerConnection, StreamOwned};
use securechat_peers::tls::{self, Cipher};

use crate::{
    DONE, ECHO, Load, TAKE, WINDOW, address_of, bulk, bytes_of, client_done, first_message,
    pipelined, ready, round_trips,
};

const HEADER: usize = 4;
/// What comes after it is a transfer.
const BULK: u8 = b'B';
const CHUNK: usize = 256 << 10;

/// A message on a stream: its length, and its bytes.
pub fn frame(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).expect("it is short");
    [len.to_le_bytes().as_slice(), body].concat()
}

/// Takes messages off a stream.
#[derive(Default)]
pub struct Frames {
    partial: Vec<u8>,
    /// Bytes of a transfer that are still to come.
    bulk: usize,
}

impl Frames {
    fn each(&mut self, bytes: &[u8], mut on_frame: impl FnMut(&[u8])) {
        self.partial.extend_from_slice(bytes);
        let mut used = 0;
        while let Some((header, rest)) = self.partial[used..].split_first_chunk::<HEADER>() {
            let Some(body) = rest.get(..u32::from_le_bytes(*header) as usize) else {
                break;
            };
            on_frame(body);
            used += HEADER + body.len();
        }
        self.partial.drain(..used);
    }

    /// What a server answers: an echo, or eight bytes for a receipt.
    pub fn answer(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut answers = Vec::new();
        let mut announced = 0;
        self.each(bytes, |body| match body.first() {
            Some(&ECHO) => answers.extend(frame(body)),
            Some(&BULK) => {
                let total = str::from_utf8(&body[1..]).expect("ASCII");
                announced = usize::from_str_radix(total, 16).expect("a number");
                answers.extend(frame(&[DONE]));
            }
            _ => answers.extend(frame(
                std::hint::black_box(body.to_vec())
                    .get(..8)
                    .unwrap_or_default(),
            )),
        });
        self.bulk += announced;
        answers
    }

    pub fn count(&mut self, bytes: &[u8]) -> usize {
        let mut count = 0;
        self.each(bytes, |_| count += 1);
        count
    }
}

/// Messages that may be on their way.
pub struct Window {
    left: usize,
    outstanding: usize,
}

impl Window {
    pub const fn new(count: usize) -> Self {
        Self {
            left: count,
            outstanding: 0,
        }
    }

    pub fn take(&mut self) -> usize {
        let more = self.left.min(WINDOW - self.outstanding);
        self.left -= more;
        self.outstanding += more;
        more
    }

    pub fn on_receipts(&mut self, count: usize) {
        self.outstanding -= count;
    }

    pub const fn is_done(&self) -> bool {
        self.left == 0 && self.outstanding == 0
    }
}

pub fn serve() {
    let (config, certificate) = tls::server();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    ready(listener.local_addr().expect("it is bound"), &certificate);
    let (socket, _) = listener.accept().expect("a client comes");
    socket.set_nodelay(true).expect("TCP");
    let session = ServerConnection::new(Arc::new(config)).expect("a whole configuration");
    let mut stream = StreamOwned::new(session, socket);
    let (mut frames, mut buffer) = (Frames::default(), vec![0; CHUNK]);
    loop {
        let Ok(len @ 1..) = stream.read(&mut buffer) else {
            return;
        };
        if frames.bulk > 0 {
            frames.bulk -= len;
            if frames.bulk == 0 {
                stream.write_all(&frame(&[DONE])).expect("the client reads");
            }
            continue;
        }
        let answers = frames.answer(&buffer[..len]);
        stream.write_all(&answers).expect("the client reads");
    }
}

struct Client {
    stream: StreamOwned<ClientConnection, TcpStream>,
    frames: Frames,
    buffer: Vec<u8>,
}

impl Client {
    fn new(server: &str) -> Self {
        let config = tls::client(CertificateDer::from(bytes_of(server)), Cipher::Usual);
        let socket = TcpStream::connect(address_of(server)).expect("the server listens");
        socket.set_nodelay(true).expect("TCP");
        let name = tls::NAME.try_into().expect("a name");
        let session = ClientConnection::new(Arc::new(config), name).expect("a whole configuration");
        Self {
            stream: StreamOwned::new(session, socket),
            frames: Frames::default(),
            buffer: vec![0; CHUNK],
        }
    }

    fn receive(&mut self) -> usize {
        let len = self
            .stream
            .read(&mut self.buffer)
            .expect("the server writes");
        assert!(len > 0, "it goes on");
        self.frames.count(&self.buffer[..len])
    }

    fn wait_for_one(&mut self) {
        while self.receive() == 0 {}
    }

    fn round_trip(&mut self, message: &[u8]) {
        self.stream
            .write_all(&frame(message))
            .expect("the server reads");
        self.wait_for_one();
    }

    fn deliver(&mut self, message: &[u8], count: usize) {
        let message = frame(message);
        let mut window = Window::new(count);
        while !window.is_done() {
            let more = window.take();
            if more > 0 {
                self.stream
                    .write_all(&message.repeat(more))
                    .expect("the server reads");
            }
            let receipts = self.receive();
            window.on_receipts(receipts);
        }
    }

    fn transfer(&mut self, total: usize) {
        let announcement = format!("{}{total:x}", char::from(BULK));
        self.round_trip(announcement.as_bytes());
        let chunk = vec![0x42; CHUNK];
        for at in (0..total).step_by(CHUNK) {
            self.stream
                .write_all(&chunk[..CHUNK.min(total - at)])
                .expect("the server reads");
        }
        self.wait_for_one();
    }
}

pub fn call(server: &str, load: Load) {
    let mut client = Client::new(server);
    client.deliver(&[TAKE; 100], 1);
    first_message();
    round_trips(100, load.round_trips, |message| client.round_trip(message));
    round_trips(200, load.round_trips, |message| client.round_trip(message));
    pipelined(load.messages, |message| {
        client.deliver(message, load.messages)
    });
    bulk(load.bulk, || client.transfer(load.bulk));
    client_done();
}
