//! Two quinn-proto endpoints in one thread, joined by the same wire as ours. A message is a length and its bytes
//! on one stream; its receipt is eight bytes on the way back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn_proto::{
    ClientConfig, Connection, ConnectionHandle, DatagramEvent, Dir, Endpoint, EndpointConfig,
    Event, ServerConfig, StreamEvent, StreamId, TransportConfig,
};

use crate::ours::HOP_US;
use crate::tls::{self, Cipher};

/// Datagrams that one call may lay out as a train.
const TRAIN: usize = 10;
const HEADER: usize = 4;
const RECEIPT: usize = 8;

pub struct Configs {
    pub server: Arc<ServerConfig>,
    pub client: ClientConfig,
}

impl Configs {
    pub fn new() -> Self {
        Self::with(TransportConfig::default())
    }

    /// With the cipher that ours uses.
    pub fn with_chacha20() -> Self {
        Self::of(TransportConfig::default(), Cipher::ChaCha20)
    }

    /// `transport`: for either side.
    pub fn with(transport: TransportConfig) -> Self {
        Self::of(transport, Cipher::Usual)
    }

    fn of(transport: TransportConfig, cipher: Cipher) -> Self {
        let (server, certificate) = tls::server();
        let server = QuicServerConfig::try_from(server).expect("TLS 1.3");
        let client = tls::client(certificate, cipher);
        let client = QuicClientConfig::try_from(client).expect("TLS 1.3");
        let transport = Arc::new(transport);
        let mut server = ServerConfig::with_crypto(Arc::new(server));
        server.transport_config(Arc::clone(&transport));
        let mut client = ClientConfig::new(Arc::new(client));
        client.transport_config(transport);
        Self {
            server: Arc::new(server),
            client,
        }
    }
}

impl Default for Configs {
    fn default() -> Self {
        Self::new()
    }
}

pub struct Side {
    endpoint: Endpoint,
    pub connection: Option<(ConnectionHandle, Connection)>,
    pub address: SocketAddr,
    buffer: Vec<u8>,
    pub established: bool,
    /// The stream that messages and receipts use.
    stream: Option<StreamId>,
    /// Of a message that is not there yet.
    partial: Vec<u8>,
    pub received: usize,
    pub receipts: usize,
    /// The large transfer's on its way in.
    bulk: Option<StreamId>,
    /// The large transfer's on its way out.
    bulk_out: Option<StreamId>,
    pub finished: bool,
    readable: bool,
    pub writable: bool,
    /// Why the connection is no more.
    pub ended: Option<String>,
    /// Bytes read of the large transfer.
    pub moved: u64,
}

impl Side {
    pub fn new(number: u32, server: Option<Arc<ServerConfig>>) -> Self {
        Self::with(number, server, None)
    }

    /// `seed`: for connection ids, skipped packet numbers and so on.
    pub fn with(number: u32, server: Option<Arc<ServerConfig>>, seed: Option<[u8; 32]>) -> Self {
        let [a, b, c, _] = number.to_le_bytes();
        let config = Arc::new(EndpointConfig::default());
        Self {
            endpoint: Endpoint::new(config, server, true, seed),
            connection: None,
            address: SocketAddr::from(([10, c, b, a], 7_419)),
            buffer: Vec::new(),
            established: false,
            stream: None,
            partial: Vec::new(),
            received: 0,
            receipts: 0,
            bulk: None,
            bulk_out: None,
            finished: false,
            readable: false,
            writable: false,
            ended: None,
            moved: 0,
        }
    }

    pub fn connect(&mut self, config: ClientConfig, remote: SocketAddr, now: Instant) {
        self.connection = self.endpoint.connect(now, config, remote, tls::NAME).ok();
    }

    /// Opens the stream that messages use, ahead of a transfer's.
    pub fn open_messages(&mut self) {
        let stream = self.connection().streams().open(Dir::Bi);
        let stream = stream.expect("one may be opened");
        let raised = self.connection().send_stream(stream).set_priority(1);
        raised.expect("it is open");
        self.stream = Some(stream);
    }

    /// Writes one message; there must be room for it.
    pub fn say(&mut self, text: &[u8]) {
        let stream = self.stream.expect("it was opened");
        let mut writer = self.connection().send_stream(stream);
        let len = u32::try_from(text.len()).expect("it is short");
        let written = writer.write(&len.to_le_bytes()).expect("it is open")
            + writer.write(text).expect("it is open");
        assert_eq!(written, HEADER + text.len(), "messages fit the window");
    }

    /// Opens the stream of a large transfer.
    pub fn open_bulk(&mut self) {
        let stream = self.connection().streams().open(Dir::Uni);
        self.bulk_out = Some(stream.expect("one may be opened"));
    }

    /// Writes of a large transfer what there is room for; `writable` becomes true when there is more.
    pub fn fill(&mut self, chunk: &[u8]) {
        let stream = self.bulk_out.expect("it was opened");
        while self.connection().send_stream(stream).write(chunk).is_ok() {}
    }

    fn connection(&mut self) -> &mut Connection {
        &mut self.connection.as_mut().expect("connected").1
    }

    pub fn receive(&mut self, from: SocketAddr, datagram: &[u8], now: Instant) {
        self.buffer.clear();
        let data = BytesMut::from(datagram);
        let event = self
            .endpoint
            .handle(now, from, None, None, data, &mut self.buffer);
        match event {
            Some(DatagramEvent::ConnectionEvent(_, event)) => self.connection().handle_event(event),
            Some(DatagramEvent::NewConnection(incoming)) => {
                let accepted = self.endpoint.accept(incoming, now, &mut self.buffer, None);
                self.connection = accepted.ok();
            }
            Some(DatagramEvent::Response(_)) | None => {}
        }
    }

    /// Takes what the connection tells, and reads what can be read.
    pub fn listen(&mut self) {
        let Some((handle, connection)) = &mut self.connection else {
            return;
        };
        while let Some(event) = connection.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(*handle, event) {
                connection.handle_event(event);
            }
        }
        while let Some(event) = connection.poll() {
            match event {
                Event::Connected => self.established = true,
                Event::ConnectionLost { reason } => self.ended = Some(reason.to_string()),
                Event::Stream(StreamEvent::Opened { dir: Dir::Bi }) => {
                    self.stream = connection.streams().accept(Dir::Bi);
                    self.readable = true;
                }
                Event::Stream(StreamEvent::Opened { dir: Dir::Uni }) => {
                    self.bulk = connection.streams().accept(Dir::Uni);
                    self.readable = true;
                }
                Event::Stream(StreamEvent::Readable { .. }) => self.readable = true,
                Event::Stream(StreamEvent::Writable { id }) => {
                    self.writable |= Some(id) == self.bulk_out;
                }
                _ => {}
            }
        }
        if core::mem::take(&mut self.readable) && self.ended.is_none() {
            self.read_messages();
            self.read_bulk();
        }
    }

    fn read_messages(&mut self) {
        let Some(stream) = self.stream else { return };
        let connection = &mut self.connection.as_mut().expect("connected").1;
        let is_client = connection.side().is_client();
        let mut reader = connection.recv_stream(stream);
        let mut chunks = reader.read(true).expect("it is open");
        while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
            self.partial.extend_from_slice(&chunk.bytes);
        }
        let _ = chunks.finalize();
        if is_client {
            self.receipts += self.partial.len() / RECEIPT;
            self.partial.drain(..self.partial.len() / RECEIPT * RECEIPT);
            return;
        }
        let mut rest = self.partial.as_slice();
        let mut answers = Vec::new();
        while let Some((header, body)) = rest.split_first_chunk::<HEADER>() {
            let len = u32::from_le_bytes(*header) as usize;
            if body.len() < len {
                break;
            }
            // What an application does with a message: it keeps it.
            core::hint::black_box(body[..len].to_vec());
            rest = &body[len..];
            self.received += 1;
            answers.extend_from_slice(&(self.received as u64).to_le_bytes());
        }
        let used = self.partial.len() - rest.len();
        self.partial.drain(..used);
        if !answers.is_empty() {
            let written = connection
                .send_stream(stream)
                .write(&answers)
                .expect("it is open");
            assert_eq!(written, answers.len(), "receipts are few");
        }
    }

    fn read_bulk(&mut self) {
        let Some(stream) = self.bulk else { return };
        let connection = &mut self.connection.as_mut().expect("connected").1;
        let mut reader = connection.recv_stream(stream);
        let Ok(mut chunks) = reader.read(true) else {
            return;
        };
        loop {
            match chunks.next(usize::MAX) {
                Ok(Some(chunk)) => {
                    self.moved += core::hint::black_box(chunk.bytes).len() as u64;
                }
                Ok(None) => {
                    self.finished = true;
                    break;
                }
                Err(_) => break,
            }
        }
        let _ = chunks.finalize();
    }

    pub fn flush(&mut self, other: &mut Self, now: Instant, arrives: Instant) -> usize {
        let Some((_, connection)) = &mut self.connection else {
            return 0;
        };
        let mut count = 0;
        loop {
            self.buffer.clear();
            let Some(transmit) = connection.poll_transmit(now, TRAIN, &mut self.buffer) else {
                break;
            };
            let size = transmit.segment_size.unwrap_or(transmit.size);
            for datagram in self.buffer[..transmit.size].chunks(size) {
                other.receive(self.address, datagram, arrives);
                count += 1;
            }
        }
        other.listen();
        count
    }

    /// Hands over everything that it has to send.
    pub fn datagrams(&mut self, now: Instant, out: &mut Vec<Vec<u8>>) {
        let Some((_, connection)) = &mut self.connection else {
            return;
        };
        self.buffer.clear();
        while let Some(transmit) = connection.poll_transmit(now, TRAIN, &mut self.buffer) {
            let size = transmit.segment_size.unwrap_or(transmit.size);
            let train = self.buffer[..transmit.size].chunks(size);
            out.extend(train.map(<[u8]>::to_vec));
            self.buffer.clear();
        }
    }

    pub fn wake(&mut self, now: Instant) {
        let Some((_, connection)) = &mut self.connection else {
            return;
        };
        if connection.poll_timeout().is_some_and(|at| at <= now) {
            connection.handle_timeout(now);
            self.listen();
        }
    }

    pub fn timeout(&mut self) -> Option<Instant> {
        self.connection.as_mut()?.1.poll_timeout()
    }
}

pub struct Pair {
    pub a: Side,
    pub b: Side,
    client: ClientConfig,
    base: Instant,
    now: u64,
}

impl Pair {
    pub fn new(configs: &Configs) -> Self {
        Self {
            a: Side::new(1, None),
            b: Side::new(2, Some(Arc::clone(&configs.server))),
            client: configs.client.clone(),
            base: Instant::now(),
            now: 0,
        }
    }

    pub fn connected(configs: &Configs) -> Self {
        let mut pair = Self::new(configs);
        pair.connect();
        pair.a.open_messages();
        (0..100).for_each(|_| pair.messages(b"hello", 1, 1));
        pair
    }

    pub fn connect(&mut self) {
        let (config, remote, now) = (self.client.clone(), self.b.address, self.at());
        self.a.connect(config, remote, now);
        while !(self.a.established && self.b.established) {
            self.step();
        }
    }

    fn at(&self) -> Instant {
        self.base + Duration::from_micros(self.now)
    }

    pub fn step(&mut self) {
        let hop = Duration::from_micros(HOP_US);
        let now = self.at();
        let there = self.a.flush(&mut self.b, now, now + hop);
        let back = self.b.flush(&mut self.a, now + hop, now + 2 * hop);
        self.now += 2 * HOP_US;
        if there + back == 0 {
            let next = self.a.timeout().into_iter().chain(self.b.timeout()).min();
            let next = next
                .expect("something is to come")
                .saturating_duration_since(self.base);
            self.now = self.now.max(next.as_nanos().div_ceil(1_000) as u64);
        }
        let now = self.at();
        self.a.wake(now);
        self.b.wake(now);
        let ended = self.a.ended.as_ref().or(self.b.ended.as_ref());
        assert_eq!(ended, None, "an honest wire");
    }

    /// Nobody says anything for so long.
    pub fn rest(&mut self, length: Duration) {
        let end = self.at() + length;
        let timeout = |pair: &mut Self| pair.a.timeout().into_iter().chain(pair.b.timeout()).min();
        while timeout(self).is_some_and(|next| next <= end) {
            self.step();
        }
        self.now += end.saturating_duration_since(self.at()).as_micros() as u64;
    }

    /// Says something that leaves and does not arrive.
    pub fn say_unheard(&mut self, text: &[u8]) {
        let now = self.at();
        let mut datagrams = Vec::new();
        self.a.say(text);
        self.a.datagrams(now, &mut datagrams);
        assert!(!datagrams.is_empty(), "it is on its way");
    }

    pub fn messages(&mut self, text: &[u8], count: usize, window: usize) {
        let (mut sent, end) = (self.a.receipts, self.a.receipts + count);
        while self.a.receipts < end {
            while sent < end && sent - self.a.receipts < window {
                self.a.say(text);
                sent += 1;
            }
            self.step();
        }
    }

    pub fn transfer(&mut self, total: usize) {
        let chunk = vec![0x42; 64 << 10];
        let stream = self
            .a
            .connection()
            .streams()
            .open(Dir::Uni)
            .expect("one may be opened");
        self.b.finished = false;
        let mut left = total;
        while !self.b.finished {
            while left > 0 {
                let part = &chunk[..left.min(chunk.len())];
                let Ok(written) = self.a.connection().send_stream(stream).write(part) else {
                    break;
                };
                left -= written;
                if left == 0 {
                    self.a
                        .connection()
                        .send_stream(stream)
                        .finish()
                        .expect("it is open");
                }
            }
            self.step();
        }
        self.b.bulk = None;
    }
}
