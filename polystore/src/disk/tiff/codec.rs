//! Decompresses strips and tiles into memory that is already there.

use std::cell::RefCell;

use tiff::tags::{CompressionMethod, PhotometricInterpretation};

use crate::{Error, Result, disk::tiff::page::Page};

thread_local! {
    static DEFLATE: RefCell<libdeflater::Decompressor> = RefCell::new(libdeflater::Decompressor::new());
    static ZSTD: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Decodes `input` into `output`, which has the length of the decoded chunk. `tables` are
/// the page's JPEG tables, empty where there are none.
pub(super) fn decode(page: &Page, tables: &[u8], input: &[u8], output: &mut [u8]) -> Result<()> {
    let written = match page.compression {
        CompressionMethod::None => copy(input, output),
        CompressionMethod::LZW => lzw(input, output)?,
        CompressionMethod::Deflate | CompressionMethod::OldDeflate => deflate(input, output)?,
        CompressionMethod::ZSTD => zstandard(input, output)?,
        CompressionMethod::PackBits => packbits(input, output)?,
        CompressionMethod::ModernJPEG => jpeg(page, tables, input, output)?,
        other => {
            return Err(Error::unsupported(format!(
                "TIFF compression {} ({other:?}) is not supported",
                other.to_u16()
            ))
            .with_hint("supported: none, LZW, deflate, zstd, PackBits, JPEG; convert the file"));
        }
    };
    if written == output.len() {
        return Ok(());
    }
    Err(Error::invalid_data(format!(
        "strip or tile decodes to {written} bytes where {} are needed",
        output.len()
    )))
}

fn copy(input: &[u8], output: &mut [u8]) -> usize {
    let length = input.len().min(output.len());
    output[..length].copy_from_slice(&input[..length]);
    length
}

fn lzw(input: &[u8], output: &mut [u8]) -> Result<usize> {
    super::lzw::decode(input, output)
        .map_err(|reason| Error::invalid_data(format!("LZW data is damaged: {reason}")))
}

fn deflate(input: &[u8], output: &mut [u8]) -> Result<usize> {
    DEFLATE.with_borrow_mut(|decoder| decoder.zlib_decompress(input, output)).map_err(|error| {
        use libdeflater::DecompressionError as Cause;
        Error::invalid_data(match error {
            Cause::BadData => "deflate data is damaged",
            Cause::InsufficientSpace => {
                "deflate data holds more pixels than the strip or tile may have"
            }
        })
    })
}

fn zstandard(input: &[u8], output: &mut [u8]) -> Result<usize> {
    ZSTD.with_borrow_mut(|slot| {
        let decoder = match slot {
            Some(decoder) => decoder,
            None => slot.insert(zstd::bulk::Decompressor::new().map_err(bad_zstd)?),
        };
        decoder.decompress_to_buffer(input, output).map_err(bad_zstd)
    })
}

fn bad_zstd(error: std::io::Error) -> Error {
    Error::invalid_data("zstd data is damaged").with_source(error)
}

/// PackBits (TIFF 6.0, section 9): a signed count, then literals or one byte to repeat.
fn packbits(input: &[u8], output: &mut [u8]) -> Result<usize> {
    let damaged = || Error::invalid_data("PackBits data is damaged");
    let (mut rest, mut written) = (input, 0);
    while let (Some((&count, after)), true) = (rest.split_first(), written < output.len()) {
        let count = count as i8;
        if count >= 0 {
            let length = count as usize + 1;
            let literals = after.get(..length).ok_or_else(damaged)?;
            let target = output.get_mut(written..written + length).ok_or_else(damaged)?;
            target.copy_from_slice(literals);
            (rest, written) = (&after[length..], written + length);
        } else if count == i8::MIN {
            rest = after;
        } else {
            let length = 1 - isize::from(count);
            let (&byte, after) = after.split_first().ok_or_else(damaged)?;
            let end = written + length as usize;
            output.get_mut(written..end).ok_or_else(damaged)?.fill(byte);
            (rest, written) = (after, end);
        }
    }
    Ok(written)
}

/// JPEG (TIFF TechNote 2): tables shared by the page stand before the strip's own data.
fn jpeg(page: &Page, tables: &[u8], input: &[u8], output: &mut [u8]) -> Result<usize> {
    use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
    let bad = |error: zune_jpeg::errors::DecodeErrors| {
        Error::invalid_data("JPEG data is damaged").with_source(error.to_string())
    };
    let stream = match (tables.len() >= 4, input.len() >= 2) {
        (true, true) => [&tables[..tables.len() - 2], &input[2..]].concat(),
        _ => input.to_vec(),
    };
    let options = DecoderOptions::default()
        .set_max_width(page.chunk.width as usize)
        .set_max_height(page.chunk.height as usize);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(stream), options);
    decoder.decode_headers().map_err(bad)?;
    let stored = decoder.input_colorspace().unwrap_or(ColorSpace::Luma);
    let wanted = match (page.interleaved(), page.photometric) {
        (3, PhotometricInterpretation::YCbCr) => ColorSpace::RGB,
        _ => stored,
    };
    decoder.set_options(options.jpeg_set_out_colorspace(wanted));
    let pixels = decoder.decode().map_err(bad)?;
    if pixels.len() > output.len() {
        return Ok(pixels.len());
    }
    Ok(copy(&pixels, output))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packbits_of_the_specification() {
        // The worked example of Apple's Technical Note 1023.
        let packed = [
            0xFE, 0xAA, 0x02, 0x80, 0x00, 0x2A, 0xFD, 0xAA, 0x03, 0x80, 0x00, 0x2A, 0x22, 0xF7,
            0xAA,
        ];
        let mut output = [0; 24];
        assert_eq!(packbits(&packed, &mut output).unwrap(), 24);
        assert_eq!(output[..8], [0xAA, 0xAA, 0xAA, 0x80, 0x00, 0x2A, 0xAA, 0xAA]);
        assert_eq!(output[14..], [0xAA; 10]);
        assert!(packbits(&packed[..4], &mut output).is_err());
        assert!(packbits(&packed, &mut [0; 5]).is_err());
    }
}
