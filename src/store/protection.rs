//! A secret key under a passphrase: argon2id makes the key, XChaCha20-Poly1305 seals.
//!
//! ```text
//! SECURECHAT-ENCRYPTED-KEY-1:argon2id:m=65536,t=3,p=4:<salt>:<nonce>:<ciphertext>
//! ```
//!
//! Every character before the ciphertext is authenticated, so that nobody can lower the cost of
//! guessing or swap the parts of two files.

use core::fmt;
use core::ops::RangeInclusive;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::error::ErrorKind;
use super::key_text::ENCRYPTED_PREFIX;
use super::passphrase::Passphrase;
use crate::crypto::{StaticSecret, TAG_LEN, open_at_rest, seal_at_rest};

/// How hard a guess is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// RFC 9106's second choice: 64 MiB; a third of a second on a common machine.
    pub(super) const USUAL: Self = Self {
        memory_kib: 65_536,
        passes: 3,
        lanes: 4,
    };

    /// The least that is accepted, for tests that do not wait.
    #[cfg(test)]
    pub(super) const LEAST: Self = Self {
        memory_kib: *MEMORY_KIB.start(),
        passes: 1,
        lanes: 1,
    };
}

/// What is accepted: less is guessed too soon (OWASP's least is 19 MiB), more could be a file that
/// is meant to occupy the machine.
const MEMORY_KIB: RangeInclusive<u32> = 19 * 1024..=1024 * 1024;
const PASSES: RangeInclusive<u32> = 1..=16;
const LANES: RangeInclusive<u32> = 1..=16;

const SALT_LEN: usize = 16;
const NONCE_LEN: usize = 24;
const SEALED_LEN: usize = 32 + TAG_LEN;

/// A sealed secret key, as it stands in a key file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sealed {
    cost: Cost,
    salt: [u8; SALT_LEN],
    nonce: [u8; NONCE_LEN],
    sealed: [u8; SEALED_LEN],
    /// Everything before the ciphertext, as it was read.
    authenticated: String,
}

impl Sealed {
    /// Seals a secret with a fresh salt and nonce.
    pub(super) fn seal(
        secret: &StaticSecret,
        passphrase: &Passphrase,
        cost: Cost,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, ErrorKind> {
        let (mut salt, mut nonce) = ([0; SALT_LEN], [0; NONCE_LEN]);
        rng.fill_bytes(&mut salt);
        rng.fill_bytes(&mut nonce);
        let authenticated = format!(
            "{ENCRYPTED_PREFIX}argon2id:{cost}:{}:{}:",
            STANDARD.encode(salt),
            STANDARD.encode(nonce)
        );
        let key = stretch(passphrase, &salt, cost)?;
        let sealed = seal_at_rest(&key, &nonce, authenticated.as_bytes(), secret.expose());
        let sealed = sealed
            .try_into()
            .expect("a sealed key is 32 bytes and a tag");
        Ok(Self {
            cost,
            salt,
            nonce,
            sealed,
            authenticated,
        })
    }

    /// Opens it.
    pub(super) fn open(&self, passphrase: &Passphrase) -> Result<StaticSecret, ErrorKind> {
        let key = stretch(passphrase, &self.salt, self.cost)?;
        let opened = open_at_rest(
            &key,
            &self.nonce,
            self.authenticated.as_bytes(),
            &self.sealed,
        );
        let opened = opened.map_err(|_| ErrorKind::WrongPassphrase)?;
        let mut bytes = Zeroizing::new([0; 32]);
        bytes.copy_from_slice(&opened);
        Ok(StaticSecret::from_bytes(&mut bytes))
    }

    /// Reads the line of a key file.
    pub(super) fn parse(line: &str) -> Result<Self, ErrorKind> {
        let malformed = ErrorKind::Malformed {
            reason: "its protected key is damaged",
        };
        parse(line).ok_or(malformed).and_then(Self::check_cost)
    }

    fn check_cost(self) -> Result<Self, ErrorKind> {
        let Cost {
            memory_kib,
            passes,
            lanes,
        } = self.cost;
        if MEMORY_KIB.contains(&memory_kib) && PASSES.contains(&passes) && LANES.contains(&lanes) {
            return Ok(self);
        }
        Err(ErrorKind::Malformed {
            reason: "its passphrase parameters are out of range",
        })
    }
}

impl fmt::Display for Sealed {
    /// The line of a key file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.authenticated, STANDARD.encode(self.sealed))
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "m={},t={},p={}",
            self.memory_kib, self.passes, self.lanes
        )
    }
}

fn parse(line: &str) -> Option<Sealed> {
    let mut parts = line
        .strip_prefix(ENCRYPTED_PREFIX)?
        .strip_prefix("argon2id:")?
        .split(':');
    let cost = parse_cost(parts.next()?)?;
    let salt = decode(parts.next()?)?;
    let nonce = decode(parts.next()?)?;
    let ciphertext = parts.next()?;
    let sealed = decode(ciphertext)?;
    let authenticated = line.strip_suffix(ciphertext)?.to_owned();
    parts.next().is_none().then_some(Sealed {
        cost,
        salt,
        nonce,
        sealed,
        authenticated,
    })
}

fn parse_cost(text: &str) -> Option<Cost> {
    let mut parts = text.split(',');
    let mut number = |name: &str| parts.next()?.strip_prefix(name)?.parse().ok();
    let cost = Cost {
        memory_kib: number("m=")?,
        passes: number("t=")?,
        lanes: number("p=")?,
    };
    parts.next().is_none().then_some(cost)
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// The key that a passphrase stands for. argon2 and the allocator wipe its memory.
fn stretch(
    passphrase: &Passphrase,
    salt: &[u8; SALT_LEN],
    cost: Cost,
) -> Result<Zeroizing<[u8; 32]>, ErrorKind> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32))
        .expect("an accepted cost is one that argon2 knows");
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose(), salt, key.as_mut())
        .map_err(|_| ErrorKind::Io(std::io::ErrorKind::OutOfMemory.into()))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    fn sealed(passphrase: &str) -> (StaticSecret, Sealed) {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let secret = StaticSecret::generate(&mut rng);
        let passphrase = Passphrase::new(passphrase).unwrap();
        let sealed = Sealed::seal(&secret, &passphrase, Cost::LEAST, &mut rng).unwrap();
        (secret, sealed)
    }

    fn reason(line: &str) -> &'static str {
        let Err(ErrorKind::Malformed { reason }) = Sealed::parse(line) else {
            panic!("not refused as malformed: {line}")
        };
        reason
    }

    #[test]
    fn the_right_passphrase_opens_what_it_sealed() {
        let (secret, sealed) = sealed("correct horse");
        let read = Sealed::parse(&sealed.to_string()).unwrap();
        assert_eq!(read, sealed);
        let opened = read
            .open(&Passphrase::new("correct horse").unwrap())
            .unwrap();
        assert_eq!(opened.expose(), secret.expose());
    }

    #[test]
    fn another_passphrase_does_not() {
        let (_, sealed) = sealed("correct horse");
        let result = sealed.open(&Passphrase::new("correct house").unwrap());
        assert!(matches!(result, Err(ErrorKind::WrongPassphrase)));
    }

    #[test]
    fn every_character_is_authenticated() {
        let (_, sealed) = sealed("x");
        let passphrase = Passphrase::new("x").unwrap();
        let line = sealed.to_string();
        let cost = Cost::LEAST.to_string();
        let altered = [
            line.replace(&cost, "m=19457,t=1,p=1"),
            line.replace(&cost, "m=019456,t=1,p=1"),
            line.replace(&cost, "m=+19456,t=1,p=1"),
        ];
        for altered in altered.into_iter().chain(flipped(&line)) {
            let opens =
                Sealed::parse(&altered).is_ok_and(|sealed| sealed.open(&passphrase).is_ok());
            assert!(!opens, "{altered}");
        }
    }

    /// The line with one character of salt, nonce or ciphertext changed, one variant each.
    fn flipped(line: &str) -> impl Iterator<Item = String> {
        let parts: Vec<_> = line.match_indices(':').map(|(at, _)| at + 1).collect();
        [parts[2], parts[3], parts[4], line.len() - 3]
            .into_iter()
            .map(move |at| {
                let old = &line[at..=at];
                let new = if old == "A" { "B" } else { "A" };
                format!("{}{new}{}", &line[..at], &line[at + 1..])
            })
    }

    #[test]
    fn absurd_parameters_are_refused_before_any_work() {
        let line = sealed("x").1.to_string();
        let cost = Cost::LEAST.to_string();
        for absurd in [
            "m=19455,t=1,p=1",
            "m=1048577,t=1,p=1",
            "m=65536,t=0,p=1",
            "m=65536,t=17,p=1",
            "m=65536,t=3,p=0",
            "m=65536,t=3,p=17",
            "m=4294967295,t=4294967295,p=4294967295",
        ] {
            let reason = reason(&line.replace(&cost, absurd));
            assert_eq!(
                reason, "its passphrase parameters are out of range",
                "{absurd}"
            );
        }
        for damaged in [
            "",
            "m=65536",
            "m=65536,t=3,p=4,x=1",
            "t=3,m=65536,p=4",
            "m=4294967296,t=1,p=1",
        ] {
            assert_eq!(
                reason(&line.replace(&cost, damaged)),
                "its protected key is damaged"
            );
        }
    }

    #[test]
    fn a_cut_line_is_damaged() {
        let line = sealed("x").1.to_string();
        for length in 0..line.len() {
            reason(&line[..length]);
        }
        reason(&format!("{line}:"));
        reason(&line.replace("argon2id", "argon2d"));
    }

    /// The line was opened, too, by an implementation written from RFC 9106 and RFC 8439 alone.
    #[test]
    fn a_file_of_today_opens_for_ever() {
        let line = "SECURECHAT-ENCRYPTED-KEY-1:argon2id:m=19456,t=1,p=1:\
                    OFVTqiOiSxTYu8Lf9gYnfw==:RE4El5eufgQE46m6Ds7y+5BKZFJM48hz:\
                    NAUwh3MhnZvtaFz5zOMyWurdWGVihwHyVstijMn7ejDWHvOTfQX+dYaglDy0qzra";
        let sealed = Sealed::parse(line).unwrap();
        let opened = sealed
            .open(&Passphrase::new("correct horse").unwrap())
            .unwrap();
        assert_eq!(*opened.expose(), [7; 32]);
    }
}
