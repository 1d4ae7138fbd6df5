//! What the machine allows: the same bytes without any of our layers.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use polystore::buffer::BufferPool;
use rayon::prelude::*;

use crate::Round;

/// Reads every file whole into reused memory that has the file's offset modulo 64.
pub(crate) fn read(folder: &Path) -> Result<Round> {
    let files = files_of(folder)?;
    let pool = BufferPool::new(64 << 20);
    Ok(Box::new(move || {
        let read_one = |path: &PathBuf| -> Result<u64> {
            let file = File::open(path)?;
            let len = file.metadata()?.len();
            let mut buffer = pool.take(usize::try_from(len)?, 0);
            file.read_exact_at(&mut buffer, 0)?;
            Ok(len)
        };
        files.par_iter().map(read_one).sum()
    }))
}

/// Decodes all strips from memory into one reused buffer per thread.
pub(crate) fn decode(folder: &Path, codec: &str) -> Result<Round> {
    let decode_one: fn(&[u8], &mut [u8]) -> Result<()> = match codec {
        "deflate" => |input, output| {
            let written = libdeflater::Decompressor::new().zlib_decompress(input, output);
            written.map(|_| ()).map_err(|error| anyhow::anyhow!("strip does not decode: {error:?}"))
        },
        "zstd" => |input, output| {
            zstd::bulk::decompress_to_buffer(input, output)?;
            Ok(())
        },
        _ => bail!("no ceiling for codec {codec}"),
    };
    let strips =
        files_of(folder)?.iter().map(|path| strips_of(path)).collect::<Result<Vec<_>>>()?;
    Ok(Box::new(move || {
        let one_file =
            |output: &mut Vec<u8>, (strips, strip_bytes): &(Vec<Vec<u8>>, usize)| -> Result<u64> {
                output.resize(*strip_bytes, 0);
                for strip in strips {
                    decode_one(strip, output)?;
                }
                Ok((strips.len() * strip_bytes) as u64)
            };
        strips.par_iter().map_init(Vec::new, |output, file| one_file(output, file)).sum()
    }))
}

/// The encoded strips of a TIFF of the bench plates, and the bytes of a decoded one.
fn strips_of(path: &Path) -> Result<(Vec<Vec<u8>>, usize)> {
    use tiff::{decoder::Decoder, tags::Tag};
    let mut decoder = Decoder::new(std::io::BufReader::new(File::open(path)?))?;
    let (width, _) = decoder.dimensions()?;
    let rows = usize::try_from(decoder.get_tag_u64(Tag::RowsPerStrip)?)?;
    let offsets = decoder.get_tag_u64_vec(Tag::StripOffsets)?;
    let lengths = decoder.get_tag_u64_vec(Tag::StripByteCounts)?;
    let file = File::open(path)?;
    let read = |(&offset, &length): (&u64, &u64)| -> Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(length)?];
        file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    };
    let strips = offsets.iter().zip(&lengths).map(read).collect::<Result<_>>()?;
    Ok((strips, rows * width as usize * 2))
}

/// Lists the folder's names, as the fastest portable listing does.
pub(crate) fn list(folder: PathBuf) -> Round {
    Box::new(move || {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder)? {
            names.push(entry?.file_name());
        }
        Ok(names.len() as u64)
    })
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .filter(|path| path.as_ref().is_ok_and(|path| path.extension().is_some()) || path.is_err())
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}
