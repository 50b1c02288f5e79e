//! What a delivery makes of what the core tells.

use super::*;
use crate::cli::talk::goal::tests::reach;
use crate::cli::talk::profile::tests::{context, network};

fn delivery(home: &std::path::Path, peer: PeerId) -> Delivery {
    let context = context(home);
    let network = network(&context);
    let (started, label) = (network.clock.now(), Safe::from("bob"));
    Delivery {
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
    }
}

#[test]
fn a_peer_that_is_not_reached_any_more_is_looked_up_until_it_is_heard() {
    let home = tempfile::tempdir().unwrap();
    let peer = PeerId::new([1; 32]);
    let mut delivery = delivery(home.path(), peer);
    let mut is_looked_up_after = |event| {
        delivery.on_session(event).unwrap();
        delivery.goal.patience(delivery.started).is_some()
    };
    assert!(!is_looked_up_after(Event::Waiting { peer }));
    let unreachable = Event::Unreachable { peer, tries: 22 };
    assert!(is_looked_up_after(unreachable));
    assert!(!is_looked_up_after(Event::Resumed { peer }));
}

#[test]
fn nobody_is_said_to_be_undecided_who_is_not_heard_any_more() {
    let home = tempfile::tempdir().unwrap();
    let peer = PeerId::new([1; 32]);
    let mut delivery = delivery(home.path(), peer);
    let mut is_undecided_after = |event| {
        delivery.on_session(event).unwrap();
        let error = delivery.out_of_time();
        let Error::NotDelivered(loss) = &error else {
            panic!("{error:?}");
        };
        matches!(loss.obstacle, Some(Obstacle::Undecided))
    };
    assert!(is_undecided_after(Event::Waiting { peer }));
    assert!(!is_undecided_after(Event::Silent { peer }));
    assert!(is_undecided_after(Event::Waiting { peer }));
    assert!(!is_undecided_after(Event::Unreachable { peer, tries: 9 }));
}
