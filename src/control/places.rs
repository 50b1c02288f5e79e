//! The places of those who are served.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::control::os::{Stream, max_descriptors};
use crate::control::queue::Client;

/// Clients at one time. Each costs a descriptor and two threads, some 32 KB. So many are more than anybody runs on purpose,
/// and few enough that alerts in an endless loop cost 8 MB.
const MAX_CLIENTS: usize = 256;

/// Clients have one in so many of the descriptors that the process may have. The others are for files, which could not be
/// opened otherwise.
const SHARE: u64 = 4;

/// How many are served at a time. One more waits in the system's queue until another one has left.
pub(super) fn max_clients() -> usize {
    share_of(max_descriptors())
}

fn share_of(descriptors: Option<u64>) -> usize {
    let share = descriptors.map(|descriptors| descriptors / SHARE);
    let share = share.and_then(|share| usize::try_from(share).ok());
    share.map_or(MAX_CLIENTS, |share| share.clamp(1, MAX_CLIENTS))
}

/// Everybody who is served.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// How many have a place, also of those that were taken out at the end.
    count: usize,
    /// In the order in which they came.
    clients: Vec<(Client, Stream)>,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        let open = Mutex::default();
        Self { most, open }
    }

    /// Whether one more is not let in.
    pub(super) fn are_taken(&self) -> bool {
        self.count() >= self.most
    }

    /// Whether whoever comes is to have another's place. The last quarter is for those who come before that is free.
    pub(super) fn are_short(&self) -> bool {
        self.count() >= self.most - self.most / 4
    }

    pub(super) fn count(&self) -> usize {
        self.lock().count
    }

    pub(super) fn add(&self, client: Client, stream: Stream) {
        let mut open = self.lock();
        open.clients.push((client, stream));
        open.count += 1;
    }

    pub(super) fn remove(&self, client: &Client) {
        let mut open = self.lock();
        open.clients.retain(|(it, _)| !it.is(client));
        open.count -= 1;
    }

    /// Ends the first one that is idle. False if nobody is.
    pub(super) fn retire_one(&self) -> bool {
        self.lock().clients.iter().any(|(it, _)| it.retire())
    }

    /// Takes them all, to end them. They have their places until they have ended.
    pub(super) fn take(&self) -> Vec<(Client, Stream)> {
        core::mem::take(&mut self.lock().clients)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_as_is_documented() {
        let documented = include_str!("../../docs/json.md");
        let words = format!("\n{MAX_CLIENTS} clients at a time, or a quarter of the descriptors");
        assert!(SHARE == 4 && documented.contains(&words));
    }

    #[test]
    fn clients_leave_three_of_four_descriptors_to_others() {
        for (descriptors, clients) in [
            (Some(0), 1),
            (Some(32), 8),
            (Some(256), 64),
            (Some(1_024), MAX_CLIENTS),
            (Some(u64::MAX), MAX_CLIENTS),
            (None, MAX_CLIENTS),
        ] {
            assert_eq!(share_of(descriptors), clients, "{descriptors:?}");
        }
    }
}
