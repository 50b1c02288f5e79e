//! Whole stacks: messages with their receipts, and one large transfer.

use securechat_peers::measure::{Case, Scale, print, take_turns, timed};
use securechat_peers::{ours, quic};

use crate::each;

/// quinn-proto prefers AES-256-GCM.
const SAME_CIPHER: &str = "quinn-proto with ChaCha20-Poly1305";

pub(crate) fn messages(scale: Scale) {
    let (rounds, count) = (scale.of(30, 1), scale.of(2_000, 64));
    let (configs, chacha20) = (quic::Configs::new(), quic::Configs::with_chacha20());
    let text = "x".repeat(100);
    for (window, title) in [
        (1, "One message at a time"),
        (64, "64 messages outstanding"),
    ] {
        let (mut we, mut they) = (ours::Pair::connected(), quic::Pair::connected(&configs));
        let mut others = quic::Pair::connected(&chacha20);
        let all = take_turns(
            rounds,
            vec![
                Case::new("quinn-proto", || {
                    timed(|| they.messages(text.as_bytes(), count, window)) / each(count)
                }),
                Case::new(SAME_CIPHER, || {
                    timed(|| others.messages(text.as_bytes(), count, window)) / each(count)
                }),
                Case::new("ours", || {
                    timed(|| we.messages(&text, count, window)) / each(count)
                }),
            ],
        );
        let title = format!("{title}, 100 B, with its receipt, both ends");
        let references = ["quinn-proto", SAME_CIPHER];
        print(&title, "ns of processor time each", &all, &references);
    }
}

/// Our messages, of which `window` are outstanding.
pub(crate) fn walk(window: usize) {
    ours::Pair::connected().messages(&"x".repeat(100), 2_000, window);
}

pub(crate) fn bulk(scale: Scale) {
    let (rounds, mib) = (scale.of(15, 1), scale.of(16, 1));
    let (configs, chacha20) = (quic::Configs::new(), quic::Configs::with_chacha20());
    let (mut we, mut they) = (ours::Pair::connected(), quic::Pair::connected(&configs));
    let mut others = quic::Pair::connected(&chacha20);
    let all = take_turns(
        rounds,
        vec![
            Case::new("quinn-proto", || {
                timed(|| they.transfer(mib << 20)) / each(mib) / 1e3
            }),
            Case::new(SAME_CIPHER, || {
                timed(|| others.transfer(mib << 20)) / each(mib) / 1e3
            }),
            Case::new("ours", || {
                timed(|| we.transfer(mib << 20)) / each(mib) / 1e3
            }),
        ],
    );
    print(
        "One large transfer, both ends",
        "µs of processor time per MiB",
        &all,
        &["quinn-proto", SAME_CIPHER],
    );
}
