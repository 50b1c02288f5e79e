//! Traffic since the start, counted by the threads that carry it.

use crate::net::udp::Sent;
use crate::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(super) struct Counters {
    batches_in: AtomicU64,
    datagrams_in: AtomicU64,
    bytes_in: AtomicU64,
    batches_out: AtomicU64,
    calls_out: AtomicU64,
    datagrams_out: AtomicU64,
    bytes_out: AtomicU64,
    lost: AtomicU64,
    errors: AtomicU64,
}

/// Traffic since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Receive calls that brought something.
    pub batches_in: u64,
    /// Datagrams received, garbage included.
    pub datagrams_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Batches sent, of one system call or more.
    pub batches_out: u64,
    /// The system calls that took something.
    pub calls_out: u64,
    /// Datagrams that the system took.
    pub datagrams_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Datagrams that the system did not take.
    pub lost: u64,
    /// Receive calls that failed for a reason that passes.
    pub errors: u64,
}

impl Counters {
    pub(super) fn on_received(&self, datagrams: usize, bytes: usize) {
        add(&self.batches_in, 1);
        add(&self.datagrams_in, datagrams);
        add(&self.bytes_in, bytes);
    }

    pub(super) fn on_sent(&self, sent: &Sent) {
        add(&self.batches_out, 1);
        add(&self.calls_out, sent.calls);
        add(&self.datagrams_out, sent.datagrams);
        add(&self.bytes_out, sent.bytes);
        add(&self.lost, sent.lost.len());
    }

    pub(super) fn on_error(&self) {
        add(&self.errors, 1);
    }

    pub(super) fn read(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            batches_in: read(&self.batches_in),
            datagrams_in: read(&self.datagrams_in),
            bytes_in: read(&self.bytes_in),
            batches_out: read(&self.batches_out),
            calls_out: read(&self.calls_out),
            datagrams_out: read(&self.datagrams_out),
            bytes_out: read(&self.bytes_out),
            lost: read(&self.lost),
            errors: read(&self.errors),
        }
    }
}

fn add(counter: &AtomicU64, amount: usize) {
    counter.fetch_add(u64::try_from(amount).unwrap_or(u64::MAX), Ordering::Relaxed);
}
