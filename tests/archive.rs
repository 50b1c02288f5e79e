//! The store under crashes: a disk that fails at every point where something is written, two people
//! whose processes are killed while they talk, and a file that something else has changed.
//!
//! A seed decides everything, and a failure prints it. `SECURECHAT_WRITE_POINTS=n`,
//! `SECURECHAT_KILLS=n` and `SECURECHAT_CHANGES=n` in the environment set how much is tried; `cargo
//! crash` tries much more.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod common;
#[path = "archive/conversation.rs"]
mod conversation;
#[path = "archive/damage.rs"]
mod damage;
#[path = "archive/disk.rs"]
mod disk;
#[path = "archive/points.rs"]
mod points;
#[path = "archive/reserved.rs"]
mod reserved;
#[path = "archive/session.rs"]
mod session;

use std::path::Path;

use chacha20::ChaCha20Rng;
use rand_core::{CryptoRng, Rng, SeedableRng};
use securechat::chat::ContactId;
use securechat::crypto::StaticSecret;
use securechat::id::PeerId;
use securechat::store::{Archive, Error, Keep, Restored};
use securechat::time::UnixTime;

use crate::disk::Disk;

/// Chance, from a seed.
struct Dice(ChaCha20Rng);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(seed))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap()
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A generator for a store.
    fn generator(&mut self) -> Box<dyn CryptoRng + Send> {
        Box::new(ChaCha20Rng::seed_from_u64(self.0.next_u64()))
    }
}

fn secret(byte: u8) -> StaticSecret {
    StaticSecret::from_bytes(&mut [byte; 32])
}

fn contact(byte: u8) -> ContactId {
    PeerId::new([byte; 32]).into()
}

fn open(
    disk: &Disk,
    owner: u8,
    dice: &mut Dice,
    now: UnixTime,
) -> Result<(Archive, Restored), Error> {
    open_keeping(Keep::Forever, disk, owner, dice, now)
}

fn open_keeping(
    keep: Keep,
    disk: &Disk,
    owner: u8,
    dice: &mut Dice,
    now: UnixTime,
) -> Result<(Archive, Restored), Error> {
    let (path, rng) = (Path::new("history.redb"), dice.generator());
    Archive::over(disk.clone(), path, &secret(owner), keep, rng, now)
}

/// The bytes of a store that was made and closed.
fn fresh(owner: u8, dice: &mut Dice) -> Vec<u8> {
    let disk = Disk::new(Vec::new(), None);
    drop(open(&disk, owner, dice, UnixTime(0)).unwrap());
    disk.bytes()
}
