//! What threads share, by the names under which it is used. The models (`models/`) compile the same sources
//! with their own `sync`, whose scheduler tries one order of events after the other.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};

pub(crate) mod atomic {
    pub(crate) use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
}

pub(crate) mod thread {
    use std::io;
    use std::thread::Builder;

    pub(crate) use std::thread::{JoinHandle, panicking, park_timeout};

    /// Starts a thread called `name`.
    ///
    /// # Errors
    /// The system's, if it gives no thread.
    pub(crate) fn start(
        name: &str,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        start_boxed(name, Box::new(body))
    }

    /// Of one type, since the standard library's part of a thread is compiled anew for each.
    fn start_boxed(name: &str, body: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> {
        Builder::new().name(name.to_owned()).spawn(body)
    }
}

#[cfg(test)]
mod tests {
    use std::thread::current;

    use super::*;

    #[test]
    fn a_thread_has_its_name() {
        let (named, names) = std::sync::mpsc::channel();
        let tell = move || named.send(current().name().map(str::to_owned)).unwrap();
        thread::start("wood", tell).unwrap().join().unwrap();
        assert_eq!(names.recv().unwrap().as_deref(), Some("wood"));
    }
}
