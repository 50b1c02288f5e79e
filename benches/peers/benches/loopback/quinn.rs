//! quinn: one stream for messages and receipts, another for the transfer.

use std::net::SocketAddr;
use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream, ServerConfig};
use rustls::pki_types::CertificateDer;
use securechat_peers::tls::{self, Cipher};

use crate::tls::{Frames, Window, frame};
use crate::{
    DONE, Load, TAKE, address_of, bulk, bytes_of, client_done, first_message, pipelined, ready,
    round_trips,
};

const CHUNK: usize = 256 << 10;

fn local() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

pub fn serve() {
    runtime().block_on(async {
        let (config, certificate) = tls::server();
        let config = QuicServerConfig::try_from(config).expect("TLS 1.3");
        let config = ServerConfig::with_crypto(Arc::new(config));
        let endpoint = Endpoint::server(config, local()).expect("a free port");
        ready(endpoint.local_addr().expect("it is bound"), &certificate);
        let connection = endpoint
            .accept()
            .await
            .expect("a client comes")
            .await
            .expect("it is honest");
        let (mut send, mut receive) = connection.accept_bi().await.expect("it opens a stream");
        let mut frames = Frames::default();
        loop {
            tokio::select! {
                chunk = receive.read_chunk(usize::MAX, true) => {
                    let Ok(Some(chunk)) = chunk else { return };
                    let answers = frames.answer(&chunk.bytes);
                    send.write_all(&answers).await.expect("the client reads");
                }
                stream = connection.accept_uni() => {
                    let Ok(stream) = stream else { return };
                    drain(stream).await;
                    send.write_all(&frame(&[DONE])).await.expect("the client reads");
                }
            }
        }
    });
}

async fn drain(mut stream: RecvStream) {
    while let Ok(Some(chunk)) = stream.read_chunk(usize::MAX, true).await {
        std::hint::black_box(chunk);
    }
}

struct Client {
    runtime: tokio::runtime::Runtime,
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
    frames: Frames,
}

impl Client {
    fn new(server: &str, cipher: Cipher) -> Self {
        let runtime = runtime();
        let certificate = CertificateDer::from(bytes_of(server));
        let (connection, (send, receive)) = runtime.block_on(async {
            let config = tls::client(certificate, cipher);
            let config = QuicClientConfig::try_from(config).expect("TLS 1.3");
            let mut endpoint = Endpoint::client(local()).expect("a free port");
            endpoint.set_default_client_config(ClientConfig::new(Arc::new(config)));
            let connecting = endpoint
                .connect(address_of(server), tls::NAME)
                .expect("an address");
            let connection = connecting.await.expect("the server is honest");
            let streams = connection.open_bi().await.expect("one may be opened");
            (connection, streams)
        });
        Self {
            runtime,
            connection,
            send,
            receive,
            frames: Frames::default(),
        }
    }

    fn round_trip(&mut self, message: &[u8]) {
        self.runtime.block_on(async {
            self.send
                .write_all(&frame(message))
                .await
                .expect("the server reads");
            wait_for_one(&mut self.receive, &mut self.frames).await;
        });
    }

    fn deliver(&mut self, message: &[u8], count: usize) {
        let message = frame(message);
        self.runtime.block_on(async {
            let mut window = Window::new(count);
            while !window.is_done() {
                let more = window.take();
                if more > 0 {
                    self.send
                        .write_all(&message.repeat(more))
                        .await
                        .expect("the server reads");
                }
                let chunk = self.receive.read_chunk(usize::MAX, true).await;
                let chunk = chunk.expect("the server writes").expect("it goes on");
                window.on_receipts(self.frames.count(&chunk.bytes));
            }
        });
    }

    fn transfer(&mut self, total: usize) {
        let chunk = vec![0x42; CHUNK];
        self.runtime.block_on(async {
            let mut stream = self.connection.open_uni().await.expect("one may be opened");
            for at in (0..total).step_by(CHUNK) {
                stream
                    .write_all(&chunk[..CHUNK.min(total - at)])
                    .await
                    .expect("the server reads");
            }
            stream.finish().expect("it is open");
            wait_for_one(&mut self.receive, &mut self.frames).await;
        });
    }
}

async fn wait_for_one(receive: &mut RecvStream, frames: &mut Frames) {
    loop {
        let chunk = receive
            .read_chunk(usize::MAX, true)
            .await
            .expect("the server writes")
            .expect("it goes on");
        if frames.count(&chunk.bytes) > 0 {
            return;
        }
    }
}

pub fn call(server: &str, cipher: Cipher, load: Load) {
    let mut client = Client::new(server, cipher);
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
