//! Two real programs talk, and now one and now the other is killed, at any moment.
//!
//! The law: what was shown as accepted arrives; what was shown as delivered was printed over there;
//! nothing is printed twice without its mark; everything is in its order.
//!
//! A seed decides who says what, who is killed, and after how much was read of it; the rest is up to the
//! system. `SECURECHAT_PROGRAM_KILLS=n` sets how many are killed; `cargo kills` kills 500.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::common::{Seed, setting};
use crate::home::{Home, free_port};
use crate::program::{PATIENCE, Program, Stream};

/// Kills of an ordinary test run.
const SUITE_KILLS: u64 = 10;
/// So many that some of them come between a message and its confirmation.
const ENOUGH_KILLS: u64 = 100;
/// Kills of one conversation.
const KILLS: u64 = 25;
/// Of ten letters each, in a long text: a line of a terminal has at most 4,095.
const LONG: usize = 350;
/// How long a program is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How long it may print nothing more until it is killed all the same.
const STILL: Duration = Duration::from_millis(300);

/// Chance, from a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// One person, and what it has seen.
struct Side {
    home: Home,
    /// Whom it talks to, where it is, and where the other one is.
    other: &'static str,
    own: SocketAddr,
    address: SocketAddr,
    program: Option<Program>,
    /// Whether this program has said that the session stands.
    is_secure: bool,
    typed: u64,
    /// How much of that former programs were told.
    typed_before: u64,
    /// What the program said that it had accepted.
    accepted: BTreeSet<u64>,
    delivered: BTreeSet<u64>,
    /// What the numbers of this program stand for; those from before for nothing known.
    numbers: BTreeMap<u64, Option<u64>>,
    /// What was printed of the other's messages, and whether it was marked.
    shown: Vec<(u64, bool)>,
}

impl Side {
    fn new(home: Home, other: &'static str, own: SocketAddr, address: SocketAddr) -> Self {
        let mut side = Self {
            home,
            other,
            own,
            address,
            program: None,
            is_secure: false,
            typed: 0,
            typed_before: 0,
            accepted: BTreeSet::new(),
            delivered: BTreeSet::new(),
            numbers: BTreeMap::new(),
            shown: Vec::new(),
        };
        side.start();
        side
    }

    fn start(&mut self) {
        let (own, address) = (self.own.to_string(), self.address.to_string());
        let args = ["connect", self.other, &address, "--bind", &own, "--retry"];
        self.numbers.clear();
        self.is_secure = false;
        self.typed_before = self.typed;
        self.program = Some(Program::typed_at(self.home.command(&args)));
    }

    fn kill(&mut self) {
        let ended = self.program.take().unwrap().kill();
        self.note(&whole_lines(&ended.rest), &whole_lines(&ended.told));
    }

    fn say(&mut self, count: u64) {
        let lines: Vec<String> = (self.typed..self.typed + count).map(text_of).collect();
        self.program.as_mut().unwrap().say(&lines.join("\n"));
        self.typed += count;
    }

    /// Looks at what is printed, for so long. Returns how many lines it was.
    fn look(&mut self, time: Duration) -> usize {
        let program = self.program.as_mut().unwrap();
        program.is_read(time);
        let (said, told) = (program.lines(Stream::Out), program.lines(Stream::Err));
        self.note(&said, &told);
        said.len() + told.len()
    }

    /// Looks until so many lines were printed, or nothing for a while.
    fn watch(&mut self, lines: u64) {
        let (mut seen, mut last) = (0, Instant::now());
        while seen < lines && last.elapsed() < STILL {
            let fresh = self.look(LOOK) as u64;
            if fresh > 0 {
                last = Instant::now();
            }
            seen += fresh;
        }
    }

    /// Waits until the session stands.
    fn connect(&mut self) {
        let start = Instant::now();
        while !self.is_secure {
            self.look(LOOK);
            assert!(start.elapsed() < PATIENCE, "no session");
        }
    }

    fn note(&mut self, said: &[String], told: &[String]) {
        for record in said {
            let fields: Vec<&str> = record.split('\t').collect();
            let is_again = fields.get(3) == Some(&"again");
            assert!(fields.len() == 3 + usize::from(is_again), "{record:?}");
            assert_eq!(fields[1], self.other);
            self.shown.push((number_of(fields[2]), is_again));
        }
        told.iter().for_each(|line| self.note_told(line));
    }

    fn note_told(&mut self, line: &str) {
        assert!(!line.starts_with("error: "), "{line}");
        self.is_secure |= line.starts_with("secure: ");
        if let Some((_, own)) = line.split_once(" me [") {
            let (number, text) = own.split_once("]: ").unwrap();
            let text = number_of(text);
            self.accepted.insert(text);
            self.numbers.insert(number.parse().unwrap(), Some(text));
        } else if let Some((_, left)) = line.split_once(" from before wait") {
            let bounds = left
                .split(['[', ']'])
                .filter_map(|it| it.parse::<u64>().ok());
            let bounds: Vec<u64> = bounds.collect();
            let all = bounds[0]..=*bounds.last().unwrap();
            self.numbers.extend(all.map(|number| (number, None)));
        } else if let Some(line) = line.strip_suffix("] delivered") {
            let number = line.split_once('[').unwrap().1.parse().unwrap();
            let text = self.numbers.remove(&number);
            self.delivered.extend(text.expect("it was not open"));
        }
    }

    /// Whether this program has accepted all that it was told.
    fn is_heard(&self) -> bool {
        (self.typed_before..self.typed).all(|number| self.accepted.contains(&number))
    }

    /// What was printed of the other's messages, each once, in the order of the first time.
    fn first_shown(&self) -> Vec<u64> {
        let mut seen = BTreeSet::new();
        let shown = self.shown.iter().map(|(number, _)| *number);
        shown.filter(|number| seen.insert(*number)).collect()
    }
}

/// What is typed as the text of that number: every fifth takes several packets.
fn text_of(number: u64) -> String {
    let is_long = number % 5 == 4;
    let rest = if is_long { LONG } else { 0 };
    format!("line {number} {}", "and so on ".repeat(rest))
        .trim_end()
        .to_owned()
}

/// What a text of ours stands for, which is whole.
fn number_of(text: &str) -> u64 {
    let number = text.split(' ').nth(1).and_then(|word| word.parse().ok());
    let number = number.unwrap_or_else(|| panic!("{text:?}"));
    assert_eq!(text, text_of(number));
    number
}

/// Those that were written to their end.
fn whole_lines(text: &str) -> Vec<String> {
    let end = text.rfind('\n').map_or(0, |end| end + 1);
    text[..end].lines().map(str::to_owned).collect()
}

/// Two people.
struct Pair {
    sides: [Side; 2],
    dice: Dice,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let (alice, bob) = Home::friends();
        let (here, there) = (free_port(), free_port());
        let sides = [
            Side::new(alice, "bob", here, there),
            Side::new(bob, "alice", there, here),
        ];
        Self {
            sides,
            dice: Dice(seed),
        }
    }

    /// They talk for a moment; then one is killed in the midst of it, and starts again.
    fn kill_one(&mut self, victim: usize) {
        // Mostly while they are connected.
        if self.dice.below(4) > 0 {
            self.sides[victim].connect();
        }
        for _ in 0..=self.dice.below(3) {
            for side in &mut self.sides {
                match self.dice.below(5) {
                    0 => {}
                    count => side.say(count),
                }
            }
            let lines = self.dice.below(12);
            self.sides[victim].watch(lines);
            let moment = Duration::from_micros(self.dice.below(8_000));
            self.sides[1 - victim].look(moment);
        }
        self.sides[victim].kill();
        self.sides[victim].start();
    }

    /// Waits until everything has arrived that is under way.
    fn settle(&mut self, seed: u64) {
        let start = Instant::now();
        loop {
            for side in &mut self.sides {
                side.look(LOOK);
            }
            let is_over = |at: usize| {
                let (side, shown) = (&self.sides[at], self.sides[1 - at].first_shown());
                side.is_secure
                    && side.is_heard()
                    && side.numbers.is_empty()
                    && side.accepted.iter().all(|it| shown.contains(it))
            };
            if is_over(0) && is_over(1) {
                return;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "seed {seed}: {}",
                self.missing()
            );
        }
    }

    fn missing(&self) -> String {
        let of = |at: usize| {
            let shown = self.sides[1 - at].first_shown();
            let side = &self.sides[at];
            let missing: Vec<_> = side
                .accepted
                .iter()
                .filter(|it| !shown.contains(it))
                .collect();
            let (open, typed) = (&side.numbers, side.typed_before..side.typed);
            format!("{missing:?} did not arrive, {open:?} are open, {typed:?} were typed; ")
        };
        of(0) + &of(1)
    }

    fn check(&self, seed: u64) {
        for (at, side) in self.sides.iter().enumerate() {
            let (shown, printed) = (self.sides[1 - at].first_shown(), &self.sides[1 - at].shown);
            let lost: Vec<_> = side
                .accepted
                .difference(&shown.iter().copied().collect())
                .copied()
                .collect();
            assert!(lost.is_empty(), "seed {seed}: {lost:?} are lost");
            for number in &side.delivered {
                assert!(
                    shown.contains(number),
                    "seed {seed}: {number} is delivered and missing"
                );
            }
            assert!(shown.is_sorted(), "seed {seed}: out of order: {shown:?}");
            assert!(
                shown.iter().all(|number| *number < side.typed),
                "seed {seed}"
            );
            let mut seen = BTreeSet::new();
            for (number, is_again) in printed {
                let is_first = seen.insert(number);
                assert!(
                    is_first || *is_again,
                    "seed {seed}: {number} is repeated unmarked"
                );
            }
        }
    }

    /// Both leave, and nothing is left for another time.
    fn leave(self, seed: u64) {
        for mut side in self.sides {
            let mut program = side.program.take().unwrap();
            program.say("/quit");
            let ended = program.end();
            assert_eq!(ended.code, Some(0), "seed {seed}: {}", ended.transcript);
            assert!(!ended.told.contains("kept"), "seed {seed}: {}", ended.told);
            let ended =
                side.home
                    .attempt(&["connect", side.other, "127.0.0.1:9", "--timeout", "1ms"]);
            assert_eq!(ended.rest, "", "seed {seed}: shown again");
            assert!(
                !ended.told.contains("from before"),
                "seed {seed}: {}",
                ended.told
            );
        }
    }
}

#[test]
fn whoever_is_killed_misses_nothing_and_reads_nothing_twice_unmarked() {
    let wanted = setting("SECURECHAT_PROGRAM_KILLS", SUITE_KILLS);
    let first = setting("SECURECHAT_PROGRAM_SEED", 1);
    let (mut kills, mut typed, mut accepted, mut delivered, mut marked) = (0, 0, 0, 0, 0);
    for seed in first.. {
        let _guard = Seed(seed);
        let mut pair = Pair::new(seed);
        for kill in 0..KILLS.min(wanted - kills) {
            pair.kill_one(usize::try_from(kill % 2).unwrap());
            kills += 1;
        }
        pair.settle(seed);
        pair.check(seed);
        for side in &pair.sides {
            typed += side.typed;
            accepted += side.accepted.len();
            delivered += side.delivered.len();
            marked += side.shown.iter().filter(|(_, is_again)| *is_again).count();
        }
        pair.leave(seed);
        if kills >= wanted {
            break;
        }
    }
    assert!(
        marked > 0 || kills < ENOUGH_KILLS,
        "nobody was killed between a message and its confirmation"
    );
    println!(
        "{kills} kills, {typed} lines typed, {accepted} accepted, {delivered} seen delivered, {marked} shown (again)"
    );
}
