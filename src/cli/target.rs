//! What `listen` and `connect` are told: where to bind, whom to reach and where.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use crate::cli::args::{ConnectArgs, Reachable, SendArgs};
use crate::cli::{Error, input};
use crate::net::{Bind, DEFAULT_PORT, Family};
use crate::store::{ErrorKind, HostPort, KeyOffer};
use crate::text::{MAX_NAME_LEN, Safe, safe_line};

/// Whom to reach, and where.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) who: Who,
    /// The address on the command line; there may be others in known-peers or in the key's URI.
    pub(super) address: Option<HostPort>,
}

/// Whom to reach.
#[derive(Clone, Debug)]
pub(super) enum Who {
    /// A saved peer.
    Name(String),
    /// Whoever holds this key.
    Key(KeyOffer),
}

impl Target {
    /// Reads it from the arguments of `connect`, and the key from a file if they say so.
    ///
    /// # Errors
    /// SC03 or SC04 for the key, SC29 for the rest.
    pub(super) fn of(args: &ConnectArgs) -> Result<Self, Error> {
        Self::of_words(
            &args.target,
            args.peer_key.as_deref(),
            args.peer_key_file.as_deref(),
        )
    }

    /// Reads it from a name and an address, or from a key and an address. No name is as long as a key, which may therefore
    /// stand in the place of one.
    ///
    /// # Errors
    /// As [`Target::of`].
    pub(super) fn of_words(
        words: &[String],
        key: Option<&str>,
        key_file: Option<&Path>,
    ) -> Result<Self, Error> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match (offer(key, key_file)?, words.as_slice()) {
            (None, [first, address @ ..]) if is_key(first) => {
                Self::of_key(input::key_offer(first)?, address.first().copied())
            }
            (Some(offer), [] | [_]) => Self::of_key(offer, words.first().copied()),
            (Some(_), [name, ..]) => Err(wrong(
                name,
                "beside a key only HOST:PORT is needed; to save a name, use --save-as NAME",
            )),
            (None, [name]) if name.contains(':') => Err(wrong(
                name,
                "whose key is expected there? Give a name that you saved, or the key",
            )),
            (None, [name]) => Ok(Self::of_name(name, None)),
            (None, [name, address, ..]) => Ok(Self::of_name(name, Some(address.parse()?))),
            (None, []) => Err(wrong("connect", "somebody to connect to is missing")),
        }
    }

    /// A saved peer, at the address that is given or saved.
    ///
    /// # Errors
    /// SC29 if that is none.
    pub(super) fn of_send(args: &SendArgs) -> Result<Self, Error> {
        let address = args.address.as_deref().map(str::parse).transpose()?;
        Ok(Self::of_name(&args.name, address))
    }

    fn of_key(offer: KeyOffer, address: Option<&str>) -> Result<Self, Error> {
        let address = match address {
            Some(text) => Some(text.parse()?),
            None => offer.addresses.first().cloned(),
        };
        if address.is_none() {
            return Err(wrong("connect", "HOST:PORT is missing"));
        }
        Ok(Self {
            who: Who::Key(offer),
            address,
        })
    }

    fn of_name(name: &str, address: Option<HostPort>) -> Self {
        Self {
            who: Who::Name(name.to_owned()),
            address,
        }
    }
}

/// Whether a word in the place of a name is meant for a key, public or secret: it is one, or is longer than names are.
fn is_key(word: &str) -> bool {
    let is_one = match KeyOffer::parse(word) {
        Ok(_) => true,
        Err(error) => matches!(error.kind(), ErrorKind::SecretKeyGiven),
    };
    // A long word with a colon in it is perhaps an address.
    is_one || (word.chars().count() > MAX_NAME_LEN && !word.contains(':'))
}

fn offer(key: Option<&str>, key_file: Option<&Path>) -> Result<Option<KeyOffer>, Error> {
    match (key, key_file) {
        (Some(key), _) => input::key_offer(key).map(Some),
        (None, Some(file)) => input::key_file(file).map(Some),
        (None, None) => Ok(None),
    }
}

fn wrong(given: &str, reason: &'static str) -> Error {
    Error::BadArgument {
        given: safe_line(given),
        reason: Safe::from(reason),
        example: &["connect", "--peer-key", "KEY", "HOST:PORT"],
    }
}

/// Where `listen` binds: at `settled` if the arguments name no place.
///
/// # Errors
/// SC29.
pub(super) fn listen_on(args: &Reachable, settled: Option<SocketAddr>) -> Result<Bind, Error> {
    let family = args.family.into();
    match (&args.address, settled_bind(settled, family)) {
        (Some(text), _) => bind(Some(text), DEFAULT_PORT, family),
        (None, Bind::At(address)) => at(address, family, &address.to_string()),
        (None, everywhere @ Bind::Everywhere { .. }) => Ok(everywhere),
    }
}

/// Where to bind if no argument says it.
pub(super) fn settled_bind(settled: Option<SocketAddr>, family: Family) -> Bind {
    let port = DEFAULT_PORT;
    settled.map_or(Bind::Everywhere { port, family }, |it| place(it, family))
}

/// An address that stands for all of both families gives way to -4 and -6, and to a machine that has only one of them.
fn place(address: SocketAddr, family: Family) -> Bind {
    let port = address.port();
    if address.is_ipv6() && address.ip().is_unspecified() {
        Bind::Everywhere { port, family }
    } else {
        Bind::At(address)
    }
}

/// Where `connect` binds.
///
/// # Errors
/// SC29.
pub(super) fn send_from(args: &ConnectArgs) -> Result<Bind, Error> {
    bind(args.bind.as_deref(), 0, args.family.into())
}

/// Reads `ADDRESS:PORT`, `ADDRESS`, `:PORT` or `PORT`; what is missing is everywhere, and `port`.
fn bind(text: Option<&str>, port: u16, family: Family) -> Result<Bind, Error> {
    let Some(text) = text else {
        return Ok(Bind::Everywhere { port, family });
    };
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
        return Ok(Bind::Everywhere { port, family });
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = match (text.parse(), bare.parse::<IpAddr>()) {
        (Ok(address), _) => address,
        (Err(_), Ok(ip)) => SocketAddr::new(ip, port),
        (Err(_), Err(_)) => return Err(no_address(text, "that is no address of a machine")),
    };
    at(address, family, text)
}

fn at(address: SocketAddr, family: Family, text: &str) -> Result<Bind, Error> {
    let place = place(address, family);
    if matches!(place, Bind::At(_)) && !family.allows(address.ip()) {
        return Err(no_address(text, "that is the other address family"));
    }
    Ok(place)
}

fn no_address(text: &str, reason: &'static str) -> Error {
    Error::BadArgument {
        given: safe_line(text),
        reason: Safe::from(reason),
        example: &["listen", "[::]:7420"],
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::ExitCode;
    use crate::cli::args::{Cli, Command};

    const KEY: &str = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";

    fn target(words: &[&str]) -> Result<Target, Error> {
        let args = ["securechat", "connect"].iter().chain(words);
        match Cli::try_parse_from(args).unwrap().command {
            Some(Command::Connect(args)) => Target::of(&args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_name_may_have_an_address_beside_it() {
        let alone = target(&["bob"]).unwrap();
        assert!(matches!(alone.who, Who::Name(name) if name == "bob"));
        assert_eq!(alone.address, None);
        let with = target(&["bob", "chat.example.org:7419"]).unwrap();
        assert_eq!(with.address.unwrap().to_string(), "chat.example.org:7419");
    }

    #[test]
    fn a_key_needs_an_address_unless_it_brings_one() {
        let given = target(&["--peer-key", KEY, "203.0.113.9:7419"]).unwrap();
        assert!(matches!(given.who, Who::Key(_)));
        assert_eq!(given.address.unwrap().to_string(), "203.0.113.9:7419");
        let offer = KeyOffer::parse(KEY).unwrap();
        let at = ["203.0.113.9:7".parse().unwrap()];
        let uri = crate::store::key_uri(&offer.key, None, &at);
        let brought = target(&["--peer-key", uri.as_str()]).unwrap();
        assert_eq!(brought.address.unwrap().to_string(), "203.0.113.9:7");
        assert!(target(&["--peer-key", KEY]).is_err());
    }

    #[test]
    fn a_key_may_stand_where_a_name_does() {
        let at = "203.0.113.9:7419";
        let offer = KeyOffer::parse(KEY).unwrap();
        let uri = crate::store::key_uri(&offer.key, None, &[at.parse().unwrap()]);
        for words in [&[KEY, at][..], &[uri.as_str()], &[uri.as_str(), at]] {
            let target = target(words).unwrap();
            assert!(matches!(target.who, Who::Key(it) if it.key == offer.key));
            assert_eq!(target.address.unwrap().to_string(), at);
        }
        let report = |words: &[&str]| target(words).unwrap_err().report();
        assert_eq!(report(&[&KEY[..40], at]).code, "SC03");
        assert_eq!(report(&["SECURECHAT-SECRET-KEY-1:x", at]).code, "SC04");
        assert_eq!(report(&[KEY]).code, "SC29");
        // That is longer than a name, too.
        let host = "machine-of-alice.chat.example.org:7419";
        assert!(
            report(&[host])
                .title
                .as_str()
                .contains("whose key is expected there?")
        );
    }

    #[test]
    fn what_makes_no_sense_is_wrong_usage() {
        for words in [
            &["203.0.113.9:7419"][..],
            &["bob", "nowhere"],
            &["--peer-key", KEY, "bob", "203.0.113.9:7419"],
            &["--peer-key", "xTIB", "203.0.113.9:7419"],
        ] {
            let error = target(words).unwrap_err();
            assert_eq!(error.exit_code(), ExitCode::Usage, "{words:?}");
        }
    }

    #[test]
    fn addresses_to_bind_may_be_short() {
        let any = Family::Any;
        let everywhere = |port| Bind::Everywhere { port, family: any };
        let at = |text: &str| Bind::At(text.parse().unwrap());
        let cases = [
            (None, everywhere(7419)),
            (Some("7420"), everywhere(7420)),
            (Some(":7420"), everywhere(7420)),
            (Some("127.0.0.1"), at("127.0.0.1:7419")),
            (Some("[::1]"), at("[::1]:7419")),
            (Some("::1"), at("[::1]:7419")),
            (Some("[::]:7420"), everywhere(7420)),
            (Some("::"), everywhere(7419)),
            (Some("0.0.0.0:7420"), at("0.0.0.0:7420")),
            (Some("127.0.0.1:0"), at("127.0.0.1:0")),
        ];
        for (text, expected) in cases {
            assert_eq!(bind(text, 7419, any).unwrap(), expected, "{text:?}");
        }
        for text in ["localhost:7419", "70000", "", "127.0.0.1:x"] {
            assert!(bind(Some(text), 7419, any).is_err(), "{text}");
        }
        for family in [Family::V4, Family::V6] {
            let all = bind(Some("[::]:7420"), 7419, family);
            assert_eq!(all.unwrap(), Bind::Everywhere { port: 7420, family });
        }
        assert!(bind(Some("127.0.0.1"), 7419, Family::V6).is_err());
        assert!(bind(Some("[::1]:7419"), 7419, Family::V4).is_err());
    }

    /// `securechat` alone and `doctor` wanted IPv6 for it, and found none where there is none.
    #[test]
    fn an_address_that_stands_for_all_is_everywhere_for_every_command() {
        let all = Some("[::]:7420".parse().unwrap());
        let everywhere = |port| Bind::Everywhere {
            port,
            family: Family::Any,
        };
        for command in ["listen", "daemon"] {
            let args = match Cli::try_parse_from(["securechat", command])
                .unwrap()
                .command
            {
                Some(Command::Listen(args)) => args.reachable,
                Some(Command::Daemon(args)) => args.listen,
                other => panic!("{other:?}"),
            };
            assert_eq!(listen_on(&args, all).unwrap(), everywhere(7420));
        }
        // As those that take no address do.
        assert_eq!(settled_bind(all, Family::Any), everywhere(7420));
        assert_eq!(settled_bind(None, Family::Any), everywhere(7419));
        let one = "0.0.0.0:7420".parse().unwrap();
        assert_eq!(settled_bind(Some(one), Family::Any), Bind::At(one));
    }

    #[test]
    fn a_settled_address_is_for_those_who_name_none() {
        let listen = |words: &[&str], settled: &str| {
            let args = ["securechat", "listen"].iter().chain(words);
            match Cli::try_parse_from(args).unwrap().command {
                Some(Command::Listen(args)) => {
                    listen_on(&args.reachable, Some(settled.parse().unwrap()))
                }
                other => panic!("{other:?}"),
            }
        };
        let everywhere = |port, family| Bind::Everywhere { port, family };
        let both = "[::]:7420";
        assert_eq!(listen(&[], both).unwrap(), everywhere(7420, Family::Any));
        assert_eq!(listen(&["-4"], both).unwrap(), everywhere(7420, Family::V4));
        assert_eq!(listen(&["-6"], both).unwrap(), everywhere(7420, Family::V6));
        let local = Bind::At("127.0.0.1:7420".parse().unwrap());
        assert_eq!(listen(&[], "127.0.0.1:7420").unwrap(), local);
        assert!(listen(&["-6"], "127.0.0.1:7420").is_err());
        assert_eq!(
            listen(&["7421"], both).unwrap(),
            everywhere(7421, Family::Any)
        );
    }
}
