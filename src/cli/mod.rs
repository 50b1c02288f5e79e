//! The command line: arguments, subcommands, errors in words, exit codes.

pub mod args;
mod control;
mod demo;
mod doctor;
mod error;
mod exit;
mod history;
mod identity;
mod input;
mod json;
mod keygen;
mod log;
mod man;
mod meta;
mod out;
mod peers;
mod qr;
mod report;
mod run;
mod settled;
mod status;
mod streams;
mod talk;
mod target;
mod topics;
mod trouble;
mod turn;
mod unlock;
mod version;
mod wording;

pub use args::{Cli, Command, Globals};
pub use error::{Barrier, BindProblem, BindSource, End, Error, Loss, Obstacle, Peer, Prompt};
pub use exit::ExitCode;
pub use history::When;
pub use out::Out;
pub use report::{Line, Part, Report, Suggestion};
pub use run::{Context, run};
#[doc(hidden)]
pub use talk::{read_call_for_testing_only, read_line_for_testing_only};
