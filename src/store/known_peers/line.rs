//! One line of known-peers: taken apart, and changed without touching the rest of it.

use core::fmt;
use core::ops::Range;

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::calendar::Day;
use crate::crypto::{Psk, is_possible, scrub_stack};
use crate::id::{PeerId, VerifyingKey};
use crate::store::host_port::HostPort;
use crate::store::key_text::{decode_key, decode_secret, is_secret, key_text};
use crate::store::psk::psk_of;
use crate::text::{NameError, Safe, safe_line, safe_name};

/// The mark of a key that is never to be trusted again.
pub(super) const REVOKED_MARK: &str = "@revoked";

/// Why a line cannot be understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DamageReason {
    /// It is not UTF-8.
    NotText,
    /// It has a name but no key, or a mark but no key.
    NoKey,
    /// Its name is not allowed as one.
    BadName(NameError),
    /// Its key is not a public key.
    BadKey,
    /// Nobody can have its key.
    NobodysKey,
    /// It holds a secret key.
    SecretKey,
    /// It begins with a mark other than `@revoked`.
    UnknownMark,
    /// A word after the key is not of the form `option=value`.
    BadOption,
    /// A quotation mark is missing.
    BadQuote,
    /// `addr=` is not `host:port`.
    BadAddress,
    /// `seen=`, `verified=` or `differed=` is not a day.
    BadDay,
    /// `psk=` is not 32 bytes in base64.
    BadPsk,
    /// `psk=` is 32 zero bytes, which is as good as none.
    NoPsk,
    /// `sign=` is not 32 bytes in base64.
    BadSigningKey,
    /// `version=` is not the number of a version.
    BadVersion,
    /// An option that may stand once stands twice.
    Repeated,
    /// The name stands on an earlier line.
    SameName {
        /// Counted from 1.
        line: usize,
    },
    /// The key has a name on an earlier line.
    SameKey {
        /// Counted from 1.
        line: usize,
    },
    /// The name looks like the one on an earlier line.
    LookAlike {
        /// Counted from 1.
        line: usize,
    },
}

impl fmt::Display for DamageReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => write!(f, "it is not text"),
            Self::NoKey => write!(f, "a key is missing"),
            Self::BadName(error) => write!(f, "{error}"),
            Self::BadKey => write!(f, "the key is not a public key"),
            Self::NobodysKey => write!(f, "nobody can have this key"),
            Self::SecretKey => write!(f, "a SECRET key stands here"),
            Self::UnknownMark => write!(f, "only @revoked may stand before a key"),
            Self::BadOption => write!(f, "what follows the key is not option=value"),
            Self::BadQuote => write!(f, "a quotation mark is missing or stands in a wrong place"),
            Self::BadAddress => write!(f, "addr= is not host:port"),
            Self::BadDay => write!(
                f,
                "seen=, verified= and differed= need a day such as 2026-11-21"
            ),
            Self::BadPsk => write!(f, "psk= is not a key of 32 bytes"),
            Self::NoPsk => write!(f, "psk= is nothing but zeros, which is no secret"),
            Self::BadSigningKey => write!(f, "sign= is not a key of 32 bytes"),
            Self::BadVersion => write!(f, "version= is not the number of a version"),
            Self::Repeated => write!(f, "an option stands twice"),
            Self::SameName { line } => write!(f, "the name stands on line {line} already"),
            Self::SameKey { line } => write!(f, "the key stands on line {line} already"),
            Self::LookAlike { line } => write!(f, "the name looks like the one on line {line}"),
        }
    }
}

#[cfg(test)]
thread_local! {
    static PARSED: core::cell::Cell<usize> = const { core::cell::Cell::new(0) };
}

/// How many lines this thread has read.
#[cfg(test)]
pub(crate) fn parsed_for_testing_only() -> usize {
    PARSED.with(core::cell::Cell::get)
}

/// What a line means.
pub(super) enum Content {
    /// A remark or nothing.
    Nothing,
    Peer(Box<PeerLine>),
    Revoked {
        key: PeerId,
        reason: Option<Safe>,
    },
}

/// What a peer's line says.
#[derive(Clone)]
pub(super) struct PeerLine {
    pub(super) name: Safe,
    pub(super) key: PeerId,
    pub(super) addresses: Vec<HostPort>,
    /// Days in UTC: finer would tell a thief of the file more than it tells its owner.
    pub(super) seen: Option<Day>,
    pub(super) verified: Option<Day>,
    pub(super) differed: Option<Day>,
    pub(super) psk: Option<Arc<Psk>>,
    pub(super) signing_key: Option<VerifyingKey>,
    pub(super) version: Option<u16>,
}

/// Whether a line that cannot be understood begins as one that says something of a key, perhaps behind what does not
/// show.
pub(super) fn has_mark(line: &[u8]) -> bool {
    line.iter().find(|byte| byte.is_ascii_graphic()) == Some(&b'@')
}

/// Reads one line, given without its line end.
pub(super) fn parse(line: &[u8]) -> Result<Content, DamageReason> {
    #[cfg(test)]
    PARSED.with(|count| count.set(count.get() + 1));
    let line = str::from_utf8(line).map_err(|_| DamageReason::NotText)?;
    let words = split(line)?;
    let mut words = words.into_iter().filter_map(|span| line.get(span));
    let Some(first) = words.next() else {
        return Ok(Content::Nothing);
    };
    let name = match first {
        REVOKED_MARK => None,
        mark if mark.starts_with('@') => return Err(DamageReason::UnknownMark),
        name => Some(parse_name(name)?),
    };
    let key = parse_key(words.next().ok_or(DamageReason::NoKey)?)?;
    match name {
        Some(name) => parse_peer(name, key, words),
        None => parse_revoked(key, words),
    }
}

fn parse_name(word: &str) -> Result<Safe, DamageReason> {
    safe_name(word).map_err(|error| secret_or(word, DamageReason::BadName(error)))
}

fn parse_key(word: &str) -> Result<PeerId, DamageReason> {
    let key = decode_key(word).map_err(|_| secret_or(word, DamageReason::BadKey))?;
    is_possible(&key)
        .then_some(key)
        .ok_or(DamageReason::NobodysKey)
}

/// What is wrong with a word that is not what it should be.
fn secret_or(word: &str, reason: DamageReason) -> DamageReason {
    if is_secret(word) {
        DamageReason::SecretKey
    } else {
        reason
    }
}

fn parse_peer<'a>(
    name: Safe,
    key: PeerId,
    options: impl Iterator<Item = &'a str>,
) -> Result<Content, DamageReason> {
    let mut peer = PeerLine {
        name,
        key,
        addresses: Vec::new(),
        seen: None,
        verified: None,
        differed: None,
        psk: None,
        signing_key: None,
        version: None,
    };
    for word in options {
        let (option, value) = parse_option(word)?;
        take_option(option, &value, &mut peer)?;
    }
    Ok(Content::Peer(Box::new(peer)))
}

fn take_option(option: &str, value: &str, peer: &mut PeerLine) -> Result<(), DamageReason> {
    let day = || value.parse::<Day>().map_err(|_| DamageReason::BadDay);
    match option {
        "addr" => peer
            .addresses
            .push(value.parse().map_err(|_| DamageReason::BadAddress)?),
        "seen" => set_once(&mut peer.seen, day()?)?,
        "verified" => set_once(&mut peer.verified, day()?)?,
        "differed" => set_once(&mut peer.differed, day()?)?,
        "psk" => {
            set_once(&mut peer.psk, Arc::new(parse_psk(value)?))?;
            scrub_stack();
        }
        "sign" => set_once(&mut peer.signing_key, parse_signing_key(value)?)?,
        "version" => {
            let version = value.parse().map_err(|_| DamageReason::BadVersion)?;
            set_once(&mut peer.version, version)?;
        }
        // A later version's.
        _ => {}
    }
    Ok(())
}

#[inline(never)]
fn parse_psk(value: &str) -> Result<Psk, DamageReason> {
    let mut bytes = decode_secret(value).map_err(|_| DamageReason::BadPsk)?;
    psk_of(&mut bytes).ok_or(DamageReason::NoPsk)
}

fn parse_signing_key(value: &str) -> Result<VerifyingKey, DamageReason> {
    let key = decode_key(value).map_err(|_| DamageReason::BadSigningKey)?;
    Ok(VerifyingKey::new(*key.as_bytes()))
}

fn set_once<T>(place: &mut Option<T>, value: T) -> Result<(), DamageReason> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(DamageReason::Repeated),
    }
}

fn parse_revoked<'a>(
    key: PeerId,
    options: impl Iterator<Item = &'a str>,
) -> Result<Content, DamageReason> {
    let mut reason = None;
    for word in options {
        let (option, value) = parse_option(word)?;
        if option == "reason" {
            set_once(&mut reason, safe_line(&value))?;
        }
    }
    Ok(Content::Revoked { key, reason })
}

/// Splits `option=value` or `option="value"`.
fn parse_option(word: &str) -> Result<(&str, Zeroizing<String>), DamageReason> {
    let (option, value) = word.split_once('=').ok_or(DamageReason::BadOption)?;
    let mut letters = option.bytes();
    let starts_well = letters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase());
    let is_letter =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    if !starts_well || !letters.all(is_letter) {
        return Err(DamageReason::BadOption);
    }
    Ok((option, unquote(value)?))
}

fn unquote(value: &str) -> Result<Zeroizing<String>, DamageReason> {
    let Some(inner) = value.strip_prefix('"') else {
        return if value.contains('"') {
            Err(DamageReason::BadQuote)
        } else {
            Ok(value.to_owned().into())
        };
    };
    let mut out = Zeroizing::new(String::with_capacity(inner.len()));
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' if rest.as_str().is_empty() => return Ok(out),
            '"' => return Err(DamageReason::BadQuote),
            '\\' => out.push(rest.next().ok_or(DamageReason::BadQuote)?),
            c => out.push(c),
        }
    }
    Err(DamageReason::BadQuote)
}

/// A value as it is written: quoted if it has to be.
pub(super) fn quote(value: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !matches!(c, '"' | '\\' | '#');
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', r"\\").replace('"', "\\\""))
}

/// Where the words of a line are. Space separates words unless it is quoted; a word that begins
/// with `#` begins a remark.
fn split(line: &str) -> Result<Vec<Range<usize>>, DamageReason> {
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        let rest = line.get(at..).unwrap_or_default();
        at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let rest = line.get(at..).unwrap_or_default();
        if rest.is_empty() || rest.starts_with('#') {
            return Ok(words);
        }
        let end = at + word_len(rest)?;
        words.push(at..end);
        at = end;
    }
}

fn word_len(rest: &str) -> Result<usize, DamageReason> {
    let mut quoted = false;
    let mut escaped = false;
    for (position, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ' ' | '\t' if !quoted => return Ok(position),
            _ => {}
        }
    }
    if quoted {
        Err(DamageReason::BadQuote)
    } else {
        Ok(rest.len())
    }
}

/// The line with another name.
pub(super) fn with_name(line: &str, name: &Safe) -> String {
    match split(line).unwrap_or_default().first() {
        Some(word) => replaced(line, word.clone(), name.as_str()),
        None => line.to_owned(),
    }
}

/// The line with another key.
pub(super) fn with_key(line: &str, key: &PeerId) -> String {
    match split(line).unwrap_or_default().get(1) {
        Some(word) => replaced(line, word.clone(), key_text(key).as_str()),
        None => line.to_owned(),
    }
}

/// The line with these values of an option and no others: they take the places that the option has,
/// then the end of the line, before a remark.
pub(super) fn with_option(line: &str, option: &str, values: &[String]) -> String {
    let mut line = line.to_owned();
    let mut values = values.iter();
    let places = split(&line).unwrap_or_default().into_iter().skip(2);
    let prefix = format!("{option}=");
    let mut places: Vec<_> = places
        .filter(|place| {
            line.get(place.clone())
                .is_some_and(|word| word.starts_with(&prefix))
        })
        .map(|place| (place, values.next()))
        .collect();
    // From the back, so that the places in front stay where they are.
    while let Some((place, value)) = places.pop() {
        line = match value {
            Some(value) => replaced(&line, place, &format!("{prefix}{}", quote(value))),
            None => without(&line, place),
        };
    }
    values.fold(line, |line, value| {
        appended(&line, &format!("{prefix}{}", quote(value)))
    })
}

fn replaced(line: &str, place: Range<usize>, word: &str) -> String {
    let mut line = line.to_owned();
    line.replace_range(place, word);
    line
}

/// Takes out a word and the space before it.
fn without(line: &str, place: Range<usize>) -> String {
    let before = line
        .get(..place.start)
        .unwrap_or_default()
        .trim_end_matches([' ', '\t']);
    replaced(line, before.len()..place.end, "")
}

fn appended(line: &str, word: &str) -> String {
    let end = split(line)
        .unwrap_or_default()
        .last()
        .map_or(0, |word| word.end);
    replaced(line, end..end, &format!(" {word}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_explains_every_option() {
        let example = include_str!("../../../keys/known-peers.example");
        let source = include_str!("line.rs")
            .split_once("fn take_option(")
            .unwrap()
            .1;
        let source = source.split_once("A later version's").unwrap().0;
        let options: Vec<&str> = source
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix('"')?.split_once("\" =>"))
            .map(|(option, _)| option)
            .collect();
        assert_eq!(options.first(), Some(&"addr"));
        for option in options {
            assert!(example.contains(&format!("\n#   {option}=")), "{option}");
        }
    }
}
