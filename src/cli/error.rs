//! What can go wrong for the user. The words for it are in `wording.rs` and, for files, `trouble.rs`.
//!
//! Every error has a code (`SCnn`) and an exit code that never change their meaning.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::cli::report::Report;
use crate::cli::{ExitCode, trouble, wording};
use crate::id::PeerId;
use crate::net;
use crate::store;
use crate::text::{Safe, safe_line};

/// Everything that ends a command.
#[derive(Debug)]
pub enum Error {
    /// Something about a file, a key or a name: SC01 to SC05, SC15, SC18 and those of `trouble.rs`.
    Store(store::Error),
    /// The same of the secret key file that stands for the user, for which another can be made.
    Identity(store::Error),
    /// SC04: a secret key stands where a public key belongs. The key itself is not carried.
    SecretKey,
    /// SC05: this key, or whoever has this name, is no peer here. Of a name that nobody has the store tells.
    NoSuchPeer {
        /// The name or the key that was given.
        name: Safe,
    },
    /// SC06: nothing came back.
    NoAnswer {
        /// Who was expected there.
        peer: Peer,
        /// The address that was tried last.
        address: SocketAddr,
        /// How long it was tried.
        after: Duration,
        /// How many handshakes were sent.
        tries: u32,
        /// Why nothing gets there, if that is known.
        barrier: Option<Barrier>,
    },
    /// SC06: answers came of whoever has the key, and do not open: perhaps another shared secret.
    OtherPsk {
        /// Who was called.
        peer: Peer,
        /// The address that was tried first.
        address: SocketAddr,
        /// How long it was tried.
        after: Duration,
        /// How many handshakes were sent.
        tries: u32,
    },
    /// SC07: the machine, or something on the way, reports that the port is closed.
    PortClosed {
        /// Who was expected there.
        peer: Peer,
        /// The address.
        address: SocketAddr,
    },
    /// SC09: an unknown key suggests a name that belongs to a saved key.
    NameClaimed {
        /// The name.
        name: Safe,
        /// The key that is saved under it.
        saved: PeerId,
        /// The key that called.
        offered: PeerId,
    },
    /// SC10: the peer answered, and refused.
    Refused {
        /// Who refused.
        peer: Peer,
        /// Our own key, which they need.
        own: PeerId,
    },
    /// SC11: the passphrase does not open the identity.
    WrongPassphrase {
        /// The key file.
        path: PathBuf,
        /// How often it was asked for; none if it came from a file or a command.
        attempts: Option<u32>,
    },
    /// SC12: the socket could not be opened.
    CannotListen {
        /// The local address.
        address: SocketAddr,
        /// Who wanted that one.
        source: BindSource,
        /// Why not.
        reason: BindProblem,
    },
    /// SC13: the name of a host leads nowhere.
    HostNotFound {
        /// The name.
        host: Safe,
        /// The system's words for it.
        reason: Safe,
    },
    /// SC14: messages have no receipt, and are not waited for any longer.
    NotDelivered(Box<Loss>),
    /// SC14: the program that was to send a message took it, and was gone before it answered.
    Unanswered {
        /// To whom it was.
        peer: Peer,
    },
    /// SC16: the other side speaks our version of the protocol no longer. Which one it speaks, its answer does not say.
    OtherVersion {
        /// Who.
        peer: Peer,
        /// The version that we speak.
        ours: u16,
    },
    /// SC16: we would have to speak an older version than the other side has spoken.
    NewerVersion {
        /// Who.
        peer: Peer,
        /// The newest version that it has spoken.
        theirs: u16,
        /// The version that we speak.
        ours: u16,
    },
    /// SC17: an answer was needed, and nobody could be asked.
    NeedsInput(Prompt),
    /// SC26: no passphrase came from where it should.
    NoPassphrase {
        /// Why not.
        reason: Safe,
    },
    /// SC27: nothing is known about where a peer is.
    NoAddress {
        /// Who.
        peer: Peer,
        /// Its key.
        key: PeerId,
        /// Whether a program has the identity open, so that no other can call.
        runs: bool,
    },
    /// SC28: a published test key was about to be used on a real network.
    TestKey,
    /// SC29: an argument that is well-formed for the command line does not make sense.
    BadArgument {
        /// What was given.
        given: Safe,
        /// What is wrong with it.
        reason: Safe,
        /// The arguments of a command that would be right; none if there is no single one.
        example: &'static [&'static str],
    },
    /// SC31: a peer showed another signing key than before.
    SigningKeyChanged {
        /// Who.
        peer: Peer,
    },
    /// SC33: words that were compared with this peer were different ones, and nobody has decided yet.
    WordsDiffered {
        /// Who.
        peer: Peer,
    },
    /// SC46: a saved name does not mean whom it meant when the command began.
    NameMoved {
        /// The name.
        name: Safe,
        /// Whether something was done before that was seen.
        has_begun: bool,
        /// Whether it means somebody else now, and not nobody.
        is_taken: bool,
        /// What the key that it meant is called now, if it has a name.
        now: Option<Safe>,
    },
    /// As another error, of a message that is kept and sent next time.
    Kept {
        /// Why it is not sent now.
        error: Box<Self>,
        /// To whom it is.
        to: Safe,
    },
    /// As another error, of a message that is neither sent any more nor kept.
    GivenUp {
        /// Why.
        error: Box<Self>,
        /// It may have arrived all the same.
        perhaps: bool,
    },
    /// SC34: somebody reads out another safety number than the one of the two keys here.
    NumberDiffers {
        /// The saved name.
        name: Safe,
    },
    /// SC30: the key of somebody else is needed, and that is our own.
    OwnKey {
        /// The name that it is saved under, if it came by that.
        saved: Option<Safe>,
    },
    /// SC21: an identity is in the way of a new one.
    Exists {
        /// The file.
        path: PathBuf,
        /// Where the new one was to be, if that was said.
        output: Option<PathBuf>,
    },
    /// SC21: a file is in the way of the public key that belongs beside a secret one.
    PublicExists {
        /// The file.
        path: PathBuf,
    },
    /// SC21: a file is in the way of what was to be written.
    OutputExists {
        /// The file.
        path: PathBuf,
    },
    /// SC18: there is no room for what goes to standard output.
    OutputFull,
    /// Nobody reads standard output any more: no error, but the end of a command that has done nothing wrong.
    ReaderGone,
    /// SC24: the same of a conversation, which would have gone on.
    NobodyReads,
    /// SC40: a request of a program makes no sense, or cannot be done now.
    BadRequest {
        /// Why.
        reason: Safe,
    },
    /// SC41: the control socket cannot be used.
    Control {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        reason: Safe,
    },
    /// SC42: this system does not have what the command needs.
    NotHere {
        /// The command.
        command: &'static str,
    },
    /// SC43: the program that runs has no session with the peer.
    NotConnected {
        /// Who.
        peer: Peer,
        /// Why not.
        reason: Safe,
        /// What that program tries next.
        next: Safe,
    },
    /// SC44: the command line is not understood.
    Usage {
        /// What is wrong with it.
        complaint: Safe,
        /// What would be right, a line each.
        help: Vec<Safe>,
    },
    /// SC45: the settings want the full screen and nothing else, and there is no terminal for it.
    NoScreen {
        /// The file of the settings.
        settings: PathBuf,
        /// Why not.
        reason: Safe,
    },
    /// What the program that runs already says of a request: its own code and words.
    Elsewhere(Box<Report>),
    /// SC24: the operating system refused something.
    System {
        /// What was attempted, such as "write the manual pages".
        operation: &'static str,
        /// The system's words for it.
        reason: Safe,
    },
}

/// Messages that are not waited for any longer.
#[derive(Clone, Debug)]
pub struct Loss {
    /// To whom they were.
    pub to: Vec<Safe>,
    /// How many.
    pub messages: usize,
    /// How many of them may have arrived all the same.
    pub perhaps: usize,
    /// How many of them are kept, and sent next time.
    pub kept: usize,
    /// Why it was not tried any longer.
    pub end: End,
    /// What was in the way, if that is known.
    pub obstacle: Option<Obstacle>,
}

impl Loss {
    /// One message, of which nothing has left and nothing is kept.
    pub(super) fn of_one(to: Safe, end: End) -> Self {
        Self {
            to: vec![to],
            messages: 1,
            perhaps: 0,
            kept: 0,
            end,
            obstacle: None,
        }
    }
}

/// Why a delivery was not tried any longer.
#[derive(Clone, Debug)]
pub enum End {
    /// It took too long.
    After(Duration),
    /// The conversation was over.
    Left,
    /// Others needed the place of who waited.
    Crowded,
    /// The other side does not take it, or it cannot be tried: in these words.
    Failed(Safe),
}

/// What was in the way of a delivery.
#[derive(Clone, Debug)]
pub enum Obstacle {
    /// Nothing came back.
    Silence {
        /// Who was expected there.
        peer: Peer,
        /// The address that was tried.
        address: SocketAddr,
    },
    /// What came back does not open: perhaps another shared secret.
    OtherPsk {
        /// Who was called.
        peer: Peer,
        /// The address that was tried.
        address: SocketAddr,
    },
    /// The machine, or something on the way, reported that the port is closed.
    Closed {
        /// Who was expected there.
        peer: Peer,
        /// The address.
        address: SocketAddr,
    },
    /// Nothing gets there.
    NoWay {
        /// The address that was tried.
        address: SocketAddr,
        /// Why.
        barrier: Barrier,
    },
    /// The other side answers, and nobody there has accepted us yet.
    Undecided,
    /// The words that were compared with these differed, and nobody here has decided.
    Differed(Vec<Safe>),
}

/// Why nothing gets to an address, as this machine or the network says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// There is no way there.
    NoWay,
    /// A firewall forbids it, perhaps our own.
    Firewall,
}

impl Barrier {
    /// What such a report says of that, if anything.
    #[must_use]
    pub const fn of(kind: net::IcmpKind) -> Option<Self> {
        match kind {
            net::IcmpKind::HostUnreachable | net::IcmpKind::NetUnreachable => Some(Self::NoWay),
            net::IcmpKind::Prohibited => Some(Self::Firewall),
            net::IcmpKind::Refused | net::IcmpKind::TooBig | net::IcmpKind::Other => None,
        }
    }
}

/// Somebody, as far as the user knows them.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The saved name, or the beginning of the key.
    pub label: Safe,
    /// It is a saved name.
    pub saved: bool,
}

/// Where the local address of a socket comes from.
#[derive(Clone, Debug)]
pub enum BindSource {
    /// Nobody named one.
    Nobody,
    /// This command listens there, and can be told another.
    Command(&'static str),
    /// This command was told none, and the settings in this file have one.
    Settings(&'static str, PathBuf),
    /// `--bind` of `connect`.
    Flag,
}

/// Why a socket could not be opened.
#[derive(Clone, Debug)]
pub enum BindProblem {
    /// Somebody listens there already.
    InUse,
    /// The address is none of this machine's.
    NotOurs,
    /// The system does not allow it.
    Forbidden,
    /// In the system's words.
    Other(Safe),
}

/// What somebody would have been asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Prompt {
    /// The passphrase of an existing key.
    Passphrase,
    /// A passphrase for a key that is being made, in this file if one was named.
    NewPassphrase(Option<PathBuf>),
    /// Another passphrase for an existing key, in this file if one was named.
    ChangedPassphrase(Option<PathBuf>),
    /// The passphrase of a copy of the key.
    ExportPassphrase,
    /// Whether to accept an unknown key.
    Trust,
    /// Whether to delete messages, and those of which command: its arguments.
    Deletion(Vec<Safe>),
    /// Whether the peer of this name really has this other key.
    NewKey(Safe, PeerId),
    /// What the peer of this name reads out of its safety number.
    SafetyNumber(Safe),
}

impl Error {
    /// How the program ends.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        self.report().exit
    }

    /// What is printed.
    #[must_use]
    pub fn report(&self) -> Report {
        match self {
            Self::Store(error) => trouble::report(error, false),
            Self::Identity(error) => trouble::report(error, true),
            Self::SecretKey => wording::secret_key(),
            Self::NoSuchPeer { name } => trouble::no_such_peer(name, None),
            Self::NoAnswer {
                peer,
                address,
                after,
                tries,
                barrier,
            } => wording::no_answer(peer, *address, *after, *tries, *barrier),
            Self::OtherPsk {
                peer,
                address,
                after,
                tries,
            } => wording::other_psk(peer, *address, *after, *tries),
            Self::PortClosed { peer, address } => wording::port_closed(peer, *address),
            Self::NameClaimed {
                name,
                saved,
                offered,
            } => wording::name_claimed(name, saved, offered),
            Self::Refused { peer, own } => wording::refused(peer, own),
            Self::WrongPassphrase { path, attempts } => wording::wrong_passphrase(path, *attempts),
            Self::CannotListen {
                address,
                source,
                reason,
            } => wording::cannot_listen(*address, source, reason),
            Self::HostNotFound { host, reason } => wording::host_not_found(host, reason),
            Self::NotDelivered(loss) => wording::not_delivered(loss),
            Self::Unanswered { peer } => wording::unanswered(peer),
            Self::OtherVersion { peer, ours } => wording::version(peer, *ours),
            Self::NewerVersion { peer, theirs, ours } => {
                wording::newer_version(peer, *theirs, *ours)
            }
            Self::WordsDiffered { peer } => wording::words_differed(peer),
            Self::NameMoved {
                name,
                has_begun,
                is_taken,
                now,
            } => wording::name_moved(name, *has_begun, *is_taken, now.as_ref()),
            Self::Kept { error, to } => error.report_with_kept(to),
            Self::GivenUp { error, perhaps } => wording::given_up(error.report(), *perhaps),
            Self::NumberDiffers { name } => wording::number_differs(name),
            Self::OwnKey { saved } => wording::own_key(saved.as_ref()),
            Self::SigningKeyChanged { peer } => wording::signing_key_changed(peer),
            Self::NeedsInput(prompt) => wording::needs_input(prompt),
            Self::NoPassphrase { reason } => wording::no_passphrase(reason),
            Self::NoAddress { peer, key, runs } => wording::no_address(peer, key, *runs),
            Self::TestKey => wording::test_key(),
            Self::BadArgument {
                given,
                reason,
                example,
            } => wording::bad_argument(given, reason, example),
            Self::Exists { path, output } => trouble::exists(path, output.as_deref()),
            Self::PublicExists { path } => wording::public_exists(path),
            Self::OutputExists { path } => wording::output_exists(path),
            Self::OutputFull => wording::output_full(),
            // There is nobody to be told.
            Self::ReaderGone => Report::new("SC24", ExitCode::Done, "nobody reads standard output"),
            Self::NobodyReads => wording::nobody_reads(),
            Self::BadRequest { reason } => wording::bad_request(reason),
            Self::Control { path, reason } => wording::control(path, reason),
            Self::NotHere { command } => wording::not_here(command),
            Self::NotConnected { peer, reason, next } => wording::not_connected(peer, reason, next),
            Self::Usage { complaint, help } => wording::usage(complaint, help),
            Self::NoScreen { settings, reason } => wording::no_screen(settings, reason),
            Self::Elsewhere(report) => Report::clone(report),
            Self::System { operation, reason } => wording::system(operation, reason),
        }
    }
}

impl Error {
    /// Adds that a message to `to` is kept, and sent next time.
    #[must_use]
    pub(super) fn with_kept(self, to: Safe) -> Self {
        let error = Box::new(self);
        Self::Kept { error, to }
    }

    fn report_with_kept(&self, to: &Safe) -> Report {
        let report = self.report().keeping(1);
        // Those words say it already, and when.
        if matches!(self, Self::WordsDiffered { .. }) {
            return report;
        }
        report.cause(wording::kept(1, std::slice::from_ref(to)) + ".")
    }

    /// Adds to a socket that could not be opened who wanted its address.
    #[must_use]
    pub(super) fn bound_by(mut self, by: &BindSource) -> Self {
        if let Self::CannotListen { source, .. } = &mut self {
            *source = by.clone();
        }
        self
    }

    /// Standard output cannot be written.
    pub(super) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::StorageFull {
            return Self::OutputFull;
        }
        Self::System {
            operation: "write to standard output",
            reason: safe_line(&error.to_string()),
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
pub(super) mod tests;

impl From<net::Fatal> for Error {
    fn from(fatal: net::Fatal) -> Self {
        Self::System {
            operation: "keep the network going",
            reason: safe_line(&fatal.to_string()),
        }
    }
}
