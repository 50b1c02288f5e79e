//! What was said before this run.

use super::*;

fn earlier(archive: &Archive, whose: u8, most: usize, bytes: usize) -> (Vec<String>, bool) {
    let earlier = archive.earlier(contact(whose), most, bytes).unwrap();
    let entries = earlier.entries.into_iter();
    let texts = entries.map(|it| String::from_utf8(it.body).unwrap());
    (texts.collect(), earlier.has_older)
}

fn of(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|it| (*it).to_owned()).collect()
}

#[test]
fn what_was_said_with_somebody_before_is_read_without_the_rest() {
    let place = Place::new();
    drop(with_history(&place));
    let (archive, _) = place.open(Keep::Forever);
    let both = of(&["invoice 7", "bye"]);
    let bytes = both.concat().len();
    assert_eq!(earlier(&archive, 8, 9, 999), (both.clone(), false));
    assert_eq!(earlier(&archive, 8, 2, bytes), (both, false));
    assert_eq!(earlier(&archive, 8, 1, 999), (of(&["bye"]), true));
    assert_eq!(earlier(&archive, 8, 9, bytes - 1), (of(&["bye"]), true));
    assert_eq!(earlier(&archive, 9, 9, 999), (of(&[]), false));
}

/// A newest message that was longer than all of them may be left a conversation without any.
#[test]
fn a_long_message_does_not_hide_what_was_said_before() {
    let place = Place::new();
    drop(with_history(&place));
    let (archive, _) = place.open(Keep::Forever);
    assert_eq!(earlier(&archive, 8, 9, 2), (of(&["bye"]), true));
}

#[test]
fn what_is_over_in_this_run_was_not_said_before_it() {
    let place = Place::new();
    let archive = with_history(&place);
    let whose = contact(8);
    assert_eq!(earlier(&archive, 8, 9, 999), (of(&[]), false));
    drop(archive);
    let (mut reopened, _) = place.open(Keep::Forever);
    let say = |archive: &mut Archive, sequence, text: &str| {
        let message = incoming(name(3, sequence), text);
        let write = |it: &mut Change<'_>| {
            it.receive(whose, &message)?;
            it.shown(whose, message.name)
        };
        archive.change(NOW, write).unwrap();
    };
    say(&mut reopened, 0, "just now");
    let before = (of(&["invoice 7", "bye"]), false);
    assert_eq!(earlier(&reopened, 8, 9, 999), before);
    reopened.purge(Some(whose), None).unwrap();
    say(&mut reopened, 1, "after the purge");
    assert_eq!(earlier(&reopened, 8, 9, 999), (of(&[]), false));
    drop(reopened);
    let (reopened, _) = place.open(Keep::Forever);
    assert_eq!(
        earlier(&reopened, 8, 9, 999),
        (of(&["after the purge"]), false)
    );
}
