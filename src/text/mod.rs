//! Text from outside, made safe to show: nothing else may reach a terminal, a log or a title.
//!
//! A stranger's text can move the cursor, write the clipboard, reverse the reading direction or pose
//! as another name. [`Safe`] is the proof that a text went through this module's policy; printers
//! accept nothing else.

mod amount;
mod body;
mod case;
mod cluster;
mod name;
mod nearest;
mod outlet;
mod safe;

pub use amount::{count_messages, minutes, span, unreadable};
pub use body::{
    MAX_LINES, MAX_MARKS, MAX_SHOWN_LEN, drawable, safe_line, safe_text, safe_text_marked,
    safe_whole_text, single_line, typeable,
};
pub use case::{Words, caseless_letter};
pub use cluster::MAX_CLUSTER;
pub use name::{MAX_NAME_LEN, NameError, safe_name, skeleton};
pub use nearest::nearest;
pub use outlet::{Charset, Outlet, Sink};
pub use safe::Safe;
