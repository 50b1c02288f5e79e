use proptest::prelude::*;
use unicode_properties::UnicodeGeneralCategory;

use super::*;
use crate::text::MAX_CLUSTER;

fn shown(text: &str) -> String {
    safe_text(text).to_string()
}

#[test]
fn published_vectors() {
    assert_eq!(shown("hi\u{1b}]52;c;ZXZpbA==\u{7}"), "hi^[]52;c;ZXZpbA==^G");
    assert_eq!(shown("invoice\u{202e}fdp.exe"), "invoice<U+202E>fdp.exe");
    assert_eq!(shown("\u{9b}31mred"), "<9B>31mred");
}

/// Texts that drove terminals, and every row of what becomes of a character.
#[test]
fn every_row_of_the_policy_has_its_vector() {
    let mut vectors = vec![
        (
            "hi\u{1b}]52;c;ZXZpbA==\u{7}".to_owned(),
            "hi^[]52;c;ZXZpbA==^G".to_owned(),
        ),
        (
            "invoice\u{202e}fdp.exe".into(),
            "invoice<U+202E>fdp.exe".into(),
        ),
        ("\u{9b}31mred".into(), "<9B>31mred".into()),
        (
            "a\nb\r\nc\u{2028}d\u{2029}e\tf".into(),
            "a\nb\nc\nd\ne    f".into(),
        ),
        ("a\u{200c}b\u{200d}c".into(), "a\u{200c}b\u{200d}c".into()),
        ("\u{e000}\u{10ffff}\u{378}".into(), "\u{fffd}".repeat(3)),
        (
            "z\u{300}\u{301}\u{302}\u{303}\u{304}".into(),
            "z\u{300}\u{301}\u{302}\u{303}".into(),
        ),
        ("שלום مرحبا 日本 👧".into(), "שלום مرحبا 日本 👧".into()),
    ];
    let c1 = ('\u{80}'..='\u{9f}').map(|c| (c.into(), format!("<{:02X}>", u32::from(c))));
    let c0 = ('\u{0}'..='\u{1f}').filter(|c| !['\t', '\n'].contains(c));
    let c0 = c0.chain(['\u{7f}']).map(|c| {
        let caret = char::from_u32(u32::from(c) ^ 0x40).unwrap();
        (c.into(), format!("^{caret}"))
    });
    let turns = ['\u{61c}', '\u{200e}', '\u{200f}'].into_iter();
    let turns = turns
        .chain('\u{202a}'..='\u{202e}')
        .chain('\u{2066}'..='\u{2069}');
    let turns = turns.map(|c| (c.into(), format!("<U+{:04X}>", u32::from(c))));
    let gone = [
        '\u{200b}', '\u{2060}', '\u{feff}', '\u{ad}', '\u{34f}', '\u{3164}', '\u{ffa0}',
    ];
    let gone = gone
        .into_iter()
        .chain('\u{115f}'..='\u{1160}')
        .chain('\u{e0020}'..='\u{e007f}');
    let gone = gone
        .chain('\u{e0100}'..='\u{e01ef}')
        .map(|c| (c.into(), String::new()));
    vectors.extend(c0.chain(c1).chain(turns).chain(gone));
    for (given, expected) in vectors {
        assert_eq!(shown(&given), expected, "{given:?}");
    }
}

#[test]
fn every_line_break_is_one_line_break() {
    assert_eq!(shown("a\nb\r\nc\u{2028}d\u{2029}e"), "a\nb\nc\nd\ne");
}

#[test]
fn a_lone_carriage_return_cannot_overwrite_the_line() {
    assert_eq!(shown("bob: yes\rme: no"), "bob: yes^Mme: no");
    assert_eq!(shown("a\r\r\nb"), "a^M\nb");
}

#[test]
fn controls_show_in_caret_notation() {
    assert_eq!(shown("\0\u{1}\u{8}\u{b}\u{1f}\u{7f}"), "^@^A^H^K^_^?");
}

#[test]
fn tab_is_four_spaces() {
    assert_eq!(shown("a\tb"), "a    b");
}

#[test]
fn direction_controls_show_as_code_points() {
    for c in [
        '\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{2066}', '\u{2069}',
    ] {
        assert_eq!(shown(&c.to_string()), format!("<U+{:04X}>", u32::from(c)));
    }
}

#[test]
fn invisible_characters_disappear() {
    let invisible = "a\u{200b}\u{2060}\u{feff}\u{ad}\u{34f}\u{115f}\u{1160}\u{3164}\u{ffa0}\
                     \u{e0100}\u{e01ef}\u{e0041}\u{e007f}b";
    assert_eq!(shown(invisible), "ab");
}

#[test]
fn what_is_no_character_is_replaced() {
    assert_eq!(
        shown("\u{e000}\u{f0000}\u{fdd0}\u{ffff}\u{378}"),
        "\u{fffd}".repeat(5)
    );
}

#[test]
fn persian_sinhala_and_emoji_families_stay_whole() {
    for text in [
        "می\u{200c}خواهم",
        "ශ්\u{200d}රී",
        "👨\u{200d}👩\u{200d}👧",
        "❤\u{fe0f}",
        "कार्त्स्न्य",
        "שלום",
    ] {
        assert_eq!(shown(text), text);
    }
}

#[test]
fn a_base_character_keeps_four_marks() {
    let zalgo = format!("a{}b", "\u{301}".repeat(40));
    assert_eq!(shown(&zalgo), format!("a{}b", "\u{301}".repeat(4)));
    let joined = format!("a{0}\u{200d}b{0}", "\u{301}".repeat(3));
    assert_eq!(
        shown(&joined),
        format!("a{}\u{200d}b\u{301}", "\u{301}".repeat(3))
    );
}

#[test]
fn two_hundred_lines_are_shown_and_more_are_folded() {
    let exact = "x\n".repeat(200);
    assert_eq!(shown(&exact), exact);
    let folded = shown(&"x\n".repeat(1_000));
    assert_eq!(folded.lines().count(), MAX_LINES);
    assert!(folded.ends_with("x\n[801 more lines]"), "{folded}");
}

#[test]
fn a_text_of_too_many_bytes_is_folded_in_whatever_lines_it_comes() {
    let exact = "x".repeat(MAX_SHOWN_LEN);
    assert_eq!(shown(&exact), exact);
    for unit in [
        "x",
        "é",
        "日 ",
        "👩\u{200d}👧",
        "\u{1}",
        "line of some length\n",
    ] {
        for len in [MAX_SHOWN_LEN + 1, 1 << 20] {
            let long = unit.repeat(len / unit.len() + 1);
            let folded = shown(&long);
            assert!(folded.len() <= MAX_SHOWN_LEN, "{unit:?}");
            let (_, note) = folded.rsplit_once('\n').unwrap();
            assert!(note.starts_with('[') && note.contains(" more "), "{note}");
            assert_eq!(shown(&folded), folded, "{unit:?}");
        }
    }
    let two_hundred = format!("{}\n", "x".repeat(1_000)).repeat(200);
    let folded = shown(&two_hundred);
    assert!(folded.lines().count() <= MAX_LINES && folded.len() <= MAX_SHOWN_LEN);
    let whole = safe_text(&two_hundred).as_str().len();
    assert_eq!(whole, folded.len());
    assert!(folded.ends_with(" more bytes]"), "{}", &folded[65_000..]);
}

#[test]
fn machine_lines_can_be_taken_apart_again() {
    assert_eq!(single_line("a\nb\r\nc").as_str(), r"a\nb\nc");
    assert_eq!(single_line(r"a\nb").as_str(), r"a\\nb");
    assert_eq!(single_line("\u{2028}\u{1b}").as_str(), r"\n^[");
}

#[test]
fn no_control_is_shown_with_a_backslash_that_could_begin_an_escape() {
    // FS is typed as ^\ and so shown; what follows it must not turn it into a line break.
    assert_eq!(single_line("\u{1c}n").as_str(), r"^\\n");
    assert_eq!(safe_text("\u{1c}n").as_str(), r"^\n");
    assert_eq!(safe_line("\u{1c}n").as_str(), r"^\n");
}

#[test]
fn a_line_of_ours_stays_one_line() {
    assert_eq!(safe_line("a\r\nb\u{2029}c\\n").as_str(), r"a^Jb<U+2029>c\n");
}

/// Fragments that have driven terminals, and ordinary letters between them.
fn hostile() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        any::<char>().prop_map(String::from),
        "[a-zA-Z0-9 .\\\\<>^]{0,8}",
        prop::sample::select(FRAGMENTS.to_vec()).prop_map(str::to_owned),
        prop::char::range('\0', '\u{9f}').prop_map(String::from),
        prop::char::range('\u{2000}', '\u{206f}').prop_map(String::from),
        prop::char::range('\u{e0000}', '\u{e01ef}').prop_map(String::from),
        prop::char::range('\u{e000}', '\u{f8ff}').prop_map(String::from),
        prop::collection::vec(prop::char::range('\u{300}', '\u{36f}'), 0..20)
            .prop_map(String::from_iter),
        (0..300_usize).prop_map(|n| "\n".repeat(n)),
    ];
    prop::collection::vec(fragment, 0..40).prop_map(|parts| parts.concat())
}

const FRAGMENTS: [&str; 24] = [
    "\u{1b}[2J",
    "\u{1b}[31m",
    "\u{1b}]52;c;ZXZpbA==\u{7}",
    "\u{1b}]0;title\u{1b}\\",
    "\u{1b}P+q544e\u{1b}\\",
    "\u{9b}6n",
    "\u{9d}8;;http://x\u{9c}",
    "\u{90}q#0\u{9c}",
    "\r",
    "\r\n",
    "\u{2028}",
    "\u{202e}gpj.exe",
    "\u{2066}x\u{2069}",
    "\u{e0001}\u{e0065}\u{e006e}",
    "\u{feff}",
    "👨\u{200d}👩\u{200d}👧\u{200d}👦",
    "❤\u{fe0f}\u{fe0e}",
    "1\u{fe0f}\u{20e3}",
    "漢字かな交じり文",
    "한\u{115f}\u{1160}글",
    "क्ष्म्य\u{200d}",
    "\u{903}\u{903}\u{903}\u{903}\u{903}\u{903}",
    "🇩🇪🇫",
    "\u{200d}\u{200c}",
];

/// Whether a terminal must never see this character from outside.
fn is_forbidden(c: char) -> bool {
    use unicode_properties::GeneralCategory as Is;
    let joiner = matches!(c, '\u{200c}' | '\u{200d}');
    let category = c.general_category();
    matches!(category, Is::Control | Is::PrivateUse | Is::Unassigned)
        || matches!(category, Is::LineSeparator | Is::ParagraphSeparator)
        || (matches!(category, Is::Format) && !joiner)
        || matches!(
            c,
            '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
        )
        || matches!(c, '\u{e0000}'..='\u{e0fff}')
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn hostile_text_leaves_nothing_forbidden(text in hostile()) {
        for c in safe_text(&text).as_str().chars() {
            prop_assert!(c == '\n' || !is_forbidden(c), "{c:?}");
        }
        for line in [safe_line(&text), single_line(&text)] {
            for c in line.as_str().chars() {
                prop_assert!(!is_forbidden(c), "{c:?}");
            }
        }
    }

    #[test]
    fn making_safe_twice_changes_nothing(text in hostile()) {
        let once = safe_text(&text);
        prop_assert_eq!(safe_text(once.as_str()), once);
        let line = safe_line(&text);
        prop_assert_eq!(safe_line(line.as_str()), line);
    }

    #[test]
    fn bounds_hold_for_hostile_text(text in hostile()) {
        let safe = safe_text(&text);
        prop_assert!(safe.as_str().lines().count() <= MAX_LINES);
        let mut marks = 0;
        for c in safe.as_str().chars() {
            marks = if is_mark(c) { marks + 1 } else { 0 };
            prop_assert!(marks <= MAX_MARKS);
        }
    }

    #[test]
    fn a_machine_line_gives_back_the_lines(lines in prop::collection::vec("[a-z\\\\ ]{0,6}", 1..6)) {
        let line = single_line(&lines.join("\n"));
        prop_assert_eq!(undo(line.as_str()), lines.join("\n"));
    }
}

#[test]
fn what_stands_for_something_else_is_marked_and_what_was_typed_is_not() {
    let marked = |text| {
        let (safe, marks) = safe_text_marked(text);
        let of = |mark: Range<usize>| safe.as_str()[mark].to_owned();
        marks.into_iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(marked("<U+202E> ^["), Vec::<String>::new());
    let hostile = "<U+202E>\u{202e}\u{1b}[2J\u{9b}\u{e000}\u{200b}\t\n";
    assert_eq!(marked(hostile), ["<U+202E>^[", "<9B>\u{fffd}"]);
    let long = "\u{7}\n".repeat(MAX_LINES + 1);
    let marks = marked(&long);
    assert_eq!(marks.len(), MAX_LINES);
    assert_eq!(marks.last().unwrap(), "[2 more lines]");
}

#[test]
fn a_pasted_text_keeps_its_lines_and_loses_its_controls() {
    let typed = |text| typeable(text).to_string();
    assert_eq!(typed("a\rb\r\nc\nd"), "a\nb\nc\nd");
    assert_eq!(
        typed("x\u{1b}[2J\u{202e}\u{200b}\u{e000}y\tz"),
        "x[2Jy    z"
    );
    assert_eq!(typed("👩\u{200d}👧 é"), "👩\u{200d}👧 é");
    // It is what is sent: only what is drawn of it has a bound.
    let cantillated = "\u{5d1}\u{5bc}\u{5b8}\u{591}\u{5bd}\u{5c1}";
    assert_eq!(typed(cantillated), cantillated);
    assert!(drawable(cantillated).as_str().len() < cantillated.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn marks_change_no_text_and_lie_in_it(text in hostile()) {
        let (safe, marks) = safe_text_marked(&text);
        prop_assert_eq!(&safe, &safe_text(&text));
        let mut end = 0;
        for mark in marks {
            prop_assert!(end <= mark.start && safe.as_str().get(mark.clone()).is_some());
            end = mark.end;
        }
    }

    #[test]
    fn what_can_be_typed_has_no_control(text in hostile()) {
        let typed = typeable(&text);
        prop_assert!(typed.as_str().chars().all(|c| c == '\n' || !is_forbidden(c)));
        prop_assert_eq!(typeable(typed.as_str()), typed);
    }
}

/// What a program that reads our output does.
fn undo(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match (c, if c == '\\' { rest.next() } else { None }) {
            (_, Some('n')) => out.push('\n'),
            (_, Some(escaped)) => out.push(escaped),
            (plain, None) => out.push(plain),
        }
    }
    out
}

#[test]
fn marks_that_touch_are_one() {
    let (safe, marks) = safe_text_marked(&"\u{1}".repeat(1 << 20));
    let whole = 0..safe.as_str().len();
    assert_eq!((marks.len(), marks.first()), (1, Some(&whole)));
}

#[test]
fn joiners_do_not_pile_up_in_a_cluster() {
    assert_eq!(
        shown(&format!("a{}b", "\u{200d}".repeat(1_000))),
        "a\u{200d}b"
    );
    let family = "👩\u{200d}".repeat(1_000);
    let joined = shown(&family);
    assert_eq!(joined.matches('👩').count(), 1_000);
    let longest = joined.split("👩👩").map(|it| it.chars().count()).max();
    assert!(longest.unwrap() < MAX_CLUSTER);
}
