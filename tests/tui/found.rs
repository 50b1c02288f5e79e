//! What is searched: in the conversation on the screen, in what is kept, and among the conversations.

use std::time::Duration;

use ratatui_core::style::Modifier;
use securechat::chat::{MessageRef, Name};
use securechat::id::PeerId;
use securechat::text::safe_line;
use securechat::time::UnixTime;
use securechat::tui::{Action, Ask, Hit, Input, Purged, Told};

use crate::screen::{BOB, CAROL, Screen};

/// As long as it takes to see what came.
const GLANCE: Duration = Duration::from_millis(300);

#[test]
fn a_search_steps_through_its_finds_and_comes_back() {
    let mut screen = Screen::with_bob(80, 10);
    for number in 0..60 {
        let text = if number % 20 == 5 { "needle" } else { "hay" };
        screen.say(BOB, &format!("{number} {text}"));
    }
    screen.key("ctrl-s");
    screen.type_in("NEED");
    assert!(screen.text().contains("45 needle") && screen.text().contains("(1 of 3)"));
    screen.key("ctrl-s");
    assert!(screen.text().contains("25 needle"));
    screen.key("ctrl-r");
    assert!(screen.text().contains("(1 of 3)"));
    screen.type_in("x");
    assert!(screen.text().contains("(nothing found)"));
    screen.key("esc");
    assert!(screen.text().contains("59 hay"));
    screen.key("ctrl-s");
    screen.type_in("needle");
    screen.key("enter");
    assert!(screen.text().contains("45 needle"), "Enter stays there");
}

/// A sigma at the end of a word is another letter than one in it, and is searched in every form.
#[test]
fn a_search_finds_every_word_that_it_shows_as_found() {
    let mut screen = Screen::with_bob(80, 10);
    screen.say(BOB, "κόσμος");
    for typed in ["κόσμος", "ΜΟΣ"] {
        screen.key("ctrl-s");
        screen.type_in(typed);
        let text = screen.text();
        assert!(text.contains("(1 of 1)"), "{text}");
        screen.key("esc");
    }
}

#[test]
fn the_switcher_shows_what_is_chosen_however_many_there_are() {
    let mut screen = Screen::new(80, 12);
    for number in 0..30 {
        screen.meet(PeerId::new([10 + number; 32]), &format!("peer{number}"));
    }
    screen.key("alt-k");
    for number in 0..30 {
        let rows = screen.rows();
        let buffer = screen.draw();
        let is_chosen = |row: &usize| {
            let cell = &buffer[(1, u16::try_from(*row).unwrap())];
            cell.modifier.contains(Modifier::REVERSED)
        };
        // The tabs are reversed as well.
        let chosen: Vec<&str> = (2..9)
            .filter(is_chosen)
            .map(|row| rows[row].trim())
            .collect();
        assert_eq!(chosen.len(), 1, "{number}: {}", rows.join("\n"));
        assert!(
            chosen[0].starts_with(&format!("peer{number} ")),
            "{number}: {chosen:?}"
        );
        screen.key("down");
    }
}

fn hit(peer: PeerId, name: Name, line: &'static str) -> Hit {
    let is_ours = false;
    Hit {
        which: MessageRef {
            contact: peer.into(),
            name,
            is_ours,
        },
        at: UnixTime(0),
        lines: vec![line.into()],
    }
}

/// What was found is there, and somebody has looked at it.
fn finds(screen: &mut Screen, hits: Vec<Hit>, sum: &'static str) {
    let sum = vec![sum.into()];
    screen.tell(Told::Found { hits, sum });
    screen.pass(GLANCE);
}

#[test]
fn enter_on_what_was_found_goes_to_it_in_its_conversation() {
    let mut screen = Screen::with_three(80, 12);
    let mut names = Vec::new();
    for number in 0..60 {
        let said = screen.message(CAROL, &format!("text {number}"));
        names.push(said.name);
        screen.tell(Told::Said(said));
    }
    screen.line("/search text");
    screen.actions();
    let hits = vec![
        hit(CAROL, names[58], "09:12 carol: text 58"),
        hit(CAROL, names[20], "09:11 carol: text 20"),
    ];
    finds(&mut screen, hits, "found: 2");
    assert!(screen.text().contains("found - Enter goes there"));
    screen.key("down");
    screen.key("down");
    screen.key("enter");
    let text = screen.text();
    assert!(text.contains("carol    text 20\n"), "{text}");
    assert!(!text.contains("text 58"), "{text}");
    // It is selected.
    screen.key("alt-y");
    assert_eq!(screen.actions(), [Action::Copy("text 20".into())]);
}

/// Whoever has gone to a message writes on: only who selected it himself means its commands.
#[test]
fn what_is_typed_after_a_search_is_written_and_no_command() {
    let mut screen = Screen::with_bob(80, 12);
    let said = screen.message(BOB, "the invoice");
    let name = said.name;
    screen.tell(Told::Said(said));
    let go_there = |screen: &mut Screen| {
        screen.line("/search invoice");
        screen.actions();
        let hits = vec![hit(BOB, name, "09:12 bob: the invoice")];
        finds(screen, hits, "found: 1");
        screen.key("enter");
    };
    for words in ["did you pay it?", "really?", "if so"] {
        go_there(&mut screen);
        screen.type_in(words);
        assert_eq!(screen.actions(), [], "{words}");
        assert!(
            screen.text().ends_with(&format!("> {words}")),
            "{}",
            screen.text()
        );
        screen.key("ctrl-u");
    }
    // One key takes hold of it, and of no other.
    for key in ["alt-up", "alt-down"] {
        screen.say(BOB, "later");
        go_there(&mut screen);
        screen.key(key);
        screen.key("i");
        assert!(screen.rule().contains("11 bytes"), "{}", screen.rule());
        screen.key("esc");
    }
}

#[test]
fn what_is_not_loaded_is_shown_among_its_neighbours_and_the_list_comes_back() {
    let mut screen = Screen::with_bob(80, 12);
    let name = screen.message(BOB, "").name;
    screen.line("/search old");
    screen.actions();
    let hits = vec![hit(BOB, name, "2026-01-01 09:12 bob: old")];
    let which = hits[0].which;
    finds(&mut screen, hits, "found: 1");
    screen.key("enter");
    assert_eq!(screen.actions(), [Action::Ask(Ask::Around(which))]);
    let line = |number: usize| vec![safe_line(&format!("2026-01-01 09:12 bob: line {number}"))];
    let messages = (0..40).map(line).collect();
    screen.tell(Told::Around { messages, at: 20 });
    let text = screen.text();
    assert!(text.contains("> 2026-01-01 09:12 bob: line 20"), "{text}");
    assert!(
        !text.contains("line 0\n") && !text.contains("line 39"),
        "{text}"
    );
    screen.key("esc");
    assert!(screen.text().contains("found - Enter goes there"));
    screen.key("esc");
    assert!(!screen.text().contains("found"));
    // Whoever is back in the conversation is not drawn away from it.
    let messages = vec![line(1)];
    screen.tell(Told::Around { messages, at: 0 });
    assert!(!screen.text().contains("around it"));
}

#[test]
fn what_is_kept_is_looked_through_by_the_core_and_comes_as_a_list() {
    let mut screen = Screen::with_three(80, 10);
    screen.line("/search from:carol since:7d the  needle");
    let search = Action::Ask(Ask::Search {
        words: "the  needle".into(),
        with: Some(CAROL),
        within: Some(Duration::from_secs(7 * 86_400)),
    });
    assert_eq!(screen.actions(), [search]);
    let name = screen.message(CAROL, "").name;
    let hits = vec![hit(CAROL, name, "09:12 carol: the  needle")];
    finds(&mut screen, hits, "found: 1");
    assert!(screen.text().contains("carol: the  needle"));
    screen.key("esc");
    assert!(!screen.text().contains("the  needle"));
    screen.line("/search from:nobody needle");
    assert_eq!(screen.actions(), [], "nobody is asked about");
}

/// What covers a conversation covers words of ours there.
#[test]
fn a_hit_that_is_gone_says_so_over_the_list() {
    let mut screen = Screen::with_three(80, 10);
    let name = screen.message(CAROL, "").name;
    let hits = vec![hit(CAROL, name, "09:12 carol: the needle")];
    finds(&mut screen, hits, "found: 1");
    screen.key("enter");
    let which = MessageRef {
        contact: CAROL.into(),
        name,
        is_ours: false,
    };
    assert_eq!(screen.actions(), [Action::Ask(Ask::Around(which))]);
    let why = "that message is not in the history any more";
    screen.tell(Told::NotAround(why.into()));
    assert_eq!(screen.rule(), why);
    assert!(screen.text().contains("carol: the needle"), "still there");
}

/// A message of carol's is found while somebody writes to bob.
fn searching() -> (Screen, Vec<Hit>) {
    let mut screen = Screen::with_three(80, 12);
    let said = screen.message(CAROL, "the invoice");
    let name = said.name;
    screen.tell(Told::Said(said));
    screen.line("/search invoice");
    screen.actions();
    (screen, vec![hit(CAROL, name, "09:12 carol: the invoice")])
}

fn is_with(screen: &mut Screen, name: &str) -> bool {
    screen.rows()[0].starts_with(&format!(" {name} "))
}

/// The search takes seconds. Enter went to the newest find, and the next line to whoever wrote that.
#[test]
fn what_is_typed_while_a_search_runs_goes_to_whom_it_was_typed_for() {
    let (mut screen, hits) = searching();
    screen.lag(Duration::from_secs(2));
    let sum = vec!["found: 1".into()];
    screen.tell(Told::Found { hits, sum });
    screen.line("thanks");
    screen.input(Input::Paste("see you".to_owned()));
    screen.line(" at 8");
    let sent: Vec<_> = screen
        .sent()
        .into_iter()
        .map(|(to, _, text)| (to, text))
        .collect();
    let both = ["thanks", "see you at 8"].map(|text| (BOB, text.to_owned()));
    assert_eq!(sent, both);
    // Nobody has seen it by now, and it stays.
    screen.lag(Duration::ZERO);
    assert!(is_with(&mut screen, "bob") && screen.text().contains("found - Enter"));
    screen.type_in("or");
    screen.pass(GLANCE / 2);
    screen.type_in(" 9?");
    screen.key("enter");
    assert_eq!(screen.sent().last().unwrap().2, "or 9?");
    screen.pass(GLANCE);
    screen.key("enter");
    assert!(is_with(&mut screen, "carol"), "{}", screen.text());
}

#[test]
fn whoever_types_into_a_list_of_finds_does_not_go_to_one_by_its_enter() {
    for is_pasted in [false, true] {
        let (mut screen, hits) = searching();
        finds(&mut screen, hits, "found: 1");
        if is_pasted {
            screen.input(Input::Paste("thanks".to_owned()));
        } else {
            screen.type_in("thanks");
        }
        screen.seconds(1);
        screen.key("enter");
        assert!(is_with(&mut screen, "bob"), "{}", screen.text());
        assert_eq!(
            screen.rule(),
            "that came among other keys; Enter once more goes there"
        );
        screen.key("enter");
        assert!(is_with(&mut screen, "carol"), "{}", screen.text());
        assert_eq!(screen.sent(), []);
    }
}

/// The list came over a question, or over what was turned to.
#[test]
fn what_is_turned_to_before_a_list_of_finds_is_seen_stays() {
    let (mut screen, hits) = searching();
    let sum = vec!["found: 1".into()];
    screen.tell(Told::Found { hits, sum });
    screen.key("alt-k");
    let text = screen.text();
    assert!(
        text.contains("go to - Enter goes") && !text.contains("found - "),
        "{text}"
    );
    screen.key("esc");
    let text = screen.text();
    assert!(
        text.contains("found - ") && text.contains("09:12 carol: the invoice"),
        "{text}"
    );
}

/// It stood among words of ours then, which nothing takes off the screen.
#[test]
fn what_is_purged_while_a_list_of_finds_waits_is_not_in_it() {
    let (mut screen, hits) = searching();
    screen.key("alt-k");
    let sum = vec!["found: 1".into()];
    screen.tell(Told::Found { hits, sum });
    assert!(!screen.text().contains("the invoice"));
    screen.tell(Told::Purged(Purged::default()));
    screen.key("esc");
    let text = screen.text();
    assert!(
        text.contains("deleted since: 1") && !text.contains("the invoice"),
        "{text}"
    );
}

/// Nobody was chosen, or the second best.
#[test]
fn a_paste_begins_a_choice_anew_as_a_letter_does() {
    let mut screen = Screen::with_three(80, 10);
    screen.key("alt-k");
    screen.key("down");
    screen.key("down");
    screen.input(Input::Paste("a".to_owned()));
    screen.key("enter");
    assert!(screen.rows()[0].contains("dave") || screen.rows()[0].contains("carol"));
    let best = screen.rows()[0].clone();
    screen.key("alt-1");
    screen.key("alt-k");
    screen.type_in("a");
    screen.key("enter");
    assert_eq!(screen.rows()[0], best);
    screen.line("one");
    screen.line("two");
    screen.key("ctrl-r");
    screen.type_in("o");
    screen.key("ctrl-r");
    screen.input(Input::Paste("ne".to_owned()));
    assert!(screen.text().ends_with("-> one"), "{}", screen.text());
}
