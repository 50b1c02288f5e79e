//! A wait that ends by itself. The models have one of their own, since their scheduler knows no time.

use core::time::Duration;

use crate::sync::{Condvar, Mutex, MutexGuard};

/// Waits on `condvar` for `wait` at most. `guard`: of `mutex`. None if somebody panicked with it.
pub(super) fn wait_shortly<'a, T>(
    condvar: &Condvar,
    _mutex: &'a Mutex<T>,
    guard: MutexGuard<'a, T>,
    wait: Duration,
) -> Option<MutexGuard<'a, T>> {
    let woken = condvar.wait_timeout(guard, wait);
    woken.map(|(guard, _)| guard).ok()
}
