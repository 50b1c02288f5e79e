//! What a delivery makes of what the core tells.

use super::*;
use crate::cli::talk::goal::tests::reach;
use crate::cli::talk::profile::tests::{context, network};

#[test]
fn a_peer_that_is_not_reached_any_more_is_looked_up_until_it_is_heard() {
    let home = tempfile::tempdir().unwrap();
    let context = context(home.path());
    let (network, peer) = (network(&context), PeerId::new([1; 32]));
    let (started, label) = (network.clock.now(), Safe::from("bob"));
    let mut delivery = Delivery {
        goal: reach(peer, true),
        out: context.out.clone(),
        peer: Peer { label, saved: true },
        contact: ContactId::from(peer),
        name: None,
        started,
        wait: Duration::ZERO,
        left: Duration::ZERO,
        course: Course::default(),
        delivered: None,
        network,
    };
    let mut is_looked_up_after = |event| {
        delivery.on_session(event).unwrap();
        delivery.goal.patience(started).is_some()
    };
    assert!(!is_looked_up_after(Event::Waiting { peer }));
    let unreachable = Event::Unreachable { peer, tries: 22 };
    assert!(is_looked_up_after(unreachable));
    assert!(!is_looked_up_after(Event::Resumed { peer }));
}
