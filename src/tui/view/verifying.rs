//! The panel that verifies somebody, and the QR code: each has the screen for itself, below the line that says
//! whether somebody is verified.
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
use ratatui_core::style::Style;

use crate::chat::words::{ShortCode, words};
use crate::text::{Safe, safe_line};
use crate::time::{Instant, UnixTime};
use crate::tui::app::{App, Code};
use crate::tui::conversation::Conversation;
use crate::tui::input::Comparison;
use crate::tui::keys::Bind;
use crate::tui::paint::{Canvas, Piece};
use crate::tui::theme::Theme;
use crate::tui::verifying::{Compared, Verdict, Verifying, View};
use crate::tui::wrap::{self, Break};

/// Columns, and rows below the first line, from which on there is room for whole sentences.
const ROOMY: (u16, u16) = (60, 17);
/// Blanks before the lines of a roomy panel, and before what is compared.
const INDENT: usize = 3;
const COMPARED_INDENT: usize = 12;
/// Blanks between words that are to be read out, where there is room.
const WIDE_GAP: &str = "      ";
/// Digits of a group of a safety number, and groups of a line where there is room.
const GROUP: usize = 5;
const GROUPS: usize = 4;
/// What stands before what is typed.
const TYPED: &str = "> ";

/// A line of the panel before it is broken.
struct Row {
    words: Safe,
    indent: usize,
    style: Style,
}

/// What a panel shows, from top to bottom.
struct Sheet {
    is_roomy: bool,
    /// The key that goes back.
    escape: Safe,
    rows: Vec<Row>,
    /// Which of the rows is being typed.
    typed: Option<usize>,
}

impl Sheet {
    const fn new(is_roomy: bool, escape: Safe) -> Self {
        Self {
            is_roomy,
            escape,
            rows: Vec::new(),
            typed: None,
        }
    }

    fn put(&mut self, words: impl Into<Safe>, style: Style) {
        let indent = if self.is_roomy { INDENT } else { 0 };
        let words = words.into();
        self.rows.push(Row {
            words,
            indent,
            style,
        });
    }

    /// `[Esc] back`
    fn back(&self) -> Safe {
        Safe::from("[") + &self.escape + "] back"
    }

    fn say(&mut self, words: impl Into<Safe>) {
        self.put(words, Style::new());
    }

    /// The first where there is room, the second elsewhere.
    fn either(&mut self, roomy: impl Into<Safe>, tight: impl Into<Safe>) {
        let words = if self.is_roomy {
            roomy.into()
        } else {
            tight.into()
        };
        self.say(words);
    }

    /// What there is no room for elsewhere.
    fn roomy(&mut self, words: impl Into<Safe>) {
        if self.is_roomy {
            self.say(words);
        }
    }

    fn gap(&mut self) {
        self.roomy("");
    }

    /// What is to be compared, as large as a terminal has it.
    fn compared(&mut self, parts: &[Safe]) {
        let (indent, gap) = if self.is_roomy {
            (COMPARED_INDENT, WIDE_GAP)
        } else {
            (0, " ")
        };
        self.rows.push(Row {
            words: Safe::join(parts.iter().cloned(), gap),
            indent,
            style: Theme::strong(),
        });
    }
}

impl Sheet {
    /// The rows as they stand on so many columns, and which of them ends what is typed.
    fn broken(&self, width: u16) -> (Vec<(&Row, Piece<'_>)>, Option<usize>) {
        let (mut broken, mut typed) = (Vec::new(), None);
        for (number, row) in self.rows.iter().enumerate() {
            let cells = usize::from(width).saturating_sub(row.indent + 1).max(1);
            for range in wrap::rows(row.words.as_str(), cells, Break::Words) {
                broken.push((row, Piece::of(&row.words, range)));
            }
            if self.typed == Some(number) {
                typed = Some(broken.len() - 1);
            }
        }
        (broken, typed)
    }
}

impl App {
    /// How many rows of the panel can be above the screen.
    pub(in crate::tui) fn most_above(&self, panel: &Verifying) -> usize {
        let area = self.panel_place();
        let of = self.find(&panel.peer);
        let of = of.and_then(|at| self.conversations.get(at));
        let sheet = of.map(|of| self.sheet(panel, of, is_roomy(area)));
        let rows = sheet.map_or(0, |sheet| sheet.broken(area.width).0.len());
        rows.saturating_sub(usize::from(inner(area).height))
    }

    const fn is_roomy(&self) -> bool {
        is_roomy(self.panel_place())
    }

    /// All but the line that says who it is.
    const fn panel_place(&self) -> Rect {
        let (width, height) = self.size;
        Rect::new(0, 1, width, height.saturating_sub(1))
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
        self.draw_sheet(canvas, inner(area), &sheet, panel.above)
    }

    fn draw_sheet(
        &self,
        canvas: &mut Canvas<'_>,
        area: Rect,
        sheet: &Sheet,
        above: usize,
    ) -> Option<Position> {
        let height = usize::from(area.height);
        let (broken, typed) = sheet.broken(area.width);
        let most = broken.len().saturating_sub(height);
        let above = above.min(most);
        for (at, (row, piece)) in broken.iter().skip(above).take(height).enumerate() {
            let mut pen = canvas.row(area, at);
            pen.field("", row.indent, Style::new())
                .put(*piece, row.style);
            let is_last = at + 1 == height && above < most;
            if is_last {
                pen.before_end(2).plain(" ").plain(self.theme.glyphs.down);
            }
        }
        let at = typed?.checked_sub(above)?;
        let (row, piece) = broken.get(typed?)?;
        let x = u16::try_from(row.indent + piece.cells()).ok()?;
        let y = u16::try_from(at).ok().filter(|y| *y < area.height)?;
        Some(Position {
            x: x.min(area.width.saturating_sub(1)),
            y: area.y + y,
        })
    }

    fn sheet(&self, panel: &Verifying, of: &Conversation, is_roomy: bool) -> Sheet {
        let mut sheet = Sheet::new(is_roomy, self.escape_key());
        let name = &of.name;
        // On a small screen what is asked comes first: below what is compared nobody would see it.
        let asks = self.question_of(panel, name);
        if !is_roomy && panel.typed.is_none() {
            for words in asks.iter().chain(&panel.told) {
                sheet.put(words.clone(), Theme::strong());
            }
        }
        if let Some(line) = &panel.typed {
            let complete = self.settings.keys.label(Bind::Complete { back: false });
            let keys = (self.send_key(), complete);
            typing(&mut sheet, panel, name, line.shown(), keys);
        } else {
            match (&panel.view, &of.comparison) {
                (View::Safety(number), _) => {
                    self.safety(&mut sheet, name, number.as_ref(), panel);
                }
                (_, None) => waiting(&mut sheet, "One moment.".into()),
                (_, Some(Comparison::Begun { until })) => self.begun(&mut sheet, name, *until),
                (
                    View::Words,
                    Some(Comparison::Words {
                        code,
                        until,
                        theirs,
                    }),
                ) => {
                    let parts = words(code).map(Safe::from);
                    self.compare(
                        &mut sheet,
                        name,
                        (&parts, "[N] numbers"),
                        (*until, *theirs),
                        panel,
                    );
                }
                (
                    View::Numbers,
                    Some(Comparison::Words {
                        code,
                        until,
                        theirs,
                    }),
                ) => {
                    let parts = numbers(code);
                    self.compare(
                        &mut sheet,
                        name,
                        (&parts, "[N] words"),
                        (*until, *theirs),
                        panel,
                    );
                }
                (
                    _,
                    Some(Comparison::Same {
                        is_noted,
                        theirs,
                        until,
                    }),
                ) => self.same(&mut sheet, name, *is_noted, *theirs, *until),
                (_, Some(Comparison::Impossible { why })) => {
                    let words = Safe::from("No words can be compared: ") + why + ".";
                    waiting(&mut sheet, words);
                }
                (_, Some(Comparison::Over { why })) => {
                    waiting(&mut sheet, Safe::from("It is over: ") + why + ".");
                    let escape = sheet.escape.clone();
                    let how = match self.settings.keys.label(Bind::Verify) {
                        Some(key) => Safe::from("[") + key + "]",
                        None => Safe::from("[") + escape + "], then /verify:",
                    };
                    sheet.say(how + " begin again, with new words");
                }
                (_, Some(Comparison::Differ { since, what_next })) => {
                    self.differ(&mut sheet, name, *since, what_next);
                }
            }
        }
        if let Some(told) = &panel.told
            && (is_roomy || panel.typed.is_some())
        {
            sheet.gap();
            sheet.put(told.clone(), Theme::strong());
        }
        sheet
    }

    fn begun(&self, sheet: &mut Sheet, name: &Safe, until: Instant) {
        let left = self.left(until);
        let step = Safe::from("Step 1 of 2. Waiting for the program of ") + name;
        waiting(
            sheet,
            step + ": the words come as soon as it answers.   " + left,
        );
    }

    /// What is read out, and what can be said to it. The time comes last where a line may be cut.
    fn compare(
        &self,
        sheet: &mut Sheet,
        name: &Safe,
        (parts, other): (&[Safe], &'static str),
        (until, theirs): (Instant, bool),
        panel: &Verifying,
    ) {
        let left = self.left(until);
        sheet.roomy(call(name));
        sheet.gap();
        sheet.compared(parts);
        sheet.gap();
        let state = if theirs {
            name.clone() + " has confirmed, and waits for you."
        } else {
            name.clone() + " has not confirmed yet."
        };
        if sheet.is_roomy {
            let same = Safe::from("[M] they match: ") + name + " is verified from then on";
            self.verdict(sheet, Verdict::Same, same, (panel, name));
            let differ = "[D] they differ: somebody is in the middle; end it, and say what to do";
            self.verdict(sheet, Verdict::Differ, differ.into(), (panel, name));
            let typed = Safe::from("[T] type what ") + name + " reads   ";
            sheet.say(typed + other + "   [S] safety number   [Q] QR");
            sheet.say(Safe::from("[") + &sheet.escape + "] later");
            sheet.gap();
            sheet.say(Safe::from("Step 2 of 2. ") + state + "   " + left);
        } else {
            let clock = self.clock_left(until);
            sheet.put(Safe::from("Call! No chat. ") + clock, Theme::strong());
            sheet.say("M match  D differ");
            sheet.say(Safe::from("T N S Q ") + &sheet.escape);
            sheet.say(state);
            sheet.say(call(name));
            sheet.say(
                Safe::from("T: type what is read; ")
                    + other
                    + "; S: safety number; Q: QR; "
                    + &sheet.escape
                    + ": later",
            );
        }
    }

    /// Twelve groups of five, as on paper.
    fn safety(&self, sheet: &mut Sheet, name: &Safe, number: Option<&Safe>, panel: &Verifying) {
        let Some(number) = number else {
            return sheet.say("One moment.");
        };
        let digits: Vec<char> = number.as_str().chars().collect();
        let groups: Vec<Safe> = digits
            .chunks(GROUP)
            .map(|group| safe_line(&group.iter().collect::<String>()))
            .collect();
        let print = Safe::from("On paper: securechat peers verify ") + name + " --print";
        if !sheet.is_roomy {
            sheet.compared(&groups);
            sheet.say("T type D differ");
            sheet.say("Call or meet. Do NOT use this chat for it.");
            return sheet.say(print);
        }
        sheet.say(call(name));
        sheet.gap();
        for line in groups.chunks(GROUPS) {
            sheet.compared(line);
        }
        sheet.gap();
        sheet
            .say("It hangs on both keys alone, needs no connection, and stays as long as they do.");
        sheet.gap();
        let typed = Safe::from("[T] type what ") + name + " reads, and be sure";
        sheet.say(typed + "   [Q] QR   " + sheet.back());
        let differs = "[D] it differs: somebody is in the middle; end it, and say what to do";
        self.verdict(sheet, Verdict::Differ, differs.into(), (panel, name));
        sheet.say(print);
    }

    /// What a key says, or what it asks once it was pressed.
    fn verdict(
        &self,
        sheet: &mut Sheet,
        of: Verdict,
        says: Safe,
        (panel, name): (&Verifying, &Safe),
    ) {
        let is_armed = panel.armed(self.done).is_some_and(|it| it.verdict == of);
        match self.question_of(panel, name).filter(|_| is_armed) {
            Some(question) => {
                let esc = Safe::from("   [") + self.key(Bind::Escape, "") + "] takes it back";
                sheet.put(question + esc, Theme::strong());
            }
            None => sheet.say(says),
        }
    }

    /// What the next press of the key does that was pressed last.
    fn question_of(&self, panel: &Verifying, name: &Safe) -> Option<Safe> {
        let verdict = panel.armed(self.done)?.verdict;
        let compared = panel.compared()?;
        let key = if self.is_roomy() {
            ("[M]", "[D]")
        } else {
            ("M", "D")
        };
        let what = match compared {
            Compared::Words(_) => "words",
            Compared::Numbers(_) => "numbers",
            Compared::SafetyNumber => "number",
        };
        let differs = if compared == Compared::SafetyNumber {
            "it differs, "
        } else {
            "they differ, "
        };
        Some(match verdict {
            Verdict::Same => Safe::from(key.0) + " once more: these are " + name + "'s " + what,
            Verdict::Differ => Safe::from(key.1) + " once more: " + differs + name + " is barred",
        })
    }

    fn same(
        &self,
        sheet: &mut Sheet,
        name: &Safe,
        is_noted: bool,
        theirs: bool,
        until: Option<Instant>,
    ) {
        if is_noted {
            sheet.put(
                name.clone() + " is [verified] from now on.",
                Theme::strong(),
            );
        } else {
            let words =
                name.clone() + " has no saved name, so this counts for nothing later: /save NAME";
            sheet.put(words, Theme::strong());
        }
        sheet.gap();
        sheet.say(match (theirs, until) {
            (true, _) => name.clone() + " has confirmed too.",
            (false, Some(until)) => name.clone() + " has not confirmed yet.   " + self.left(until),
            (false, None) => name.clone() + " has not confirmed; your word counts here.",
        });
        sheet.gap();
        other_ways(sheet);
    }

    fn differ(&self, sheet: &mut Sheet, name: &Safe, since: Option<UnixTime>, what_next: &Safe) {
        let alarm = self.theme.alarm();
        let words = Safe::from("[NOT ") + name + "] Closed: somebody may sit between you.";
        sheet.put(words, alarm);
        let trusted = since.map_or_else(
            || "Nothing that was said before is to be trusted.".into(),
            |since| {
                let clock = self.settings.zone.clock(since);
                Safe::from("Nothing that was said since ") + clock + " is to be trusted."
            },
        );
        sheet.put(trusted, Theme::strong());
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
        let seconds = (left + Duration::from_millis(999)).as_secs();
        safe_line(&format!("{}:{:02}", seconds / 60, seconds % 60))
    }

    /// Draws a QR code over everything: it needs every row there is.
    pub(super) fn draw_code(&self, canvas: &mut Canvas<'_>, code: &Code) {
        let (width, height) = self.size;
        let all = Rect::new(0, 0, width, height);
        let title = Safe::from("your key   [I] invert  [") + self.escape_key() + "] back";
        let cells = code
            .lines
            .first()
            .map_or(0, |line| wrap::cells(line.as_str()));
        let needed = code.lines.len() + 1;
        let fits = cells <= usize::from(width) && needed <= usize::from(height);
        if !fits || self.settings.ascii {
            return self.draw_code_in_words(canvas, all, code, (cells, needed));
        }
        canvas.row(all, 0).plain(" ").put(&title, Theme::strong());
        for (row, line) in code.lines.iter().enumerate() {
            let line = if code.is_inverted {
                safe_line(&line.as_str().chars().map(inverted).collect::<String>())
            } else {
                line.clone()
            };
            canvas.row(all, row + 1).plain(&line);
        }
    }

    fn draw_code_in_words(
        &self,
        canvas: &mut Canvas<'_>,
        area: Rect,
        code: &Code,
        (cells, rows): (usize, usize),
    ) {
        let mut sheet = Sheet::new(false, self.escape_key());
        sheet.put(sheet.back(), Theme::strong());
        if self.settings.ascii {
            sheet.say("A QR code is drawn with characters that --ascii leaves out.");
        } else {
            let words = Safe::from("The QR code needs ")
                + cells
                + "x"
                + rows
                + " cells, and this screen has ";
            sheet.say(words + area.width + "x" + area.height + ": make it larger.");
        }
        sheet.say(code.text.clone());
        let _ = self.draw_sheet(canvas, area, &sheet, 0);
    }
}

const fn is_roomy(area: Rect) -> bool {
    area.width >= ROOMY.0 && area.height >= ROOMY.1
}

/// The part between the rules.
const fn inner(area: Rect) -> Rect {
    if !is_roomy(area) {
        return area;
    }
    Rect {
        y: area.y + 2,
        height: area.height - 3,
        ..area
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
    sheet.typed = Some(sheet.rows.len());
    sheet.put(Safe::from(TYPED) + typed, Theme::strong());
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

/// Light for dark.
const fn inverted(half: char) -> char {
    match half {
        ' ' => '█',
        '█' => ' ',
        '▀' => '▄',
        '▄' => '▀',
        other => other,
    }
}
