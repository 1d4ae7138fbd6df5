//! Values as bytes and back, in both encodings.

mod decode;
mod encode;
mod exception;
mod table;

pub use decode::{Decoded, decode};
pub use encode::{Format, encode};
pub use exception::{decode_exception, encode_exception};
