//! Splits Rust source into code, comments and literals, far enough for the checks beside it.

/// What a byte of source belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// The source with everything that is not code blanked out; lines keep their numbers.
pub(crate) fn code(source: &str) -> String {
    keep(source, |kind| kind == Kind::Code)
}

/// The source with string and character literals blanked out.
pub(crate) fn code_and_comments(source: &str) -> String {
    keep(source, |kind| kind != Kind::Literal)
}

/// The source with everything but string and character literals blanked out.
pub(crate) fn literals(source: &str) -> String {
    keep(source, |kind| kind == Kind::Literal)
}

/// The line number (from 1) of byte `at`.
pub(crate) fn line(source: &str, at: usize) -> usize {
    source[..at].matches('\n').count() + 1
}

/// The identifier at the start of `text`, perhaps empty.
pub(crate) fn identifier(text: &str) -> &str {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    &text[..end]
}

fn keep(source: &str, wanted: impl Fn(Kind) -> bool) -> String {
    let mut kept = String::with_capacity(source.len());
    let mut rest = source;
    while !rest.is_empty() {
        let (kind, len) = token(rest, kept.chars().next_back());
        for c in rest[..len].chars() {
            if wanted(kind) || c == '\n' {
                kept.push(c);
            } else {
                // Byte offsets stay the same in both texts.
                kept.extend(std::iter::repeat_n(' ', c.len_utf8()));
            }
        }
        rest = &rest[len..];
    }
    kept
}

/// Kind and length of the token that `rest` starts with; `before` is the character in front of it.
fn token(rest: &str, before: Option<char>) -> (Kind, usize) {
    if rest.starts_with("//") {
        return (Kind::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Kind::Comment, block_comment(rest));
    }
    let after_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !after_word && let Some(len) = raw_string(rest) {
        return (Kind::Literal, len);
    }
    if rest.starts_with('"') {
        return (Kind::Literal, quoted(rest, '"'));
    }
    if rest.starts_with('\'') && is_character(rest) {
        return (Kind::Literal, quoted(rest, '\''));
    }
    (Kind::Code, rest.chars().next().map_or(0, char::len_utf8))
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn raw_string(rest: &str) -> Option<usize> {
    let start = ["r", "br", "cr"]
        .into_iter()
        .find_map(|prefix| rest.strip_prefix(prefix))?;
    let hashes = start.len() - start.trim_start_matches('#').len();
    let body = start[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let closed = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(rest.len() - body.len() + closed)
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if !escaped && c == quote {
            return at + 1;
        }
        escaped = !escaped && c == '\\';
    }
    rest.len()
}

/// Tells `'a'` from the lifetime `'a`.
fn is_character(rest: &str) -> bool {
    let mut following = rest.chars().skip(1);
    match following.next() {
        Some('\\') => true,
        Some(_) => following.next() == Some('\''),
        None => false,
    }
}

#[test]
fn comments_and_literals_are_told_from_code() {
    let source = "a /* b /* c */ d */ e \"f \\\" g\" 'h' &'static i // j\nr#\"k\" l\"# m b'\\'' n";
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(code(source)), "a e &'static i m b n");
    assert_eq!(
        words(code_and_comments(source)),
        "a /* b /* c */ d */ e &'static i // j m b n"
    );
    assert_eq!(code(source).len(), source.len());
}
