use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

use super::*;
use crate::text::{drawable, safe_line, safe_text, safe_whole_text, single_line};

fn longest(text: &str) -> usize {
    let lengths = text.graphemes(true).map(|cluster| cluster.chars().count());
    lengths.max().unwrap_or(0)
}

/// The most characters in a row that have no cell of their own, joiners left out.
fn tallest(text: &str) -> usize {
    let (mut most, mut now) = (0, 0);
    for c in text
        .chars()
        .filter(|c| !['\u{200c}', '\u{200d}'].contains(c))
    {
        now = if c.width() == Some(0) { now + 1 } else { 0 };
        most = most.max(now);
    }
    most
}

#[test]
fn jamo_that_have_no_cell_pile_up_no_more_than_marks() {
    let shown = |text: &str| safe_text(text).to_string();
    let tower = format!("각{}", "\u{11a8}".repeat(21_000));
    assert_eq!(shown(&tower), format!("각{}", "\u{11a8}".repeat(MAX_MARKS)));
    let marks = "\u{301}".repeat(MAX_MARKS);
    for flat in ["\u{11a8}", "\u{1161}", "\u{d7b0}", "\u{d7fb}", "\u{d4e}"] {
        let tower = format!("a{}b", format!("{marks}{flat}").repeat(1_000));
        assert_eq!(shown(&tower), format!("a{marks}b"), "{flat:?}");
    }
}

#[test]
fn no_tone_of_a_skin_begins_a_new_tower() {
    let marks = "\u{301}".repeat(MAX_MARKS);
    let tower = format!("👩{}", format!("{marks}\u{1f3fb}").repeat(1_000));
    let shown = safe_text(&tower).to_string();
    assert_eq!(shown.matches('\u{301}').count(), MAX_MARKS);
    assert!(longest(&shown) <= MAX_CLUSTER, "{shown:?}");
}

#[test]
fn what_people_write_stays_whole() {
    for text in [
        // Hangul in pieces, as file names of a Mac have it, and old Hangul with its tone.
        "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}",
        "\u{1102}\u{1161}\u{302e}\u{1106}\u{119e}\u{11af}\u{302f}",
        "👨🏻\u{200d}👩🏼\u{200d}👧🏽\u{200d}👦🏾",
        "👩🏽\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👨🏿",
        "🏳\u{fe0f}\u{200d}🌈 🏴\u{200d}☠\u{fe0f}",
        "🏻🏼🏽🏾🏿",
        "🇩🇪🇫🇷🇯🇵",
        "1\u{fe0f}\u{20e3}",
        "कार्त्स्न्य र्त्स्न्यं",
        "น้ำ ກໍ່າ ｶﾞﾊﾟ",
        "സൂൎയ്യൻ",
    ] {
        assert_eq!(safe_text(text).as_str(), text);
        assert_eq!(drawable(text).as_str(), text);
    }
}

#[test]
fn what_does_not_fit_into_a_cluster_begins_a_new_one() {
    for (unit, letter) in [
        ("👩\u{200d}", '👩'),
        ("क\u{94d}", 'क'),
        ("👩🏽\u{200d}", '👩'),
    ] {
        let shown = safe_text(&unit.repeat(1_000)).to_string();
        assert_eq!(shown.matches(letter).count(), 1_000, "{unit:?}");
        assert!(longest(&shown) <= MAX_CLUSTER, "{unit:?}");
        assert!(shown.graphemes(true).count() <= 1_000 / 10, "{unit:?}");
    }
}

/// One character of each class that a cluster can grow by, and of those that end one.
fn grown() -> impl Strategy<Value = String> {
    let class = prop::sample::select(CLASSES.to_vec());
    let piece = (class, any::<prop::sample::Index>(), 1..4_usize);
    let pieces = prop::collection::vec(
        piece.prop_map(|(class, index, times)| {
            let chars: Vec<char> = class.chars().collect();
            index.get(&chars).to_string().repeat(times)
        }),
        1..12,
    );
    (pieces, 1..60_usize).prop_map(|(pieces, times)| pieces.concat().repeat(times))
}

const CLASSES: [&str; 20] = [
    // Extend: marks, of which some link consonants, and variation selectors.
    "\u{300}\u{301}\u{307}\u{323}\u{20dd}\u{fe0f}\u{fe0e}\u{302e}",
    "\u{94d}\u{9cd}\u{acd}\u{d4d}\u{1039}\u{17d2}\u{1a60}",
    // Extend without being marks.
    "\u{1f3fb}\u{1f3ff}\u{ff9e}\u{ff9f}\u{200c}",
    // SpacingMark, letters too.
    "\u{903}\u{93f}\u{bbf}\u{e33}\u{eb3}",
    "\u{200d}",
    // Prepend.
    "\u{d4e}\u{111c2}\u{113d1}\u{1193f}\u{11a84}\u{11d46}\u{11f02}",
    "\u{600}\u{6dd}\u{110bd}",
    // L, V, T, LV, LVT; V of another script.
    "\u{1100}\u{1112}\u{a960}",
    "\u{1161}\u{11a7}\u{d7b0}",
    "\u{11a8}\u{11ff}\u{d7fb}",
    "가각힣",
    "\u{16d63}\u{16d67}\u{16d6a}",
    // Regional indicators, pictographs, consonants of conjuncts.
    "🇩🇪",
    "👩❤©\u{1f9d1}",
    "कতકക",
    // Tags, fillers, grapheme joiner, selectors that are dropped.
    "\u{e0020}\u{e007f}\u{115f}\u{1160}\u{34f}\u{e0100}\u{ad}",
    // Zero-width punctuation, what is shown as something else, line breaks.
    "\u{a8fa}\u{1b}\u{9b}\u{202e}\u{e000}\u{378}\u{fffd}",
    "\n\u{2028}\t\r",
    "a\\ ~",
    "яあ字",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_cluster_grows_beyond_its_bound(text in grown()) {
        let whole = safe_whole_text(&text);
        let forms = [safe_text(&text), safe_line(&text), single_line(&text), drawable(&text)];
        for safe in forms.iter().chain([&whole]) {
            prop_assert!(longest(safe.as_str()) <= MAX_CLUSTER, "{safe:?}");
            prop_assert!(tallest(safe.as_str()) <= MAX_MARKS, "{safe:?}");
        }
        prop_assert_eq!(&safe_whole_text(whole.as_str()), &whole);
        let [folded, line, single, typed] = forms;
        prop_assert_eq!(&safe_text(folded.as_str()), &folded);
        prop_assert_eq!(&safe_line(line.as_str()), &line);
        prop_assert_eq!(&drawable(typed.as_str()), &typed);
        let escaped = whole.as_str().replace('\\', r"\\").replace('\n', r"\n");
        prop_assert_eq!(single.as_str(), escaped);
    }
}
