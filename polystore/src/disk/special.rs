//! What is neither a file nor a folder: pipes, sockets and devices, which are never opened.

use std::{
    fs::{FileType, Metadata},
    os::unix::fs::FileTypeExt,
};

use crate::{Error, Result};

/// Refuses what opening would wait for, or reading would never end.
///
/// # Errors
/// `Unsupported` saying what it is; the caller adds its path.
pub(crate) fn refuse_special(metadata: &Metadata) -> Result<()> {
    match special_kind(metadata.file_type()) {
        None => Ok(()),
        Some(what) => Err(Error::unsupported(format!("is {what}, neither a file nor a folder"))
            .with_hint("only files and folders are read and copied")),
    }
}

fn special_kind(kind: FileType) -> Option<&'static str> {
    if kind.is_fifo() {
        Some("a FIFO (named pipe)")
    } else if kind.is_socket() {
        Some("a socket")
    } else if kind.is_char_device() {
        Some("a character device")
    } else if kind.is_block_device() {
        Some("a block device")
    } else {
        None
    }
}
