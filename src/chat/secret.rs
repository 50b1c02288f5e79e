//! What nobody means to say.

/// What a secret key begins with, whoever's it is: ours, or age's.
const SECRETS: [&str; 3] = [
    "SECURECHAT-SECRET-KEY",
    "SECURECHAT-ENCRYPTED-KEY",
    "AGE-SECRET-KEY-",
];

/// What the first and the last line of a key in PEM say, and those of one of PGP.
const MARKS: [&str; 2] = ["PRIVATE KEY-", "PRIVATE KEY BLOCK-"];

/// Whether a text has a secret key in it, ours, age's, one in PEM or one of PGP. Of the latter two the last line alone shows
/// it, too: the first may have been lost.
pub(crate) fn holds_secret(text: &str) -> bool {
    // Each of them has a dash, and most of what people write has none: a hundred letters cost a ninth that way.
    text.contains('-')
        && (SECRETS.iter().any(|secret| text.contains(secret))
            || text.lines().any(|it| begins_key(it) || ends_key(it)))
}

/// The dashes before it are missed easily by whoever marks a text to copy it.
fn begins_key(line: &str) -> bool {
    line.contains("BEGIN ") && MARKS.iter().any(|mark| line.contains(mark))
}

fn ends_key(line: &str) -> bool {
    line.contains("-END ") && MARKS.iter().any(|mark| line.contains(mark))
}

/// Characters of base64 in a row that no line of a key in PEM is shorter than, but its last one: its writers break it at 64
/// or more, and what has broken it again since hardly at fewer than these. Words that are as long are rare.
const FULL: usize = 16;

/// As many are of a key whatever stands around them: the number of a line, a name of a file, quotes of a source. Only the
/// addresses and hashes that people send are as long, and behind the first line of a key they are hardly those.
const LONG: usize = 40;

/// How lines begin that are quoted in a mail, or come out of a comparison or a source.
const QUOTES: [char; 8] = ['>', '|', ' ', '\t', '-', '#', '*', '"'];

/// What is said of a key in PEM (RFC 1421, section 4.6) and of one of PGP (RFC 9580, section 6.2.2).
const HEADERS: [&str; 7] = [
    "Proc-Type",
    "DEK-Info",
    "Version",
    "Comment",
    "MessageID",
    "Hash",
    "Charset",
];

/// What comes line by line, each of them a message: of a key in PEM the first one alone shows what it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SecretLines {
    within: Option<Within>,
}

/// Where in a key in PEM the next line would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    /// Behind its first line, or behind one that says something about it.
    Head,
    /// Behind a full line, so that a short one may be its last.
    Body,
    /// Behind a short one. Full ones may follow all the same: something may have broken the lines anew.
    Tail,
}

impl SecretLines {
    /// Whether the next line may go on with a key.
    pub(crate) const fn is_in_key(&self) -> bool {
        self.within.is_some()
    }

    /// Looks at a line of which nothing else may be said: a key that begins there goes on behind it, and one that ends there
    /// does not.
    pub(crate) fn look_at(&mut self, line: &str) {
        if holds_secret(line) {
            self.hold_secret(line);
        }
    }

    /// Whether the next line has a secret key in it, or may go on with one: until its last line, or one that cannot be of
    /// any. A word alone can be of one where only its last line is as short.
    pub(crate) fn hold_secret(&mut self, line: &str) -> bool {
        let next = self.within.and_then(|within| within.after(line));
        let (is_end, rest) = match line.rsplit_once("-----END ") {
            Some((_, rest)) => (self.within.is_some(), rest),
            None => (false, line),
        };
        let is_more = is_end || next.is_some_and(|(_, is_more)| is_more);
        self.within = if rest.lines().any(begins_key) {
            Some(Within::Head)
        } else {
            next.map(|(within, _)| within).filter(|_| !is_end)
        };
        is_more || holds_secret(line)
    }
}

impl Within {
    /// Where the line behind this one would be, and whether this one may be of the key; none if it cannot be.
    fn after(self, line: &str) -> Option<(Self, bool)> {
        let text = line.trim_start_matches(QUOTES).trim_end();
        if text.is_empty() {
            return Some((self, true));
        }
        let mut words = text.split(|c| !is_base64(c));
        if words.any(|word| word.len() >= LONG) {
            return Some((Self::Body, true));
        }
        if self == Self::Head
            && let Some(name) = header_name(text)
        {
            return Some((Self::Head, is_known(name)));
        }
        if !text.chars().all(is_base64) {
            return None;
        }
        let is_full = text.len() >= FULL;
        // The check of one of PGP begins with that.
        let is_last = self == Self::Body || text.starts_with('=') || text.ends_with('=');
        let next = if is_full { Self::Body } else { Self::Tail };
        Some((next, is_full || is_last))
    }
}

const fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

/// What a line is called that says something about a key: `DEK-Info: AES-128-CBC,00`. The key goes on behind it.
fn header_name(line: &str) -> Option<&str> {
    let (name, rest) = line.split_once(':')?;
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    // Behind the number of a line there is none.
    let is_header = rest.is_empty() || rest.starts_with(' ');
    (is_header && name.chars().all(is_of_name)).then_some(name)
}

/// Whether that is a key's for sure. Another one may be what somebody says behind a first line that he only speaks of, and is
/// no secret by itself.
fn is_known(name: &str) -> bool {
    HEADERS.contains(&name) || name.starts_with("X-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_keys_are_known_by_their_beginnings() {
        for text in [
            "here: SECURECHAT-SECRET-KEY-1:AAAA",
            "a\n-----BEGIN OPENSSH PRIVATE KEY-----\nb",
            "-----BEGIN RSA PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----",
            "----BEGIN RSA PRIVATE KEY-----",
            "BEGIN RSA PRIVATE KEY-----",
            "MIIE\n-----END RSA PRIVATE KEY-----",
            "-----END PGP PRIVATE KEY BLOCK-----",
            "AGE-SECRET-KEY-1QQQQ",
            "AGE-SECRET-KEY-PQ-1QQQQ",
        ] {
            assert!(holds_secret(text), "{text}");
        }
        for text in [
            "my private key is safe",
            "-----BEGIN PUBLIC KEY-----",
            "-----END PUBLIC KEY-----",
            "PLEASE SEND ME NO PRIVATE KEY-",
        ] {
            assert!(!holds_secret(text), "{text}");
        }
    }

    #[test]
    fn a_key_that_comes_line_by_line_is_known_to_its_end() {
        let key = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n\
            MIIEpAIBAAKCAQEA+/\r\nMIIE==\n-----END RSA PRIVATE KEY-----";
        let mut lines = SecretLines::default();
        for line in key.split('\n') {
            assert!(lines.hold_secret(line), "{line}");
        }
        assert!(!lines.hold_secret("hello"));
        assert!(lines.hold_secret("-----BEGIN PRIVATE KEY-----"));
        assert!(!lines.hold_secret("is how one begins"));
        assert!(!lines.hold_secret("hello"));
    }

    /// They were refused, one after the other.
    #[test]
    fn words_behind_the_first_line_of_a_key_go_and_behind_a_full_line_all_but_one() {
        let full = "MIIEpAIBAAKCAQEA+/".repeat(3);
        let mut lines = SecretLines::default();
        assert!(lines.hold_secret("-----BEGIN PRIVATE KEY-----"));
        for word in ["yes", "congratulations", "Tuesday"] {
            assert!(!lines.hold_secret(word), "{word}");
        }
        assert!(lines.hold_secret(&full), "the key goes on all the same");
        assert!(lines.hold_secret("yes"), "the end of a key can be as short");
        assert!(!lines.hold_secret("yes"));
        assert!(lines.hold_secret(&full));
        assert!(!lines.hold_secret("that was a key"));
        assert!(!lines.hold_secret(&full), "it is no key of which we know");
    }

    #[test]
    fn no_line_of_a_key_gets_through_however_it_is_broken_quoted_or_spaced() {
        let body = "MIIEpAIBAAKCAQEA+/".repeat(40) + "MQ==";
        for (width, before, after) in [
            (64, "", ""),
            (70, "", "\r"),
            (76, "> ", ""),
            (64, "    ", " "),
            (16, "", ""),
            (64, "", "\n"),
            (64, "", "\r\n"),
        ] {
            let lines = body.as_bytes().chunks(width);
            let lines = lines.map(|line| String::from_utf8_lossy(line).into_owned());
            let lines: Vec<String> = lines.map(|line| format!("{before}{line}{after}")).collect();
            let head = format!("{before}Comment: mine{after}");
            let key = [vec![head], lines].concat().join("\n");
            let mut filter = SecretLines::default();
            let begin = format!("{before}-----BEGIN RSA PRIVATE KEY-----");
            assert!(filter.hold_secret(&begin));
            for line in key.split('\n') {
                assert!(filter.hold_secret(line), "{width}: {line:?}");
            }
            assert!(filter.hold_secret(&format!("{before}-----END RSA PRIVATE KEY-----")));
            assert!(!filter.hold_secret("hello"));
            assert!(!filter.hold_secret("MIIEpAIBAAKCAQEA"), "it is over");
        }
        // Each full line broken in two.
        let mut filter = SecretLines::default();
        assert!(filter.hold_secret("-----BEGIN RSA PRIVATE KEY-----"));
        for line in body.as_bytes().chunks(64) {
            let (line, rest) = line.split_at(line.len().min(60));
            for part in [line, rest].into_iter().filter(|part| !part.is_empty()) {
                let part = String::from_utf8_lossy(part);
                assert!(filter.hold_secret(&part), "{part:?}");
            }
        }
    }

    /// All behind the first line was sent.
    #[test]
    fn no_long_line_of_a_key_gets_through_out_of_a_comparison_a_search_or_a_source() {
        let body = "MIIEpAIBAAKCAQEA+/".repeat(20);
        for (before, after) in [
            ("-", ""),
            ("+", ""),
            ("12:", ""),
            ("id.pem-12-", ""),
            ("id.pem:", ""),
            ("# ", ""),
            ("// ", ""),
            ("    \"", "\\n\" +"),
        ] {
            let mut filter = SecretLines::default();
            let begin = format!("{before}-----BEGIN RSA PRIVATE KEY-----{after}");
            assert!(filter.hold_secret(&begin));
            for line in body.as_bytes().chunks(64) {
                let line = String::from_utf8_lossy(line);
                let line = format!("{before}{line}{after}");
                assert!(filter.hold_secret(&line), "{line:?}");
            }
            let end = format!("{before}-----END RSA PRIVATE KEY-----{after}");
            assert!(filter.hold_secret(&end));
            assert!(!filter.hold_secret("hello"));
        }
    }

    /// The line of the check was sent behind a short one, and all behind a comment that is empty.
    #[test]
    fn no_line_of_a_key_of_pgp_gets_through() {
        let full = "lQOYBGU".repeat(9);
        let begin = "-----BEGIN PGP PRIVATE KEY BLOCK-----";
        let end = "-----END PGP PRIVATE KEY BLOCK-----";
        let mut filter = SecretLines::default();
        for line in [
            begin,
            "Version: 1",
            "Comment: ",
            "Comment:",
            "",
            &full,
            &full,
            "lQOYBGU",
            "=njUN",
            end,
        ] {
            assert!(filter.hold_secret(line), "{line:?}");
        }
        assert!(!filter.hold_secret("hello"));
    }

    /// Whatever had a colon or stood further right was refused without end.
    #[test]
    fn words_with_a_colon_behind_the_first_line_of_a_key_go() {
        for words in ["PS: I meant that line", "INFO: ready", "  that is one"] {
            let mut filter = SecretLines::default();
            assert!(filter.hold_secret("it begins with -----BEGIN PRIVATE KEY-----"));
            assert!(!filter.hold_secret(words), "{words:?}");
        }
    }

    /// It ended there, and all behind it was sent.
    #[test]
    fn a_key_goes_on_behind_a_header_that_nobody_knows() {
        let mut filter = SecretLines::default();
        assert!(filter.hold_secret("-----BEGIN RSA PRIVATE KEY-----"));
        assert!(!filter.hold_secret("Key-Info: RSA"), "no secret by itself");
        assert!(filter.hold_secret("MIIEpAIBAAKCAQEA"));
    }

    #[test]
    fn a_line_that_is_looked_at_begins_and_ends_a_key_and_no_other_does() {
        let mut lines = SecretLines::default();
        lines.look_at("/unknown -----BEGIN PRIVATE KEY-----");
        lines.look_at("/status of several words");
        assert!(lines.hold_secret("MIIEpAIBAAKCAQEA"));
        lines.look_at("-----END PRIVATE KEY-----");
        assert!(!lines.hold_secret("MIIEpAIBAAKCAQEA"));
    }

    #[test]
    fn a_key_that_begins_where_something_else_ends_is_known_to_its_end() {
        let mut lines = SecretLines::default();
        assert!(!lines.hold_secret("-----END CERTIFICATE-----"), "no secret");
        assert!(lines.hold_secret("-----END CERTIFICATE----------BEGIN PRIVATE KEY-----"));
        assert!(lines.hold_secret("MIIEpAIBAAKCAQEA"));
        assert!(lines.hold_secret("MQ==-----END PRIVATE KEY-----"));
        assert!(!lines.hold_secret("MIIEpAIBAAKCAQEA"));
    }
}
