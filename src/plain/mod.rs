//! The plain face: lines that are only ever appended. For terminals, pipes and screen readers.

mod printer;
mod stamp;

pub use printer::{Form, Mark, Own, Printer};
pub use stamp::Stamp;
