//! Whoever comes by himself: is there to be a record of him, is the user asked about him, and who makes room for him.
//! Source: docs/protocol.md#who-may-talk.

use core::net::SocketAddr;

use crate::id::PeerId;
use crate::proto::config::Trust;
use crate::proto::endpoint::Endpoint;
use crate::proto::event::Event;
use crate::proto::former::{Caller, Parting};
use crate::proto::limit::Source;
use crate::proto::limits::{
    GUEST_LIFE, MAX_GUESTS, MAX_GUESTS_PER_SOURCE, MAX_NEWCOMERS_PER_SOURCE, MAX_PINNED,
};
use crate::proto::peer::{Arrival, Peer, Standing};
use crate::proto::stats::{DropReason, TurnedAway};
use crate::proto::timer::Timer;
use crate::time::Instant;

/// Somebody who came by himself and waits: since when, who he is and whence he came.
type Applicant = (Instant, PeerId, Source);

/// One of those about whom the user was asked, if `told`, or else of those who have yet to confirm or to say HELLO.
fn applicant(peer: &Peer, told: bool) -> Option<Applicant> {
    let (is_told, Arrival { since, source }) = peer.standing.arrival()?;
    (is_told == told).then(|| (since, peer.id, Source::from(source.ip())))
}

impl Endpoint {
    /// Makes a record of an unknown key, if the policy wants one.
    pub(super) fn admit_unknown(
        &mut self,
        caller: Caller,
        from: SocketAddr,
        now: Instant,
    ) -> Result<bool, DropReason> {
        if self.shared.config.stealth {
            TurnedAway::count(&mut self.shared.turned_away, now);
            return Err(DropReason::NotWelcome);
        }
        let (since, source) = (now, from);
        let arrival = Arrival { since, source };
        let standing = match self.shared.config.trust {
            Trust::Strict => return Ok(false),
            Trust::New if self.shared.pinned >= MAX_PINNED => return Ok(false),
            Trust::New => {
                let most = MAX_PINNED - self.shared.pinned;
                let victim = self.victim(false, from, MAX_NEWCOMERS_PER_SOURCE, most);
                self.make_room(victim);
                Standing::Newcomer(arrival)
            }
            Trust::Ask => {
                match self.shared.former.parting(caller, now) {
                    Some(Parting::Declined) => return Ok(false),
                    // His HELLO would be dropped, and an answer would say that he waits.
                    Some(Parting::Displaced) if self.who_is_displaced(from).is_some() => {
                        return Err(DropReason::NotWelcome);
                    }
                    Some(Parting::Displaced) | None => {}
                }
                let victim = self.victim(false, from, MAX_GUESTS_PER_SOURCE, MAX_GUESTS);
                self.make_room(victim);
                let told = false;
                Standing::Guest { arrival, told }
            }
        };
        let mut peer = Peer::new(
            caller.0,
            self.peers.next_place(),
            standing,
            &mut self.shared,
        );
        peer.arm(Timer::Guest, Some(now + GUEST_LIFE), &mut self.shared);
        self.peers.insert(Box::new(peer));
        Ok(true)
    }

    /// Asks the user about a guest who has said HELLO, and so has proved his address, if that may be. Only now does somebody
    /// about whom the user was asked make room. Else his record is dropped without a word: he is not acknowledged, so that
    /// he calls again by himself.
    pub(super) fn ask_about(&mut self, peer: PeerId, nickname: Option<String>, now: Instant) {
        let result = self.ask(peer, nickname, now);
        if let Err(reason) = result {
            self.shared.drop(reason);
            self.forget(peer);
        }
    }

    fn ask(
        &mut self,
        peer: PeerId,
        nickname: Option<String>,
        now: Instant,
    ) -> Result<(), DropReason> {
        let guest = self.peers.get(&peer).ok_or(DropReason::NotWelcome)?;
        let address = guest.proved().ok_or(DropReason::NotWelcome)?;
        let caller = guest.caller().ok_or(DropReason::NotWelcome)?;
        let displaced = self.who_is_displaced(address);
        let shared = &mut self.shared;
        // Else they would push each other out for ever, each with a question.
        if displaced.is_some() && shared.former.parting(caller, now) == Some(Parting::Displaced) {
            return Err(DropReason::NotWelcome);
        }
        if !shared.guard.may_ask(address, &mut shared.rng, now) {
            return Err(DropReason::RateLimited);
        }
        if let Some((_, id, _)) = displaced
            && let Some(caller) = self.peers.get(&id).and_then(|it| it.caller())
        {
            self.shared.former.add(caller, Parting::Displaced, now);
        }
        self.make_room(displaced);
        let guest = self.peers.get_mut(&peer).ok_or(DropReason::NotWelcome)?;
        let arrival = Arrival {
            since: now,
            source: address,
        };
        let told = true;
        guest.standing = Standing::Guest { arrival, told };
        self.shared.event(Event::Guest {
            peer,
            address,
            nickname,
        });
        Ok(())
    }

    /// About whom the user was asked, and who makes room for somebody who has proved to be at `address`.
    fn who_is_displaced(&self, address: SocketAddr) -> Option<Applicant> {
        self.victim(true, address, MAX_GUESTS_PER_SOURCE, MAX_GUESTS)
    }

    /// Who makes room for one more. At a bound the oldest goes, the source's own (`of_source`) or anybody's (`most`). Those
    /// about whom the user was asked (`told`) are counted by themselves, and by addresses that they have proved: a message 1,
    /// which costs a datagram under a source that may be false, puts none of them out.
    fn victim(
        &self,
        told: bool,
        from: SocketAddr,
        of_source: usize,
        most: usize,
    ) -> Option<Applicant> {
        let peers = self.peers.iter();
        let mut all: Vec<Applicant> = peers.filter_map(|it| applicant(it, told)).collect();
        all.sort_unstable_by_key(|(since, id, _)| (*since, *id));
        let source = Source::from(from.ip());
        let is_own = |it: &&Applicant| it.2 == source;
        let victim = if all.iter().filter(is_own).count() >= of_source {
            all.iter().find(is_own)
        } else if all.len() >= most {
            all.first()
        } else {
            None
        };
        victim.copied()
    }

    /// Forgets somebody who has to make room. The message 1 that he came with is read anew if it comes again.
    fn make_room(&mut self, victim: Option<Applicant>) {
        let Some((_, id, _)) = victim else {
            return;
        };
        let Some(peer) = self.peers.get(&id) else {
            return;
        };
        for keypair in peer.keys.iter() {
            self.shared.reassembly.confirmed(keypair.remote_index, id);
        }
        self.forget(id);
    }
}
