//! `host:port`: where a peer may be reached, as people write it.

use core::fmt;
use core::net::Ipv6Addr;
use core::str::FromStr;

use super::error::{Error, ErrorKind, Operation};
use crate::text::Safe;

/// The longest DNS name.
const MAX_HOST_LEN: usize = 253;

/// A DNS name or IP address with a port; an IPv6 address stands in brackets, as in a URL.
///
/// The host consists of letters, digits, `.`, `-`, `_` (and `:` `%` in brackets), so that it needs
/// no quoting and shows as it is. Whether the name exists is found out when it is used.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl HostPort {
    /// The name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The UDP port, never 0.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for HostPort {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).ok_or_else(|| Error::without_path(Operation::Read, ErrorKind::NotAnAddress))
    }
}

fn parse(text: &str) -> Option<HostPort> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').filter(|inner| is_ipv6(inner))?,
        None => Some(host).filter(|host| is_name(host))?,
    };
    Some(HostPort {
        host: host.to_owned(),
        port: parse_port(port)?,
    })
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

fn is_name(host: &str) -> bool {
    let ends_well = |edge: Option<u8>| edge.is_some_and(|byte| byte.is_ascii_alphanumeric());
    host.len() <= MAX_HOST_LEN
        && ends_well(host.bytes().next())
        && ends_well(host.trim_end_matches('.').bytes().last())
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

/// An address, or a link-local one with its zone (`fe80::1%eth0`).
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    address.parse::<Ipv6Addr>().is_ok() && is_name(zone)
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl From<&HostPort> for Safe {
    fn from(address: &HostPort) -> Self {
        crate::text::safe_line(&address.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_read_and_written_back() {
        for text in [
            "203.0.113.9:7419",
            "[2001:db8::1]:7419",
            "[fe80::1%eth0]:1",
            "chat.example.org:7419",
            "host_1.local.:65535",
            "localhost:7419",
        ] {
            assert_eq!(text.parse::<HostPort>().unwrap().to_string(), text);
        }
        let address: HostPort = "[::1]:7419".parse().unwrap();
        assert_eq!((address.host(), address.port()), ("::1", 7419));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            ":",
            "host",
            "host:",
            ":7419",
            "host:0",
            "host:65536",
            "host:+1",
            "host:7419 ",
            "ho st:1",
            "::1:7419",
            "[::1]",
            "[host]:1",
            "[::1:1",
            "-v:1",
            "a\u{1b}b:1",
            "é.fr:1",
            "a\"b:1",
            ".:1",
            "[::1%]:1",
        ] {
            assert!(text.parse::<HostPort>().is_err(), "{text:?}");
        }
    }
}
