//! The driver's threads: nobody waits for a wake-up that does not come, and all of them end.

use std::sync::Arc;

use securechat_models::chat::{ContactId, Draft, Event, Messenger, State, Update};
use securechat_models::ends::{NOW, address, endpoint};
use securechat_models::explore::explore;
use securechat_models::id::PeerId;
use securechat_models::net::clock::Clock;
use securechat_models::net::udp::{Batch, Network, Socket};
use securechat_models::net::{Driver, Fatal, Handle};
use securechat_models::proto::limits::REKEY_AFTER_PACKETS;
use securechat_models::time::UnixTime;
use shuttle::sync::{Condvar, Mutex};
use shuttle::thread;

/// A driver, and its owner's bell.
struct Side {
    driver: Driver,
    bell: Arc<Bell>,
    other: PeerId,
}

/// What `notify` rings.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.heard.notify_one();
    }

    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.heard.wait(rung).unwrap();
        }
        *rung = false;
    }
}

fn sides() -> [Side; 2] {
    let (network, clock) = (Arc::new(Network::default()), Clock::started());
    [(1, 2), (2, 1)].map(|(own, other)| {
        let core = endpoint(own, other);
        let bell = Arc::new(Bell::default());
        let rings = Arc::clone(&bell);
        let socket = Socket::new(address(own), Arc::clone(&network));
        let messenger = Messenger::in_memory(core, [own; 32], NOW);
        let notify = Box::new(move || rings.ring());
        Side {
            driver: Driver::start(socket, messenger, clock, notify).expect("threads start"),
            bell,
            other: endpoint(other, own).id(),
        }
    })
}

impl Side {
    fn say(&self) {
        say(self.driver.handle(), self.other);
    }

    /// Takes what comes until `is_it`; whoever sleeps too early never sees it.
    fn await_event(&self, is_it: impl Fn(&Event) -> bool) {
        self.await_event_by(is_it, || false);
    }

    /// The same, and receives by itself before it sleeps.
    fn receive_until(&self, is_it: impl Fn(&Event) -> bool) {
        let mut buffers = Batch::new();
        let handle = self.driver.handle();
        self.await_event_by(is_it, || {
            handle.receive(&mut buffers).expect("the driver works")
        });
    }

    fn await_event_by(&self, is_it: impl Fn(&Event) -> bool, mut receive: impl FnMut() -> bool) {
        let handle = self.driver.handle();
        loop {
            while let Some(update) = handle.poll_event().expect("the driver works") {
                let Update::Chat(event) = update else {
                    continue;
                };
                if let Event::Message { contact, message } = &event {
                    let (contact, name) = (*contact, message.name);
                    let take = |messenger: &mut Messenger, now| messenger.take(contact, name, now);
                    handle.with(take).expect("the driver works");
                }
                if is_it(&event) {
                    return;
                }
            }
            if !receive() {
                self.bell.wait();
            }
        }
    }
}

fn say(handle: &Handle, to: PeerId) {
    try_to_say(handle, to).expect("the driver works");
}

fn try_to_say(handle: &Handle, to: PeerId) -> Result<(), Fatal> {
    let draft = Draft::text("hello".to_owned(), UnixTime(0));
    let sent = handle.with(|messenger, now| messenger.send(ContactId::from(to), draft, now))?;
    sent.expect("they know each other");
    Ok(())
}

fn is_message(event: &Event) -> bool {
    matches!(event, Event::Message { .. })
}

fn is_receipt(event: &Event) -> bool {
    let delivered = State::Delivered;
    matches!(event, Event::State { state, .. } if *state == delivered)
}

#[test]
fn a_message_arrives_and_its_receipt_returns_and_nobody_is_woken_by_time() {
    explore(|| {
        let [a, b] = sides();
        a.say();
        b.await_event(is_message);
        a.await_event(is_receipt);
        // The same once more, with a handshake first: the key is worn out.
        let worn = a.driver.handle().with(|messenger, _| {
            let endpoint = messenger.endpoint();
            let keypair = endpoint.current_keypair_for_testing_only(a.other);
            keypair
                .expect("a session stands")
                .set_sent_for_testing_only(REKEY_AFTER_PACKETS);
        });
        worn.expect("the driver works");
        a.say();
        b.await_event(is_message);
        a.await_event(is_receipt);
        a.driver.stop(true);
        b.driver.stop(true);
    });
}

#[test]
fn owners_that_receive_by_themselves_hear_everything_and_stop() {
    explore(|| {
        let [a, b] = sides();
        a.say();
        let answers = thread::spawn(move || {
            for _ in 0..2 {
                b.receive_until(is_message);
                b.say();
            }
            b.receive_until(is_receipt);
            b
        });
        a.receive_until(is_message);
        a.say();
        a.receive_until(is_message);
        a.driver.stop(true);
        answers.join().expect("it does not panic").driver.stop(true);
    });
}

#[test]
fn messages_that_cross_arrive_both() {
    explore(|| {
        let sides = sides();
        let threads = sides.map(|side| {
            thread::spawn(move || {
                side.say();
                side.await_event(is_message);
                side
            })
        });
        for side in threads.map(|it| it.join().expect("it does not panic")) {
            side.driver.stop(false);
        }
    });
}

#[test]
fn every_thread_ends_whenever_it_is_stopped() {
    explore(|| {
        let [a, b] = sides();
        let handle = a.driver.handle().clone();
        let other = a.other;
        let speaker = thread::spawn(move || try_to_say(&handle, other));
        let stopper = thread::spawn(move || b.driver.stop(true));
        a.driver.stop(true);
        let said = speaker.join().expect("it does not panic");
        assert!(said.is_ok() || said == Err(Fatal::Stopped), "{said:?}");
        stopper.join().expect("it does not panic");
    });
}
