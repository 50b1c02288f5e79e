//! A conversation that keeps nothing: with an identity of this run, and a peer in this process.

use std::net::SocketAddr;
use std::time::Duration;

use crate::cli::args::Globals;
use crate::cli::talk::aim::Aim;
use crate::cli::talk::ends::{Ends, Look, in_lines, open_screen};
use crate::cli::talk::goal::{Goal, Reach};
use crate::cli::talk::lookups::LookUps;
use crate::cli::talk::network::{Input, Network};
use crate::cli::talk::profile::Profile;
use crate::cli::talk::terminal::{has_screen, wants_lines};
use crate::cli::talk::{LINGER, conversation, tell_no_screen};
use crate::cli::{Error, ExitCode, Out};
use crate::crypto::StaticSecret;
use crate::id::PeerId;
use crate::net::{Bind, Family};
use crate::proto::EndpointConfig;
use crate::store::{Config, HostPort, KnownPeers};
use crate::text::Safe;

/// How long the peer has to answer, which is in this process.
const PATIENCE: Duration = Duration::from_secs(10);

/// A peer in this process.
pub(in crate::cli) struct Neighbour {
    /// What it is called.
    pub(in crate::cli) name: &'static str,
    pub(in crate::cli) key: PeerId,
    pub(in crate::cli) address: SocketAddr,
}

/// Tells the person what the neighbour reads out.
pub(in crate::cli) type ReadOut = Box<dyn Fn(Safe) + Send>;

/// Talks to a neighbour, as a program does that has files. `begin` is called once there is somebody to
/// read out to; what it returns is dropped at the end.
///
/// # Errors
/// Whatever ends it.
pub(in crate::cli) fn in_memory<R>(
    secret: StaticSecret,
    peer: &Neighbour,
    bind: Bind,
    hints: &[&'static str],
    begin: impl FnOnce(ReadOut) -> Result<R, Error>,
    globals: &Globals,
    out: &Out,
) -> Result<ExitCode, Error> {
    let host: HostPort = peer.address.to_string().parse()?;
    let mut known = KnownPeers::default();
    known.add(peer.name, &peer.key, core::slice::from_ref(&host))?;
    let profile = Profile::in_memory(secret, &known, out)?;
    let network = Network::start(profile, bind, EndpointConfig::default(), None)?;
    let (key, sender) = (peer.key, network.sender.clone());
    let _begun = begin(Box::new(move |words| {
        // The conversation may be over.
        let _ = sender.send(Input::ReadOut(key, words));
    }))?;
    let goal = reach(&network, peer, host)?;
    let config = Config::default();
    let look = Look {
        globals,
        config: &config,
        out,
        keeps: false,
    };
    let ends = ends(&network, look)?;
    let mut conversation = conversation(network, ends, goal, LINGER, look);
    conversation.tell_screen()?;
    for hint in hints {
        conversation.face.note(Some(peer.key), &Safe::from(*hint));
    }
    conversation.run()
}

fn reach(network: &Network, peer: &Neighbour, host: HostPort) -> Result<Goal, Error> {
    let aim = Aim::at(peer.name.into(), peer.key, host);
    let now = network.clock.now();
    let look_ups = LookUps::new(aim.host()?, Family::Any, now);
    let reach = Reach::new(&aim, look_ups, PATIENCE, now);
    Ok(Goal::Reach(Box::new(reach)))
}

fn ends(network: &Network, look: Look<'_>) -> Result<Ends, Error> {
    if !wants_lines(look.globals) && has_screen() {
        match open_screen(&network.sender, network.clock, look)? {
            Ok(screen) => return Ok(screen),
            Err(reason) => tell_no_screen(&reason, look.out),
        }
    }
    in_lines(&network.sender, network.clock, look)
}
