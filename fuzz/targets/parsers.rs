//! Bytes that are read as a whole: what is accepted says the same when it is written and read again.

use core::str::FromStr;

use securechat::calendar::Day;
use securechat::store::{HostPort, KeyFile, KeyOffer, KnownPeers, key_text, key_uri};
use securechat::text::safe_text;
use securechat::wire::frame::{Frame, Payload};
use securechat::wire::limits::{DATA_HEADER_LEN, MAX_DATAGRAM_LEN};
use securechat::wire::packet::Packet;

use super::input::Input;

/// A datagram from anybody.
pub fn packet(data: &[u8]) {
    let Ok(packet) = Packet::parse(data) else {
        return;
    };
    match packet {
        Packet::Init(init) => {
            let macs = [init.mac1_input, init.mac1, init.mac2];
            assert_eq!(macs.concat(), data, "the parts of an INIT are the INIT");
        }
        Packet::Resp(resp) => {
            let parts = [resp.mac1_input, resp.mac1];
            assert_eq!(parts.concat(), data, "the parts of a RESP are the RESP");
        }
        Packet::Cookie(cookie) => assert_eq!(cookie.encode(), data),
        Packet::Data(header) => {
            assert!(data.len() <= MAX_DATAGRAM_LEN);
            let laid_out = header.lay_out(&[]);
            assert_eq!(laid_out.get(..DATA_HEADER_LEN), data.get(..DATA_HEADER_LEN));
        }
    }
}

/// A plaintext from a peer. What is skipped is not written again.
pub fn frame(data: &[u8]) {
    let Ok(mut payload) = Payload::parse(data) else {
        return;
    };
    payload.frames.retain(|frame| *frame != Frame::Skipped);
    let bytes = payload.encode(data.len().max(2_048));
    assert_eq!(Payload::parse(&bytes).as_ref(), Ok(&payload));
}

/// A known-peers file, and what people do to one that is sound.
pub fn known_peers(data: &[u8]) {
    let (content, commands) = split(data);
    let mut known = KnownPeers::parse(content);
    assert_eq!(
        known.render().as_slice(),
        content,
        "reading changes nothing"
    );
    let damage = known.damage().len();
    let mut input = Input::new(commands);
    for _ in 0..16 {
        let Some(command) = input.next() else { break };
        change(&mut known, command, &mut input);
        let again = KnownPeers::parse(&known.render());
        assert_eq!(said(&again), said(&known), "after command {command}");
        assert_eq!(again.damage().len(), damage, "after command {command}");
    }
}

fn change(known: &mut KnownPeers, command: u8, input: &mut Input<'_>) {
    let name = String::from_utf8_lossy(input.take(usize::from(command) / 16)).into_owned();
    let other = String::from_utf8_lossy(input.take(6)).into_owned();
    let key = securechat::id::PeerId::new([input.byte() % 4; 32]);
    let day = Day::from_str("2026-11-21").expect("it is a day");
    let at = HostPort::from_str("[fe80::1%eth0]:7777").expect("it is an address");
    let nth = known.peers().get(usize::from(input.byte()));
    let name = nth.map_or(name, |peer| peer.name().to_string());
    // A refusal is as good as a change: it leaves everything as it was.
    let before = known.render();
    let done = match command % 8 {
        0 => known.add(&name, &key, &[at]),
        1 => known.rename(&name, &other),
        2 => known.remove(&name),
        3 => known.revoke(&key, Some(&other)),
        4 => known.add_address(&key, &at).map(drop),
        5 => known.set_verified(&name, None),
        6 => known.set_verified(&name, Some(day)),
        7 if command >= 0x80 => known.set_differed(&name, day),
        _ => known.set_psk(&name, None),
    };
    if done.is_err() {
        assert_eq!(*known.render(), *before, "a refused change changes nothing");
    }
}

fn said(known: &KnownPeers) -> Vec<String> {
    let peers = known.peers().iter();
    let peers = peers.map(|peer| {
        let (name, addresses) = (peer.name(), peer.addresses());
        let psk = peer.has_psk();
        let days = (peer.seen(), peer.verified(), peer.differed());
        let shown = (peer.signing_key(), peer.version());
        let revoked = peer.is_revoked();
        format!(
            "{name} {:?} {addresses:?} {days:?} {shown:?} {revoked} {psk}",
            peer.key()
        )
    });
    peers
        .chain(known.revoked().map(|it| format!("{it:?}")))
        .collect()
}

/// A secret key file. A passphrase is not tried: that takes as long as it should.
pub fn key_file(data: &[u8]) {
    let Ok(file) = KeyFile::parse(data) else {
        return;
    };
    let rendered = file.render();
    let again = KeyFile::parse(rendered.as_bytes()).expect("what we write, we read");
    assert_eq!(*again.render(), *rendered);
    assert_eq!(again.public(), file.public());
    assert_eq!(again.is_protected(), file.is_protected());
    for remark in [file.created(), file.comment()].into_iter().flatten() {
        super::text::assert_shows_safely(remark.as_str(), false);
    }
    if let Ok(secret) = file.open(None) {
        assert!(!file.is_protected());
        assert!(file.public().is_none_or(|public| public == secret.public()));
    }
}

/// A public key as people hand it over, and addresses.
pub fn key_offer(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(address) = HostPort::from_str(&text) {
        assert_eq!(HostPort::from_str(&address.to_string()).ok(), Some(address));
    }
    let _ = KeyOffer::first_in(&text);
    let Ok(offer) = KeyOffer::parse(&text) else {
        return;
    };
    let uri = key_uri(&offer.key, offer.name.as_ref(), &offer.addresses);
    super::text::assert_shows_safely(uri.as_str(), false);
    assert_eq!(KeyOffer::parse(uri.as_str()).ok().as_ref(), Some(&offer));
    let plain = KeyOffer::parse(key_text(&offer.key).as_str()).expect("our own key texts are keys");
    assert_eq!(plain.key, offer.key);
    if let Some(name) = &offer.name {
        assert_eq!(safe_text(name.as_str()), *name);
    }
}

/// What comes before a line with nothing but `--`, and what comes after it.
pub(crate) fn split(data: &[u8]) -> (&[u8], &[u8]) {
    let mark = b"\n--\n";
    let at = data.windows(mark.len()).position(|window| window == mark);
    match at {
        Some(at) => (&data[..=at], &data[at + mark.len()..]),
        None => (data, &[]),
    }
}
