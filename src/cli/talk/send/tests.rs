//! What a delivery makes of what the core tells.

use super::*;
use crate::cli::talk::goal::tests::reach;
use crate::cli::talk::profile::tests::{context, network};
use crate::cli::talk::single::tests::{Bob, standings};
use crate::store::{Keep, Standing};

fn delivery(home: &std::path::Path, peer: PeerId) -> Delivery {
    delivery_by(&context(home), peer)
}

fn delivery_by(context: &Context, peer: PeerId) -> Delivery {
    let network = network(context);
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

/// It was said to be delivered, and kept as failed.
#[test]
fn what_is_delivered_in_the_moment_of_a_removal_has_not_failed() {
    let home = tempfile::tempdir().unwrap();
    let mut context = context(home.path());
    context.config.keep = Keep::Forever;
    let own = network(&context).own;
    let bob = Bob::known_to(own);
    std::fs::write(context.paths.known_peers(), bob.line()).unwrap();
    let mut delivery = delivery_by(&context, bob.id);
    delivery.accept("taken".into()).unwrap();
    let handle = delivery.network.driver.handle().clone();
    bob.confirms(own, &handle, delivery.network.clock);
    std::fs::write(context.paths.known_peers(), "# nobody\n").unwrap();
    let end = loop {
        // Each time half a second after the last look.
        delivery.network.looked = Instant::ZERO;
        if let Some(end) = delivery.look_at_known_peers().unwrap() {
            break end;
        }
    };
    assert_eq!(end, ExitCode::Done);
    assert!(delivery.delivered.is_some());
    let kept = standings(&mut delivery.network.profile);
    assert_eq!(kept, [Standing::Delivered]);
}
