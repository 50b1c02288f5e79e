//! A thread that writes what others note, so that none of them waits for a disk.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::sync::thread;

/// How long an end waits for a disk or a terminal that takes nothing.
pub(super) const TO_FINISH: Duration = Duration::from_secs(1);

/// Something that was noted.
pub(super) struct Noted<T> {
    pub(super) item: T,
    /// What found no room before it.
    pub(super) missing: u64,
}

/// The way to the thread. A full queue loses what is noted, never time.
pub(super) struct Background<T> {
    queue: Mutex<Option<SyncSender<Noted<T>>>>,
    missing: Arc<AtomicU64>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
    /// Closed by the thread when it ends.
    ended: Mutex<Receiver<()>>,
}

impl<T: Send + 'static> Background<T> {
    /// Starts a thread that takes what is noted, of which at most `room` waits. When that has ended, the number tells
    /// what found no room after the last of it.
    ///
    /// # Errors
    /// The system's, if it gives no thread.
    pub(super) fn start(
        name: &str,
        room: usize,
        body: impl FnOnce(&Receiver<Noted<T>>, &AtomicU64) + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, waiting) = sync_channel(room);
        let missing = Arc::new(AtomicU64::new(0));
        let unsaid = Arc::clone(&missing);
        let (runs, ended): (Sender<()>, _) = channel();
        let thread = thread::start(name, move || {
            let _runs = runs;
            body(&waiting, &unsaid);
        })?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            missing,
            thread: Mutex::new(Some(thread)),
            ended: Mutex::new(ended),
        })
    }

    /// Notes something, if there is room and the thread still takes it.
    pub(super) fn note(&self, item: T) {
        let queue = lock(&self.queue);
        let Some(queue) = &*queue else { return };
        let missing = self.missing.swap(0, Ordering::Relaxed);
        if let Err(TrySendError::Full(_)) = queue.try_send(Noted { item, missing }) {
            self.missing.fetch_add(missing + 1, Ordering::Relaxed);
        }
    }
}

impl<T> Background<T> {
    /// Takes nothing more, and lets the thread take what waits, and end.
    pub(super) fn close(&self) {
        drop(lock(&self.queue).take());
    }

    /// The same, and waits for the thread; no longer than `time`, after which it is left to itself. Nobody
    /// waits for it again then.
    pub(super) fn finish_within(&self, time: Duration) {
        self.close();
        if lock(&self.thread).is_none() {
            return;
        }
        let _ = lock(&self.ended).recv_timeout(time);
        drop(lock(&self.thread).take());
    }
}

impl<T> Drop for Background<T> {
    fn drop(&mut self) {
        self.finish_within(TO_FINISH);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against hanging only.
    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn what_finds_no_room_is_counted_by_what_does() {
        let (go, gate) = channel::<()>();
        let (has_room, made_room) = channel();
        let (tell, told) = channel();
        let background = Background::start("test", 2, move |waiting, _| {
            let _ = gate.recv();
            for _ in 0..2 {
                let noted: Noted<u8> = waiting.recv().unwrap();
                tell.send((noted.item, noted.missing)).unwrap();
            }
            has_room.send(()).unwrap();
            for noted in waiting {
                tell.send((noted.item, noted.missing)).unwrap();
            }
        })
        .unwrap();
        (0..5).for_each(|number| background.note(number));
        go.send(()).unwrap();
        made_room.recv().unwrap();
        background.note(5);
        background.finish_within(PATIENCE);
        let seen: Vec<(u8, u64)> = told.iter().collect();
        assert_eq!(seen, [(0, 0), (1, 0), (5, 3)]);
    }

    #[test]
    fn nothing_is_noted_any_more_once_it_has_ended() {
        let background = Background::start("test", 1, |waiting, _| drop(waiting.recv())).unwrap();
        background.note(1);
        background.finish_within(PATIENCE);
        background.note(2);
        assert_eq!(background.missing.load(Ordering::Relaxed), 0);
    }
}
