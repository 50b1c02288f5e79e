//! Notifications of the terminal itself.

use crate::commands::clipboard;
use crate::text::Safe;
use crate::tui::Notice;

/// The sequence that a terminal takes for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Osc {
    /// iTerm2's, which most of those take that take any.
    Nine,
    /// rxvt's, with a title.
    SevenSevenSeven,
    /// kitty's.
    NinetyNine,
}

impl Osc {
    /// What a terminal takes that calls itself `term`, as `TERM` does. None tells what it takes.
    #[must_use]
    pub fn of(term: &str) -> Self {
        if term.contains("kitty") {
            Self::NinetyNine
        } else if term.starts_with("rxvt") || term.starts_with("foot") {
            Self::SevenSevenSeven
        } else {
            Self::Nine
        }
    }

    /// What is written for these words. They have no controls, so that none can end the sequence; before them
    /// stands nothing that could be read as another one of the terminal's.
    pub(super) fn sequence(self, words: &Safe) -> String {
        let start = match self {
            Self::Nine => "\x1b]9;",
            Self::SevenSevenSeven => "\x1b]777;notify;securechat;",
            Self::NinetyNine => "\x1b]99;;",
        };
        format!("{start}{words}\x07")
    }
}

impl Notice {
    /// What is written to the terminal for it.
    pub(crate) fn sequence(&self, by: Osc, through: Through) -> String {
        let words = self.words.as_ref();
        let mut sequence = words.map_or_else(String::new, |words| through.wrap(by.sequence(words)));
        if self.rings {
            sequence.push('\x07');
        }
        sequence
    }
}

/// What stands between us and the terminal, and keeps what is meant for that unless it is told to pass it on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Through {
    /// Nothing that is known.
    #[default]
    Nothing,
    /// tmux. From version 3.3 on it passes on only with its option `allow-passthrough`.
    Tmux,
    /// GNU screen.
    Screen,
}

/// Bytes of what screen is given at once. Beyond 768 (its `MAXSTR`) it forgets the rest.
const SCREEN_PIECE: usize = 512;

impl Through {
    /// What there is, as `TERM` says, and whether `TMUX` and `STY` are set. Of both the inner one counts.
    #[must_use]
    pub fn of(term: &str, has_tmux: bool, has_screen: bool) -> Self {
        match (has_tmux, has_screen) {
            (true, true) if term.starts_with("screen") => Self::Screen,
            (true, _) => Self::Tmux,
            (false, true) => Self::Screen,
            (false, false) => Self::Nothing,
        }
    }

    /// What is written to put a text into the clipboard. screen takes no such sequence and has to pass it on; tmux
    /// takes it itself, and hands it on with its option `set-clipboard`.
    #[must_use]
    pub fn clipboard(self, text: &str) -> String {
        match self {
            Self::Nothing | Self::Tmux => clipboard(text),
            Self::Screen => self.wrap(clipboard(text)),
        }
    }

    /// What is told then. tmux says nothing if it keeps it to itself, as it does unless it was set up.
    #[must_use]
    pub const fn copied(self) -> &'static str {
        match self {
            Self::Nothing | Self::Screen => "copied",
            Self::Tmux => "given to tmux, which passes it on with set-clipboard on",
        }
    }

    /// The sequence, wrapped so that it is passed on.
    pub(super) fn wrap(self, sequence: String) -> String {
        match self {
            Self::Nothing => sequence,
            Self::Tmux => {
                let doubled = sequence.replace('\x1b', "\x1b\x1b");
                format!("\x1bPtmux;{doubled}\x1b\\")
            }
            Self::Screen => {
                // It passes on the lowest 8 bits of each character: some letters would become controls.
                let ascii = |c: char| if c.is_ascii() { c } else { '?' };
                let bytes: Vec<char> = sequence.chars().map(ascii).collect();
                let pieces = bytes.chunks(SCREEN_PIECE);
                let wrap = |piece: &[char]| {
                    let piece: String = piece.iter().collect();
                    format!("\x1bP{piece}\x1b\\")
                };
                pieces.map(wrap).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::safe_line;

    #[test]
    fn tmux_and_screen_are_told_to_pass_a_sequence_on() {
        let sequence = || Osc::Nine.sequence(&"message from bob".into());
        let plain = "\u{1b}]9;message from bob\u{7}";
        assert_eq!(Through::Nothing.wrap(sequence()), plain);
        assert_eq!(
            Through::Tmux.wrap(sequence()),
            "\u{1b}Ptmux;\u{1b}\u{1b}]9;message from bob\u{7}\u{1b}\\"
        );
        assert_eq!(
            Through::Screen.wrap(sequence()),
            "\u{1b}P\u{1b}]9;message from bob\u{7}\u{1b}\\"
        );
    }

    #[test]
    fn screen_gets_what_is_long_in_pieces_that_it_takes() {
        let long = Osc::NinetyNine.sequence(&safe_line(&"x".repeat(1_400)));
        let wrapped = Through::Screen.wrap(long.clone());
        let mut whole = String::new();
        for piece in wrapped.split_inclusive("\u{1b}\\") {
            assert!(piece.len() <= SCREEN_PIECE + 4);
            let inner = piece.strip_prefix("\u{1b}P").unwrap();
            whole += inner.strip_suffix("\u{1b}\\").unwrap();
        }
        assert_eq!(whole, long);
    }

    #[test]
    fn what_is_copied_passes_through_screen_and_goes_to_tmux_itself() {
        let plain = "\u{1b}]52;c;aGVsbG8=\u{7}";
        assert_eq!(Through::Nothing.clipboard("hello"), plain);
        assert_eq!(Through::Tmux.clipboard("hello"), plain);
        assert_eq!(
            Through::Screen.clipboard("hello"),
            format!("\u{1b}P{plain}\u{1b}\\")
        );
    }

    /// Measured with screen 4.9: U+041B comes out as 1B, and whoever writes it at the terminal's clipboard.
    #[test]
    fn no_letter_becomes_a_control_on_its_way_through_screen() {
        let hostile = safe_line("\u{41b}]52;c;AAAA\u{407}\u{4f60}");
        let wrapped = Through::Screen.wrap(Osc::Nine.sequence(&hostile));
        assert_eq!(wrapped, "\u{1b}P\u{1b}]9;?]52;c;AAAA??\u{7}\u{1b}\\");
    }

    #[test]
    fn the_environment_says_what_stands_between() {
        for (term, has_tmux, has_screen, through) in [
            ("xterm-256color", false, false, Through::Nothing),
            ("tmux-256color", true, false, Through::Tmux),
            ("screen-256color", true, false, Through::Tmux),
            ("screen", false, true, Through::Screen),
            ("tmux-256color", true, true, Through::Tmux),
            ("screen.xterm-256color", true, true, Through::Screen),
        ] {
            assert_eq!(Through::of(term, has_tmux, has_screen), through, "{term}");
        }
    }

    /// jayshah5696/pi-agent-extensions#30: a text closed the sequence that it was in and opened others.
    #[test]
    fn words_cannot_leave_the_sequence_that_they_are_in() {
        let words = safe_line("message from bob: \u{7}\u{1b}\\\u{9c}\u{1b}]52;c;x");
        for (osc, start) in [
            (Osc::Nine, "\u{1b}]9;message"),
            (Osc::SevenSevenSeven, "\u{1b}]777;notify;securechat;message"),
            (Osc::NinetyNine, "\u{1b}]99;;message"),
        ] {
            let sequence = osc.sequence(&words);
            let rest = sequence.strip_prefix(start).unwrap();
            let rest = rest.strip_suffix('\u{7}').unwrap();
            assert!(!rest.contains(char::is_control), "{rest:?}");
        }
    }

    #[test]
    fn terminals_get_the_sequence_that_they_are_known_to_take() {
        assert_eq!(Osc::of("xterm-kitty"), Osc::NinetyNine);
        assert_eq!(Osc::of("rxvt-unicode-256color"), Osc::SevenSevenSeven);
        assert_eq!(Osc::of("foot"), Osc::SevenSevenSeven);
        assert_eq!(Osc::of("xterm-256color"), Osc::Nine);
        assert_eq!(Osc::of(""), Osc::Nine);
    }
}
