//! Whoever comes by himself: is there to be a record of him, and who makes room for him.
//! Source: docs/protocol.md#who-may-talk.

use core::net::SocketAddr;

use crate::id::PeerId;
use crate::proto::config::Trust;
use crate::proto::endpoint::Endpoint;
use crate::proto::former::{Caller, Parting};
use crate::proto::limit::Source;
use crate::proto::limits::{
    GUEST_LIFE, MAX_GUESTS, MAX_GUESTS_PER_SOURCE, MAX_NEWCOMERS_PER_SOURCE, MAX_PINNED,
};
use crate::proto::peer::{Arrival, Peer, Standing};
use crate::proto::stats::DropReason;
use crate::proto::timer::Timer;
use crate::time::Instant;

/// Whether the user was asked about somebody who came by himself, since when he is there, who he is and whence he came.
type Applicant = (bool, Instant, PeerId, Source);

fn applicant(peer: &Peer) -> Option<Applicant> {
    let (told, Arrival { since, source }) = peer.standing.arrival()?;
    Some((told, since, peer.id, Source::from(source.ip())))
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
            return Err(DropReason::NotWelcome);
        }
        let (since, source) = (now, from);
        let arrival = Arrival { since, source };
        let standing = match self.shared.config.trust {
            Trust::Strict => return Ok(false),
            Trust::New if self.shared.pinned >= MAX_PINNED => return Ok(false),
            Trust::New => {
                let most = MAX_PINNED - self.shared.pinned;
                let victim = self.victim(from, MAX_NEWCOMERS_PER_SOURCE, most);
                self.make_room(victim, now);
                Standing::Newcomer(arrival)
            }
            Trust::Ask => {
                let victim = self.victim(from, MAX_GUESTS_PER_SOURCE, MAX_GUESTS);
                match self.shared.former.parting(caller, now) {
                    Some(Parting::Declined) => return Ok(false),
                    // Else they would push each other out for ever, each with a question.
                    Some(Parting::Displaced) if victim.is_some_and(|(told, ..)| told) => {
                        return Err(DropReason::NotWelcome);
                    }
                    Some(Parting::Displaced) | None => {}
                }
                self.make_room(victim, now);
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

    /// Who makes room for one more who came by himself and waits. At a bound the oldest goes, the source's own (`of_source`)
    /// or anybody's (`most`): before one that the user was asked about, one that was not. A message 1 costs nothing but a
    /// datagram under a source that may be false.
    fn victim(&self, from: SocketAddr, of_source: usize, most: usize) -> Option<Applicant> {
        let mut all: Vec<Applicant> = self.peers.iter().filter_map(|it| applicant(it)).collect();
        all.sort_unstable_by_key(|(told, since, id, _)| (*told, *since, *id));
        let source = Source::from(from.ip());
        let is_own = |it: &&Applicant| it.3 == source;
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
    fn make_room(&mut self, victim: Option<Applicant>, now: Instant) {
        let Some((told, _, id, _)) = victim else {
            return;
        };
        let Some(peer) = self.peers.get(&id) else {
            return;
        };
        if let Some(caller) = peer.caller().filter(|_| told) {
            self.shared.former.add(caller, Parting::Displaced, now);
        }
        for keypair in peer.keys.iter() {
            if let Some(reached) = keypair.proves {
                let slot = (reached.peer, keypair.remote_index);
                let reassembly = &mut self.shared.reassembly;
                reassembly.confirmed(&slot, keypair.local_index);
            }
        }
        self.forget(id);
    }
}
