//! Reads of a part of a file that must be there.

use std::{fs::File, io, os::unix::fs::FileExt};

use crate::{Error, Result};

/// Fills `target` with the bytes of `file` from `offset` on.
///
/// # Errors
/// `InvalidData` saying how long the file is and how long it should be when it ends before;
/// otherwise as the file system answers, with `what` as what could not be read. The caller,
/// who knows the file's name, adds it.
pub(crate) fn read_exact_at(file: &File, target: &mut [u8], offset: u64, what: &str) -> Result<()> {
    file.read_exact_at(target, offset).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            let expected = offset.saturating_add(target.len() as u64);
            let message = match file.metadata() {
                Ok(metadata) => cut_short(metadata.len(), expected),
                Err(_) => format!("the file ends before byte {expected}"),
            };
            Error::invalid_data(message)
        }
        _ => Error::from_io(error, &format!("read {what}")),
    })
}

/// What is said of a file that ends before what it should hold.
pub(crate) fn cut_short(n_bytes: u64, expected: u64) -> String {
    format!("the file ends after {n_bytes} bytes, {expected} were expected; it was cut short")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn files_that_were_cut_short_say_how_long_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "12345").unwrap();
        let file = File::open(&path).unwrap();
        let mut bytes = [0; 4];
        read_exact_at(&file, &mut bytes, 1, "it").unwrap();
        assert_eq!(&bytes, b"2345");
        let error = read_exact_at(&file, &mut bytes, 3, "it").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.message().starts_with("the file ends after 5 bytes, 7 were expected"));
    }
}
