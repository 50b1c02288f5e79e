//! The row of conversations.

use securechat::id::PeerId;

use crate::screen::Screen;

const fn spoke(number: u8) -> PeerId {
    PeerId::new([number; 32])
}

/// Nothing on the screen told of them.
#[test]
fn what_was_not_seen_where_no_tab_fits_is_counted_behind_the_others() {
    let mut screen = Screen::with_bob(60, 10);
    for number in 10..20 {
        screen.meet(spoke(number), &format!("spoke{number}"));
    }
    let row = |screen: &mut Screen| {
        let rows = screen.rows();
        let row = rows.iter().find(|row| row.contains(" [2 spoke10"));
        row.unwrap().trim_end().to_owned()
    };
    let quiet = row(&mut screen);
    assert!(
        quiet.starts_with(" [1 bob] ") && quiet.ends_with(" F1 help"),
        "{quiet}"
    );
    screen.say(spoke(18), "one");
    screen.say(spoke(18), "two");
    screen.say(spoke(19), "three");
    // This one's tab says it by itself.
    screen.say(spoke(10), "four");
    let unread = row(&mut screen);
    assert!(unread.contains(" [2 spoke10 +1] "), "{unread}");
    assert!(unread.ends_with(" +3 unread: Alt+A"), "{unread}");
}

/// There is room for who is written to, and for nothing else.
#[test]
fn on_the_narrowest_screen_the_tab_that_is_open_is_kept() {
    let mut screen = Screen::with_bob(24, 8);
    screen.meet(spoke(10), "somebody-with-a-long-name");
    screen.say(spoke(10), "hi");
    assert!(screen.text().contains(" [1 bob] "), "{}", screen.text());
}
