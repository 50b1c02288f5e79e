//! A flood, and two people who talk beside it.

use core::time::Duration;

use securechat::wire::frame::Frame;

use super::floods::{Answer, Flood, grant};
use super::hostile::{Said, Scene};

/// Datagrams that come in one hop of time.
const AT_ONCE: u64 = 16;
/// After so many a line is said each way: by then the one before has had twice its time.
const SAY_EVERY: u64 = 4 * AT_ONCE;
/// What is done with a reaction of the victim's.
pub(crate) type Gauge<'a> = &'a mut dyn FnMut(u64, &mut dyn FnMut());

impl Flood {
    /// Sends so many datagrams, and lets `gauge` have the victim's reaction to each. All the while the innocent
    /// and the victim write to each other, and both must see it as soon as without a flood.
    pub(crate) fn run(&self, datagrams: u64, gauge: Gauge<'_>) {
        let mut scene = Scene::connected();
        (self.prepare)(&mut scene);
        let mut said: Option<Said> = None;
        for n in 0..datagrams {
            if n.is_multiple_of(SAY_EVERY) {
                said.iter().for_each(|it| scene.assert_passed(it));
                call_again(&mut scene);
                said = Some(scene.say());
            }
            self.send(&mut scene, n, gauge);
            if (n + 1).is_multiple_of(AT_ONCE) {
                scene.tick();
                if self.acknowledges {
                    acknowledge(&mut scene);
                }
            }
        }
        scene.exchange();
        said.iter().for_each(|it| scene.assert_passed(it));
        scene.assert_unharmed();
        self.assert_answered(&scene);
    }

    fn send(&self, scene: &mut Scene, n: u64, gauge: Gauge<'_>) {
        let plaintext = (self.nth)(scene, n);
        let datagram = scene.hostile.seal(&plaintext);
        let datagram = datagram.expect("it has had keys");
        let mut sent = Vec::new();
        gauge(n, &mut || sent = scene.take_in(datagram.clone()));
        scene.pass_on(sent);
        scene.victim.forget(scene.hostile.id());
        let may_be_closed = self.answer == Answer::Close;
        assert!(scene.is_connected() || may_be_closed, "closed after {n}");
    }

    fn assert_answered(&self, scene: &Scene) {
        let is_refused = !scene.hostile.received.rejects.is_empty();
        assert_eq!(is_refused, self.answer == Answer::Refusal, "refused");
        let was_closed = scene.victim.has_lost(scene.hostile.id());
        assert_eq!(was_closed, self.answer == Answer::Close, "closed");
    }
}

/// A peer that was closed is there again: what it has sent since came to nothing.
fn call_again(scene: &mut Scene) {
    if !scene.is_connected() {
        // Whoever calls more often is asked for a cookie.
        scene.advance(Duration::from_millis(200));
        scene.connect_hostile(false);
        assert!(scene.is_connected(), "its call is taken");
        grant(scene);
    }
}

/// The hostile peer says what has come, so that the victim goes on.
fn acknowledge(scene: &mut Scene) {
    let Some(ack) = scene.hostile.ack() else {
        return;
    };
    let plaintext = scene.hostile.payload(&[Frame::Ack(ack)]);
    if let Some(datagram) = scene.hostile.seal(&plaintext) {
        let sent = scene.take_in(datagram);
        scene.pass_on(sent);
    }
}
