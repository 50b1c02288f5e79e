//! A list that changes under a program that talks.

use std::path::Path;

use super::*;
use crate::chat::FailReason;
use crate::cli::talk::contacts::Contacts;
use crate::cli::talk::conversation::Typist;
use crate::cli::talk::conversation::typing::Author;
use crate::cli::talk::goal::Goal;
use crate::cli::talk::profile::tests::{context, conversation, network};
use crate::cli::talk::request::{Call, PeersRename};
use crate::cli::talk::single::tests::{Bob, standings};
use crate::store::{ErrorKind, Keep, PeerList, Standing};

/// A conversation of somebody, with this key, who knows bob.
fn with_bob(home: &Path) -> (Conversation, PeerId, Bob) {
    let mut context = context(home);
    context.config.keep = Keep::Forever;
    let own = network(&context).own;
    let bob = Bob::known_to(own);
    std::fs::write(context.paths.known_peers(), bob.line()).unwrap();
    let goal = Goal::Listen { once: None };
    let talk = conversation(&context, Typist::Pipe, goal);
    (talk, own, bob)
}

/// It was kept as failed, and was said to be delivered.
#[test]
fn what_was_delivered_up_to_the_moment_of_a_removal_has_not_failed() {
    let home = tempfile::tempdir().unwrap();
    let (mut talk, own, bob) = with_bob(home.path());
    for text in ["taken", "not taken"] {
        talk.prepare(bob.id, text.into(), Author::Line).unwrap();
    }
    talk.say_batch().unwrap();
    bob.confirms(own, &talk.handle, talk.clock);
    talk.change_peers(|known| known.remove("bob")).unwrap();
    let expected = [Standing::Delivered, Standing::Failed(FailReason::Removed)];
    assert_eq!(standings(&mut talk.profile), expected);
    talk.tell_news().unwrap();
    assert_eq!(talk.state.sent.waiting(bob.id).count(), 0, "all is told");
    assert_eq!(standings(&mut talk.profile), expected);
}

/// From now on no disk confirms a change of the list.
fn disk_confirms_nothing(talk: &mut Conversation, home: &Path) {
    let path = context(home).paths.known_peers();
    let list = PeerList::unconfirmed_for_testing_only(path);
    talk.profile.contacts = Contacts::load(list, false).unwrap();
}

fn is_unconfirmed(error: &Error) -> bool {
    let Error::Store(error) = error else {
        return false;
    };
    matches!(error.kind(), ErrorKind::NotSynced { .. })
}

/// The former list counted for up to a second, and it was not written that the disk had failed behind the change.
#[test]
fn a_request_whose_change_the_disk_has_not_confirmed_counts_at_once_and_says_so() {
    let home = tempfile::tempdir().unwrap();
    let (mut talk, _, bob) = with_bob(home.path());
    disk_confirms_nothing(&mut talk, home.path());
    let rename = PeersRename {
        peer: "bob".into(),
        name: "rob".into(),
    };
    let renamed = talk.do_confirmed(Call::PeersRename(rename));
    let error = renamed.unwrap_err();
    assert!(is_unconfirmed(&error), "{error:?}");
    assert_eq!(talk.label(&bob.id).as_str(), "rob");
    assert!(talk.do_confirmed(Call::Hello).is_ok(), "told once");
}

/// What nobody asked for by a request is told to people, and not to the program that asks next.
#[test]
fn a_comparison_that_the_disk_has_not_confirmed_is_noted_and_not_written_again() {
    let home = tempfile::tempdir().unwrap();
    let (mut talk, _, bob) = with_bob(home.path());
    disk_confirms_nothing(&mut talk, home.path());
    talk.differ_by(bob.id, None).unwrap();
    assert!(talk.state.unwritten.is_empty());
    let known = talk.profile.contacts.reload().unwrap();
    talk.take_over(Ok(known)).unwrap();
    assert!(talk.profile.contacts.differed_on(&bob.id).is_some());
    assert!(talk.do_confirmed(Call::Hello).is_ok());
    assert!(talk.profile.contacts.take_unconfirmed().is_none());
}
