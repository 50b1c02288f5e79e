//! What a conversation makes of what the core tells.

use std::time::Duration;

use super::*;
use crate::cli::streams::{stderr, stdout};
use crate::cli::talk::face::Face;
use crate::cli::talk::goal::tests::reach;
use crate::cli::talk::profile::tests::{context, network};
use crate::cli::talk::stdin::Lines;
use crate::plain::{Form, Printer};

#[test]
fn a_peer_that_is_not_reached_any_more_is_looked_up_until_it_is_heard() {
    let home = tempfile::tempdir().unwrap();
    let context = context(home.path());
    let (network, peer) = (network(&context), PeerId::new([1; 32]));
    let now = network.clock.now();
    let printer = Printer::new(Form::Records, stdout(), stderr(), true);
    let ends = (Face::Service(printer), Typist::Pipe, Lines::none());
    let goal = reach(peer, true);
    let mut conversation =
        crate::cli::talk::conversation(network, ends, goal, Duration::ZERO, &context);
    let mut is_looked_up_after = |event| {
        conversation.on_session(event).unwrap();
        conversation.goal.patience(now).is_some()
    };
    assert!(!is_looked_up_after(Event::Waiting { peer }));
    let unreachable = Event::Unreachable { peer, tries: 22 };
    assert!(is_looked_up_after(unreachable));
    assert!(!is_looked_up_after(Event::Resumed { peer }));
}
