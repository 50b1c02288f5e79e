//! Bytes to values and back: no keys, no state. The only place that knows an offset.
//!
//! [`packet`] has the outer forms that anybody can see, [`frame`] what lies inside the seal.

mod codec;
pub mod frame;
pub mod limits;
pub mod packet;

pub use codec::{DecodeError, Reader, Writer};
pub(crate) use codec::{VARINT_MAX, Varint, varint_len};
