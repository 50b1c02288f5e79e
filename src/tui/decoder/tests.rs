use proptest::prelude::*;
use ratatui_crossterm::crossterm::event::{KeyEventKind, KeyModifiers};

use super::*;

/// Gaps between bytes, in milliseconds: 9,600 baud, 1,200 baud, a bad bridge.
const GAPS: [u64; 4] = [0, 1, 9, 40];

/// So many milliseconds after the clock's zero.
fn at(ms: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(ms)
}

/// Bytes one by one, so many milliseconds apart, the first of them at `from`.
fn each(bytes: &str, from: u64, gap: u64) -> Vec<(u64, Vec<u8>)> {
    let times = (0..).map(|nth| from + nth * gap);
    times.zip(bytes.bytes().map(|byte| vec![byte])).collect()
}

/// Bytes that are read at once.
fn whole(bytes: &str, at: u64) -> Vec<(u64, Vec<u8>)> {
    vec![(at, bytes.into())]
}

/// What comes of reads at these moments, with nothing to be read between them and for long after them.
fn events(reads: &[(u64, Vec<u8>)]) -> Vec<(Event, Instant)> {
    let mut decoder = Decoder::default();
    for (ms, bytes) in reads {
        rests_until(&mut decoder, at(*ms));
        decoder.feed(bytes, at(*ms));
    }
    rests_until(&mut decoder, at(u64::from(u32::MAX)));
    assert_eq!(decoder.deadline(), None, "it holds what it cannot tell");
    decoder.events.into()
}

fn rests_until(decoder: &mut Decoder, end: Instant) {
    while let Some(deadline) = decoder.deadline().filter(|it| *it <= end) {
        decoder.expire(deadline);
    }
}

/// The same in words.
fn told(reads: &[(u64, Vec<u8>)]) -> String {
    let words = events(reads).into_iter().map(|(event, _)| word(&event));
    words.collect::<Vec<_>>().join(" ")
}

fn word(event: &Event) -> String {
    match event {
        Event::Key(key) => {
            let mut word = String::new();
            for (modifier, prefix) in [
                (KeyModifiers::CONTROL, "C-"),
                (KeyModifiers::ALT, "A-"),
                (KeyModifiers::SHIFT, "S-"),
            ] {
                word += if key.modifiers.contains(modifier) {
                    prefix
                } else {
                    ""
                };
            }
            if key.kind == KeyEventKind::Release {
                word.insert(0, '/');
            }
            let letter = key.code.as_char();
            word += &letter.map_or_else(|| format!("{:?}", key.code), String::from);
            word
        }
        Event::Paste(text) => format!("[{text}]"),
        Event::FocusGained => "in".to_owned(),
        Event::FocusLost => "out".to_owned(),
        Event::Mouse(mouse) => format!("{:?}@{},{}", mouse.kind, mouse.column, mouse.row),
        Event::Resize(..) => unreachable!("no bytes say that"),
    }
}

/// What a terminal sends, and what it means.
const KEYS: &[(&str, &str)] = &[
    ("a", "a"),
    ("Ä", "S-Ä"),
    ("日", "日"),
    ("\r", "Enter"),
    ("\n", "C-j"),
    ("\t", "Tab"),
    ("\u{7f}", "Backspace"),
    ("\u{8}", "C-h"),
    ("\0", "C- "),
    ("\u{3}", "C-c"),
    ("\u{1f}", "C-7"),
    ("\u{1b}", "Esc"),
    ("\u{1b}z", "A-z"),
    ("\u{1b}V", "A-S-V"),
    ("\u{1b}ä", "A-ä"),
    ("\u{1b}\r", "A-Enter"),
    ("\u{1b}\u{7f}", "A-Backspace"),
    ("\u{1b}[", "A-["),
    ("\u{1b}O", "A-S-O"),
    ("\u{1b}]", "A-]"),
    ("\u{1b}P", "A-S-P"),
    ("\u{1b}_", "A-_"),
    ("\u{1b}[A", "Up"),
    ("\u{1b}[D", "Left"),
    ("\u{1b}OB", "Down"),
    ("\u{1b}[H", "Home"),
    ("\u{1b}OF", "End"),
    ("\u{1b}[1;3A", "A-Up"),
    ("\u{1b}[1;5C", "C-Right"),
    ("\u{1b}[5A", "C-Up"),
    ("\u{1b}[1;1:3A", "/Up"),
    ("\u{1b}[Z", "S-BackTab"),
    ("\u{1b}[3~", "Delete"),
    ("\u{1b}[5~", "PageUp"),
    ("\u{1b}[6;3~", "A-PageDown"),
    ("\u{1b}[1~", "Home"),
    ("\u{1b}[8~", "End"),
    ("\u{1b}OP", "F(1)"),
    ("\u{1b}OR", "F(3)"),
    ("\u{1b}[P", "F(1)"),
    ("\u{1b}[11~", "F(1)"),
    ("\u{1b}[24~", "F(12)"),
    ("\u{1b}[[A", "F(1)"),
    ("\u{1b}[I", "in"),
    ("\u{1b}[O", "out"),
    ("\u{1b}[27u", "Esc"),
    ("\u{1b}[13;2u", "S-Enter"),
    ("\u{1b}[9;2u", "S-BackTab"),
    ("\u{1b}[97;5u", "C-a"),
    ("\u{1b}[97;6u", "C-S-a"),
    ("\u{1b}[97:65;2u", "A"),
    ("\u{1b}[118;3u", "A-v"),
    ("\u{1b}[57376u", "F(13)"),
    ("\u{1b}[57387;5u", "C-F(24)"),
    ("\u{1b}[57398u", "F(35)"),
    ("\u{1b}[57414u", "Enter"),
    ("\u{1b}[57401u", "2"),
    ("\u{1b}[<0;5;7M", "Down(Left)@4,6"),
    ("\u{1b}[<64;1;1M", "ScrollUp@0,0"),
    ("\u{1b}[<65;300;2M", "ScrollDown@299,1"),
    ("\u{1b}[M %'", "Down(Left)@4,6"),
    ("\u{1b}[32;5;7M", "Down(Left)@4,6"),
    ("\u{1b}[200~one\rtwo\u{1b}[201~", "[one\rtwo]"),
    ("\u{1b}[200~\u{1b}[201~", "[]"),
];

/// Nothing to the face: letting the mouse go, answers to another program.
const NOTHING: &[&str] = &[
    "\u{1b}[<0;5;7m",
    "\u{1b}[<32;5;7M",
    "\u{1b}[<0;0;0M",
    "\u{1b}[57358u",
    "\u{1b}[201~",
    "\u{1b}[24;80R",
    "\u{1b}[0n",
    "\u{1b}[8;24;80t",
    "\u{1b}[?62;22c",
    "\u{1b}[>41;354;0c",
    "\u{1b}[?1u",
    "\u{1b}[?2026;2$y",
    "\u{1b}[?997;1n",
    "\u{1b}]11;rgb:1e1e/1e1e/1e1e\u{1b}\\",
    "\u{1b}]10;rgb:ffff/ffff/ffff\u{7}",
    "\u{1b}P>|XTerm(388)\u{1b}\\",
    "\u{1b}P1$r0m\u{1b}\\",
    "\u{1b}P!|00000000\u{1b}\\",
    "\u{1b}_Gi=31;OK\u{1b}\\",
];

#[test]
fn a_key_is_the_same_whether_its_bytes_come_at_once_or_one_by_one() {
    for (bytes, meant) in KEYS {
        assert_eq!(told(&whole(bytes, 0)), *meant, "{bytes:?}");
        for gap in GAPS {
            assert_eq!(told(&each(bytes, 0, gap)), *meant, "{bytes:?} by {gap} ms");
        }
    }
}

#[test]
fn a_report_that_nobody_here_asked_for_is_nothing_and_deafens_nobody() {
    for bytes in NOTHING {
        assert_eq!(
            told(&whole(&format!("{bytes}hi\r"), 0)),
            "h i Enter",
            "{bytes:?}"
        );
        for gap in GAPS {
            let reads = each(&format!("{bytes}hi\r"), 0, gap);
            assert_eq!(told(&reads), "h i Enter", "{bytes:?} by {gap} ms");
        }
    }
}

#[test]
fn what_is_no_whole_sequence_is_over_after_a_second_and_what_cannot_be_one_at_once() {
    for bytes in [
        "\u{1b}[?2026;",
        "\u{1b}]11;rgb:",
        "\u{1b}[1;",
        "\u{1b}[M ",
        "\u{1b}P>|x\u{1b}",
    ] {
        let mut decoder = Decoder::default();
        decoder.feed(bytes.as_bytes(), at(0));
        assert_eq!(decoder.deadline(), Some(at(1_000)), "{bytes:?}");
        decoder.expire(at(999));
        assert!(decoder.deadline().is_some(), "{bytes:?}");
        let reads = [whole(bytes, 0), whole("q", 1_001)].concat();
        assert_eq!(told(&reads), "q", "{bytes:?}");
    }
    assert_eq!(told(&whole("\u{1b}[?2026;\rq", 0)), "Enter q");
    assert_eq!(told(&whole("\u{1b}]11;rgb:\rq", 0)), "Enter q");
    assert_eq!(told(&whole("\u{1b}[5\u{1b}[Aq", 0)), "Up q");
    assert_eq!(told(&whole("\u{1b}]11;rgb\u{1b}[Aq", 0)), "Up q");
    assert_eq!(
        told(&[(0, b"\xc3q\xff\x80w\x1b\xffe".to_vec())]),
        "q w Esc e"
    );
}

/// Whoever presses Esc and then a letter means both, and two keys with Alt are no answer of a terminal.
#[test]
fn keys_that_a_person_presses_one_after_the_other_stay_apart() {
    assert_eq!(told(&each("\u{1b}v", 0, 51)), "Esc v");
    assert_eq!(told(&each("\u{1b}\r", 0, 51)), "Esc Enter");
    assert_eq!(told(&each("\u{1b}[A", 0, 60)), "Esc [ S-A");
    assert_eq!(told(&whole("\u{1b}\u{1b}", 0)), "Esc Esc");
    assert_eq!(told(&whole("\u{1b}\u{1b}[A", 0)), "Esc Up");
    assert_eq!(told(&whole("\u{1b}]hello\r", 0)), "A-] h e l l o Enter");
    assert_eq!(told(&whole("\u{1b}Phello", 0)), "A-S-P h e l l o");
    assert_eq!(told(&whole("\u{1b}_hello", 0)), "A-_ h e l l o");
}

#[test]
fn esc_alone_is_told_after_a_moment_and_is_as_old_as_its_byte() {
    let mut decoder = Decoder::default();
    decoder.feed(b"\x1b", at(7));
    decoder.expire(at(56));
    assert!(decoder.is_empty());
    decoder.expire(at(57));
    let (event, began) = decoder.next().unwrap();
    assert_eq!((word(&event).as_str(), began), ("Esc", at(7)));
    assert_eq!(decoder.deadline(), None);
}

#[test]
fn each_key_is_as_old_as_its_first_byte() {
    let reads = [
        whole("a", 3),
        each("\u{1b}[A", 10, 20),
        whole("\r", 60),
        each("\u{1b}[200~x\u{1b}[201~", 100, 20),
    ];
    let times: Vec<_> = events(&reads.concat())
        .into_iter()
        .map(|(_, began)| began)
        .collect();
    // A paste begins when it is known to be one.
    assert_eq!(times, [at(3), at(10), at(60), at(200)]);
}

/// What waited in the system while we did not run comes late, and in time.
#[test]
fn what_was_there_to_be_read_is_not_late() {
    let mut decoder = Decoder::default();
    decoder.feed(b"\x1b", at(0));
    decoder.feed(b"[A", at(5_000));
    assert_eq!(
        decoder.next().map(|(event, _)| word(&event)).as_deref(),
        Some("Up")
    );
}

#[test]
fn a_paste_is_one_however_slowly_it_comes_and_nothing_of_its_lines_is_a_key() {
    let bytes = "\u{1b}[200~one\rtwo\r\u{1b}[201~";
    // From 50 ms on the beginning of its beginning is told as it would be if it was typed.
    for (gap, before) in [
        (0, ""),
        (1, ""),
        (40, ""),
        (51, "Esc [ 2 0 0 "),
        (900, "Esc [ 2 0 0 "),
    ] {
        let reads = [each(bytes, 0, gap), whole("x", 60_000)].concat();
        assert_eq!(
            told(&reads),
            format!("{before}[one\rtwo\r] x"),
            "by {gap} ms"
        );
    }
    let apart = [whole("\u{1b}", 0), whole(&bytes[1..], 10_000)].concat();
    assert_eq!(told(&apart), "Esc [ 2 0 0 [one\rtwo\r]");
    let in_an_answer = whole("\u{1b}]11;\u{1b}[200~a\rb\u{1b}[201~", 0);
    assert_eq!(told(&in_an_answer), "[a\rb]");
}

/// Each byte comes after a pause and alone. Once the first of them ended the paste, and the Enter behind it sent that.
#[test]
fn a_paste_that_stands_still_again_and_again_is_one_and_sends_nothing() {
    let bytes = "one\rtwo 日本\t\u{7f}\n\r";
    for gap in [1_000, 1_200, 60_000] {
        let reads = [
            whole("\u{1b}[200~", 0),
            each(bytes, gap, gap),
            whole("\u{1b}[201~x", 9_000_000),
        ];
        assert_eq!(told(&reads.concat()), format!("[{bytes}] x"), "by {gap} ms");
    }
    let stalls = [
        whole("\u{1b}[200~one\r", 0),
        whole("t", 1_200),
        whole("wo\rthree\r\u{1b}[201~", 1_260),
    ];
    assert_eq!(told(&stalls.concat()), "[one\rtwo\rthree\r]");
}

/// The rest of a paste that stood still goes on with what a paste may hold, and with what has more behind it.
#[test]
fn a_paste_that_stands_still_goes_on() {
    for rest in [
        "two\r",
        "\r",
        "q",
        "ä",
        "日本",
        "\u{15}",
        "\u{1b}",
        "\u{1b}[",
        "\u{1b}O",
        "\u{1b}\r",
        "\u{1b}[13;2u",
        "\u{1b}[Ax",
        "\u{1b}[I\u{1b}[I",
        "\u{3}x",
        "\u{4}\u{4}",
        "\u{1b}\u{1b}",
        "\u{1b}[?2026;2$y",
        "\u{1b}]11;rgb",
    ] {
        let begun = whole("\u{1b}[200~one\r", 0);
        let reads = [
            begun,
            whole(rest, 30_000),
            whole("!\r\u{1b}[201~", 30_049),
            whole("x", 40_000),
        ];
        assert_eq!(
            told(&reads.concat()),
            format!("[one\r{rest}!\r] x"),
            "{rest:?}"
        );
    }
    let ended = [
        whole("\u{1b}[200~one\r", 0),
        each("\u{1b}[201~", 30_000, 40),
    ]
    .concat();
    assert_eq!(told(&ended), "[one\r]");
    // Where it may have been Esc it was that; what follows sends nothing.
    let ended_slowly = [
        whole("\u{1b}[200~one\r", 0),
        each("\u{1b}[201~", 30_000, 200),
    ]
    .concat();
    assert_eq!(told(&ended_slowly), "[one\r] Esc [ 2 0 1 ~");
}

#[test]
fn a_paste_whose_end_was_lost_is_over_with_what_no_paste_holds() {
    for (key, meant) in [
        ("\u{3}", "C-c"),
        ("\u{4}", "C-d"),
        ("\u{1b}", "Esc"),
        ("\u{1b}[A", "Up"),
        ("\u{1b}OP", "F(1)"),
        ("\u{1b}q", "A-q"),
        ("\u{1b}[99;5u", "C-c"),
        ("\u{1b}[I", "in"),
        ("\u{1b}[O", "out"),
    ] {
        let reads = [
            whole("\u{1b}[200~one\rtwo", 0),
            whole(key, 1_000),
            whole("\r", 1_100),
        ];
        assert_eq!(
            told(&reads.concat()),
            format!("[one\rtwo] {meant} Enter"),
            "{key:?}"
        );
    }
    for (key, shown) in [("\u{3}", "\u{3}"), ("q", "q"), ("\r", "\r")] {
        let soon = [
            whole("\u{1b}[200~one", 0),
            whole(key, 999),
            whole("w\r", 5_000),
            whole("\u{4}", 9_000),
        ];
        let meant = format!("[one{shown}w\r] C-d");
        assert_eq!(told(&soon.concat()), meant, "{key:?}");
    }
}

/// It is known by its bytes alone, as one behind any other Esc.
#[test]
fn a_paste_behind_one_whose_end_was_lost_is_a_paste() {
    let reads = [
        whole("\u{1b}[200~one\r", 0),
        each("\u{1b}[200~two\r\u{1b}[201~", 30_000, 60),
    ];
    assert_eq!(told(&reads.concat()), "[one\r] Esc [ 2 0 0 [two\r]");
}

#[test]
fn what_is_kept_of_a_paste_and_of_a_sequence_is_bounded() {
    let mut decoder = Decoder::default();
    decoder.feed(START, at(0));
    let block = vec![b'x'; 1 << 20];
    for _ in 0..40 {
        decoder.feed(&block, at(0));
    }
    decoder.feed(END, at(0));
    let Some((Event::Paste(text), _)) = decoder.next() else {
        panic!("no paste");
    };
    assert_eq!(text.len(), PASTE_MAX_LEN);
    decoder.feed(b"\x1b]52;", at(0));
    decoder.feed(&block, at(0));
    assert_eq!(decoder.held.len(), SEQUENCE_MAX_LEN);
    decoder.feed(b"\x1b\\q", at(0));
    decoder.feed(b"\x1b[", at(0));
    decoder.feed(&[b'1'; 1_000], at(0));
    decoder.feed(b"Aq", at(0));
    let words: Vec<String> = decoder
        .events
        .iter()
        .map(|(event, _)| word(event))
        .collect();
    assert_eq!(words, ["q", "q"]);
    decoder.feed(START, at(1_000));
    decoder.feed(b"\x1b]52;", at(2_000));
    decoder.feed(&block, at(2_000));
    assert!(decoder.held.len() < SEQUENCE_MAX_LEN, "behind a pause");
}

/// Bytes of which sequences are made, and any.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<Vec<u8>> = KEYS.iter().map(|(key, _)| (*key).into()).collect();
    let part = prop_oneof![
        prop::sample::select(known),
        prop::sample::select(b"\x1b[]OP<?M~u;:012\r\x07\\a".to_vec()).prop_map(|byte| vec![byte]),
        any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn where_reads_end_makes_no_difference(bytes in bytes(), gap in 0u64..5) {
        let one = events(&[(0, bytes.clone())]);
        let times = (0..).map(|nth| nth * gap);
        let reads: Vec<_> = times.zip(bytes.into_iter().map(|byte| vec![byte])).collect();
        let many = events(&reads);
        let events = |all: Vec<(Event, Instant)>| all.into_iter().map(|(event, _)| event).collect::<Vec<_>>();
        prop_assert_eq!(events(one), events(many));
    }
}
