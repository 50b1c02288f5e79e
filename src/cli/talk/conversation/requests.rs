//! What programs ask for.

use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::json::Event;
use crate::cli::peers::List;
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::conversation::callers::SettledBy;
use crate::cli::talk::conversation::calling::Called;
use crate::cli::talk::fact::Fact;
use crate::cli::talk::request::{
    Accept, Call, PeersAdd, PeersRename, PeersRevoke, Reload, Unclear, read_line,
};
use crate::cli::talk::unsaved;
use crate::cli::{Error, ExitCode};
use crate::control::{Client, Code, Happening, Incoming, Request, error, event, result};
use crate::id::PeerId;
use crate::json::LINE_MAX_LEN;
use crate::store::{HostPort, KeyOffer, key_text};
use crate::text::{MAX_NAME_LEN, Safe, safe_line};
use crate::time::UnixTime;

/// Why nothing is done any more.
pub(super) const ABOUT_TO_END: &str = "the program is about to end";

/// Who asked, and what the answer has to carry.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    from: From,
    id: Option<Value>,
    cmd: Safe,
}

#[derive(Clone, Debug)]
enum From {
    StandardInput,
    Client(Client),
}

impl Asked {
    #[cfg(test)]
    pub(super) fn of_standard_input() -> Self {
        Self::by(From::StandardInput)
    }

    #[cfg(test)]
    pub(super) fn of_client(client: Client) -> Self {
        Self::by(From::Client(client))
    }

    #[cfg(test)]
    fn by(from: From) -> Self {
        let cmd = Safe::default();
        Self {
            from,
            id: None,
            cmd,
        }
    }

    pub(super) const fn is_of_standard_input(&self) -> bool {
        matches!(self.from, From::StandardInput)
    }

    /// Whether the same program has asked both.
    pub(super) fn is_of_same(&self, other: &Self) -> bool {
        match (&self.from, &other.from) {
            (From::StandardInput, From::StandardInput) => true,
            (From::Client(one), From::Client(other)) => one.is(other),
            (From::StandardInput, From::Client(_)) | (From::Client(_), From::StandardInput) => {
                false
            }
        }
    }

    /// The client of the socket that asked.
    pub(super) const fn client(&self) -> Option<&Client> {
        match &self.from {
            From::Client(client) => Some(client),
            From::StandardInput => None,
        }
    }
}

impl Conversation {
    /// A line of standard input with `--json`.
    pub(super) fn on_command(&mut self, line: &[u8]) -> Result<Option<ExitCode>, Error> {
        let (id, cmd, call) = read_line(line);
        let from = From::StandardInput;
        let asked = Asked { from, id, cmd };
        match call {
            Ok(call) => self.on_call(asked, call),
            Err(unclear) => {
                self.refuse_unclear(&asked, unclear);
                Ok(None)
            }
        }
    }

    /// A line of standard input that is too long.
    pub(super) fn on_overlong_command(&mut self, len: usize) {
        let (id, cmd) = (None, Safe::default());
        let from = From::StandardInput;
        self.refuse_unclear(&Asked { from, id, cmd }, overlong(len));
    }

    /// Something happened at the control socket.
    pub(super) fn on_control(&mut self, happening: Happening) -> Result<Option<ExitCode>, Error> {
        match happening {
            Happening::Incoming(incoming) => self.on_incoming(&incoming),
            Happening::Written(token) => {
                let heard = self.programs.written(token);
                self.note_heard(heard)?;
                Ok(None)
            }
            Happening::Crowded(_) => {
                self.answer_longest_wait();
                Ok(None)
            }
        }
    }

    fn on_incoming(&mut self, incoming: &Incoming) -> Result<Option<ExitCode>, Error> {
        let asked = |id, cmd| Asked {
            from: From::Client(incoming.client.clone()),
            id,
            cmd,
        };
        let line = match &incoming.line {
            Ok(line) => line,
            Err(len) => {
                let asked = asked(Some(Value::Null), Safe::default());
                self.refuse_unclear(&asked, overlong(*len));
                return Ok(None);
            }
        };
        match Request::parse(line) {
            Ok(request) => {
                let asked = asked(request.id, safe_line(&request.method));
                match Call::parse(&request.method, request.params) {
                    Ok(call) => return self.on_call(asked, call),
                    Err(unclear) => self.refuse_unclear(&asked, unclear),
                }
            }
            Err((code, why, id)) => {
                let unclear = if code == Code::Parse {
                    Unclear::NotJson(safe_line(&why))
                } else {
                    Unclear::NotARequest(safe_line(&why))
                };
                self.refuse_unclear(&asked(Some(id), Safe::default()), unclear);
            }
        }
        Ok(None)
    }

    fn on_call(&mut self, asked: Asked, call: Call) -> Result<Option<ExitCode>, Error> {
        // A message of another program is kept, and answered for, like those that wait already.
        let is_of_another = !asked.is_of_standard_input() && matches!(call, Call::Send(_));
        let is_done_anyway =
            matches!(call, Call::Hello | Call::Quit | Call::Confirm(_)) || is_of_another;
        if self.state.leaving.is_some() && !is_done_anyway {
            let is_unsent = matches!(call, Call::Send(_));
            self.state.has_failed |= is_unsent && asked.is_of_standard_input();
            let error = self.too_late(&call);
            self.answer(&asked, Err(error));
            return Ok(None);
        }
        let said = self.say_batch_before(&asked, &call);
        if !matches!(said, Ok(None)) {
            return said;
        }
        if changes_what_is_found(&call) {
            self.look_to_the_end(&asked);
        }
        match call {
            Call::Send(send) => return self.on_send(asked, send),
            Call::Ping(ping) => {
                self.on_ping_asked(asked, &ping)?;
                return Ok(None);
            }
            Call::Quit => {
                // What was asked for before it comes before it.
                let end = self.say_batch();
                self.answer(&asked, Ok(json!({})));
                self.begin_to_leave();
                return end;
            }
            Call::Subscribe(subscribe) => {
                let done = self.subscribe(asked.client(), subscribe);
                let is_done = done.is_ok();
                self.answer(&asked, done);
                if is_done {
                    self.tell_callers(&asked);
                }
            }
            Call::HistoryFind(find) => self.history_find(asked, &find),
            Call::Hello
            | Call::Accept(_)
            | Call::Reject(_)
            | Call::Connect(_)
            | Call::Disconnect(_)
            | Call::Verify(_)
            | Call::Match(_)
            | Call::Differ(_)
            | Call::Status
            | Call::PeersList
            | Call::PeersAdd(_)
            | Call::PeersRename(_)
            | Call::PeersRevoke(_)
            | Call::PeersRemove(_)
            | Call::Reload(_)
            | Call::Confirm(_)
            | Call::HistoryPurge(_)
            | Call::HistoryDelete(_) => {
                let done = self.do_confirmed(call);
                if let Err(Error::System { .. }) = &done
                    && let Some(fatal) = self.handle.fatal()
                {
                    return Err(fatal.into());
                }
                self.answer(&asked, done);
            }
        }
        Ok(None)
    }

    /// Says what was asked for before another request, which is not done if that is the end.
    fn say_batch_before(&mut self, asked: &Asked, call: &Call) -> Result<Option<ExitCode>, Error> {
        if matches!(call, Call::Send(_) | Call::Quit) {
            return Ok(None);
        }
        let end = self.say_batch();
        if !matches!(end, Ok(None)) {
            let error = self.too_late(call);
            self.answer(asked, Err(error));
        }
        end
    }

    /// Why this is not done by a program that is about to end.
    fn too_late(&self, call: &Call) -> Error {
        if let Call::Ping(ping) = call {
            return self.too_late_to_ping(ping);
        }
        let reason = ABOUT_TO_END.into();
        Error::BadRequest { reason }
    }

    /// Tells a new subscriber who waits for a decision since before.
    fn tell_callers(&self, asked: &Asked) {
        let Some(client) = asked.client() else {
            return;
        };
        let now = self.clock.unix_time();
        for guest in self.state.callers.iter() {
            // It may be gone.
            let _ = client.tell(event(&Event::new(now, &guest.told())));
        }
    }

    /// As [`Conversation::do_call`]; a change of known-peers that counts and that the disk has not confirmed is an error.
    ///
    /// # Errors
    /// SC18 then; those of the request.
    pub(super) fn do_confirmed(&mut self, call: Call) -> Result<Value, Error> {
        self.tell_unconfirmed();
        let done = self.do_call(call)?;
        match self.profile.contacts.take_unconfirmed() {
            Some(error) => Err(error.into()),
            None => Ok(done),
        }
    }

    fn do_call(&mut self, call: Call) -> Result<Value, Error> {
        match call {
            Call::Hello => Ok(self.hello()),
            Call::Status => Ok(value(&self.status_of_all()?)),
            Call::Accept(accept) => self.accept(&accept),
            Call::Reject(reject) => {
                let peer = self.guest(&reject.key)?;
                self.refuse_guest(peer)?;
                self.tell_rejected(peer);
                self.settle_guest(peer, SettledBy::Others);
                Ok(json!({}))
            }
            Call::Connect(somebody) => {
                let peer = self.peer_to_talk_to(&somebody.peer)?;
                Ok(match self.call(peer)? {
                    Called::Now | Called::Later => json!({}),
                    Called::Before => json!({ "connected": true }),
                })
            }
            Call::Disconnect(somebody) => {
                let peer = self.peer_to_talk_to(&somebody.peer)?;
                self.hang_up(peer).map(|()| json!({}))
            }
            Call::Verify(somebody) => {
                let peer = self.peer_called(&somebody.peer)?;
                self.verify_asked(peer).map(|()| json!({}))
            }
            Call::Match(judged) => {
                let peer = self.peer_called(&judged.peer)?;
                let words = judged.words.as_deref().unwrap_or_default();
                let is_noted = self.match_asked(peer, words)?;
                Ok(json!({ "verified": is_noted }))
            }
            Call::Differ(somebody) => {
                let peer = self.peer_to_judge(&somebody.peer)?;
                self.differ(peer).map(|()| json!({}))
            }
            Call::PeersList => Ok(value(&List::of(self.profile.contacts.known()))),
            Call::PeersAdd(add) => self.peers_add(&add),
            Call::PeersRename(rename) => self.peers_rename(&rename),
            Call::PeersRevoke(revoke) => self.peers_revoke(&revoke),
            Call::PeersRemove(somebody) => {
                let name = self.saved_name(&somebody.peer)?;
                self.change_peers(|known| known.remove(name.as_str()))
            }
            Call::Reload(reload) => self.reload(&reload).map(|()| json!({})),
            Call::Confirm(confirm) => self.confirm(&confirm),
            Call::HistoryPurge(purge) => self.history_purge(&purge),
            Call::HistoryDelete(delete) => self.history_delete(&delete),
            // Those have answered already, or will.
            Call::Send(_)
            | Call::Ping(_)
            | Call::Subscribe(_)
            | Call::HistoryFind(_)
            | Call::Quit => Ok(json!({})),
        }
    }

    fn hello(&self) -> Value {
        json!({
            "v": crate::json::VERSION,
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "key": key_text(&self.own),
        })
    }

    fn accept(&mut self, accept: &Accept) -> Result<Value, Error> {
        let peer = self.guest(&accept.key)?;
        let name = accept.name.as_deref().map_or_else(
            || crate::cli::talk::conversation::guests::guest_name(&peer),
            safe_line,
        );
        self.save_contact(name.as_str(), &peer, &[])?;
        self.let_in(peer)?;
        self.settle_guest(peer, SettledBy::Others);
        Ok(json!({ "peer": self.label(&peer) }))
    }

    /// The unknown key that waits for a decision.
    fn guest(&self, key: &str) -> Result<PeerId, Error> {
        let key = KeyOffer::parse(key)?.key;
        let waits = self.state.callers.waits(&key);
        waits.then_some(key).ok_or_else(|| Error::BadRequest {
            reason: "no caller with this key waits for an answer".into(),
        })
    }

    /// Whom a request is about: a saved name, or a key.
    pub(super) fn peer_called(&self, typed: &str) -> Result<PeerId, Error> {
        if let Some(peer) = self.profile.contacts.find(typed) {
            return Ok(peer);
        }
        if typed.chars().count() > MAX_NAME_LEN {
            return Ok(KeyOffer::parse(typed)?.key);
        }
        Ok(self.profile.contacts.known().find(typed)?.key())
    }

    /// As [`Conversation::peer_called`], if there may be a session with it.
    ///
    /// # Errors
    /// As for [`Conversation::peer_called`]; revoked, SC33, SC05, SC30.
    pub(super) fn peer_to_talk_to(&self, typed: &str) -> Result<PeerId, Error> {
        let peer = self.peer_to_judge(typed)?;
        self.check_not_aside(peer)?;
        Ok(peer)
    }

    /// As [`Conversation::peer_called`], if it is a peer, or was one until its words differed.
    ///
    /// # Errors
    /// As for [`Conversation::peer_called`]; revoked, SC05, SC30.
    fn peer_to_judge(&self, typed: &str) -> Result<PeerId, Error> {
        let peer = self.peer_called(typed)?;
        self.profile.contacts.known().check_not_revoked(&peer)?;
        if self.status(peer)?.is_none() && !self.is_aside(&peer) {
            self.check_not_own(&peer)?;
            return Err(Error::NoSuchPeer {
                name: safe_line(typed),
            });
        }
        Ok(peer)
    }

    /// The name of a peer that has one.
    ///
    /// # Errors
    /// As for [`Conversation::peer_called`]; SC05.
    fn saved_name(&self, typed: &str) -> Result<Safe, Error> {
        let peer = self.peer_called(typed)?;
        let label = self.label(&peer);
        if label == unsaved(&peer) {
            return Err(Error::NoSuchPeer {
                name: safe_line(typed),
            });
        }
        Ok(label)
    }

    fn reload(&mut self, reload: &Reload) -> Result<(), Error> {
        let Some(decided) = &reload.decided else {
            let refreshed = self.profile.contacts.reload();
            return self.take_over(refreshed);
        };
        let peer = self.peer_called(decided)?;
        let at = reload.decided_ms.map(UnixTime);
        self.take_decision(peer, at.unwrap_or_else(|| self.clock.unix_time()))
    }

    fn peers_add(&mut self, add: &PeersAdd) -> Result<Value, Error> {
        let offer = KeyOffer::parse(&add.key)?;
        self.check_not_own(&offer.key)?;
        let parsed = add.addresses.iter().map(|text| text.parse());
        let mut addresses = parsed.collect::<Result<Vec<HostPort>, _>>()?;
        if addresses.is_empty() {
            addresses.clone_from(&offer.addresses);
        }
        self.change_peers(|known| {
            let added = known.add_or_extend(&add.name, &offer.key, &addresses);
            added.map(drop)
        })
    }

    fn peers_rename(&mut self, rename: &PeersRename) -> Result<Value, Error> {
        let name = self.saved_name(&rename.peer)?;
        self.change_peers(|known| known.rename(name.as_str(), &rename.name))
    }

    fn peers_revoke(&mut self, revoke: &PeersRevoke) -> Result<Value, Error> {
        let peer = self.peer_called(&revoke.peer)?;
        self.change_peers(|known| known.revoke(&peer, revoke.reason.as_deref()))
    }

    /// Changes known-peers, and goes by it at once.
    pub(super) fn change_peers(
        &mut self,
        edit: impl FnMut(&mut crate::store::KnownPeers) -> Result<(), crate::store::Error>,
    ) -> Result<Value, Error> {
        self.profile.contacts.update(edit)?;
        let refreshed = self.profile.contacts.reload();
        self.take_over(refreshed)?;
        Ok(json!({}))
    }
}

impl Conversation {
    fn refuse_unclear(&mut self, asked: &Asked, unclear: Unclear) {
        let code = match unclear {
            Unclear::NotJson(_) => Code::Parse,
            Unclear::NotARequest(_) => Code::Request,
            Unclear::NoSuchMethod(_) => Code::Method,
            Unclear::BadParams(_) => Code::Params,
        };
        self.answer_error(asked, code, &unclear.into());
    }

    pub(super) fn answer(&mut self, asked: &Asked, done: Result<Value, Error>) {
        let done = match done {
            Ok(done) => done,
            Err(error) => return self.answer_failed(asked, &error),
        };
        match (&asked.from, &asked.id) {
            (From::StandardInput, id) => {
                let (id, cmd) = (id.clone(), asked.cmd.clone());
                let fact = Fact::Answer {
                    id,
                    cmd,
                    result: done,
                };
                self.face.event(&fact, self.clock.unix_time());
            }
            (From::Client(client), Some(id)) => {
                // It may be gone.
                let _ = client.answer(result(id, &done));
            }
            (From::Client(_), None) => {}
        }
    }

    /// Answers by an error that is not about this request alone.
    pub(super) fn answer_failed(&mut self, asked: &Asked, error: &Error) {
        self.answer_error(asked, Code::Failed, error);
    }

    fn answer_error(&mut self, asked: &Asked, code: Code, failed: &Error) {
        let trouble = self.out.trouble(failed);
        match (&asked.from, &asked.id) {
            (From::StandardInput, id) => {
                let trouble = trouble.answering(id.clone(), asked.cmd.clone());
                self.face
                    .event(&Fact::Error(trouble), self.clock.unix_time());
            }
            (From::Client(client), Some(id)) => {
                let message = failed.report().title;
                let _ = client.answer(error(id, code, message.as_str(), &trouble));
            }
            (From::Client(_), None) => {}
        }
    }
}

/// Whether a search that was asked for before it would find less, or under other names, or is not answered any more.
const fn changes_what_is_found(call: &Call) -> bool {
    match call {
        Call::Accept(_)
        | Call::Match(_)
        | Call::Differ(_)
        | Call::PeersAdd(_)
        | Call::PeersRename(_)
        | Call::PeersRevoke(_)
        | Call::PeersRemove(_)
        | Call::Reload(_)
        | Call::HistoryPurge(_)
        | Call::HistoryDelete(_)
        | Call::Quit => true,
        Call::Hello
        | Call::Send(_)
        | Call::Reject(_)
        | Call::Connect(_)
        | Call::Disconnect(_)
        | Call::Ping(_)
        | Call::Verify(_)
        | Call::Status
        | Call::PeersList
        | Call::Subscribe(_)
        | Call::Confirm(_)
        | Call::HistoryFind(_) => false,
    }
}

fn overlong(len: usize) -> Unclear {
    let words = Safe::from("the line has ") + len + " bytes, and at most ";
    Unclear::NotARequest(words + LINE_MAX_LEN + " are read")
}

pub(super) fn value(data: &impl Serialize) -> Value {
    serde_json::to_value(data).unwrap_or_default()
}
