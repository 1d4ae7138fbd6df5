//! Checks the counts of the first directory's tags. The TIFF crate reads that directory when
//! it opens a file, before it can be told how much memory it may take.

use std::{fs::File, os::unix::fs::FileExt};

use crate::{Error, Result};

/// Most tags of a directory that are looked at; TIFF's own count has 16 bits.
const MAX_TAGS: u64 = 65_536;

/// Refuses a file of `n_bytes` whose first directory has a tag with more values than bytes
/// are in the file. What is cut short or no TIFF at all is left to the reader.
///
/// # Errors
/// `InvalidData` naming the tag.
pub(super) fn check(file: &File, n_bytes: u64) -> Result<()> {
    match first_beyond(file, n_bytes) {
        Some(Beyond { tag, count, end }) => Err(Error::invalid_data(format!(
            "TIFF is cut or damaged: the file ends after {n_bytes} bytes, {end} were expected (tag {tag} claims {count} values)"
        ))
        .with_hint("copy it again from the microscope, or leave it out")),
        None => Ok(()),
    }
}

/// Where the first directory of a file of `n_bytes` begins; `None` when the file is too short
/// to say.
pub(super) fn directory_at(file: &File, n_bytes: u64) -> Option<u64> {
    start(file, n_bytes).map(|start| start.place)
}

/// What the first bytes of a file say.
struct Start {
    little: bool,
    big: bool,
    /// Where the first directory begins.
    place: u64,
}

fn start(file: &File, n_bytes: u64) -> Option<Start> {
    let mut start = [0; 16];
    let length = start.len().min(usize::try_from(n_bytes).ok()?);
    file.read_exact_at(&mut start[..length], 0).ok()?;
    let little = &start[..2] == b"II";
    let big = number(&start[2..4], little) == 43;
    if n_bytes < if big { 16 } else { 8 } {
        return None;
    }
    let place = if big { number(&start[8..16], little) } else { number(&start[4..8], little) };
    Some(Start { little, big, place })
}

/// A whole number of the file's byte order.
fn number(bytes: &[u8], little: bool) -> u64 {
    let byte = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    match little {
        true => bytes.iter().rev().fold(0, byte),
        false => bytes.iter().fold(0, byte),
    }
}

/// A tag with more values than the file has bytes.
struct Beyond {
    tag: u64,
    count: u64,
    /// Where its values would end.
    end: u64,
}

/// Bytes of a value by the number of its type (TIFF 6.0, section 2; BigTIFF); 1 of others.
fn value_bytes(kind: u64) -> u64 {
    match kind {
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16..=18 => 8,
        _ => 1,
    }
}

fn first_beyond(file: &File, n_bytes: u64) -> Option<Beyond> {
    let Start { little, big, place } = start(file, n_bytes)?;
    let number = |bytes: &[u8]| number(bytes, little);
    // Bytes of the number of tags, and of a tag.
    let (of_count, of_tag) = if big { (8, 20) } else { (2, 12) };
    let mut count = [0; 8];
    file.read_exact_at(&mut count[..of_count], place).ok()?;
    let n_tags = number(&count[..of_count]).min(MAX_TAGS).min(n_bytes / of_tag);
    let mut tags = vec![0; usize::try_from(n_tags * of_tag).ok()?];
    file.read_exact_at(&mut tags, place.checked_add(of_count as u64)?).ok()?;
    let mut tags = tags.chunks_exact(of_tag as usize).map(|tag| {
        let (count, place) = if big { (&tag[4..12], &tag[12..]) } else { (&tag[4..8], &tag[8..]) };
        let count = number(count);
        let length = count.saturating_mul(value_bytes(number(&tag[2..4])));
        Beyond { tag: number(&tag[..2]), count, end: number(place).saturating_add(length) }
    });
    tags.find(|tag| tag.count > n_bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn checked(bytes: &[u8]) -> Result<()> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        check(&file, bytes.len() as u64)
    }

    #[test]
    fn counts_beyond_the_file_are_refused_in_every_kind_of_file() {
        let classic = |count: u8| {
            let mut file = b"II\x2a\0\x08\0\0\0\x01\0\x03\x01\x03\0".to_vec();
            file.extend([count, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            file
        };
        checked(&classic(26)).unwrap();
        // From byte 0 on, two bytes each.
        let error = checked(&classic(27)).unwrap_err();
        assert!(error.to_string().contains("ends after 26 bytes, 54 were expected"), "{error}");
        assert!(checked(&classic(27)).unwrap_err().to_string().contains("tag 259 claims 27"));
        let mut big = b"MM\0\x2b\0\x08\0\0\0\0\0\0\0\0\0\x10".to_vec();
        big.extend([0, 0, 0, 0, 0, 0, 0, 1, 1, 3, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0]);
        big.extend([0; 16]);
        assert!(checked(&big).unwrap_err().to_string().contains("4294967296 values"));
        // The reader says what is wrong with these.
        for other in [&b"II"[..], b"II\x2a\0\xff\xff\xff\xff", b""] {
            checked(other).unwrap();
        }
    }
}
