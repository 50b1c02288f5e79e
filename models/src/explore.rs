//! Runs one model under many orders of events.

use shuttle::scheduler::Scheduler;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, MaxSteps, Runner};

/// Orders of each kind; `SECURECHAT_MODEL_ROUNDS` asks for more.
const ROUNDS: usize = 150;

/// Steps after which a model does not end any more: somebody waits for what never comes.
const MAX_STEPS: usize = 300_000;

/// Changes of thread that a bug may need, beside those that are forced.
const DEPTH: usize = 3;

/// More than the handshake's stack, which is scrubbed.
const STACK_LEN: usize = 4 << 20;

/// Runs `model` under orders drawn at random, and under those in which threads are seldom changed. A failure
/// prints its order, for `shuttle::replay`. The same rounds are the same orders.
pub fn explore(model: fn()) {
    let rounds = std::env::var("SECURECHAT_MODEL_ROUNDS");
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"));
    run(RandomScheduler::new_from_seed(0, rounds), model);
    run(PctScheduler::new_from_seed(0, DEPTH, rounds), model);
}

fn run(scheduler: impl Scheduler + 'static, model: fn()) {
    let mut config = Config::new();
    config.stack_size = STACK_LEN;
    config.max_steps = MaxSteps::FailAfter(MAX_STEPS);
    Runner::new(scheduler, config).run(model);
}
