//! The full screen: hands over what happens, keeps what it asks for, draws.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::calendar::Zone;
use crate::chat::{Incoming, Name, Outgoing, State};
use crate::cli::talk::face::orders::{Order, Orders};
use crate::cli::talk::hook::Hook;
use crate::cli::talk::network::Input;
use crate::id::PeerId;
use crate::net::{Clock, Signal, stop, suspend};
use crate::store::{self, Entry};
use crate::sync::thread;
use crate::text::Safe;
use crate::time::{Instant, UnixTime};
use crate::tui::{
    self, Action, App, Card, Earlier, Held, LinkStatus, Now, Osc, Reader, Said, Settings, Standing,
    Terminal, Through, Told, is_in_foreground,
};

/// A screen, and the terminal that it is on.
pub(in crate::cli::talk) struct Screen {
    app: App,
    terminal: Terminal,
    clock: Clock,
    /// What it asks for, until the loop has time for it.
    orders: Orders,
    /// What it was told of somebody last.
    told: BTreeMap<PeerId, Known>,
    /// Messages that were looked at.
    seen: Vec<(PeerId, Name)>,
    wants_to_leave: bool,
    /// What was typed behind Ctrl+Z and when, until the system tells whether that stops us.
    behind: Option<Vec<(tui::Input, Instant)>>,
    /// When the last pause that was asked for here was over. What was typed sooner was for the shell.
    went_on: Option<Instant>,
    /// When a pause was over last, until the system has told of that.
    resumed: Option<Instant>,
    /// Whether it goes on in the background, while a shell has the terminal.
    is_away: bool,
    alerts: Alerts,
    /// When it was last told that time has passed.
    ticked: Instant,
    /// Whether something has changed since it was drawn.
    is_stale: bool,
}

/// Who is told of a notification.
pub(in crate::cli::talk) struct Alerts {
    /// The terminal, by this.
    pub(in crate::cli::talk) osc: Osc,
    /// What has to pass it on.
    pub(in crate::cli::talk) through: Through,
    /// A command.
    pub(in crate::cli::talk) hook: Option<Hook>,
}

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, PartialEq, Eq)]
struct Known {
    name: Safe,
    verified: bool,
    saved: bool,
    standing: Option<Standing>,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// What the system says.
    pub(in crate::cli::talk) fn open(
        settings: Settings,
        alerts: Alerts,
        clock: Clock,
    ) -> io::Result<Self> {
        let mut terminal = Terminal::open(settings.charset)?;
        if settings.mouse {
            terminal.set_mouse(true)?;
        }
        let (width, height) = Terminal::size()?;
        Ok(Self {
            app: App::new(settings, width, height, now(clock, clock.now())),
            terminal,
            clock,
            orders: Orders::default(),
            told: BTreeMap::new(),
            seen: Vec::new(),
            wants_to_leave: false,
            behind: None,
            went_on: None,
            resumed: None,
            is_away: false,
            alerts,
            ticked: clock.now(),
            is_stale: true,
        })
    }

    /// Takes what happened at the terminal, at this moment: keys may have waited since.
    ///
    /// # Errors
    /// What writing to the terminal fails with.
    pub(in crate::cli::talk) fn take(
        &mut self,
        input: tui::Input,
        happened: Instant,
    ) -> io::Result<()> {
        let is_typed = matches!(input, tui::Input::Key(_) | tui::Input::Paste(_));
        // What is typed after the goodbye would be neither sent nor missed.
        if is_typed && (self.wants_to_leave || self.is_for_the_shell(happened)) {
            return Ok(());
        }
        if let Some(behind) = self.behind.as_mut().filter(|_| is_typed) {
            behind.push((input, happened));
            return Ok(());
        }
        self.is_stale = true;
        for action in self.app.update(input, now(self.clock, happened)) {
            match action {
                Action::Send { peer, ticket, text } => {
                    self.orders.push(Order::Send { peer, ticket, text });
                }
                Action::Ask(ask) => self.orders.push(Order::Ask(ask)),
                Action::Seen(peer, names) => {
                    self.seen.extend(names.into_iter().map(|name| (peer, name)));
                }
                Action::Copy(text) => self.terminal.copy(&text, self.alerts.through)?,
                Action::Notify(notice) => {
                    let (osc, through) = (self.alerts.osc, self.alerts.through);
                    self.terminal.notify(&notice, osc, through)?;
                    if let Some(hook) = &self.alerts.hook {
                        hook.call(notice.words);
                    }
                }
                Action::Mouse(is_on) => self.terminal.set_mouse(is_on)?,
                Action::Redraw => self.terminal.redraw()?,
                // The system tells of it, as it does if others want us to stop.
                Action::Suspend => self.behind = suspend().then(Vec::new),
                Action::Quit => self.wants_to_leave = true,
            }
        }
        Ok(())
    }

    /// Stops the process, and takes the terminal over again when it goes on.
    ///
    /// # Errors
    /// What writing to the terminal fails with.
    pub(in crate::cli::talk) fn stop(&mut self) -> io::Result<()> {
        self.terminal.leave();
        stop();
        if self.behind.take().is_some() {
            self.went_on = Some(self.clock.now());
        }
        self.come_back()?;
        self.resumed = Some(self.clock.now());
        Ok(())
    }

    fn is_for_the_shell(&self, happened: Instant) -> bool {
        self.went_on.is_some_and(|at| happened < at)
    }

    /// Nothing stops the process: what was typed meanwhile is ours.
    ///
    /// # Errors
    /// As [`Screen::take`].
    pub(in crate::cli::talk) fn stay(&mut self) -> io::Result<()> {
        for (input, happened) in self.behind.take().into_iter().flatten() {
            self.take(input, happened)?;
        }
        Ok(())
    }

    /// The process goes on after it was stopped, perhaps by others, who left the terminal as they liked.
    ///
    /// # Errors
    /// What writing to the terminal fails with.
    pub(in crate::cli::talk) fn go_on(&mut self) -> io::Result<()> {
        self.stay()?;
        let now = self.clock.now();
        let resumed = self.resumed.take();
        // That was our own pause, after which it is ours again.
        if resumed.is_some_and(|at| now.saturating_since(at) < SECOND) {
            return Ok(());
        }
        self.come_back()
    }

    /// Takes the terminal over again, which may have another size. In the background it stays the shell's, and nobody
    /// sees what happens: whoever let the process go on may only want it to end.
    fn come_back(&mut self) -> io::Result<()> {
        if !is_in_foreground() {
            self.terminal.leave();
            self.is_away = true;
            return self.take_now(tui::Input::Focus(false));
        }
        self.terminal.come_back()?;
        if core::mem::take(&mut self.is_away) {
            self.take_now(tui::Input::Focus(true))?;
        }
        let (width, height) = Terminal::size()?;
        self.take_now(tui::Input::Resize { width, height })
    }

    fn take_now(&mut self, input: tui::Input) -> io::Result<()> {
        self.take(input, self.clock.now())
    }

    /// Hands over what the core tells. What the terminal says to that is told by the next drawing.
    pub(in crate::cli::talk) fn tell(&mut self, told: Told) {
        let _ = self.take_now(tui::Input::Told(told));
    }

    /// Whether a shell has the terminal, and nothing can be drawn.
    pub(in crate::cli::talk) const fn is_away(&self) -> bool {
        self.is_away
    }

    /// Draws, if something has changed.
    ///
    /// # Errors
    /// What writing to the terminal fails with.
    pub(in crate::cli::talk) fn draw(&mut self) -> io::Result<()> {
        if core::mem::take(&mut self.is_stale) {
            self.terminal.draw(&mut self.app)?;
            self.app.drawn(self.clock.now());
        }
        Ok(())
    }

    /// What is to be done next: [`Orders::next`].
    pub(in crate::cli::talk) fn next_order(
        &mut self,
        may_say: impl Fn(&PeerId) -> bool,
    ) -> Option<Order> {
        self.orders.next(may_say)
    }

    pub(in crate::cli::talk) fn take_seen(&mut self) -> Vec<(PeerId, Name)> {
        core::mem::take(&mut self.seen)
    }

    /// How many messages wait to be accepted.
    pub(in crate::cli::talk) fn unsaid(&self) -> usize {
        self.orders.messages()
    }

    pub(in crate::cli::talk) const fn wants_to_leave(&self) -> bool {
        self.wants_to_leave
    }

    pub(super) fn said(
        &mut self,
        (peer, label): (PeerId, &Safe),
        message: &Incoming,
        at: UnixTime,
        again: bool,
    ) {
        self.meet(peer, label);
        let len = message.body.len();
        let text = String::from_utf8(message.body.clone()).ok();
        self.tell(Told::Said(Said {
            peer,
            name: message.name,
            text,
            len,
            at,
            written: message.sent_at,
            missing: message.missing,
            again,
        }));
    }

    /// Nothing is said with anybody that is not shown.
    fn meet(&mut self, peer: PeerId, label: &Safe) {
        if !self.knows(&peer) {
            // Whatever else there is to know is told next.
            self.know(Card {
                peer,
                name: label.clone(),
                verified: false,
                saved: true,
            });
        }
    }

    /// Shows a message of ours that a program has said.
    pub(in crate::cli::talk) fn sent(
        &mut self,
        (peer, label): (PeerId, &Safe),
        message: &Outgoing,
    ) {
        self.meet(peer, label);
        self.tell(Told::Sent {
            peer,
            name: message.name,
            at: message.sent_at,
            text: String::from_utf8_lossy(&message.body).into_owned(),
        });
    }

    /// Shows a message of ours that an earlier run left behind.
    pub(in crate::cli::talk) fn own_from_before(&mut self, peer: PeerId, message: &Outgoing) {
        self.tell(Told::Own {
            peer,
            name: message.name,
            at: message.sent_at,
            text: String::from_utf8_lossy(&message.body).into_owned(),
        });
    }

    /// Shows what was said before this run.
    pub(in crate::cli::talk) fn earlier(&mut self, peer: PeerId, earlier: store::Earlier) {
        let messages = earlier.entries.into_iter().map(said_before);
        self.tell(Told::Earlier {
            peer,
            messages: messages.collect(),
            has_older: earlier.has_older,
        });
    }

    pub(super) fn note(&mut self, about: Option<PeerId>, words: &Safe) {
        let lines = words.as_str().split('\n').map(crate::text::safe_line);
        let lines = lines.collect();
        self.tell(Told::Note { about, lines });
    }

    /// The key that opens the panel which verifies somebody, if there is one.
    pub(in crate::cli::talk) fn key_to_verify(&self) -> Option<Safe> {
        self.app.key_to_verify()
    }

    /// What it holds of the conversation with somebody.
    pub(in crate::cli::talk) fn held(&self, peer: &PeerId) -> Held {
        self.app.held(peer)
    }

    /// Tells who somebody is, if that is news.
    pub(in crate::cli::talk) fn know(&mut self, card: Card) {
        let known = self.told.get(&card.peer);
        let is_news = known.is_none_or(|known| {
            (&known.name, known.verified, known.saved) != (&card.name, card.verified, card.saved)
        });
        if is_news {
            let known = Known {
                name: card.name.clone(),
                verified: card.verified,
                saved: card.saved,
                standing: None,
            };
            self.told.insert(card.peer, known);
            self.tell(Told::Peer(card));
        }
    }

    /// Whether it has a conversation with somebody.
    pub(in crate::cli::talk) fn knows(&self, peer: &PeerId) -> bool {
        self.told.contains_key(peer)
    }

    /// Tells that those whom it knows and who are not among `known` are nobody's peers any more.
    pub(in crate::cli::talk) fn forget_others(&mut self, known: &[PeerId]) {
        let all = self.told.keys().copied();
        let gone: Vec<PeerId> = all.filter(|peer| !known.contains(peer)).collect();
        for peer in gone {
            self.told.remove(&peer);
            self.tell(Told::Forgotten(peer));
        }
    }

    /// Tells how things stand with somebody, if that is news. A handshake that is under way keeps the
    /// time at which it began.
    pub(in crate::cli::talk) fn stands(&mut self, peer: PeerId, standing: Standing) {
        let Some(known) = self.told.get_mut(&peer) else {
            return;
        };
        let standing = match (standing, &known.standing) {
            (Standing::Connecting { why, .. }, Some(Standing::Connecting { since, .. })) => {
                let since = *since;
                Standing::Connecting { since, why }
            }
            (standing, _) => standing,
        };
        if known.standing.as_ref() != Some(&standing) {
            known.standing = Some(standing.clone());
            self.tell(Told::Standing { peer, standing });
        }
    }

    /// Tells how good the way to somebody is. It always differs a little, and shows with the next tick. Who takes the place
    /// of home by then shows at once.
    pub(in crate::cli::talk) fn link(&mut self, peer: PeerId, link: LinkStatus) {
        let (was_stale, before) = (self.is_stale, self.app.shown());
        self.tell(Told::Link { peer, link });
        self.is_stale = was_stale || self.app.shown() != before;
    }

    /// Looks how large the terminal is, or whether it is ours again: a shell that brings a job to the foreground
    /// which runs already sends it no signal, and what stands between need not tell of another size.
    ///
    /// # Errors
    /// What writing to the terminal fails with.
    pub(in crate::cli::talk) fn check_terminal(&mut self) -> io::Result<()> {
        if self.is_away {
            return if is_in_foreground() {
                self.come_back()
            } else {
                Ok(())
            };
        }
        if let Ok((width, height)) = Terminal::size()
            && (width, height) != self.app.size()
        {
            let _ = self.take_now(tui::Input::Resize { width, height });
        }
        Ok(())
    }

    /// Whether a second has passed since the last tick: what only time changes is told and drawn that often.
    pub(in crate::cli::talk) fn is_due(&self) -> bool {
        self.clock.now().saturating_since(self.ticked) >= SECOND
    }

    /// A laptop travels, and is not started anew for that.
    fn look_at_zone(&mut self) {
        let zone = Zone::system();
        if !self.app.goes_by(&zone) {
            let _ = self.take_now(tui::Input::Told(Told::Zone(zone)));
        }
    }

    /// Time has passed.
    pub(in crate::cli::talk) fn tick(&mut self) {
        if self.is_due() {
            self.ticked = self.clock.now();
            self.look_at_zone();
            let _ = self.take_now(tui::Input::Tick);
        }
    }
}

fn said_before(entry: Entry) -> Earlier {
    let state = match entry.standing {
        store::Standing::Received { missing } => {
            return Earlier::Theirs(Said {
                peer: entry.contact.peer(),
                name: entry.name,
                len: entry.body.len(),
                text: String::from_utf8(entry.body).ok(),
                at: entry.at,
                written: entry.sent_at,
                missing,
                again: false,
            });
        }
        store::Standing::Waiting => State::Queued,
        store::Standing::Delivered => State::Delivered,
        store::Standing::Failed(why) => State::Failed(why),
    };
    Earlier::Ours {
        name: entry.name,
        at: entry.at,
        text: String::from_utf8_lossy(&entry.body).into_owned(),
        state,
    }
}

fn now(clock: Clock, happened: Instant) -> Now {
    Now {
        instant: clock.now(),
        unix: clock.unix_time(),
        happened,
    }
}

/// Reads what happens at the terminal and when, on a thread that ends with the process. A terminal that is gone
/// ends the program as a hang-up does.
///
/// # Errors
/// If the terminal cannot be read, or no thread can be started.
pub(in crate::cli::talk) fn read_keys(inputs: Sender<Input>, clock: Clock) -> io::Result<()> {
    let mut reader = Reader::open(move || clock.now())?;
    let forward = move || {
        loop {
            let input = match reader.read() {
                Ok(Some((input, at))) => Input::Screen(input, at),
                Ok(None) => continue,
                Err(_) => Input::Signal(Signal::Hangup),
            };
            let is_end = matches!(input, Input::Signal(_));
            if inputs.send(input).is_err() || is_end {
                return;
            }
        }
    };
    thread::start("input", forward)?;
    Ok(())
}
