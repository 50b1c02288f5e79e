//! Specification constants of the tunnel: timers and bounds. `docs/protocol.md` has each with its
//! reason.

use core::time::Duration;

// Keys over time (docs/protocol.md#keys-over-time).

/// Age at which the initiator of a keypair starts a rekey when it sends.
pub const REKEY_INITIATOR_SEND: Duration = Duration::from_secs(120);
/// Age at which the initiator of a keypair starts a rekey when it receives.
pub const REKEY_INITIATOR_RECEIVE: Duration = Duration::from_secs(145);
/// Age, before jitter, at which the responder of a keypair starts a rekey.
pub const REKEY_RESPONDER: Duration = Duration::from_secs(170);
/// Age at which a keypair seals no more; it opens for [`ATTEMPT_LIFE`] longer.
pub const REJECT_AFTER: Duration = Duration::from_secs(180);
/// Age at which a keypair is erased.
pub const ERASE_AFTER: Duration = Duration::from_secs(540);
/// Packets sent under one key after which a rekey starts.
pub const REKEY_AFTER_PACKETS: u64 = 1 << 60;
/// Packets sent under one key after which it seals no more.
pub const REJECT_AFTER_PACKETS: u64 = u64::MAX - (1 << 13);
/// Failed openings under one key after which a rekey starts.
pub const REKEY_AFTER_FORGERIES: u64 = 1 << 36;
/// Unconfirmed keypairs that a responder keeps for one peer.
pub const MAX_NEXT_KEYPAIRS: usize = 3;
/// Packets that the replay window reaches back.
pub const REPLAY_WINDOW: u64 = 8_128;
/// Two keypairs with opposite initiators that are this close in age come from crossed INITs.
pub const GLARE_WINDOW: Duration = Duration::from_secs(20);

// Handshake (docs/protocol.md#handshake, #keys-over-time).

/// A peer that owes us something and has nothing to acknowledge is asked after this time whether it is
/// still there.
pub const ASK_AFTER: Duration = Duration::from_secs(5);

/// Waits before the second attempt, the third and so on; later ones use the last.
pub const RETRY_DELAYS: [Duration; 7] = [
    Duration::from_millis(740),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(5),
];
/// Largest random addition to a retry or rekey time.
pub const RETRY_JITTER: Duration = Duration::from_millis(333);
/// A retry comes later by at most this part of the wait.
pub const RETRY_JITTER_PART: u32 = 8;
/// How long attempts follow each other at that pace.
pub const RETRY_FOR: Duration = Duration::from_secs(90);
/// The pace afterwards, while something waits.
pub const RETRY_SLOW: Duration = Duration::from_secs(60);
/// At that pace a wait is shorter by at most this part of it.
pub const RETRY_SLOW_JITTER_PART: u32 = 5;
/// How often an initiator sends one message 1 before it makes another attempt.
pub const INIT_SENDINGS: u32 = 4;
/// How often a responder sends one message 2.
pub const RESP_SENDINGS: u32 = 4;
/// Attempts of one initiator that may still be answered.
pub const MAX_ATTEMPTS: usize = 3;
/// How long an attempt may still be answered.
pub const ATTEMPT_LIFE: Duration = Duration::from_secs(90);
/// How long an accepted timestamp is remembered without a session.
pub const TIMESTAMP_LIFE: Duration = Duration::from_secs(86_400);
/// Unanswered time after which a new handshake starts.
pub const SILENCE: Duration = Duration::from_secs(5);
/// Packets sent within which one number is left out.
pub const SKIP_WITHIN: usize = 1_024;

// Reassembly, cookies and load (docs/protocol.md#datagrams, #cookies-and-load).

/// INIT messages in reassembly at once.
pub const MAX_SLOTS: usize = 256;
/// INIT messages in reassembly at once from one source.
pub const MAX_SLOTS_PER_SOURCE: usize = 4;
/// How long a half waits for the other, and a message 2 for a repeated half. Attempts are repeated at
/// shorter waits only.
pub const SLOT_LIFE: Duration = Duration::from_secs(6);
/// Distinct variants of each half of a stranger's INIT that are kept and tried.
pub const MAX_VARIANTS: usize = 2;
/// Distinct variants of each half of a RESP that are kept and tried.
pub const MAX_RESP_VARIANTS: usize = 8;
/// How long a cookie secret is used for new cookies; it is accepted for as long again.
pub const COOKIE_LIFE: Duration = Duration::from_secs(120);
/// INITs a second from one source that are not asked for a cookie.
pub const SOURCE_RATE: u32 = 20;
/// INITs at once from one source that are not asked for a cookie.
pub const SOURCE_BURST: u32 = 5;
/// INITs a second from one source that proved its address.
pub const PROVED_RATE: u32 = 200;
/// Sources whose rates are kept.
pub const MAX_SOURCES: usize = 4_096;
/// INITs a second from all sources above which everybody needs a cookie.
pub const LOAD_RATE: u32 = 100;
/// Handshake jobs that wait for the worker; half of it counts as load.
pub const MAX_JOBS: usize = 256;
/// Datagrams that wait to be sent above which strangers get no answer.
pub const MAX_ANSWERS: usize = 1_024;
/// How long the demand for cookies outlasts the load.
pub const LOAD_HOLD: Duration = Duration::from_secs(1);

// Streams (docs/protocol.md#streams).

/// Bytes that a peer may send on one stream ahead of its reader; the chat has as much for itself.
pub const STREAM_WINDOW: u64 = 1 << 20;
/// Bytes that a peer may send on all bulk streams together ahead of their readers.
pub const DATA_WINDOW: u64 = 1 << 22;
/// What either window may become for a peer that uses it up, see [`WINDOW_ROUNDS`].
pub const WINDOW_MAX: u64 = 1 << 24;
/// How many times what comes in a round trip a window is.
pub const WINDOW_ROUNDS: u64 = 16;
/// Bulk streams that may be open at once in one direction.
pub const MAX_STREAMS: u64 = 16;
/// Gaps that may be in a stream; a packet that makes more is dropped.
pub const MAX_STREAM_GAPS: usize = 8_192;
/// After when memory that a burst has left is given back.
pub const SHRINK_AFTER: Duration = Duration::from_secs(2);
/// While the chat is busy, one byte in this many is for the bulk streams.
pub const BULK_SHARE: u64 = 10;

// Peers (docs/protocol.md#who-may-talk).

/// Unknown peers that wait for a decision; as many again have yet to say HELLO.
pub const MAX_GUESTS: usize = 8;
/// The same from one source.
pub const MAX_GUESTS_PER_SOURCE: usize = 2;
/// Unknown peers a minute from one source that the owner is asked about.
pub const GUEST_RATE: u32 = 2;
/// Unknown peers at once from one source that the owner is asked about.
pub const GUEST_BURST: u32 = 4;
/// Unknown peers a minute from all sources that the owner is asked about.
pub const ALL_GUESTS_RATE: u32 = 6;
/// Unknown peers at once from all sources that the owner is asked about.
pub const ALL_GUESTS_BURST: u32 = 8;
/// How long an unknown peer waits for a decision after it was last heard, or called if the owner was not asked.
pub const GUEST_LIFE: Duration = Duration::from_secs(300);
/// How often whoever waits to be accepted asks whether the other side is there and knows of it.
pub const ASK_WHILE_WAITING: Duration = Duration::from_secs(25);
/// How often something is sent through a NAT that is seen, so that it keeps its mapping.
pub const NAT_KEEPALIVE: Duration = Duration::from_secs(25);
/// A keepalive comes earlier than its interval by at most this part of it.
pub const KEEPALIVE_JITTER_PART: u32 = 5;
/// Guests who are gone and are remembered, in case they do not know it.
pub const MAX_FORMER_GUESTS: usize = 64;
/// Keys that one process pins by itself under `--trust new`, with those that have yet to confirm.
pub const MAX_PINNED: usize = 64;
/// Keys from one source that have yet to confirm under `--trust new`.
pub const MAX_NEWCOMERS_PER_SOURCE: usize = 16;
/// Addresses kept of one peer.
pub const MAX_ADDRESSES: usize = 8;
/// Events that wait for the owner; beyond, moves are dropped and counted, packets with receipts are not taken,
/// and no session begins at a peer's wish.
pub const MAX_EVENTS: usize = 1_024;

// Loss recovery and congestion control (docs/protocol.md#loss-and-congestion, RFC 9002).

/// Packets sent after one that was not acknowledged, of which one was, that make it lost.
pub const PACKET_THRESHOLD: u64 = 3;
/// Eighths of the round-trip time after which it is lost if a later one was acknowledged.
pub const TIME_THRESHOLD_EIGHTHS: u32 = 9;
/// The shortest time that a loss or probe timer measures.
pub const GRANULARITY: Duration = Duration::from_millis(1);
/// The round-trip time that is assumed before the first sample.
pub const INITIAL_RTT: Duration = Duration::from_millis(333);
/// The longest that an acknowledgement is held back, and the most that a claimed delay counts.
pub const MAX_ACK_DELAY: Duration = Duration::from_millis(25);
/// Packets that ask for an acknowledgement after which one leaves at once.
pub const ACK_EVERY: usize = 2;
/// Probe timeouts without an acknowledgement that make persistent congestion.
pub const PERSISTENT_CONGESTION: u32 = 3;
/// The longest probe timeout, however often it doubled.
pub const MAX_PTO: Duration = Duration::from_secs(10);
/// Full datagrams in the initial window.
pub const INITIAL_WINDOW_PACKETS: usize = 10;
/// Full datagrams in the smallest window.
pub const MINIMUM_WINDOW_PACKETS: usize = 2;
/// Full datagrams that NewReno's pacing lets leave at once.
pub const PACING_BURST: usize = 10;
/// NewReno's pace in hundredths of a window a round trip.
pub const PACING_GAIN_PERCENT: u32 = 125;
/// BBR lets leave at once what it sends in this time.
pub const BURST_TIME: Duration = Duration::from_millis(1);
/// Most bytes of that.
pub const BURST_MAX_BYTES: u64 = 64 * 1024;
/// Packets that would follow each other sooner leave together, up to half of what may leave at once.
pub const PACE_STEP: Duration = Duration::from_micros(250);
/// Hundredths of what is in flight whose loss, beyond what the path loses by itself, makes BBR send less while there is a
/// queue.
pub const LOSS_LIMIT_PERCENT: u64 = 2;
/// The same while there is no queue.
pub const LOSS_LIMIT_UNQUEUED_PERCENT: u64 = 10;
/// The longest time, before jitter, between BBR's probes for bandwidth.
pub const PROBE_EVERY: Duration = Duration::from_secs(3);
/// The same while others keep a queue.
pub const QUEUED_PROBE_EVERY: Duration = Duration::from_secs(20);
/// The fewest round trips between them.
pub const PROBE_ROUNDS_MIN: u64 = 40;
/// The most round trips between them.
pub const PROBE_ROUNDS_MAX: u64 = 80;
/// The same while others keep a queue.
pub const QUEUED_PROBE_ROUNDS: u64 = 500;
/// How long BBR believes in a shortest round trip.
pub const MIN_RTT_LIFE: Duration = Duration::from_secs(10);
/// How long BBR goes without one before it empties the path to see one.
pub const PROBE_RTT_EVERY: Duration = Duration::from_secs(5);
/// How long it keeps the path empty.
pub const PROBE_RTT_FOR: Duration = Duration::from_millis(200);
/// Ack-eliciting packets in flight.
pub const MAX_TRACKED_PACKETS: usize = 8_192;
/// Skipped packet numbers that are remembered.
pub const MAX_SKIPPED: usize = 64;

// MTU discovery (docs/protocol.md#loss-and-congestion, RFC 8899).

/// Datagram sizes above the base that are tried in turn.
pub const MTU_PROBES: [usize; 4] = [1_352, 1_420, 1_452, 1_472];
/// Probes of one size in a row whose loss decides that it does not pass.
pub const MTU_PROBE_LOSSES: u32 = 3;
/// How long such a decision stands.
pub const MTU_RAISE_AFTER: Duration = Duration::from_secs(600);
/// Rounds of lost full-size packets without an arrived one that make a black hole.
pub const BLACK_HOLE_ROUNDS: u32 = 3;

// Paths (docs/protocol.md#paths, RFC 9000 §§8.2, 9).

/// How many times what came from an unproved address may be sent to it.
pub const AMPLIFICATION: usize = 3;
/// PTO of a path whose round trip nobody has measured. An address gets [`PATH_PTOS`] times this, or
/// the measured PTO if that is longer, to answer in.
pub const PATH_PTO: Duration = Duration::from_millis(1_024);
/// PTOs after which an address that did not answer is given up.
pub const PATH_PTOS: u32 = 3;
/// Moves in a row, none proved, after which a further one no longer puts off the return.
pub const MAX_UNPROVED_MOVES: u32 = 8;
/// The least time between a challenge of an unproved address and one that a packet from there calls for.
pub const CHALLENGE_PAUSE: Duration = Duration::from_millis(256);
/// How long an unproved address that was left for one that does not answer either may still prove itself.
pub const UNPROVED_LIFE: Duration = Duration::from_secs(30);
/// Challenges of ours that may still be answered.
pub const MAX_CHALLENGES: usize = 32;
/// Challenges of the peer that wait for their answer; at the bound the oldest goes.
pub const MAX_PATH_RESPONSES: usize = 8;

// Verification (docs/protocol.md#verification).

/// How long two people may take to compare words.
pub const VERIFY_LIFE: Duration = Duration::from_secs(300);
/// How long after a comparison that a peer asked for it gets no other.
pub const VERIFY_PAUSE: Duration = Duration::from_secs(60);

// Messages (docs/protocol.md#messages).

/// RECEIPT, REJECT and VERIFY frames of one connection that wait for a packet or are in one on its way.
pub const MAX_NOTES: usize = 1_024;
/// Longest body that travels on the chat stream itself; a longer one has a stream of its own.
pub const INLINE_BODY_MAX_LEN: usize = 64 * 1024;
/// Longest body that is accepted unless the policy says otherwise.
pub const MESSAGE_MAX_LEN: usize = 16 * 1024 * 1024;
/// How long a sender tries to deliver a message.
pub const MESSAGE_LIFE: Duration = Duration::from_secs(1_209_600);
/// How long a receiver remembers a log id after the last message under it.
pub const LOG_LIFE: Duration = Duration::from_secs(2_592_000);
/// Log ids that a receiver remembers of one contact.
pub const MAX_LOGS: usize = 1_024;
