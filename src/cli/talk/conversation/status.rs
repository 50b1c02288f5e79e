//! How things stand with everybody, for other programs.

use crate::chat::Messenger;
use crate::cli::Error;
use crate::cli::json::ms;
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::conversation::screen::link_status;
use crate::cli::talk::fact::Whose;
use crate::cli::talk::status::{PeerStatus, Status, Transfer, TurnedAway};
use crate::id::PeerId;
use crate::store::key_text;
use crate::text::Safe;
use crate::time::Instant;

impl Conversation {
    pub(super) fn status_of_all(&self) -> Result<Status, Error> {
        let everybody = self.everybody()?;
        let peers = everybody.into_iter().map(|peer| self.peer_status(peer));
        let traffic = self.handle.traffic();
        let key_log = self.profile.records.keys.as_deref();
        Ok(Status {
            running: true,
            held: false,
            pid: Some(std::process::id()),
            key: Some(key_text(&self.own).to_string()),
            address: Some(self.handle.local_addr().to_string()),
            peers: peers.collect::<Result<_, _>>()?,
            traffic: Some(Transfer {
                datagrams_in: traffic.datagrams_in,
                bytes_in: traffic.bytes_in,
                datagrams_out: traffic.datagrams_out,
                bytes_out: traffic.bytes_out,
            }),
            turned_away: self.turned_away()?,
            unheard: self.programs.unheard(),
            key_log: key_log.map(|path| Safe::from(path).to_string()),
        })
    }

    /// The calls that were turned away, if any were. Whoever changed his key without a word is among them.
    pub(super) fn turned_away(&self) -> Result<Option<TurnedAway>, Error> {
        let counted = |messenger: &mut Messenger, now: Instant| {
            let counted = messenger.endpoint().stats().turned_away?;
            let last_ms = ms(now.saturating_since(counted.last));
            let calls = counted.calls;
            Some(TurnedAway { calls, last_ms })
        };
        Ok(self.handle.with(counted)?)
    }

    fn peer_status(&self, peer: PeerId) -> Result<PeerStatus, Error> {
        let way = self.way(peer)?;
        let is_well = way.stands() && !way.is_silent();
        let undelivered = self.state.sent.undelivered();
        let waiting = undelivered.get(&peer).map_or(0, |it| it.messages);
        let counts = self.state.counts.get(&peer).copied().unwrap_or_default();
        let verified = self.profile.contacts.verified(&peer);
        let status = way.status;
        let link = link_status(&way);
        let trouble = link.and_then(|link| link.trouble());
        Ok(PeerStatus {
            peer: self.label(&peer).to_string(),
            key: key_text(&peer).to_string(),
            verified: verified.map(|day| day.to_string()),
            state: way.word().to_owned(),
            reason: if is_well {
                trouble.map(|words| words.to_string())
            } else {
                Some(way.reason().to_string())
            },
            next: (!is_well).then(|| way.next().to_string()),
            address: status.and_then(|it| it.address).map(|it| it.to_string()),
            handshake_ms: status.and_then(|it| it.handshake).map(ms),
            heard_ms: status.and_then(|it| it.heard).map(ms),
            rtt_ms: status.and_then(|it| it.rtt).map(ms),
            loss: status
                .and_then(|it| it.loss)
                .map(|loss| f64::from(loss.percent()) / 100.0),
            unacked_ms: status.and_then(|it| it.unacked).map(ms),
            moved: link.and_then(|link| link.moved).map(Whose::from),
            bytes_in: status.map(|it| it.transfer.received),
            bytes_out: status.map(|it| it.transfer.sent),
            received: Some(counts.received),
            delivered: Some(counts.delivered),
            waiting: Some(waiting as u64),
        })
    }
}
