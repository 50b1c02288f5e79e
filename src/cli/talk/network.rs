//! Opens the socket and starts the threads that every talking program has.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::BufWriter;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::cli::Error;
use crate::cli::talk::aim::meet;
use crate::cli::talk::leave::Leave;
use crate::cli::talk::profile::{Profile, cannot_bind};
use crate::control::Happening;
use crate::id::PeerId;
use crate::net::{
    Bind, Clock, Driver, ResolveError, Signal, Socket, TRACE_MAX_LEN, Trace, TraceConfig, TraceEnd,
    local_address_towards,
};
use crate::proto::EndpointConfig;
use crate::store::{ErrorKind, KeyOffer, create_record};
use crate::text::{Safe, safe_line};
use crate::tui;

/// What wakes the loop.
#[derive(Debug)]
pub(super) enum Input {
    /// The core has events, or a line was read.
    Wake,
    /// The operating system wants us to stop.
    Signal(Signal),
    /// The addresses of the host that the program is after were looked up.
    Resolved(Result<Vec<SocketAddr>, ResolveError>),
    /// Those of a peer that the program calls by itself.
    Found(PeerId, Result<Vec<SocketAddr>, ResolveError>),
    /// Something that the user should know.
    Told(Safe),
    /// Something happened at the terminal that a screen is on.
    Screen(tui::Input),
    /// Something happened at the control socket.
    Control(Happening),
}

/// A running core, and what wakes its owner.
pub(super) struct Network {
    pub(super) profile: Profile,
    pub(super) driver: Driver,
    pub(super) clock: Clock,
    pub(super) own: PeerId,
    pub(super) inputs: Receiver<Input>,
    /// For whoever else has something to tell.
    pub(super) sender: Sender<Input>,
    pub(super) leave: Leave,
}

impl Network {
    /// Starts it. `stranger`: somebody who is known by the arguments only.
    ///
    /// # Errors
    /// SC12 or SC25; whatever else the system or the profile refuses.
    pub(super) fn start(
        mut profile: Profile,
        bind: Bind,
        config: EndpointConfig,
        stranger: Option<&KeyOffer>,
    ) -> Result<Self, Error> {
        let clock = profile.clock;
        let mut messenger = profile.messenger(config)?;
        if let Some(offer) = stranger {
            meet(&mut profile, &mut messenger, offer)?;
        }
        let own = messenger.endpoint().id();
        let socket = Socket::bind(bind).map_err(|error| cannot_bind(bind, &error))?;
        let (sender, inputs) = channel();
        let wake = sender.clone();
        let notify = Box::new(move || {
            // Nobody is left to be woken when the loop has ended.
            let _ = wake.send(Input::Wake);
        });
        let trace = record(&profile, socket.local_addr(), &sender)?;
        let driver = Driver::start_traced(socket, messenger, clock, notify, trace);
        let driver = driver.map_err(|error| no_threads(&error))?;
        let deliver = sender.clone();
        let leave = Leave::watch(driver.handle().clone(), move |signal| {
            let _ = deliver.send(Input::Signal(signal));
        });
        Ok(Self {
            profile,
            driver,
            clock,
            own,
            inputs,
            sender,
            leave: leave.map_err(|error| no_threads(&error))?,
        })
    }
}

/// Begins to record every datagram, if that is wanted.
///
/// # Errors
/// SC21 if there is such a file; what else keeps it from being made.
fn record(
    profile: &Profile,
    bound: SocketAddr,
    inputs: &Sender<Input>,
) -> Result<Option<Arc<Trace>>, Error> {
    let Some(path) = profile.trace.clone() else {
        return Ok(None);
    };
    let file = create_record(&path).map_err(|error| {
        if matches!(error.kind(), ErrorKind::AlreadyExists) {
            return Error::OutputExists { path: path.clone() };
        }
        error.into()
    })?;
    let clock = profile.clock;
    let unix_us = clock.unix_time().0.saturating_mul(1_000);
    let inputs = inputs.clone();
    let config = TraceConfig {
        file: Box::new(BufWriter::new(file)),
        limit: TRACE_MAX_LEN,
        epoch_us: unix_us.saturating_sub(clock.now().as_micros()),
        local: local_address(bound),
        on_end: Box::new(move |end| {
            let words = Safe::from(path.as_path()) + ": the record of datagrams ends here: ";
            let why = match end {
                TraceEnd::Full => Safe::from(TRACE_MAX_LEN >> 20) + " MiB are full",
                TraceEnd::Failed(error) => safe_line(&error.to_string()),
            };
            // Nobody is left to be told when the loop has ended.
            let _ = inputs.send(Input::Told(words + why));
        }),
    };
    let trace = Trace::start(config).map_err(|error| no_threads(&error))?;
    Ok(Some(trace))
}

/// Says from which address we talk to another one. The system is asked once for each.
fn local_address(bound: SocketAddr) -> Box<dyn Fn(SocketAddr) -> SocketAddr + Send> {
    const MAX_KNOWN: usize = 1_024;
    let known = RefCell::new(BTreeMap::new());
    Box::new(move |peer| {
        if !bound.ip().is_unspecified() {
            return bound;
        }
        let mut known = known.borrow_mut();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        let ip = known
            .entry(peer.ip())
            .or_insert_with(|| local_address_towards(peer).unwrap_or_else(|_| bound.ip()));
        SocketAddr::new(*ip, bound.port())
    })
}

pub(in crate::cli) fn no_threads(error: &std::io::Error) -> Error {
    let reason = safe_line(&error.to_string());
    Error::System {
        operation: "start the network",
        reason,
    }
}
