//! The panel that verifies somebody: it has the screen for itself, below the line that says whether somebody is
//! verified.
//!
//! ```text
//! ─ Is this really bob? ──────────────────
//!
//!    Call bob or meet. Do NOT use this chat for it. Both of you see:
//!
//!          marble    canyon    often    velvet
//!
//!    [M] they match ...
//! ```
//!
//! A small screen has the same in fewer words, the ones to compare first, and scrolls what is left.

use core::time::Duration;

use ratatui_core::layout::{Position, Rect};

use crate::chat::words::{ShortCode, words};
use crate::text::{Safe, minutes, safe_line};
use crate::time::Instant;
use crate::tui::app::App;
use crate::tui::conversation::Conversation;
use crate::tui::input::Comparison;
use crate::tui::keys::Bind;
use crate::tui::paint::Canvas;
use crate::tui::theme::Theme;
use crate::tui::verifying::{Compared, Noted, UNSAVED, Verdict, Verifying, View};
use crate::tui::view::sheet::{Sheet, inner, is_roomy};

/// Digits of a group of a safety number, and groups of a line where there is room.
const GROUP: usize = 5;
const GROUPS: usize = 4;
/// What stands before what is typed.
const TYPED: &str = "> ";

impl App {
    /// How many rows of the panel can be above the screen.
    pub(in crate::tui) fn most_above(&self, panel: &Verifying) -> usize {
        let area = self.panel_place();
        let of = self.find(&panel.peer);
        let of = of.and_then(|at| self.conversations.get(at));
        let sheet = of.map(|of| self.sheet(panel, of, is_roomy(area)));
        sheet.map_or(0, |sheet| sheet.beyond(inner(area)))
    }

    /// Whether all that is to be compared stands whole on the screen.
    pub(in crate::tui) fn shows_compared(&self, panel: &Verifying, of: &Conversation) -> bool {
        let area = self.panel_place();
        let sheet = self.sheet(panel, of, is_roomy(area));
        sheet.shows_compared(inner(area), panel.above)
    }

    /// Whether the panel has room for whole sentences.
    pub(in crate::tui) const fn has_roomy_panel(&self) -> bool {
        is_roomy(self.panel_place())
    }

    /// All but the line that says who it is.
    const fn panel_place(&self) -> Rect {
        let Rect { width, height, .. } = self.whole_place();
        Rect::new(0, 1, width, height.saturating_sub(1))
    }

    /// All but the line that says that keys are logged.
    pub(super) const fn whole_place(&self) -> Rect {
        let (width, height) = self.size;
        let warned = if self.settings.keys_are_logged { 1 } else { 0 };
        Rect::new(0, 0, width, height.saturating_sub(warned))
    }

    /// Draws the panel, and returns where the caret is, if something is typed.
    pub(super) fn draw_verifying(
        &self,
        canvas: &mut Canvas<'_>,
        panel: &Verifying,
    ) -> Option<Position> {
        let area = self.panel_place();
        self.draw_head(
            canvas,
            Rect {
                y: 0,
                height: 1,
                ..area
            },
        );
        let of = self.find(&panel.peer);
        let of = of.and_then(|at| self.conversations.get(at))?;
        let sheet = self.sheet(panel, of, is_roomy(area));
        if is_roomy(area) {
            let rule = self.theme.glyphs.rule;
            let mut pen = canvas.row(area, 0);
            let title = Safe::from("Is this really ") + &of.name + "?";
            pen.plain(rule).plain(" ").put(&title, Theme::strong());
            pen.plain(" ").fill(rule, 0);
            let last = usize::from(area.height) - 1;
            canvas.row(area, last).fill(rule, 0);
        }
        sheet.draw(canvas, inner(area), panel.above, self.theme.glyphs.down)
    }

    fn sheet(&self, panel: &Verifying, of: &Conversation, is_roomy: bool) -> Sheet {
        let mut sheet = Sheet::new(is_roomy, self.escape_key(), self.theme.charset);
        let told = panel.told.clone();
        if let Some(line) = &panel.typed {
            let complete = self.settings.keys.label(Bind::Complete { back: false });
            let keys = (self.send_key(), complete);
            typing(&mut sheet, panel, &of.name, line.shown(), keys);
        } else if is_roomy {
            self.say_what_stands(&mut sheet, panel, of);
        } else {
            // Below what is compared nobody would see it.
            let asked = self.asked(panel, &of.name, false).map(|(_, words)| words);
            for words in asked.into_iter().chain(told) {
                sheet.put(words, Theme::strong());
            }
            self.say_what_stands(&mut sheet, panel, of);
            return sheet;
        }
        if let Some(told) = told {
            sheet.gap();
            sheet.put(told, Theme::strong());
        }
        sheet
    }

    fn say_what_stands(&self, sheet: &mut Sheet, panel: &Verifying, of: &Conversation) {
        let name = &of.name;
        if let View::Safety(number) = &panel.view {
            let asked = self.asked(panel, name, sheet.is_roomy);
            let program = &self.settings.program;
            let of = (name, of.is_saved);
            return safety(sheet, of, number.as_ref(), program, asked.as_ref());
        }
        match &of.comparison {
            None => waiting(sheet, "One moment.".into()),
            Some(Comparison::Begun { until }) => self.begun(sheet, name, *until),
            Some(Comparison::Words {
                code,
                until,
                theirs,
            }) => {
                self.compare(sheet, panel, of, (code, *until, *theirs));
            }
            Some(Comparison::Same {
                noted,
                theirs,
                until,
            }) => self.same(sheet, name, *noted, *theirs, *until),
            Some(Comparison::NotNow { why }) => {
                waiting(sheet, Safe::from("No words can be compared: ") + why + ".");
                let again = self.key_to_begin(sheet) + " ask now";
                let waits =
                    Safe::from("; as long as this is open, ") + name + " is asked once connected";
                sheet.either(again.clone() + waits, again);
            }
            Some(Comparison::Impossible { why }) => {
                waiting(sheet, Safe::from("No words can be compared: ") + why + ".");
            }
            Some(Comparison::Over { why }) => {
                waiting(sheet, Safe::from("It is over: ") + why + ".");
                sheet.say(self.key_to_begin(sheet) + " begin again, with new words");
            }
            Some(Comparison::Differ {
                verified,
                theirs,
                what_next,
            }) => self.differ(sheet, name, (verified.as_ref(), *theirs), what_next),
        }
    }

    fn key_to_begin(&self, sheet: &Sheet) -> Safe {
        match self.settings.keys.label(Bind::Verify) {
            Some(key) => Safe::from("[") + key + "]",
            None => Safe::from("[") + &sheet.escape + "], then /verify:",
        }
    }

    fn begun(&self, sheet: &mut Sheet, name: &Safe, until: Instant) {
        let left = self.left(until);
        let step = Safe::from("Step 1 of 2. Waiting for the program of ") + name;
        waiting(
            sheet,
            step + ": the words come as soon as it answers.   " + left,
        );
    }

    /// What is read out, and what can be said to it.
    fn compare(
        &self,
        sheet: &mut Sheet,
        panel: &Verifying,
        of: &Conversation,
        (code, until, theirs): (&ShortCode, Instant, bool),
    ) {
        let name = &of.name;
        let (parts, other) = if panel.view == View::Numbers {
            (numbers(code).to_vec(), "[N] words")
        } else {
            (words(code).map(Safe::from).to_vec(), "[N] numbers")
        };
        let state = if theirs {
            name.clone() + " has confirmed, and waits for you."
        } else {
            name.clone() + " has not confirmed yet."
        };
        sheet.roomy(call(name));
        sheet.gap();
        sheet.compared(&parts);
        sheet.gap();
        if sheet.is_roomy {
            let asked = self.asked(panel, name, true);
            keys(sheet, (name, of.is_saved), other, asked.as_ref());
            sheet.gap();
            sheet.say(Safe::from("Step 2 of 2. ") + state + "   " + self.left(until));
        } else {
            keys_in_short(
                sheet,
                (name, of.is_saved),
                other,
                (state, self.clock_left(until)),
            );
        }
    }

    /// The question that is open, and what was typed of its answer. On a small screen it takes a row, so that what is
    /// compared stays whole.
    fn asked(&self, panel: &Verifying, name: &Safe, is_roomy: bool) -> Option<(Verdict, Safe)> {
        let asked = panel.asked(self.done)?.what;
        let (what, differs) = match panel.compared()? {
            Compared::Words(_) => ("words", "They differ, "),
            Compared::Numbers(_) => ("numbers", "They differ, "),
            Compared::SafetyNumber => ("number", "It differs, "),
        };
        let question = match (asked.verdict, is_roomy) {
            (Verdict::Same, true) => Safe::from("These are ") + name + "'s " + what + "?",
            (Verdict::Differ, true) => Safe::from(differs) + name + " is barred?",
            (Verdict::Same, false) => "same?".into(),
            (Verdict::Differ, false) => "bar?".into(),
        };
        let (how, then) = if is_roomy {
            (" Type yes, then ", ": ")
        } else {
            (" yes+", ":")
        };
        let words = question + how + self.send_key() + then + asked.answer();
        Some((asked.verdict, words))
    }

    fn same(
        &self,
        sheet: &mut Sheet,
        name: &Safe,
        noted: Noted,
        theirs: bool,
        until: Option<Instant>,
    ) {
        let words = match noted {
            Noted::Saved => name.clone() + " is [verified] from now on.",
            Noted::Session => name.clone() + " has " + UNSAVED + ".",
            Noted::Nowhere => {
                name.clone() + " has no saved name, so this counts for nothing later: /save NAME"
            }
        };
        sheet.put(words, Theme::strong());
        sheet.gap();
        sheet.say(match (theirs, until) {
            (true, _) => name.clone() + " has confirmed too.",
            (false, Some(until)) => name.clone() + " has not confirmed yet.   " + self.left(until),
            (false, None) => name.clone() + " has not confirmed; your word counts here.",
        });
        sheet.gap();
        other_ways(sheet);
    }

    fn differ(
        &self,
        sheet: &mut Sheet,
        name: &Safe,
        (verified, theirs): (Option<&Safe>, bool),
        what_next: &Safe,
    ) {
        let alarm = self.theme.alarm();
        let words = Safe::from("[NOT ") + name + "] Closed: somebody may sit between you.";
        sheet.put(words, alarm);
        let doubted = verified.map_or_else(
            || Safe::from("ever said with ") + name,
            |day| Safe::from("said since you verified ") + name + " on " + day,
        );
        let trusted = Safe::from("Nothing ") + doubted + " is to be trusted.";
        sheet.put(trusted, Theme::strong());
        sheet.gap();
        if theirs {
            sheet.say(name.clone() + " has said that the words differ.");
        } else {
            sheet.say("Both have to say so (D, /differ): whoever is between passes nothing on.");
        }
        sheet.gap();
        let until =
            Safe::from("Nothing is sent to ") + name + ", and nothing is taken, until you decide:";
        sheet.say(until);
        sheet.say(what_next.clone());
        sheet.gap();
        other_ways(sheet);
    }

    /// `4:42 left`
    fn left(&self, until: Instant) -> Safe {
        self.clock_left(until) + " left"
    }

    /// Whole seconds, the last of which begins at the end: what is drawn changes once a second.
    fn clock_left(&self, until: Instant) -> Safe {
        let left = until.saturating_since(self.now.instant);
        minutes(left + Duration::from_millis(999))
    }
}

/// While there is nothing to compare.
fn waiting(sheet: &mut Sheet, words: Safe) {
    sheet.say(words);
    sheet.gap();
    other_ways(sheet);
}

/// By which way people compare, and what they look at.
fn call(name: &Safe) -> Safe {
    Safe::from("Call ") + name + " or meet. Do NOT use this chat for it. Both of you see:"
}

/// What can be said about words or numbers.
fn keys(
    sheet: &mut Sheet,
    (name, is_saved): (&Safe, bool),
    other: &'static str,
    asked: Option<&(Verdict, Safe)>,
) {
    let same = if is_saved {
        Safe::from("[M] they match: ") + name + " is verified from then on"
    } else {
        Safe::from("[M] they match; ") + UNSAVED
    };
    verdict(sheet, Verdict::Same, same, asked);
    let differ = "[D] they differ: somebody is in the middle; end it, and say what to do";
    verdict(sheet, Verdict::Differ, differ.into(), asked);
    let typed = Safe::from("[T] type what ") + name + " reads   ";
    sheet.say(typed + other + "   [S] safety number   [Q] QR");
    sheet.say(Safe::from("[") + &sheet.escape + "] later");
}

/// The same on a small screen, the most important first.
fn keys_in_short(
    sheet: &mut Sheet,
    (name, is_saved): (&Safe, bool),
    other: &'static str,
    (state, clock): (Safe, Safe),
) {
    sheet.put(Safe::from("Call! No chat. ") + clock, Theme::strong());
    sheet.say("M match  D differ");
    sheet.say(Safe::from("T N S Q ") + &sheet.escape);
    sheet.say(state);
    warn_of_no_name(sheet, is_saved);
    sheet.say(call(name));
    let typed = Safe::from("T: type what is read; ") + other;
    let rest = Safe::from("; S: safety number; Q: QR; ") + &sheet.escape + ": later";
    sheet.say(typed + rest);
}

/// Before anybody is called: without a name it would be for nothing.
fn warn_of_no_name(sheet: &mut Sheet, is_saved: bool) {
    if !is_saved {
        sheet.say(UNSAVED);
    }
}

/// What a key says, or what it asks once it was pressed.
fn verdict(sheet: &mut Sheet, of: Verdict, says: Safe, asked: Option<&(Verdict, Safe)>) {
    match asked.filter(|(verdict, _)| *verdict == of) {
        Some((_, words)) => {
            let back = Safe::from("   [") + &sheet.escape + "] takes it back";
            sheet.put(words.clone() + back, Theme::strong());
        }
        None => sheet.say(says),
    }
}

/// Twelve groups of five, as on paper.
fn safety(
    sheet: &mut Sheet,
    (name, is_saved): (&Safe, bool),
    number: Option<&Safe>,
    program: &Safe,
    asked: Option<&(Verdict, Safe)>,
) {
    let Some(number) = number else {
        return sheet.say("One moment.");
    };
    let digits: Vec<char> = number.as_str().chars().collect();
    let groups: Vec<Safe> = digits
        .chunks(GROUP)
        .map(|group| safe_line(&group.iter().collect::<String>()))
        .collect();
    let print = Safe::from("On paper: ") + program + " peers verify " + name + " --print";
    if !sheet.is_roomy {
        sheet.compared(&groups);
        sheet.say("T type D differ");
        warn_of_no_name(sheet, is_saved);
        sheet.say("Call or meet. Do NOT use this chat for it.");
        return sheet.say(print);
    }
    sheet.say(call(name));
    sheet.gap();
    for line in groups.chunks(GROUPS) {
        sheet.compared(line);
    }
    sheet.gap();
    sheet.say("It hangs on both keys alone, needs no connection, and stays as long as they do.");
    sheet.gap();
    let typed = Safe::from("[T] type what ") + name + " reads, and be sure";
    sheet.say(typed + "   [Q] QR   " + sheet.back());
    warn_of_no_name(sheet, is_saved);
    let differs = "[D] it differs: somebody is in the middle; end it, and say what to do";
    verdict(sheet, Verdict::Differ, differs.into(), asked);
    sheet.say(print);
}

fn other_ways(sheet: &mut Sheet) {
    sheet.either(
        Safe::from("[S] safety number, which needs no connection   [Q] QR   ") + sheet.back(),
        Safe::from("[S] safety number [Q] QR ") + sheet.back(),
    );
}

fn typing(
    sheet: &mut Sheet,
    panel: &Verifying,
    name: &Safe,
    typed: Safe,
    (send, complete): (Safe, Option<Safe>),
) {
    let is_number = matches!(panel.view, View::Safety(_));
    let what = if is_number {
        "the 60 digits; spaces do not count."
    } else {
        "four words, of which four letters each are enough, or three numbers."
    };
    sheet.roomy(Safe::from("Type what ") + name + " reads to you: " + what);
    sheet.gap();
    sheet.typing(Safe::from(TYPED) + typed);
    sheet.gap();
    let complete = complete.filter(|_| !is_number);
    let keys = [(complete, " complete"), (Some(send), " compare")];
    let keys = keys
        .into_iter()
        .filter_map(|(key, does)| Some((key?, does)));
    let short = |key: Safe| Safe::from("[") + key + "]";
    let roomy = keys.clone().map(|(key, does)| short(key) + does);
    let tight = keys.map(|(key, _)| short(key));
    let (back, escape) = (sheet.back(), short(sheet.escape.clone()));
    sheet.either(
        Safe::join(roomy.chain([back]), "   "),
        Safe::join(tight.chain([escape]), " "),
    );
}

fn numbers(code: &ShortCode) -> [Safe; 3] {
    code.numbers().map(|number| Safe::from(u64::from(number)))
}
