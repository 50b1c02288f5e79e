//! What threads share, by the names under which it is used. The models (`models/`) compile the same sources
//! with their own `sync`, whose scheduler tries one order of events after the other.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};

pub(crate) mod atomic {
    pub(crate) use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
}

pub(crate) mod thread {
    pub(crate) use std::thread::{Builder, JoinHandle, panicking, park_timeout};
}
