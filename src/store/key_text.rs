//! Public keys as people copy them: 44 characters of base64, a URI, or a file that has one.

use core::fmt;
use std::path::Path;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};

use zeroize::Zeroizing;

use super::atomic::read_bounded;
use super::error::{Error, ErrorKind, Operation};
use super::host_port::HostPort;
use crate::crypto::is_possible;
use crate::id::{PUBLIC_KEY_LEN, PeerId};
use crate::text::{Safe, safe_line, safe_name};

/// What a line of a secret key file begins with, so that no secret is taken for a public key.
pub(super) const SECRET_PREFIX: &str = "SECURECHAT-SECRET-KEY-1:";
/// The same for a key that a passphrase protects.
pub(super) const ENCRYPTED_PREFIX: &str = "SECURECHAT-ENCRYPTED-KEY-1:";

const URI_PREFIX: &str = "securechat:";

/// Characters of a refused text that its error repeats.
const SAMPLE_LEN: usize = 12;

/// Accepts both paddings; unused bits must be zero, so that one key has one text.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The key as it is printed everywhere: 44 characters of standard base64. (The URL-safe alphabet
/// may begin with `-` and would be taken for a flag.)
#[must_use]
pub fn key_text(key: &PeerId) -> Safe {
    safe_line(&STANDARD.encode(key.as_bytes()))
}

/// The first 8 characters of [`key_text`], for logs and lists.
#[must_use]
pub fn short_key_text(key: &PeerId) -> Safe {
    safe_line(&key_text(key).as_str().chars().take(8).collect::<String>())
}

/// The whole key in groups of five, to be read out and compared.
#[must_use]
pub fn fingerprint(key: &PeerId) -> Safe {
    let text = key_text(key);
    let groups = text.as_str().trim_end_matches('=').as_bytes().chunks(5);
    Safe::join(
        groups.map(|group| safe_line(&String::from_utf8_lossy(group))),
        " ",
    )
}

/// The key as a URI for links and QR codes: `securechat:1:KEY?n=NAME&a=HOST:PORT`.
#[must_use]
pub fn key_uri(key: &PeerId, name: Option<&Safe>, addresses: &[HostPort]) -> Safe {
    let mut uri = format!("{URI_PREFIX}1:{}", URL_SAFE_NO_PAD.encode(key.as_bytes()));
    let name = name.map(|name| format!("n={}", percent_encode(name.as_str())));
    let addresses = addresses
        .iter()
        .map(|at| format!("a={}", percent_encode(&at.to_string())));
    for (position, parameter) in name.into_iter().chain(addresses).enumerate() {
        uri.push(if position == 0 { '?' } else { '&' });
        uri.push_str(&parameter);
    }
    safe_line(&uri)
}

/// A public key that somebody hands over, with what he suggests to call him and where he may be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyOffer {
    /// The key.
    pub key: PeerId,
    /// A suggestion only: it is a valid name, but may be taken.
    pub name: Option<Safe>,
    /// Where he says he can be reached; may be empty.
    pub addresses: Vec<HostPort>,
}

impl KeyOffer {
    /// A key alone.
    #[must_use]
    pub const fn of(key: PeerId) -> Self {
        Self {
            key,
            name: None,
            addresses: Vec::new(),
        }
    }

    /// Reads a key given as 44 characters of base64 (also unpadded, also URL-safe) or as a
    /// `securechat:` URI. Space around it is ignored.
    ///
    /// # Errors
    /// `SecretKeyGiven` for a secret key, of which the error holds nothing; `NotAPublicKey`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse_offer(text.trim()).map_err(|kind| Error::without_path(Operation::Read, kind))
    }

    /// Reads a key given in one of the ways of [`KeyOffer::parse`], or as `@path`: the first key
    /// of a file.
    ///
    /// # Errors
    /// Those of [`KeyOffer::parse`] and of [`KeyOffer::read_file`].
    pub fn parse_argument(text: &str) -> Result<Self, Error> {
        match text.trim().strip_prefix('@') {
            Some(path) => Self::read_file(Path::new(path)),
            None => Self::parse(text),
        }
    }

    /// Reads the first key of a file: one a line, then perhaps a comment; `#` begins a remark.
    /// A `.pub` file is one.
    ///
    /// # Errors
    /// Those of [`KeyOffer::parse`], `Io`.
    pub fn read_file(path: &Path) -> Result<Self, Error> {
        let fail = |error: std::io::Error| Error::io(path, Operation::Read, error);
        let bytes = read_bounded(std::fs::File::open(path).map_err(fail)?).map_err(fail)?;
        Self::first_in(&String::from_utf8_lossy(&bytes)).map_err(|error| error.at(path))
    }

    /// Reads the first key of a file's content, as [`KeyOffer::read_file`] does; for standard
    /// input.
    ///
    /// # Errors
    /// Those of [`KeyOffer::parse`].
    pub fn first_in(content: &str) -> Result<Self, Error> {
        let mut lines = content
            .trim_start_matches('\u{feff}')
            .lines()
            .map(str::trim);
        let line = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
        Self::parse(
            line.and_then(|line| line.split_whitespace().next())
                .unwrap_or_default(),
        )
    }
}

/// What is wrong with a text that should be a public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyProblem {
    /// There is nothing.
    Empty,
    /// It has characters that base64 does not have.
    BadCharacters,
    /// It is base64, but not of 32 bytes.
    WrongLength {
        /// How many bytes it stands for.
        bytes: usize,
    },
    /// Its length is right, but its end is not: it was altered or cut and padded.
    Damaged,
    /// It has the form of a key, and no secret half belongs to it: a placeholder of zeros, for instance.
    Nobodys,
    /// A `securechat:` URI of a version that we do not know.
    UnknownVersion,
    /// A `securechat:` URI whose name is not allowed as one.
    BadName,
    /// A `securechat:` URI with an address that is not `host:port`.
    BadAddress,
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "it is empty"),
            Self::BadCharacters => write!(f, "it has characters that no key has"),
            Self::WrongLength { bytes } => write!(f, "{bytes} bytes, {PUBLIC_KEY_LEN} needed"),
            Self::Damaged => write!(f, "its end is damaged"),
            Self::Nobodys => write!(f, "nobody can have this key"),
            Self::UnknownVersion => write!(f, "this version of the link is not known"),
            Self::BadName => write!(f, "the name in the link is damaged"),
            Self::BadAddress => write!(f, "an address in the link is not host:port"),
        }
    }
}

/// Whether the text is, or holds, a secret key, perhaps without its beginning.
pub(super) fn is_secret(text: &str) -> bool {
    let text = Zeroizing::new(text.to_ascii_uppercase());
    ["SECRET-KEY", "ENCRYPTED-KEY", "KEY-1:"]
        .iter()
        .any(|mark| text.contains(mark))
}

fn parse_offer(text: &str) -> Result<KeyOffer, ErrorKind> {
    // What follows a URI's key are its owner's words, which may be any.
    if is_secret(text.split('?').next().unwrap_or_default()) {
        return Err(ErrorKind::SecretKeyGiven);
    }
    let offer = match text.strip_prefix(URI_PREFIX) {
        Some(rest) => parse_uri(rest),
        None => decode_key(text).map(KeyOffer::of_key),
    };
    let offer = offer.map_err(|problem| ErrorKind::NotAPublicKey {
        sample: sample(text),
        problem,
    })?;
    check_somebodys(&offer.key)?;
    Ok(offer)
}

/// Makes sure that somebody can have this key.
///
/// # Errors
/// `NotAPublicKey`.
pub(super) fn check_somebodys(key: &PeerId) -> Result<(), ErrorKind> {
    if is_possible(key) {
        return Ok(());
    }
    let (sample, problem) = (sample(key_text(key).as_str()), KeyProblem::Nobodys);
    Err(ErrorKind::NotAPublicKey { sample, problem })
}

impl KeyOffer {
    const fn of_key(key: PeerId) -> Self {
        Self {
            key,
            name: None,
            addresses: Vec::new(),
        }
    }
}

/// The public key that a base64 text in either alphabet stands for, with or without padding.
pub(super) fn decode_key(text: &str) -> Result<PeerId, KeyProblem> {
    decode_secret(text).map(|bytes| PeerId::new(*bytes))
}

/// As [`decode_key`], for any 32 bytes; leaves no copy of them behind.
pub(super) fn decode_secret(text: &str) -> Result<Zeroizing<[u8; PUBLIC_KEY_LEN]>, KeyProblem> {
    let digits = text.trim_end_matches('=');
    if digits.is_empty() {
        return Err(KeyProblem::Empty);
    }
    if !digits
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || b"+/-_".contains(&c))
    {
        return Err(KeyProblem::BadCharacters);
    }
    let bytes = digits.len() * 3 / 4;
    if bytes != PUBLIC_KEY_LEN {
        return Err(KeyProblem::WrongLength { bytes });
    }
    let mut standard = Zeroizing::new(String::with_capacity(text.len()));
    standard.extend(text.chars().map(to_standard));
    // The decoder wants room for what the padding might have been.
    let mut buffer = Zeroizing::new([0; PUBLIC_KEY_LEN + 4]);
    let decoded = LENIENT.decode_slice(&*standard, buffer.as_mut());
    let Some((key, _)) = buffer.split_first_chunk() else {
        return Err(KeyProblem::Damaged);
    };
    match decoded {
        Ok(PUBLIC_KEY_LEN) => Ok(Zeroizing::new(*key)),
        Ok(_) | Err(_) => Err(KeyProblem::Damaged),
    }
}

/// A character of the URL-safe alphabet in the standard one.
const fn to_standard(c: char) -> char {
    match c {
        '-' => '+',
        '_' => '/',
        c => c,
    }
}

fn parse_uri(rest: &str) -> Result<KeyOffer, KeyProblem> {
    let Some(rest) = rest.strip_prefix("1:") else {
        return Err(KeyProblem::UnknownVersion);
    };
    let (key, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut offer = KeyOffer::of_key(decode_key(key)?);
    for parameter in query.split('&') {
        take_parameter(parameter, &mut offer)?;
    }
    Ok(offer)
}

/// Takes what is known and ignores what a later version may add.
fn take_parameter(parameter: &str, offer: &mut KeyOffer) -> Result<(), KeyProblem> {
    match parameter.split_once('=') {
        Some(("n", name)) => {
            let name = percent_decode(name).ok_or(KeyProblem::BadName)?;
            // It is a suggestion, of somebody else's: where it is no name here, whoever saves the key gives another.
            offer.name = safe_name(&name).ok();
        }
        Some(("a", address)) => {
            let address = percent_decode(address).ok_or(KeyProblem::BadAddress)?;
            offer
                .addresses
                .push(address.parse().map_err(|_| KeyProblem::BadAddress)?);
        }
        Some(_) | None => {}
    }
    Ok(())
}

fn percent_encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = match (*first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                bytes.push(16 * hex_digit(*high)? + hex_digit(*low)?);
                tail
            }
            (b'%', _) => return None,
            (byte, tail) => {
                bytes.push(byte);
                tail
            }
        };
    }
    String::from_utf8(bytes).ok()
}

fn hex_digit(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

/// Enough of a refused text to recognise it, too little to be a secret.
fn sample(text: &str) -> Safe {
    let start: String = text.chars().take(SAMPLE_LEN).collect();
    let more = if start.len() < text.len() { "..." } else { "" };
    safe_line(&start) + more
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::StaticSecret;

    const KEY: &str = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";

    fn problem(text: &str) -> KeyProblem {
        let error = KeyOffer::parse(text).unwrap_err();
        let ErrorKind::NotAPublicKey { problem, .. } = error.kind() else {
            panic!("{error}")
        };
        *problem
    }

    fn is_refused_as_secret(result: &Result<KeyOffer, Error>) -> bool {
        matches!(result, Err(error) if matches!(error.kind(), ErrorKind::SecretKeyGiven))
    }

    #[test]
    fn a_key_is_printed_as_it_was_read() {
        let offer = KeyOffer::parse(KEY).unwrap();
        assert_eq!(key_text(&offer.key).as_str(), KEY);
        assert_eq!(short_key_text(&offer.key).as_str(), "xTIBA5rb");
        let groups = "xTIBA 5rboU vnH4h todjb 6e697 QjLER t1NAB 4mZqp 8Dg";
        assert_eq!(fingerprint(&offer.key).as_str(), groups);
    }

    #[test]
    fn unpadded_and_url_safe_keys_are_keys() {
        let standard = KeyOffer::parse("TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=").unwrap();
        for text in [
            "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0",
            "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi-y71lOWWXX0=",
            "  TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi-y71lOWWXX0\n",
        ] {
            assert_eq!(KeyOffer::parse(text).unwrap(), standard);
        }
    }

    #[test]
    fn a_uri_brings_a_name_and_addresses() {
        let key = KeyOffer::parse(KEY).unwrap().key;
        let name = safe_name("jürgen").unwrap();
        let addresses: Vec<HostPort> = ["[2001:db8::1]:7419", "a.example:1"]
            .map(|text| text.parse().unwrap())
            .into();
        let uri = key_uri(&key, Some(&name), &addresses);
        assert_eq!(
            uri.as_str(),
            "securechat:1:xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg\
             ?n=j%C3%BCrgen&a=[2001:db8::1]:7419&a=a.example:1"
        );
        let offer = KeyOffer::parse(uri.as_str()).unwrap();
        assert_eq!(
            offer,
            KeyOffer {
                key,
                name: Some(name),
                addresses
            }
        );
        assert_eq!(
            KeyOffer::parse(key_uri(&key, None, &[]).as_str())
                .unwrap()
                .key,
            key
        );
    }

    #[test]
    fn what_is_wrong_with_a_uri_is_said() {
        let key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg";
        assert_eq!(
            problem(&format!("securechat:2:{key}")),
            KeyProblem::UnknownVersion
        );
        assert_eq!(
            problem(&format!("securechat:1:{key}?n=%zz")),
            KeyProblem::BadName
        );
        assert_eq!(
            problem(&format!("securechat:1:{key}?n=%e")),
            KeyProblem::BadName
        );
        assert_eq!(
            problem(&format!("securechat:1:{key}?a=nowhere")),
            KeyProblem::BadAddress
        );
        for query in ["z=later&flag", "n=my-secret-key&a=key-1:7419", ""] {
            assert!(
                KeyOffer::parse(&format!("securechat:1:{key}?{query}")).is_ok(),
                "{query}"
            );
        }
    }

    #[test]
    fn a_cut_key_says_how_many_bytes_are_left() {
        let error = KeyOffer::parse("xTIBA5rb").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read: \"xTIBA5rb\" is no public key: 6 bytes, 32 needed"
        );
        assert_eq!(problem(&KEY[..42]), KeyProblem::WrongLength { bytes: 31 });
        assert_eq!(problem(&KEY.repeat(2)), KeyProblem::BadCharacters);
        assert_eq!(problem("x"), KeyProblem::WrongLength { bytes: 0 });
        assert_eq!(problem(""), KeyProblem::Empty);
        assert_eq!(problem("======"), KeyProblem::Empty);
        assert_eq!(problem("bob's key"), KeyProblem::BadCharacters);
    }

    /// The whole key was refused.
    #[test]
    fn a_name_that_is_none_here_is_left_out_of_a_link() {
        let key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg";
        let long = "a".repeat(400);
        for name in ["Bob", "J%C3%BCrg", "Bob%20Smith", "", "%1b", &long] {
            let link = format!("securechat:1:{key}?n={name}&a=192.0.2.1:7419");
            let offer = KeyOffer::parse(&link).expect(name);
            assert_eq!(offer.name, None, "{name}");
            assert_eq!(offer.addresses.len(), 1, "{name}");
        }
    }

    /// It was saved as somebody else's.
    #[test]
    fn a_key_in_another_form_is_none() {
        let mut bytes = *decode_key(KEY).unwrap().as_bytes();
        bytes[31] |= 0x80;
        let text = key_text(&PeerId::new(bytes));
        assert_eq!(problem(text.as_str()), KeyProblem::Nobodys);
    }

    #[test]
    fn one_key_has_one_text() {
        assert_eq!(problem(&KEY.replace("Dg=", "Dh=")), KeyProblem::Damaged);
        assert_eq!(problem(&format!("{KEY}=")), KeyProblem::Damaged);
    }

    /// They were saved, and calls to them, which never left, told as calls that nobody answered.
    #[test]
    fn a_key_that_nobody_can_have_is_none() {
        let mut one = [0; 32];
        one[0] = 1;
        for point in [[0; 32], one] {
            let key = PeerId::new(point);
            for text in [key_text(&key), key_uri(&key, None, &[])] {
                assert_eq!(problem(text.as_str()), KeyProblem::Nobodys, "{text}");
            }
        }
    }

    #[test]
    fn a_secret_key_is_named_and_never_repeated() {
        for text in [
            "SECURECHAT-SECRET-KEY-1:c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=",
            "securechat-secret-key-1:c2VjcmV0",
            "  \"SECURECHAT-ENCRYPTED-KEY-1:argon2id:m=65536\"",
            "CHAT-SECRET-KEY-1:c2VjcmV0",
            "ET-KEY-1:c2VjcmV0",
            "securechat:1:SECURECHAT-SECRET-KEY-1:c2VjcmV0",
        ] {
            let result = KeyOffer::parse(text);
            assert!(is_refused_as_secret(&result), "{text:?}");
            let error = result.unwrap_err();
            assert!(!format!("{error} {error:?}").contains("c2VjcmV0"));
        }
    }

    #[test]
    fn an_error_repeats_only_the_beginning() {
        let text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj";
        let error = KeyOffer::parse(text).unwrap_err().to_string();
        assert!(error.contains("\"AAECAwQFBgcI...\""), "{error}");
        assert!(
            !KeyOffer::parse("\u{1b}[2J")
                .unwrap_err()
                .to_string()
                .contains('\u{1b}')
        );
    }

    #[test]
    fn the_first_key_of_a_file_counts() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("bob.pub");
        std::fs::write(
            &path,
            format!("\u{feff}# bob's\r\n\r\n{KEY} bob@laptop\r\nrest"),
        )
        .unwrap();
        let argument = format!("@{}", path.display());
        assert_eq!(
            KeyOffer::parse_argument(&argument).unwrap(),
            KeyOffer::parse(KEY).unwrap()
        );
        std::fs::write(&path, "# secret\nSECURECHAT-SECRET-KEY-1:AAAA\n").unwrap();
        let result = KeyOffer::parse_argument(&argument);
        assert!(is_refused_as_secret(&result));
        assert_eq!(result.unwrap_err().path(), Some(path.as_path()));
        assert!(KeyOffer::parse_argument("@/no/such/file").is_err());
        assert!(KeyOffer::first_in("# nothing\n").is_err());
    }

    proptest! {
        #[test]
        fn every_key_survives_each_form(seed in any::<[u8; 32]>()) {
            let key = StaticSecret::from_bytes(&mut { seed }).public();
            for text in [key_text(&key), key_uri(&key, None, &[])] {
                prop_assert_eq!(KeyOffer::parse(text.as_str()).unwrap().key, key);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}|securechat:1:[A-Za-z0-9_-]{43}\\?\\PC{0,30}") {
            let _ = KeyOffer::parse(&text);
        }
    }
}
