//! securechat's own sources, compiled a second time with locks, atomics and threads that a scheduler steps
//! through: each model (`tests/`) runs under thousands of orders of events, which a seed reproduces.
//!
//! The core, the chat and the driver are the real ones. Only what is outside the process is not: the clock
//! stands still, the socket is a queue, and randomness is seeded.

#![allow(
    unused_imports,
    dead_code,
    missing_docs,
    reason = "what the sources that are left out use"
)]

#[path = "../../src/chat/mod.rs"]
pub mod chat;
#[path = "../../src/crypto/mod.rs"]
pub mod crypto;
pub mod ends;
pub mod explore;
#[path = "../../src/id.rs"]
pub mod id;
pub mod net;
#[path = "../../src/proto/mod.rs"]
pub mod proto;
#[path = "../../src/time.rs"]
pub mod time;
#[path = "../../src/wire/mod.rs"]
pub mod wire;

pub(crate) mod sync {
    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard, RwLock};
    pub(crate) use std::sync::{PoisonError, TryLockError};

    pub(crate) mod atomic {
        pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    }

    pub(crate) mod thread {
        use shuttle::thread::Builder;
        use std::io;

        pub(crate) use shuttle::thread::{JoinHandle, panicking, park_timeout};

        pub(crate) fn start(
            name: &str,
            body: impl FnOnce() + Send + 'static,
        ) -> io::Result<JoinHandle<()>> {
            Builder::new().name(name.to_owned()).spawn(body)
        }
    }
}
