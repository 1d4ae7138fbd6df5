//! Messages, encapsulations and proxies as bytes. Everything is little-endian.

mod compress;
mod content;
mod encapsulation;
mod endpoint;
mod header;
mod limits;
mod message;
mod proxy;
mod reader;
mod text;
mod writer;

pub use content::Content;
pub use encapsulation::{Encapsulation, Encoding};
pub use endpoint::{Endpoint, Transport};
pub use header::{Compression, HEADER_BYTES, Header, MessageKind};
pub use limits::Limits;
pub use message::{BatchCall, Call, Frame, Message, Mode, Reply, ReplyBody, Request};
pub use proxy::{Identity, Proxy, ProxyMode, Version};
pub use reader::Reader;
pub use writer::Writer;
