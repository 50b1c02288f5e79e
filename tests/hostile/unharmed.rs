//! What it means that the hostile peer harms nobody: lines between the innocent and the victim arrive as
//! soon as they could, and their session is the one that it was, without a packet more.

use core::net::SocketAddr;
use core::time::Duration;

use securechat::chat::{Draft, Name};
use securechat::id::PeerId;
use securechat::proto::limits;
use securechat::time::{Instant, UnixTime};

use super::{HOP, Party, Scene};

/// Within this an honest line is shown. It is the first to leave after a pause, so that neither window nor
/// pace holds it back, and the way takes one hop.
const HEARD_WITHIN: Duration = HOP;
/// Within this its writer knows that it was taken: the receipt waits for nothing and takes another hop.
const DELIVERED_WITHIN: Duration = HOP.saturating_mul(2);
/// Most datagrams for a line each way. Either side sends its line, the receipt for the other's, and an
/// acknowledgement of that; and one of them perhaps an acknowledgement that does not wait for company, since the
/// other has left a number out on purpose. Two probes would be one too many.
const MOST_DATAGRAMS: u64 = 7;

/// How one of the two sees their session. None of it may change as long as the keys are young.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standing {
    established: bool,
    at: Option<SocketAddr>,
    moving: bool,
    tries: u32,
    keypairs: usize,
    attempts: usize,
    initiator: Option<bool>,
    /// When the keys were made.
    keys: Option<Instant>,
    /// When the last handshake ended.
    handshake: Option<Instant>,
    /// How often a session was there, or ended.
    events: usize,
}

/// A line each way, and how it was before.
#[derive(Debug)]
pub struct Said {
    at: Instant,
    between: u64,
    heard: [usize; 2],
    names: [Name; 2],
}

impl Scene {
    /// How the innocent and the victim see their session.
    pub(super) fn look(&self) -> [Standing; 2] {
        let (victim, innocent) = (self.victim.id(), self.innocent.id());
        [
            standing(&self.innocent, victim, self.now),
            standing(&self.victim, innocent, self.now),
        ]
    }

    /// The innocent and the victim write to each other.
    pub fn say(&mut self) -> Said {
        let (at, between, heard) = (self.now, self.between, self.heard());
        let (victim, innocent) = (self.victim.id(), self.innocent.id());
        let names = [
            say(&mut self.innocent, victim, self.now),
            say(&mut self.victim, innocent, self.now),
        ];
        Said {
            at,
            between,
            heard,
            names,
        }
    }

    fn heard(&self) -> [usize; 2] {
        let (victim, innocent) = (self.victim.id(), self.innocent.id());
        [self.victim.heard(innocent), self.innocent.heard(victim)]
    }

    /// Asserts that what was said, some while ago, was shown and taken as soon as it could be, and that nothing of
    /// it was sent twice.
    #[track_caller]
    pub fn assert_passed(&self, said: &Said) {
        let (victim, innocent) = (self.victim.id(), self.innocent.id());
        let heard = said.heard.map(|before| before + 1);
        assert_eq!(self.heard(), heard, "a line is missing");
        let [to_victim, to_innocent] = said.names;
        for (what, from, of, to, by) in [
            (
                "the innocent",
                &self.innocent,
                to_victim,
                &self.victim,
                victim,
            ),
            (
                "the victim",
                &self.victim,
                to_innocent,
                &self.innocent,
                innocent,
            ),
        ] {
            let shown = to.heard_at.get(&from.id());
            let shown = shown.map(|at| at.saturating_since(said.at));
            assert!(
                shown.is_some_and(|after| after <= HEARD_WITHIN),
                "{what} was heard after {shown:?}"
            );
            let taken = from.delivered_at.get(&by).filter(|(name, _)| *name == of);
            let taken = taken.map(|(_, at)| at.saturating_since(said.at));
            assert!(taken.is_some(), "no receipt for {what}");
            assert!(
                taken <= Some(DELIVERED_WITHIN),
                "{what}'s line was taken after {taken:?}"
            );
        }
        let datagrams = self.between - said.between;
        assert!(
            datagrams <= MOST_DATAGRAMS,
            "{datagrams} datagrams for two lines"
        );
    }

    /// The innocent and the victim write to each other; both must see it at once.
    #[track_caller]
    pub fn chat(&mut self) {
        let said = self.say();
        self.advance(Duration::from_millis(500));
        self.assert_passed(&said);
    }

    /// The same whatever has come to pass before: both must see it soon, though keys may be due or the way may have to be
    /// proved meanwhile, and whoever is written to need not take it.
    #[track_caller]
    pub fn chat_soon(&mut self) {
        let heard = self.say().heard.map(|before| before + 1);
        self.advance(Duration::from_millis(500));
        assert_eq!(self.heard(), heard, "a line is missing");
    }

    /// As [`Scene::assert_unharmed`], whatever has come to pass before: lines pass, nobody has lost a session, and what
    /// is held is within its bounds.
    #[track_caller]
    pub fn assert_served(&mut self) {
        self.victim.takes = true;
        self.victim.polls = true;
        self.chat_soon();
        let (victim, innocent) = (self.victim.id(), self.innocent.id());
        for (one, other) in [(&self.victim, innocent), (&self.innocent, victim)] {
            assert!(!one.has_lost(other), "{:?}", one.events);
        }
        self.check();
    }

    /// Asserts that the hostile peer has done no harm: the innocent's session stands as it stood, lines
    /// pass, nothing was lost on a path that loses nothing, and what is held is within its bounds.
    #[track_caller]
    pub fn assert_unharmed(&mut self) {
        self.victim.takes = true;
        self.victim.polls = true;
        self.chat();
        let (victim, innocent) = (self.victim.id(), self.innocent.id());
        let now = self.look();
        let made = now.each_ref().map(|it| it.keys);
        if made
            .iter()
            .flatten()
            .all(|at| self.now < *at + limits::REKEY_INITIATOR_SEND)
        {
            assert_eq!(Some(now), self.standing, "another session, or another path");
        }
        for (one, other) in [(&self.victim, innocent), (&self.innocent, victim)] {
            assert!(!one.has_lost(other), "{:?}", one.events);
            let status = one.messenger.endpoint().status(other, self.now);
            let status = status.expect("they know each other");
            let lost = status.loss.map(|it| it.lost);
            assert!(lost.unwrap_or(0) == 0, "{lost:?} packets were lost");
            assert!(!status.awaits_ack, "something is still under way");
        }
        self.check();
    }
}

fn standing(of: &Party, with: PeerId, now: Instant) -> Standing {
    let status = of.messenger.endpoint().status(with, now);
    let status = status.expect("they know each other");
    let since = |ago: Option<Duration>| ago.map(|ago| now - ago);
    Standing {
        established: status.established,
        at: status.address,
        moving: status.moving,
        tries: status.tries,
        keypairs: status.keypairs,
        attempts: status.attempts,
        initiator: status.initiator,
        keys: since(status.key_age),
        handshake: since(status.handshake),
        events: of.turns(with),
    }
}

fn say(from: &mut Party, to: PeerId, now: Instant) -> Name {
    let draft = Draft::text("all is well".to_owned(), UnixTime(0));
    from.with(now, |it, now| it.send(to.into(), draft, now))
        .expect("there is room for a line")
}
