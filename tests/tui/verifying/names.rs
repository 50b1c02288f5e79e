//! Somebody who has no saved name.

use super::*;

const UNSAVED: &str = "no saved name: /save NAME keeps this, else it counts for this session only";

/// What stands on the screen, without the ends of its rows.
fn flowing(screen: &mut Screen) -> String {
    let text = screen.text();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn card(screen: &mut Screen, name: &'static str, (verified, saved): (bool, bool)) {
    screen.tell(Told::Peer(Card {
        peer: BOB,
        name: name.into(),
        verified,
        saved,
    }));
}

/// It was told after the call, which had been for nothing.
#[test]
fn that_there_is_no_name_to_note_it_with_is_told_before_anybody_is_called() {
    for (width, height) in [(80, 24), (60, 20), (40, 14)] {
        for view in ["words", "numbers", "number"] {
            let mut screen = Screen::with_bob(width, height);
            card(&mut screen, "key:c4OBdF5d", (false, false));
            open(&mut screen);
            words_of(&mut screen, 7, false);
            if view == "numbers" {
                screen.key("n");
            } else if view == "number" {
                screen.key("s");
                tell_number(&mut screen);
            }
            let text = flowing(&mut screen);
            assert!(text.contains(UNSAVED), "{width}x{height} {view}: {text}");
            assert!(!text.contains("is verified from then on"), "{text}");
            card(&mut screen, "alice", (false, true));
            let text = flowing(&mut screen);
            assert!(!text.contains("no saved name"), "{text}");
        }
    }
}

#[test]
fn what_was_confirmed_without_a_name_is_said_to_count_once_it_has_one() {
    let mut screen = Screen::with_bob(80, 24);
    card(&mut screen, "key:c4OBdF5d", (false, false));
    open(&mut screen);
    words_of(&mut screen, 7, true);
    let same = |noted| Comparison::Same {
        noted,
        theirs: true,
        until: None,
    };
    told(&mut screen, same(Noted::Session));
    let text = flowing(&mut screen);
    assert!(text.contains(&format!("key:c4OBdF5d has {UNSAVED}.")));
    card(&mut screen, "alice", (false, true));
    let text = flowing(&mut screen);
    assert!(!text.contains("[verified]"), "a name is not all: {text}");
    card(&mut screen, "alice", (true, true));
    let text = flowing(&mut screen);
    assert!(text.contains("alice is [verified] from now on."), "{text}");
    told(&mut screen, same(Noted::Nowhere));
    let text = flowing(&mut screen);
    assert!(text.contains("so this counts for nothing later"), "{text}");
}
