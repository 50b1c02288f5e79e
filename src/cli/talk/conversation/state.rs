//! How things stand with everybody, for other programs.

use crate::cli::Error;
use crate::cli::json::ms;
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::status::{PeerStatus, Status, Transfer};
use crate::id::PeerId;
use crate::store::key_text;
use crate::text::Safe;

impl Conversation {
    pub(super) fn status_of_all(&self) -> Result<Status, Error> {
        let everybody = self.everybody();
        let peers = everybody.into_iter().map(|peer| self.peer_status(peer));
        let traffic = self.handle.traffic();
        let key_log = self.profile.records.keys.as_deref();
        Ok(Status {
            running: true,
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
            key_log: key_log.map(|path| Safe::from(path).to_string()),
        })
    }

    fn peer_status(&self, peer: PeerId) -> Result<PeerStatus, Error> {
        let way = self.way(peer)?;
        let is_well = way.stands() && !way.is_silent();
        let undelivered = self.state.sent.undelivered();
        let waiting = undelivered.get(&peer).map_or(0, |it| it.messages);
        let counts = self.state.counts.get(&peer).copied().unwrap_or_default();
        let verified = self.profile.contacts.verified(&peer);
        Ok(PeerStatus {
            peer: self.label(&peer).to_string(),
            key: key_text(&peer).to_string(),
            verified: verified.map(|day| day.to_string()),
            state: way.word().to_owned(),
            reason: (!is_well).then(|| way.reason().to_string()),
            next: (!is_well).then(|| way.next().to_string()),
            address: way
                .status
                .and_then(|it| it.address)
                .map(|it| it.to_string()),
            handshake_ms: way.status.and_then(|it| it.key_age).map(ms),
            heard_ms: way.status.and_then(|it| it.heard).map(ms),
            rtt_ms: way.status.and_then(|it| it.rtt).map(ms),
            received: Some(counts.received),
            delivered: Some(counts.delivered),
            waiting: Some(waiting as u64),
        })
    }
}
