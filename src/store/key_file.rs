//! The secret key file: remarks, and one line that is the key.
//!
//! ```text
//! # securechat secret key - anyone who reads this file can be you
//! # created: 2026-11-21T02:09:00Z   comment: alice@laptop
//! # public key: xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
//! SECURECHAT-SECRET-KEY-1:<44 characters of standard base64>
//! ```

use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::error::{Error, ErrorKind, Operation};
use super::key_text::{SECRET_PREFIX, decode_key, decode_secret, key_text};
use super::passphrase::Passphrase;
use super::protection::{Cost, Sealed};
use crate::calendar::Zone;
use crate::crypto::{StaticSecret, scrub_stack};
use crate::id::PeerId;
use crate::text::{Safe, safe_line};
use crate::time::UnixTime;

const WARNING: &str = "# securechat secret key - anyone who reads this file can be you";
const CREATED: &str = "# created: ";
const COMMENT: &str = "   comment: ";
const PUBLIC: &str = "# public key: ";

/// What is wrong with a file of the other kind.
pub(super) const PUBLIC_KEY_GIVEN: &str =
    "it is a public key file; an identity is the file with the secret key";

/// A secret key as a file holds it: perhaps protected by a passphrase, with remarks.
pub struct KeyFile {
    /// The remarks before the key's line, as they were read.
    remarks: String,
    key: Key,
}

enum Key {
    Plain(StaticSecret),
    Sealed(Box<Sealed>),
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile")
            .field("public", &self.public())
            .finish_non_exhaustive()
    }
}

impl KeyFile {
    /// Puts a secret into the form of a file, protected if there is a passphrase.
    ///
    /// `comment`: whose key it is and where, such as `alice@laptop`; may be empty.
    ///
    /// # Errors
    /// `Io` if there is no memory for protecting it.
    pub fn new(
        secret: &StaticSecret,
        created: UnixTime,
        comment: &str,
        passphrase: Option<&Passphrase>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, Error> {
        Self::with_cost(
            secret,
            created,
            comment,
            passphrase.map(|it| (it, Cost::USUAL)),
            rng,
        )
    }

    /// As [`KeyFile::new`]; the tests' cost is low.
    pub(super) fn with_cost(
        secret: &StaticSecret,
        created: UnixTime,
        comment: &str,
        protect: Option<(&Passphrase, Cost)>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, Error> {
        let remarks = remarks(&secret.public(), created, comment);
        let key = Key::new(secret, protect, rng).map_err(cannot_create)?;
        Ok(Self { remarks, key })
    }

    /// The same identity and remarks under another passphrase, or under none.
    ///
    /// # Errors
    /// Those of [`KeyFile::open`] with `old`, and `Io` if there is no memory.
    pub fn with_passphrase(
        &self,
        old: Option<&Passphrase>,
        new: Option<&Passphrase>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, Error> {
        let secret = self.open(old)?;
        let protect = new.map(|new| (new, Cost::USUAL));
        let key = Key::new(&secret, protect, rng).map_err(cannot_create)?;
        Ok(Self {
            remarks: self.remarks.clone(),
            key,
        })
    }

    /// Reads the content of a key file.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn parse(content: &[u8]) -> Result<Self, Error> {
        let parsed = parse(content);
        scrub_stack();
        parsed.map_err(|kind| Error::without_path(Operation::Read, kind))
    }

    /// The content of the file, for `keygen -o -` too.
    #[must_use]
    pub fn render(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(self.remarks.len() + 256));
        text.push_str(&self.remarks);
        match &self.key {
            Key::Plain(secret) => {
                text.push_str(SECRET_PREFIX);
                STANDARD.encode_string(secret.expose(), &mut text);
            }
            Key::Sealed(sealed) => text.push_str(&sealed.to_string()),
        }
        text.push('\n');
        scrub_stack();
        text
    }

    /// Whether [`KeyFile::open`] needs a passphrase.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        matches!(self.key, Key::Sealed(_))
    }

    /// The public half, as the remarks give it: good enough to show, proved by [`KeyFile::open`].
    #[must_use]
    pub fn public(&self) -> Option<PeerId> {
        self.remark(PUBLIC)
            .and_then(|key| decode_key(key.trim()).ok())
    }

    /// When the key was made, as the remarks give it.
    #[must_use]
    pub fn created(&self) -> Option<Safe> {
        let line = self.remark(CREATED)?;
        Some(safe_line(line.split(' ').next()?))
    }

    /// Whose key it is, as the remarks give it.
    #[must_use]
    pub fn comment(&self) -> Option<Safe> {
        let (_, comment) = self.remark(CREATED)?.split_once(COMMENT)?;
        Some(safe_line(comment))
    }

    /// Gives the secret out.
    ///
    /// # Errors
    /// `PassphraseNeeded`, `WrongPassphrase`; `Malformed` if the remarks name another public key.
    pub fn open(&self, passphrase: Option<&Passphrase>) -> Result<StaticSecret, Error> {
        let opened = self.key.open(passphrase);
        scrub_stack();
        let secret = opened.map_err(|kind| Error::without_path(Operation::Read, kind))?;
        if self.public().is_some_and(|named| named != secret.public()) {
            let reason = "its public key line belongs to another key";
            return Err(Error::without_path(
                Operation::Read,
                ErrorKind::Malformed { reason },
            ));
        }
        Ok(secret)
    }

    fn remark(&self, beginning: &str) -> Option<&str> {
        self.remarks
            .lines()
            .find_map(|line| line.strip_prefix(beginning))
    }
}

impl Key {
    #[inline(never)]
    fn new(
        secret: &StaticSecret,
        protect: Option<(&Passphrase, Cost)>,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, ErrorKind> {
        let Some((passphrase, cost)) = protect else {
            return Ok(Self::Plain(secret.duplicate()));
        };
        let sealed = Sealed::seal(secret, passphrase, cost, rng);
        scrub_stack();
        Ok(Self::Sealed(Box::new(sealed?)))
    }

    #[inline(never)]
    fn open(&self, passphrase: Option<&Passphrase>) -> Result<StaticSecret, ErrorKind> {
        match (self, passphrase) {
            (Self::Plain(secret), _) => Ok(secret.duplicate()),
            (Self::Sealed(sealed), Some(passphrase)) => sealed.open(passphrase),
            (Self::Sealed(_), None) => Err(ErrorKind::PassphraseNeeded),
        }
    }
}

fn cannot_create(kind: ErrorKind) -> Error {
    Error::without_path(Operation::Create, kind)
}

fn remarks(public: &PeerId, created: UnixTime, comment: &str) -> String {
    let comment = match safe_line(comment.trim()) {
        none if none.as_str().is_empty() => String::new(),
        comment => format!("{COMMENT}{comment}"),
    };
    let created = Zone::utc().at(created).utc();
    format!(
        "{WARNING}\n{CREATED}{created}{comment}\n{PUBLIC}{}\n",
        key_text(public)
    )
}

/// Not inlined: what it leaves on the stack is scrubbed by its caller.
#[inline(never)]
fn parse(content: &[u8]) -> Result<KeyFile, ErrorKind> {
    let malformed = |reason| ErrorKind::Malformed { reason };
    let text = str::from_utf8(content).map_err(|_| malformed("it is not text"))?;
    let mut remarks = String::new();
    let mut key = None;
    for line in text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim_end)
    {
        let is_remark = line.is_empty() || line.starts_with('#');
        match (is_remark, &key) {
            (true, None) => remarks.extend([line, "\n"]),
            (true, Some(_)) => {}
            (false, None) => key = Some(parse_key(line)?),
            (false, Some(_)) => return Err(malformed("it has more than one key")),
        }
    }
    let key = key.ok_or_else(|| malformed("it holds no secret key"))?;
    Ok(KeyFile { remarks, key })
}

fn parse_key(line: &str) -> Result<Key, ErrorKind> {
    let Some(secret) = line.strip_prefix(SECRET_PREFIX) else {
        return match Sealed::parse(line) {
            Ok(sealed) => Ok(Key::Sealed(Box::new(sealed))),
            Err(_) if decode_key(line.split(' ').next().unwrap_or_default()).is_ok() => {
                Err(ErrorKind::Malformed {
                    reason: PUBLIC_KEY_GIVEN,
                })
            }
            Err(kind) => Err(kind),
        };
    };
    let mut bytes = decode_secret(secret).map_err(|_| ErrorKind::Malformed {
        reason: "its secret key is damaged",
    })?;
    Ok(Key::Plain(StaticSecret::from_bytes(&mut bytes)))
}
