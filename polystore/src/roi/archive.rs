//! Several regions in one `.roi.zip`, as ImageJ's ROI manager saves them.

use std::{
    collections::HashSet,
    io::{Cursor, Read, Write},
};

use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::imagej;
use crate::{Error, ErrorKind, Result, backend::Roi};

/// Longest member that is read.
const MAX_MEMBER_BYTES: u64 = 64 << 20;
/// All members together are at most this many times as long as the archive; outlines do not
/// compress so well.
const MAX_RATIO: u64 = 100;
/// Room for small archives beside that.
const SLACK_BYTES: u64 = 1 << 20;
/// Most regions of an archive.
const MAX_MEMBERS: usize = 1 << 22;

/// The content of a `.roi.zip` file with `rois`, in order.
///
/// # Errors
/// `InvalidInput` for a region that the format cannot hold.
pub fn write_archive(rois: &[Roi]) -> Result<Vec<u8>> {
    let failed = |error: zip::result::ZipError| {
        Error::internal("archive of regions cannot be written").with_source(error)
    };
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    let mut names = HashSet::new();
    for (number, roi) in rois.iter().enumerate() {
        archive.start_file(member_name(roi, number, &mut names), options).map_err(failed)?;
        archive
            .write_all(&imagej::encode(roi)?)
            .map_err(|error| Error::from_io(error, "write the archive"))?;
    }
    Ok(archive.finish().map_err(failed)?.into_inner())
}

/// A name that is a file name everywhere and unique in the archive.
fn member_name(roi: &Roi, number: usize, names: &mut HashSet<String>) -> String {
    let plain: String = roi
        .name
        .chars()
        .map(|c| if c.is_alphanumeric() || "-_. ".contains(c) { c } else { '_' })
        .take(100)
        .collect();
    let unique = match plain.is_empty() || names.contains(&plain) {
        true => format!("{:04}-{plain}", number + 1),
        false => plain,
    };
    names.insert(unique.clone());
    format!("{unique}.roi")
}

/// The regions of a `.roi.zip` file, in its order; members that are not `.roi` are passed over.
///
/// # Errors
/// `InvalidData` naming the member that is damaged; `LimitExceeded`.
pub fn read_archive(content: &[u8]) -> Result<Vec<Roi>> {
    let damaged = |error: zip::result::ZipError| {
        Error::invalid_data("archive of regions is damaged").with_source(error)
    };
    let mut archive = ZipArchive::new(Cursor::new(content)).map_err(damaged)?;
    if archive.len() > MAX_MEMBERS {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("archive has {} members, at most {MAX_MEMBERS} are read", archive.len()),
        ));
    }
    let mut rois = Vec::new();
    let mut n_bytes_left = (content.len() as u64).saturating_mul(MAX_RATIO) + SLACK_BYTES;
    for number in 0..archive.len() {
        let member = archive.by_index(number).map_err(damaged)?;
        let name = member.name().map_err(damaged)?.into_owned();
        let Some(stem) = name.strip_suffix(".roi") else { continue };
        let mut content = Vec::new();
        let limit = MAX_MEMBER_BYTES.min(n_bytes_left);
        member.take(limit + 1).read_to_end(&mut content).map_err(|error| {
            Error::invalid_data(format!("member {name} is damaged")).with_source(error)
        })?;
        if content.len() as u64 > limit {
            return Err(Error::new(ErrorKind::LimitExceeded, format!("member {name} is too long")));
        }
        n_bytes_left -= content.len() as u64;
        let roi = imagej::decode(&content, stem).map_err(|error| {
            Error::new(error.kind(), format!("member {name}: {}", error.message()))
        })?;
        rois.push(roi);
    }
    Ok(rois)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PlaneIndex, backend::Shape};

    #[test]
    fn archives_round_trip_with_equal_names() {
        let roi = |name: &str, x: f64| Roi {
            name: name.to_owned(),
            shape: Shape::Point { x, y: 2.5 },
            index: Some(PlaneIndex::new(0, 1, 2)),
        };
        let rois = [roi("a/b", 1.0), roi("a", 2.0), roi("a", 3.0), roi("", 4.0)];
        let read = read_archive(&write_archive(&rois).unwrap()).unwrap();
        assert_eq!(read[..3], rois[..3]);
        assert_eq!((read[3].name.as_str(), &read[3].shape), ("0004-", &rois[3].shape));
        assert!(read_archive(b"PK nonsense").is_err());
    }
}
