//! Exceptions of operations.

use super::{
    decode::{Decoder, flag, member_types},
    encode::{Encoder, Format},
};
use crate::{
    Error, Result,
    schema::Schema,
    value::{Exception, Graph},
    wire::{Encapsulation, Encoding, Limits},
};

/// Bytes of the size of a slice, which counts them too.
const SIZE_BYTES: usize = 4;

/// Reads the exception of a reply. Of one that the schema does not have, what it is derived
/// from is read, where the sizes of its slices allow to pass over the rest.
///
/// # Errors
/// `Unknown` with the type that was sent when nothing of it is known; else as
/// [`decode`](super::decode).
pub fn decode_exception(
    schema: &Schema,
    from: &Encapsulation,
    limits: &Limits,
) -> Result<(Exception, Graph)> {
    let mut decoder = Decoder::new(schema, from, limits)?;
    let is_old = decoder.encoding == Encoding::V1_0;
    let uses_classes = is_old && decoder.reader.bool()?;
    let mut first: Option<Box<str>> = None;
    let mut known: Option<u32> = None;
    let mut fields = Vec::new();
    let mut expected = None;
    let mut sliced = is_old;
    for _ in 0..limits.slices {
        let flags = if is_old { flag::SIZE } else { decoder.reader.u8()? };
        if flags & flag::OPTIONAL != 0 {
            return Err(decoder.reader.error("exception", "optional members are not supported"));
        }
        if flags & flag::INDIRECTION != 0 {
            return Err(decoder.reader.error("exception", "tables of instances are not supported"));
        }
        let id = decoder.reader.string()?;
        let end = match flags & flag::SIZE {
            0 => None,
            _ => {
                let size = decoder.reader.i32()?;
                let n_bytes = usize::try_from(size).ok().and_then(|n| n.checked_sub(SIZE_BYTES));
                let n_bytes = n_bytes.filter(|n_bytes| *n_bytes <= decoder.reader.remaining());
                let n_bytes = n_bytes.ok_or_else(|| {
                    decoder.reader.error("exception", format!("a slice of {size} bytes"))
                })?;
                sliced = true;
                Some(decoder.reader.position() + n_bytes)
            }
        };
        let first: &str = first.get_or_insert_with(|| id.clone());
        let is_last = flags & flag::LAST != 0;
        match (schema.exception(&id), known) {
            (None, None) => match end {
                Some(end) if !is_last && decoder.reader.position() <= end => {
                    let n_bytes = end - decoder.reader.position();
                    decoder.reader.skip("exception", n_bytes)?;
                    // In encoding 1.0 nothing tells that there are no more slices.
                    if decoder.reader.remaining() == 0 {
                        return Err(Error::unknown("exception", first));
                    }
                    continue;
                }
                _ => return Err(Error::unknown("exception", first)),
            },
            (None, Some(_)) => {
                return Err(decoder.reader.error("exception", format!("{id} is no base of it")));
            }
            (Some(slice), _) => {
                if known.is_some() && expected != Some(slice) {
                    return Err(decoder
                        .reader
                        .error("exception", format!("{id} is no base of it")));
                }
                known = known.or(Some(slice));
                expected = schema.exceptions[slice as usize].base;
                for of in member_types(schema.exceptions[slice as usize].members.iter()) {
                    fields.push(decoder.value(of)?);
                }
                if end.is_some_and(|end| end != decoder.reader.position()) {
                    return Err(decoder
                        .reader
                        .error("exception", "a slice has another size than it says"));
                }
            }
        }
        let is_done = if is_old { expected.is_none() } else { is_last };
        if is_done {
            if expected.is_some() {
                return Err(decoder.reader.error("exception", "slices are missing"));
            }
            if uses_classes {
                decoder.pending_instances()?;
            }
            let id = first.into();
            let known = known.ok_or_else(|| Error::unknown("exception", first))?;
            let exception = Exception { id, known, fields, sliced: sliced && !is_old };
            return Ok((exception, decoder.finish()?));
        }
    }
    Err(Error::limit("slices of an exception", limits.slices + 1, limits.slices))
}

/// Writes an exception with the instances that it refers to.
///
/// # Errors
/// `Value` when fields are not those of its type.
pub fn encode_exception(
    schema: &Schema,
    exception: &Exception,
    graph: &Graph,
    encoding: Encoding,
) -> Result<Encapsulation> {
    let format = if exception.sliced { Format::Sliced } else { Format::Compact };
    let mut encoder = Encoder::new(schema, graph, encoding, format);
    let is_old = encoding == Encoding::V1_0;
    let uses_classes =
        schema.exception_members(exception.known).any(|member| schema.has_classes(member.of));
    if is_old {
        encoder.writer.bool(uses_classes);
    }
    let n = schema.exception_members(exception.known).count();
    if n != exception.fields.len() {
        let found = format!("{} fields", exception.fields.len());
        return Err(Error::value(&*exception.id, found));
    }
    let mut fields = exception.fields.iter();
    for slice in schema.exception_slices(exception.known) {
        let of = &schema.exceptions[slice as usize];
        let has_size = is_old || exception.sliced;
        if !is_old {
            let last = if of.base.is_none() { flag::LAST } else { 0 };
            encoder.writer.u8(last | if has_size { flag::SIZE } else { 0 });
        }
        encoder.writer.string(&of.id)?;
        let size_at = has_size.then(|| encoder.writer.begin_size());
        for (member, value) in of.members.iter().zip(fields.by_ref()) {
            encoder.value(member.of, value)?;
        }
        if let Some(size_at) = size_at {
            encoder.writer.end_size(size_at)?;
        }
    }
    if uses_classes {
        encoder.pending_instances()?;
    }
    Ok(encoder.finish())
}
