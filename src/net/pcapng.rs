//! pcapng, as Wireshark reads it: as much of the form as a record of datagrams needs.
//!
//! Source: draft-ietf-opsawg-pcapng, §§4.1 (section header), 4.2 (interface description), 4.3 (enhanced packet),
//! 3.5 (options).

use std::net::{IpAddr, SocketAddr};

/// A datagram, as it is recorded.
pub(super) struct Captured<'a> {
    /// When, in microseconds since 1970.
    pub(super) at_us: u64,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    /// Whether we sent it.
    pub(super) is_out: bool,
    /// As much of it as is kept.
    pub(super) bytes: &'a [u8],
    /// Bytes of all of it.
    pub(super) len: usize,
    pub(super) comment: &'a str,
}

/// Section header and interface description. Everything is little-endian, as the magic number says.
pub(super) fn header() -> Vec<u8> {
    const LINKTYPE_RAW: u16 = 101;
    let mut section = Vec::new();
    section.extend(0x1a2b_3c4d_u32.to_le_bytes());
    section.extend([1, 0, 0, 0]);
    // Its length is not known beforehand.
    section.extend([0xff; 8]);
    option(
        &mut section,
        4,
        concat!("securechat ", env!("CARGO_PKG_VERSION")).as_bytes(),
    );
    end_options(&mut section);
    let mut interface = Vec::new();
    interface.extend(LINKTYPE_RAW.to_le_bytes());
    interface.extend([0; 6]);
    let mut out = enclose(0x0a0d_0d0a, &section);
    out.extend(enclose(1, &interface));
    out
}

/// The block of one datagram.
pub(super) fn block(captured: &Captured<'_>) -> Vec<u8> {
    let packet = with_headers(captured);
    let cut = captured.len.saturating_sub(captured.bytes.len());
    let [kept_len, whole_len] = [packet.len(), packet.len() + cut]
        .map(|len| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
    let [a, b, c, d, e, f, g, h] = captured.at_us.to_le_bytes();
    let mut body = vec![0; 4];
    body.extend([e, f, g, h, a, b, c, d]);
    body.extend(kept_len);
    body.extend(whole_len);
    body.extend(&packet);
    pad(&mut body);
    option(&mut body, 1, captured.comment.as_bytes());
    let direction: u32 = if captured.is_out { 2 } else { 1 };
    option(&mut body, 2, &direction.to_le_bytes());
    end_options(&mut body);
    enclose(6, &body)
}

/// The datagram with headers of IP and UDP, which we never see. The checksum of one that was cut is that of what is left.
fn with_headers(captured: &Captured<'_>) -> Vec<u8> {
    let &Captured {
        from,
        to,
        bytes,
        len,
        ..
    } = captured;
    let udp_len = u16::try_from(len + 8).unwrap_or(u16::MAX);
    let mut udp = Vec::with_capacity(bytes.len() + 8);
    udp.extend(from.port().to_be_bytes());
    udp.extend(to.port().to_be_bytes());
    udp.extend(udp_len.to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(bytes);
    match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let (from, to) = (from.octets(), to.octets());
            checksum_udp(&mut udp, &from, &to);
            let total = udp_len.saturating_add(20).to_be_bytes();
            let mut ip = vec![0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, 17, 0, 0];
            ip.extend(from);
            ip.extend(to);
            let sum = checksum([&ip[..]]).to_be_bytes();
            ip.splice(10..12, sum);
            ip.extend(udp);
            ip
        }
        (from, to) => {
            let [from, to] = [from, to].map(|ip| match ip {
                IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                IpAddr::V6(v6) => v6.octets(),
            });
            checksum_udp(&mut udp, &from, &to);
            let len = udp_len.to_be_bytes();
            let mut ip = vec![0x60, 0, 0, 0, len[0], len[1], 17, 64];
            ip.extend(from);
            ip.extend(to);
            ip.extend(udp);
            ip
        }
    }
}

fn checksum_udp(udp: &mut Vec<u8>, from: &[u8], to: &[u8]) {
    let len = u32::try_from(udp.len()).unwrap_or(u32::MAX).to_be_bytes();
    let sum = match checksum([from, to, &len, &[0, 0, 0, 17], udp]) {
        0 => 0xffff,
        sum => sum,
    };
    udp.splice(6..8, sum.to_be_bytes());
}

/// RFC 1071. All parts but the last have an even length.
fn checksum<const N: usize>(parts: [&[u8]; N]) -> u16 {
    let mut sum = 0_u32;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([high, low]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
    body.extend(code.to_le_bytes());
    body.extend(len.to_le_bytes());
    body.extend(value.iter().take(usize::from(len)));
    pad(body);
}

fn end_options(body: &mut Vec<u8>) {
    body.extend([0; 4]);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

/// Type and total length around a block's body, the length at both ends.
fn enclose(kind: u32, body: &[u8]) -> Vec<u8> {
    let total = u32::try_from(body.len() + 12)
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    [&kind.to_le_bytes()[..], &total, body, &total].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(from: SocketAddr, to: SocketAddr, bytes: &[u8], len: usize) -> Captured<'_> {
        Captured {
            at_us: 0,
            from,
            to,
            is_out: false,
            bytes,
            len,
            comment: "",
        }
    }

    #[test]
    fn a_datagram_that_was_cut_says_how_long_it_was() {
        let [from, to] = ["192.0.2.1:7419", "198.51.100.7:9"].map(|it| it.parse().unwrap());
        let block = block(&captured(from, to, b"head", 65_507));
        let number = |at: usize| u32::from_le_bytes(block[at..at + 4].try_into().unwrap());
        assert_eq!([number(20), number(24)], [20 + 8 + 4, 20 + 8 + 65_507]);
        let headers = &block[28..];
        let length = |at: usize| u16::from_be_bytes([headers[at], headers[at + 1]]);
        assert_eq!(
            [length(2), length(24)],
            [65_535, 65_515],
            "of IP and of UDP"
        );
    }

    #[test]
    fn headers_have_right_checksums() {
        for (from, to) in [
            ("192.0.2.1:7419", "198.51.100.7:9"),
            ("[2001:db8::1]:7419", "[2001:db8::2]:9"),
        ] {
            let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
            let packet = with_headers(&captured(from, to, b"odd", 3));
            let header = if from.is_ipv4() { 20 } else { 40 };
            let addresses = if from.is_ipv4() { 12..20 } else { 8..40 };
            let udp = &packet[header..];
            if from.is_ipv4() {
                assert_eq!(checksum([&packet[..20]]), 0);
            }
            let len = u32::try_from(udp.len()).unwrap().to_be_bytes();
            let sum = checksum([&packet[addresses], &len, &[0, 0, 0, 17], udp]);
            assert_eq!(sum, 0);
        }
    }
}
