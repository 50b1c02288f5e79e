//! Plain UDP: an echo, and eight bytes for a receipt. Nothing is sealed, repeated or paced.

use std::net::UdpSocket;

use crate::{
    ECHO, Load, TAKE, WINDOW, address_of, client_done, first_message, pipelined, ready, round_trips,
};

pub fn serve() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    ready(socket.local_addr().expect("it is bound"), &[]);
    let mut buffer = [0; 2_048];
    loop {
        let (len, from) = socket.recv_from(&mut buffer).expect("loopback");
        let answer = if buffer[0] == ECHO {
            &buffer[..len]
        } else {
            &buffer[..8]
        };
        socket.send_to(answer, from).expect("loopback");
    }
}

pub fn call(server: &str, load: Load) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.connect(address_of(server)).expect("loopback");
    let mut buffer = [0; 2_048];
    let mut once = |message: &[u8]| {
        socket.send(message).expect("loopback");
        socket.recv(&mut buffer).expect("loopback");
    };
    once(&[TAKE; 100]);
    first_message();
    round_trips(100, load.round_trips, &mut once);
    round_trips(200, load.round_trips, &mut once);
    pipelined(load.messages, |message| {
        let (mut sent, mut received) = (0, 0);
        while received < load.messages {
            while sent < load.messages && sent - received < WINDOW {
                socket.send(message).expect("loopback");
                sent += 1;
            }
            socket.recv(&mut buffer).expect("loopback");
            received += 1;
        }
    });
    client_done();
}
