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

/// What precedes the members of a slice.
struct SliceHead {
    id: Box<str>,
    /// Where its members end, where that is said.
    end: Option<usize>,
    is_last: bool,
    has_table: bool,
}

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
    let mut head = slice_head(&mut decoder)?;
    let id = head.id.clone();
    let unknown = || Error::unknown("exception", id.clone());
    let mut n_slices = 1;
    let known = loop {
        if let Some(known) = schema.exception(&head.id) {
            break known;
        }
        let end = head.end.filter(|_| !head.is_last).ok_or_else(unknown)?;
        decoder.pass_over_slice(end, head.has_table)?;
        // In encoding 1.0 nothing tells that there are no more slices.
        if decoder.reader.remaining() == 0 {
            return Err(unknown());
        }
        n_slices += 1;
        if n_slices > limits.slices {
            return Err(Error::limit("slices of an exception", n_slices, limits.slices));
        }
        head = slice_head(&mut decoder)?;
    };
    let sliced = head.end.is_some() && !is_old;
    let mut fields = Vec::new();
    let mut slice = known;
    loop {
        let behind = head.end.map(|end| decoder.begin_exception_slice(end, head.has_table));
        let behind = behind.transpose()?;
        for of in member_types(schema.exceptions[slice as usize].members.iter()) {
            fields.push(decoder.value(of)?);
        }
        if let (Some(end), Some(behind)) = (head.end, behind) {
            decoder.end_exception_slice(end, behind)?;
        }
        let base = schema.exceptions[slice as usize].base;
        if !is_old && head.is_last != base.is_none() {
            return Err(decoder.reader.error("exception", "it has other slices than its type"));
        }
        let Some(base) = base else { break };
        head = slice_head(&mut decoder)?;
        if schema.exception(&head.id) != Some(base) {
            let problem = format!("{} is not what it is derived from", head.id);
            return Err(decoder.reader.error("exception", problem));
        }
        slice = base;
    }
    if uses_classes {
        decoder.pending_instances()?;
    }
    Ok((Exception { id, known, fields, sliced }, decoder.finish()?))
}

fn slice_head(decoder: &mut Decoder<'_>) -> Result<SliceHead> {
    let is_old = decoder.encoding == Encoding::V1_0;
    let flags = if is_old { flag::SIZE } else { decoder.reader.u8()? };
    if flags & flag::OPTIONAL != 0 {
        return Err(decoder.reader.error("exception", "optional members are not supported"));
    }
    let id = decoder.reader.string()?;
    let end = match flags & flag::SIZE {
        0 => None,
        _ => {
            let size = decoder.reader.i32()?;
            let n_bytes = usize::try_from(size).ok().and_then(|n| n.checked_sub(SIZE_BYTES));
            let n_bytes = n_bytes.filter(|n_bytes| *n_bytes <= decoder.reader.remaining());
            let wrong = || decoder.reader.error("exception", format!("a slice of {size} bytes"));
            Some(decoder.reader.position() + n_bytes.ok_or_else(wrong)?)
        }
    };
    let has_table = flags & flag::INDIRECTION != 0;
    if has_table && end.is_none() {
        let problem = "a table of instances needs a slice of known size";
        return Err(decoder.reader.error("exception", problem));
    }
    Ok(SliceHead { id, end, is_last: flags & flag::LAST != 0, has_table })
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
        let flags_at = encoder.writer.place();
        if !is_old {
            let last = if of.base.is_none() { flag::LAST } else { 0 };
            encoder.writer.u8(last | if has_size { flag::SIZE } else { 0 });
        }
        encoder.writer.string(&of.id)?;
        let size_at = has_size.then(|| encoder.writer.begin_size());
        encoder.begin_table(!is_old && has_size);
        for (member, value) in of.members.iter().zip(fields.by_ref()) {
            encoder.value(member.of, value)?;
        }
        if let Some(size_at) = size_at {
            encoder.end_slice(size_at, flags_at)?;
        }
    }
    if uses_classes {
        encoder.pending_instances()?;
    }
    Ok(encoder.finish())
}
