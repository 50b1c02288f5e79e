//! Opens the socket and starts the threads that every talking program has.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::cli::talk::aim::meet;
use crate::cli::talk::calls::Inquiry;
use crate::cli::talk::leave::Leave;
use crate::cli::talk::profile::{Profile, cannot_bind};
use crate::cli::{Error, Report};
use crate::control::Happening;
use crate::id::PeerId;
use crate::net::{Bind, Clock, Driver, JobControl, ResolveError, Signal, Socket};
use crate::proto::EndpointConfig;
use crate::store::KeyOffer;
use crate::text::{Safe, safe_line};
use crate::time::Instant;
use crate::tui::{self, Files};

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
    Found(Inquiry, Result<Vec<SocketAddr>, ResolveError>),
    /// Something that the user should know.
    Told(Safe),
    /// What a peer in this process reads out to the user, who compares.
    ReadOut(PeerId, Safe),
    /// Something that went wrong beside the conversation: its title for people, all of it for programs.
    Trouble(Box<Report>),
    /// Something happened at the terminal that a screen is on.
    Screen(tui::Input, Instant),
    /// What a part of a file name could become.
    Files(String, Result<Files, Safe>),
    /// The process is to stop, or goes on.
    Job(JobControl),
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
    /// When `send` and `ping` last looked at known-peers.
    pub(super) looked: Instant,
}

impl Network {
    /// Starts it. `stranger`: somebody who is known by the arguments only.
    ///
    /// # Errors
    /// SC12 or SC25; whatever else the system or the profile refuses.
    pub(super) fn start(
        profile: Profile,
        bind: Bind,
        config: EndpointConfig,
        stranger: Option<&KeyOffer>,
    ) -> Result<Self, Error> {
        let socket = || Socket::bind(bind).map_err(|error| cannot_bind(bind, &error));
        Self::start_on(profile, socket, config, stranger)
    }

    /// As [`Network::start`], on this socket.
    ///
    /// # Errors
    /// What the socket fails with; as [`Network::start`].
    pub(super) fn start_on(
        mut profile: Profile,
        socket: impl FnOnce() -> Result<Socket, Error>,
        config: EndpointConfig,
        stranger: Option<&KeyOffer>,
    ) -> Result<Self, Error> {
        let clock = profile.clock;
        let mut messenger = profile.messenger(config)?;
        if let Some(offer) = stranger {
            meet(&mut profile, &mut messenger, offer)?;
        }
        let own = messenger.endpoint().id();
        let socket = socket()?;
        let (sender, inputs) = channel();
        let wake = sender.clone();
        let notify = Box::new(move || {
            // Nobody is left to be woken when the loop has ended.
            let _ = wake.send(Input::Wake);
        });
        let records = &profile.records;
        let trace = records.start(clock, socket.local_addr(), &sender)?;
        let driver = Driver::start_traced(socket, messenger, clock, notify, trace);
        let driver = driver.map_err(|error| no_threads(&error))?;
        let deliver = sender.clone();
        let leave = Leave::watch(driver.handle().clone(), move |signal| {
            let _ = deliver.send(Input::Signal(signal));
        });
        Ok(Self {
            profile,
            driver,
            looked: clock.now(),
            clock,
            own,
            inputs,
            sender,
            leave: leave.map_err(|error| no_threads(&error))?,
        })
    }
}

pub(in crate::cli) fn no_threads(error: &std::io::Error) -> Error {
    let reason = safe_line(&error.to_string());
    Error::System {
        operation: "start the network",
        reason,
    }
}
