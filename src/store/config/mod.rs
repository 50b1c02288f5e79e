//! The settings, `config.toml`: what flags would say again and again. Everything is optional, and what is
//! not understood is an error, since a setting that is passed over would leave its user believing in it.

mod problem;
#[cfg(test)]
mod tests;

use core::net::SocketAddr;
use core::time::Duration;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::archive::Keep;
use super::atomic::read_checked;
use super::error::{Error, ErrorKind, Operation};
use super::passphrase::Program;
use super::permissions::{Access, check_parents};
use crate::text::{Safe, safe_name};
use crate::time::parse_duration;
pub use problem::{ConfigError, ConfigProblem};

/// The longest file that is read, in bytes: a hundred times what there is to say.
const CONFIG_MAX_LEN: usize = 64 << 10;

/// Between which a keepalive makes sense: more often costs more than it holds open, and no NAT keeps a
/// mapping for so long.
const KEEPALIVE_SHORTEST: Duration = Duration::from_secs(5);
const KEEPALIVE_LONGEST: Duration = Duration::from_secs(3600);

/// What the user has settled once and for all. A flag wins over it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// What we suggest others call us; unset for nothing.
    pub nickname: Option<Safe>,
    /// Which messages stay once they are over.
    pub keep: Keep,
    /// What prints the identity's passphrase.
    pub passphrase_command: Option<Program>,
    /// To whom something is sent so often that a NAT lets answers through.
    pub keepalive: Keepalive,
    /// Where to listen; unset for the program's own choice.
    pub listen: Option<SocketAddr>,
    /// What becomes of callers with an unknown key.
    pub callers: Callers,
    /// Whether an address given by hand is kept with its peer, once that has answered there.
    pub save_addresses: bool,
    /// How a conversation is shown.
    pub mode: Mode,
    /// What a notification may say.
    pub notify: Notify,
    /// Whether it rings the bell; unset for as it is usual where messages are shown.
    pub bell: Option<bool>,
    /// How a terminal is told of it.
    pub osc: Osc,
    /// What is run for it too.
    pub notify_command: Option<Program>,
    /// Whether the full screen has colours, where the terminal has.
    pub has_colours: bool,
    /// Whether none of our own glyphs is beyond ASCII; unset for as the locale says.
    pub ascii: Option<bool>,
    /// Whether the full screen begins with the mouse on.
    pub mouse: bool,
    /// Keys of the full screen that mean something else than usual: what that is, the face knows.
    pub bindings: Vec<Binding>,
}

/// A key that is to mean something else, as it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    /// In which line, counted from 1.
    pub line: usize,
    /// The key.
    pub key: String,
    /// What it does.
    pub action: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nickname: None,
            keep: Keep::default(),
            passphrase_command: None,
            keepalive: Keepalive::default(),
            listen: None,
            callers: Callers::default(),
            save_addresses: false,
            mode: Mode::default(),
            notify: Notify::default(),
            bell: None,
            osc: Osc::default(),
            notify_command: None,
            has_colours: true,
            ascii: None,
            mouse: false,
            bindings: Vec::new(),
        }
    }
}

/// To whom something is sent so often that a NAT lets answers through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Keepalive {
    /// To those between whom and us a NAT is seen.
    #[default]
    Auto,
    /// To nobody.
    Off,
    /// To everybody, so often.
    Every(Duration),
}

impl Keepalive {
    /// How often to everybody, if to everybody.
    #[must_use]
    pub const fn for_everybody(self) -> Option<Duration> {
        match self {
            Self::Every(interval) => Some(interval),
            Self::Auto | Self::Off => None,
        }
    }
}

/// How a conversation is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// On the whole terminal, if there is one.
    #[default]
    Auto,
    /// On the whole terminal, or not at all.
    Tui,
    /// In lines.
    Plain,
}

/// What a notification may say, beside the bell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Notify {
    /// Nothing.
    #[default]
    Off,
    /// From whom a message is.
    Sender,
    /// That, and what it says.
    Full,
}

/// The sequence that makes a terminal notify its user.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Osc {
    /// The one that the terminal is known to take.
    #[default]
    Auto,
    /// OSC 9, iTerm2's, which most take.
    Osc9,
    /// OSC 777, rxvt's.
    Osc777,
    /// OSC 99, kitty's.
    Osc99,
}

/// What becomes of callers with an unknown key. That all of them are let in is said for one run, by a flag.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Callers {
    /// Ask, if there is somebody to ask.
    #[default]
    Ask,
    /// Send them away.
    Strict,
}

impl Config {
    /// Reads the file; none means that nothing is set.
    ///
    /// # Errors
    /// `UnsafePermissions`, `WrongOwner` or `UnsafeDirectory` if others could have written it: it names a
    /// command that is run. `Config` if it is not understood; `LinkToNothing`, `Io`.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let content = match read_checked(path, Access::OthersRead) {
            Ok(content) => content,
            Err(error) if error.is_missing() => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        check_parents(path)?;
        let fail = |error| Error::new(path, Operation::Read, ErrorKind::Config(error));
        let text = str::from_utf8(&content.bytes)
            .map_err(|error| fail(ConfigError::not_text(&content.bytes, error)))?;
        parse_config(text).map_err(fail)
    }
}

impl Config {
    /// The error of a binding that whoever knows the keys does not understand: the `at`th of those of the file.
    #[must_use]
    pub fn refuse_binding(&self, path: &Path, at: usize, words: Safe, advice: Safe) -> Error {
        let problem = ConfigProblem::Binding { words, advice };
        let line = self.bindings.get(at).map_or(1, |binding| binding.line);
        let error = ConfigError { line, problem };
        Error::new(path, Operation::Read, ErrorKind::Config(error))
    }
}

/// Reads settings from the text of a file, of at most 64 KiB.
///
/// # Errors
/// What is wrong with it, and in which line; of several the first.
pub fn parse_config(text: &str) -> Result<Config, ConfigError> {
    if text.len() > CONFIG_MAX_LEN {
        return Err(ConfigError::new(text, 0, ConfigProblem::TooLong));
    }
    let sections = DeTable::parse(text).map_err(|error| ConfigError::syntax(text, &error))?;
    let mut config = Config::default();
    let mut problems = Vec::new();
    for (name, value) in sections.get_ref() {
        if name.get_ref() == BIND {
            take_bindings(&mut config, text, value, &mut problems);
            continue;
        }
        take_section(&mut config, name, value, &mut problems);
    }
    let first = problems.into_iter().min_by_key(|(at, _)| *at);
    first.map_or(Ok(config), |(at, problem)| {
        Err(ConfigError::new(text, at, problem))
    })
}

/// A problem, and at which byte.
type Problems = Vec<(usize, ConfigProblem)>;

type Name<'i> = Spanned<DeString<'i>>;
type Value<'i> = Spanned<DeValue<'i>>;

fn take_section(config: &mut Config, name: &Name<'_>, value: &Value<'_>, problems: &mut Problems) {
    let mut settings = SETTINGS.iter();
    let known = settings.find(|it| it.section == name.get_ref());
    let at = name.span().start;
    match (known, value.get_ref().as_table()) {
        (Some(known), Some(keys)) => {
            for (name, value) in keys {
                take(config, known.section, name, value, problems);
            }
        }
        (Some(known), None) => {
            problems.push((at, ConfigProblem::not_a_section(known.section)));
        }
        (None, Some(_)) => problems.push((at, ConfigProblem::unknown_section(name.get_ref()))),
        (None, None) => problems.push((at, ConfigProblem::outside(name.get_ref()))),
    }
}

/// Takes keys over as they are written, in the order of their lines.
fn take_bindings(config: &mut Config, text: &str, value: &Value<'_>, problems: &mut Problems) {
    let Some(keys) = value.get_ref().as_table() else {
        problems.push((value.span().start, ConfigProblem::not_a_section(BIND)));
        return;
    };
    for (key, value) in keys {
        let Some(action) = value.get_ref().as_str() else {
            problems.push((value.span().start, ConfigProblem::no_action()));
            continue;
        };
        config.bindings.push(Binding {
            line: problem::line_of(text, key.span().start),
            key: key.get_ref().to_string(),
            action: action.to_owned(),
        });
    }
    config.bindings.sort_by_key(|binding| binding.line);
}

fn take(
    config: &mut Config,
    section: &'static str,
    name: &Name<'_>,
    value: &Value<'_>,
    problems: &mut Problems,
) {
    let mut settings = SETTINGS.iter().filter(|it| it.section == section);
    let Some(setting) = settings.find(|it| it.key == name.get_ref()) else {
        let problem = ConfigProblem::unknown_key(section, name.get_ref());
        problems.push((name.span().start, problem));
        return;
    };
    if (setting.set)(config, value.get_ref()).is_none() {
        let problem = ConfigProblem::WrongValue {
            key: setting.key,
            form: setting.form,
        };
        problems.push((value.span().start, problem));
    }
}

/// The section of the keys of the full screen, which have no fixed names. `[keys]` is about secret ones.
const BIND: &str = "bind";

/// One thing that can be settled.
struct Setting {
    section: &'static str,
    key: &'static str,
    /// What may be set, behind "must be".
    form: &'static str,
    /// Takes a value in, or nothing if it is not of that form.
    set: fn(&mut Config, &DeValue<'_>) -> Option<()>,
}

/// Everything that can be settled.
const SETTINGS: &[Setting] = &[
    Setting {
        section: "chat",
        key: "nickname",
        form: "a name: lower-case letters, digits and . _ -",
        set: |config, value| {
            config.nickname = Some(safe_name(value.as_str()?).ok()?);
            Some(())
        },
    },
    Setting {
        section: "chat",
        key: "read_receipts",
        form: "false, or left out: this version sends none",
        set: |_, value| only(false, value),
    },
    Setting {
        section: "chat",
        key: "receipts",
        form: "true, or left out: they cannot be switched off",
        set: |_, value| only(true, value),
    },
    Setting {
        section: "chat",
        key: "typing",
        form: "false, or left out: this version tells nobody that you type",
        set: |_, value| only(false, value),
    },
    Setting {
        section: "history",
        key: "keep",
        form: "\"off\", \"session\", \"30d\" or \"forever\"",
        set: |config, value| {
            config.keep = Keep::parse(value.as_str()?)?;
            Some(())
        },
    },
    Setting {
        section: "keys",
        key: "passphrase_command",
        form: "a list: a program and its arguments, such as [\"pass\", \"show\", \"securechat\"]",
        set: |config, value| {
            config.passphrase_command = Some(command(value)?);
            Some(())
        },
    },
    Setting {
        section: "net",
        key: "keepalive",
        form: "\"auto\", \"off\", or a time from 5s to 1h, such as \"25s\"",
        set: |config, value| {
            config.keepalive = keepalive(value.as_str()?)?;
            Some(())
        },
    },
    Setting {
        section: "net",
        key: "listen",
        form: "an address and a port, such as \"[::]:7419\" or \"127.0.0.1:7420\"",
        set: |config, value| {
            config.listen = Some(value.as_str()?.parse().ok()?);
            Some(())
        },
    },
    Setting {
        section: "net",
        key: "save_addresses",
        form: "true or false",
        set: |config, value| {
            config.save_addresses = value.as_bool()?;
            Some(())
        },
    },
    Setting {
        section: "net",
        key: "trust",
        form: "\"ask\" or \"strict\" (\"new\" is for the flag --trust alone)",
        set: |config, value| {
            config.callers = callers(value.as_str()?)?;
            Some(())
        },
    },
    Setting {
        section: "notify",
        key: "bell",
        form: "true or false",
        set: |config, value| {
            config.bell = Some(value.as_bool()?);
            Some(())
        },
    },
    Setting {
        section: "notify",
        key: "command",
        form: "a list: a program and its arguments, such as [\"notify-send\", \"securechat\"], or [] for none",
        set: |config, value| {
            let is_none = value.as_array()?.is_empty();
            config.notify_command = if is_none { None } else { Some(command(value)?) };
            Some(())
        },
    },
    Setting {
        section: "notify",
        key: "desktop",
        form: "\"off\", \"sender\" or \"full\"",
        set: |config, value| {
            config.notify = notify(value.as_str()?)?;
            Some(())
        },
    },
    Setting {
        section: "notify",
        key: "terminal",
        form: "\"auto\", \"osc9\", \"osc777\" or \"osc99\"",
        set: |config, value| {
            config.osc = osc(value.as_str()?)?;
            Some(())
        },
    },
    Setting {
        section: "ui",
        key: "ascii",
        form: "true or false",
        set: |config, value| {
            config.ascii = Some(value.as_bool()?);
            Some(())
        },
    },
    Setting {
        section: "ui",
        key: "mode",
        form: "\"auto\", \"tui\" or \"plain\"",
        set: |config, value| {
            config.mode = mode(value.as_str()?)?;
            Some(())
        },
    },
    Setting {
        section: "ui",
        key: "mouse",
        form: "true or false",
        set: |config, value| {
            config.mouse = value.as_bool()?;
            Some(())
        },
    },
    Setting {
        section: "ui",
        key: "theme",
        form: "\"terminal\" (its own colours) or \"mono\" (none)",
        set: |config, value| {
            config.has_colours = match value.as_str()? {
                "terminal" => true,
                "mono" => false,
                _ => return None,
            };
            Some(())
        },
    },
];

/// The section and the key of everything that can be settled, section by section.
pub fn config_keys() -> impl Iterator<Item = (&'static str, &'static str)> {
    SETTINGS.iter().map(|it| (it.section, it.key))
}

fn command(value: &DeValue<'_>) -> Option<Program> {
    let mut words = value.as_array()?.iter().map(|word| {
        let word = word.get_ref().as_str()?;
        // No system takes a program or an argument with a zero in it.
        (!word.contains('\0')).then(|| word.to_owned())
    });
    let name = words.next()??;
    let args = words.collect::<Option<_>>()?;
    (!name.is_empty()).then_some(Program { name, args })
}

/// What says how this version is, and cannot change it.
fn only(always: bool, value: &DeValue<'_>) -> Option<()> {
    (value.as_bool()? == always).then_some(())
}

fn keepalive(text: &str) -> Option<Keepalive> {
    match text {
        "auto" => return Some(Keepalive::Auto),
        "off" => return Some(Keepalive::Off),
        _ => {}
    }
    let time = parse_duration(text).ok()?;
    let sensible = KEEPALIVE_SHORTEST..=KEEPALIVE_LONGEST;
    sensible.contains(&time).then_some(Keepalive::Every(time))
}

fn mode(text: &str) -> Option<Mode> {
    match text {
        "auto" => Some(Mode::Auto),
        "tui" => Some(Mode::Tui),
        "plain" => Some(Mode::Plain),
        _ => None,
    }
}

fn notify(text: &str) -> Option<Notify> {
    match text {
        "off" => Some(Notify::Off),
        "sender" => Some(Notify::Sender),
        "full" => Some(Notify::Full),
        _ => None,
    }
}

fn osc(text: &str) -> Option<Osc> {
    match text {
        "auto" => Some(Osc::Auto),
        "osc9" => Some(Osc::Osc9),
        "osc777" => Some(Osc::Osc777),
        "osc99" => Some(Osc::Osc99),
        _ => None,
    }
}

fn callers(text: &str) -> Option<Callers> {
    match text {
        "ask" => Some(Callers::Ask),
        "strict" => Some(Callers::Strict),
        _ => None,
    }
}
