//! The plain face: lines that are only ever appended. For terminals, pipes and screen readers.

mod past;
mod printer;

pub use past::Past;
pub use printer::{Form, Mark, Own, Printer};
