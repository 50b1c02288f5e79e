//! What is said about the network, and networks with something in between.

use std::net::UdpSocket;
use std::thread;

use crate::doctor::line;
use crate::home::Home;

fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

/// It was "no answer": what came back was not looked at.
#[test]
fn what_answers_and_is_no_securechat_is_told_by_doctor() {
    let portal = socket();
    let there = portal.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut buffer = [0; 2_048];
        while let Ok((_, from)) = portal.recv_from(&mut buffer) {
            // Whoever has asked may have ended.
            let _ = portal.send_to(b"log in first", from);
        }
    });
    let ended = Home::empty().attempt(&["doctor", &there]);
    assert_eq!(ended.code, Some(3), "{}", ended.transcript);
    let (outcome, says) = line(&ended, "way there");
    assert_eq!(outcome, "FAIL", "{says}");
    assert!(
        says.ends_with("something answers that is no securechat"),
        "{says}"
    );
}

/// It named no host, though the line at the start did.
#[cfg(target_os = "linux")]
#[test]
fn what_others_can_run_is_the_same_whenever_it_is_said() {
    let home = Home::new();
    let (mut listener, _) = crate::terminal::listen(&home, &[]);
    let command = |line: String| line[line.find("others can run:").unwrap()..].to_owned();
    let first = command(listener.said("others can run:"));
    listener.say("/myid");
    assert_eq!(command(listener.said("others can run:")), first);
}
