//! What a frame costs does not grow with what was said before. The figures are those of `examples/tui_cost.rs`, in
//! docs/benchmarks.md.

use securechat::tui::Input;

use crate::screen::{BOB, Screen};

#[test]
fn ten_thousand_lines_are_scrolled_searched_and_resized() {
    let mut screen = Screen::with_bob(100, 40);
    for number in 0..10_000 {
        screen.say(
            BOB,
            &format!("message {number}: some words that are neither short nor long"),
        );
    }
    screen.key("alt-home");
    assert!(screen.text().contains("message 0:"));
    screen.resize(60, 20);
    screen.key("alt-home");
    assert!(screen.text().contains("message 0:"));
    screen.key("alt-end");
    screen.key("ctrl-s");
    screen.type_in("message 5000:");
    assert!(screen.text().contains("(1 of 1)"));
    screen.key("esc");
    screen.input(Input::Wheel(5));
    assert!(screen.text().contains("message 9990:"));
}
