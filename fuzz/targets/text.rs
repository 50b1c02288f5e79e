//! Text from outside: nothing that could act on a screen comes out of it.

use securechat::text::{
    MAX_CLUSTER, MAX_LINES, MAX_MARKS, drawable, safe_line, safe_name, safe_text, single_line,
    skeleton,
};
use unicode_segmentation::UnicodeSegmentation;

/// Any text, in all its forms.
pub fn text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let body = safe_text(&text);
    assert_shows_safely(body.as_str(), true);
    assert!(body.as_str().lines().count() <= MAX_LINES);
    assert_eq!(
        safe_text(body.as_str()),
        body,
        "making safe twice changes nothing more"
    );
    let line = safe_line(&text);
    assert_shows_safely(line.as_str(), false);
    assert_eq!(safe_line(line.as_str()), line);
    let single = single_line(&text);
    assert_shows_safely(single.as_str(), false);
    for shown in [&body, &line, &single, &drawable(&text)] {
        assert_clusters_end(shown.as_str());
    }
    let unescaped = unescape(single.as_str());
    if unescaped.lines().count() <= MAX_LINES {
        assert_eq!(unescaped, body.as_str(), "an escaped text is the same text");
    }
    if let Ok(name) = safe_name(&text) {
        assert_eq!(safe_name(name.as_str()), Ok(name.clone()));
        assert_eq!(safe_text(name.as_str()), name);
        assert!(!skeleton(&name).is_empty());
    }
}

/// Asserts that a terminal only draws this. `breaks`: line feeds are allowed.
pub(crate) fn assert_shows_safely(text: &str, breaks: bool) {
    let mut marks = 0;
    for c in text.chars() {
        let forbidden = is_forbidden(c) && !(breaks && c == '\n');
        assert!(!forbidden, "{c:?} in {text:?}");
        let is_mark = matches!(c, '\u{300}'..='\u{34e}' | '\u{20d0}'..='\u{20dc}');
        marks = if is_mark { marks + 1 } else { 0 };
        assert!(marks <= MAX_MARKS, "a tower of marks in {text:?}");
    }
}

/// Asserts that nothing is laid out as one letter that is none: counted by the crate that the screen counts with.
fn assert_clusters_end(text: &str) {
    for cluster in text.graphemes(true) {
        let len = cluster.chars().count();
        assert!(len <= MAX_CLUSTER, "{len} characters in {cluster:?}");
    }
}

/// Written down apart from the library's own table, so that two readings must agree.
fn is_forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Line and paragraph breaks, and what turns the reading direction.
            '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
            // What has no width, or says nothing.
            | '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'
            | '\u{2060}'..='\u{2064}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
            // What means something else on every machine.
            | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

/// Undoes what `single_line` does to backslashes and line breaks.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (c, c == '\\') {
            (_, false) => out.push(c),
            (_, true) => match rest.next() {
                Some('\\') => out.push('\\'),
                Some('n') => out.push('\n'),
                other => panic!("a backslash before {other:?}"),
            },
        }
    }
    out
}
