//! Writes values. Nothing recurses: what is left to write stands on a stack of its own.

use std::collections::HashMap;

use super::{decode::flag, table::Table};
use crate::{
    Error, Result,
    schema::{Schema, Type},
    value::{Graph, Object, ObjectId, Value},
    wire::{Encapsulation, Encoding, Proxy, Writer},
};

/// How instances and exceptions are written in encoding 1.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Without what is not needed by a receiver who knows all classes.
    #[default]
    Compact,
    /// With the type and the size of each slice, so that a receiver can pass over what it does
    /// not know.
    Sliced,
}

/// Writes values of `types` with the instances of `graph` that they refer to.
///
/// # Errors
/// `Value` when a value is not of its type, or refers to an instance that is not there; `Limit`
/// for more than the protocol can say.
pub fn encode(
    schema: &Schema,
    types: &[Type],
    values: &[Value],
    graph: &Graph,
    encoding: Encoding,
    format: Format,
) -> Result<Encapsulation> {
    let mut encoder = Encoder::new(schema, graph, encoding, format);
    if types.len() != values.len() {
        let found = format!("{} values", values.len());
        return Err(Error::value(format!("{} types", types.len()), found));
    }
    for (&of, value) in types.iter().zip(values) {
        encoder.value(of, value)?;
    }
    if types.iter().any(|&of| schema.has_classes(of)) {
        encoder.pending_instances()?;
    }
    Ok(encoder.finish())
}

/// Something that is left to write.
enum Work<'v> {
    Value(Type, &'v Value),
    /// The slice of `class` and those below it, of an instance whose fields from `at` on are
    /// left.
    Slice {
        object: &'v Object,
        class: u32,
        at: usize,
        is_first: bool,
    },
    /// Fills in the size of a slice; writes its table if there is one.
    EndSlice {
        size_at: usize,
        flags_at: usize,
    },
    /// An instance of a table, or its number.
    Reference(ObjectId),
}

pub(super) struct Encoder<'v> {
    schema: &'v Schema,
    graph: &'v Graph,
    pub(super) encoding: Encoding,
    format: Format,
    pub(super) writer: Writer,
    /// What instances are called on the wire, from 1 in the order in which they were met.
    numbers: HashMap<ObjectId, usize>,
    /// In encoding 1.0: those that were met and are not written yet.
    pending: Vec<ObjectId>,
    named: HashMap<&'v str, usize>,
    /// The table of the slice that is written, in the sliced format.
    table: Option<Table<ObjectId>>,
}

impl<'v> Encoder<'v> {
    pub(super) fn new(
        schema: &'v Schema,
        graph: &'v Graph,
        encoding: Encoding,
        format: Format,
    ) -> Self {
        Self {
            schema,
            graph,
            encoding,
            format,
            writer: Writer::new(),
            numbers: HashMap::new(),
            pending: Vec::new(),
            named: HashMap::new(),
            table: None,
        }
    }

    pub(super) fn finish(self) -> Encapsulation {
        Encapsulation::new(self.encoding, self.writer.into_content())
    }

    /// Writes a value and what is inside of it.
    pub(super) fn value(&mut self, of: Type, value: &'v Value) -> Result<()> {
        self.work(vec![Work::Value(of, value)])
    }

    /// Begins the members of a slice of an exception: with a table in the sliced format.
    pub(super) fn begin_table(&mut self, is_sliced: bool) {
        self.table = is_sliced.then(Table::new);
    }

    /// Ends a slice of an exception, with the instances of its table behind it.
    pub(super) fn end_slice(&mut self, size_at: usize, flags_at: usize) -> Result<()> {
        let table = self.table_behind(size_at, flags_at)?;
        self.work(table.into_iter().rev().map(Work::Reference).collect())
    }

    /// Ends the members of a slice; the instances of its table, whose size is written.
    fn table_behind(&mut self, size_at: usize, flags_at: usize) -> Result<Vec<ObjectId>> {
        self.writer.end_size(size_at)?;
        let table = self.table.take().map(Table::into_order).unwrap_or_default();
        if !table.is_empty() {
            self.writer.set_bits(flags_at, flag::INDIRECTION);
            self.writer.size(table.len())?;
        }
        Ok(table)
    }

    fn work(&mut self, mut stack: Vec<Work<'v>>) -> Result<()> {
        while let Some(work) = stack.pop() {
            match work {
                Work::Value(of, value) => self.begin(of, value, &mut stack)?,
                Work::Slice { object, class, at, is_first } => {
                    self.slice(object, class, at, is_first, &mut stack)?;
                }
                Work::EndSlice { size_at, flags_at } => {
                    let table = self.table_behind(size_at, flags_at)?;
                    stack.extend(table.into_iter().rev().map(Work::Reference));
                }
                Work::Reference(id) => {
                    let object = self.object(Type::Object, id)?;
                    self.instance(id, object, &mut stack)?;
                }
            }
        }
        Ok(())
    }

    fn mismatch(&self, of: Type, value: &Value) -> Error {
        Error::value(self.schema.name(of), value.kind())
    }

    fn begin(&mut self, of: Type, value: &'v Value, stack: &mut Vec<Work<'v>>) -> Result<()> {
        let schema = self.schema;
        let writer = &mut self.writer;
        match (of, value) {
            (Type::Bool, Value::Bool(value)) => writer.bool(*value),
            (Type::Byte, Value::Byte(value)) => writer.u8(*value),
            (Type::Short, Value::Short(value)) => writer.i16(*value),
            (Type::Int, Value::Int(value)) => writer.i32(*value),
            (Type::Long, Value::Long(value)) => writer.i64(*value),
            (Type::Float, Value::Float(value)) => writer.f32(*value),
            (Type::Double, Value::Double(value)) => writer.f64(*value),
            (Type::String, Value::String(text)) => writer.string(text)?,
            (Type::Enum(number), Value::Enum(value)) => self.enumerator(number, *value)?,
            (Type::Proxy, Value::Proxy(proxy)) => {
                Proxy::encode(proxy.as_deref(), self.encoding, writer)?;
            }
            (Type::Class(_) | Type::Object, Value::Object(object)) => {
                self.reference(of, *object, stack)?;
            }
            (Type::Struct(number), Value::Struct(values)) => {
                let members = &schema.structs[number as usize].members;
                if members.len() != values.len() {
                    return Err(self.mismatch(of, value));
                }
                let inside = members.iter().zip(values).rev();
                stack.extend(inside.map(|(member, value)| Work::Value(member.of, value)));
            }
            (Type::Dictionary(number), Value::Dictionary(pairs)) => {
                let (key_of, value_of) = {
                    let dictionary = &schema.dictionaries[number as usize];
                    (dictionary.key, dictionary.value)
                };
                writer.size(pairs.len())?;
                for (key, value) in pairs.iter().rev() {
                    stack.push(Work::Value(value_of, value));
                    stack.push(Work::Value(key_of, key));
                }
            }
            (Type::Sequence(number), value) => {
                let element = schema.sequences[number as usize].element;
                if !self.sequence(element, value, stack)? {
                    return Err(self.mismatch(of, value));
                }
            }
            _ => return Err(self.mismatch(of, value)),
        }
        Ok(())
    }

    /// Writes a sequence; false when it is not one of `element`.
    fn sequence(
        &mut self,
        element: Type,
        value: &'v Value,
        stack: &mut Vec<Work<'v>>,
    ) -> Result<bool> {
        let writer = &mut self.writer;
        macro_rules! numbers {
            ($values:expr, $write:ident) => {{
                writer.size($values.len())?;
                $values.iter().for_each(|value| writer.$write(*value));
            }};
        }
        match (element, value) {
            (Type::Byte, Value::Bytes(bytes)) => writer.shared_byte_sequence(bytes)?,
            (Type::Bool, Value::Bools(values)) => numbers!(values, bool),
            (Type::Short, Value::Shorts(values)) => numbers!(values, i16),
            (Type::Int, Value::Ints(values)) => numbers!(values, i32),
            (Type::Long, Value::Longs(values)) => numbers!(values, i64),
            (Type::Float, Value::Floats(values)) => numbers!(values, f32),
            (Type::Double, Value::Doubles(values)) => numbers!(values, f64),
            (_, Value::Sequence(values)) => {
                writer.size(values.len())?;
                stack.extend(values.iter().rev().map(|value| Work::Value(element, value)));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn enumerator(&mut self, number: u32, value: i32) -> Result<()> {
        let of = &self.schema.enums[number as usize];
        if !of.enumerators.iter().any(|(_, known)| *known == value) {
            return Err(Error::value(&*of.id, format!("{value}")));
        }
        let writer = &mut self.writer;
        match (self.encoding, of.largest) {
            (Encoding::V1_1, _) => writer.size(value as usize)?,
            (Encoding::V1_0, largest) if largest < 127 => writer.u8(value as u8),
            (Encoding::V1_0, largest) if largest < 32_767 => writer.i16(value as i16),
            (Encoding::V1_0, _) => writer.i32(value),
        }
        Ok(())
    }

    fn object(&self, of: Type, id: ObjectId) -> Result<&'v Object> {
        let missing = || Error::value(self.schema.name(of), "an instance that is not in the graph");
        let object = self.graph.get(id).ok_or_else(missing)?;
        let fits = match of {
            Type::Class(class) => self.schema.is_derived(object.class, class),
            _ => true,
        };
        if fits && self.schema.members(object.class).count() == object.fields.len() {
            return Ok(object);
        }
        let found = self.schema.name(Type::Class(object.class));
        Err(Error::value(
            self.schema.name(of),
            format!("{} fields of {found}", object.fields.len()),
        ))
    }

    /// Writes a reference to an instance, or the instance where it is met first.
    fn reference(
        &mut self,
        of: Type,
        id: Option<ObjectId>,
        stack: &mut Vec<Work<'v>>,
    ) -> Result<()> {
        let Some(id) = id else {
            match self.encoding {
                Encoding::V1_0 => self.writer.i32(0),
                Encoding::V1_1 => self.writer.size(0)?,
            }
            return Ok(());
        };
        let object = self.object(of, id)?;
        if self.encoding == Encoding::V1_0 {
            let next = self.numbers.len() + 1;
            let number = *self.numbers.entry(id).or_insert(next);
            if number == next {
                self.pending.push(id);
            }
            let number = i32::try_from(number)
                .map_err(|_| Error::limit("instances", number, i32::MAX as usize))?;
            self.writer.i32(-number);
            return Ok(());
        }
        if let Some(table) = &mut self.table {
            let at = table.place(id);
            return self.writer.size(at + 1);
        }
        self.instance(id, object, stack)
    }

    /// Writes an instance in place, or its number.
    fn instance(
        &mut self,
        id: ObjectId,
        object: &'v Object,
        stack: &mut Vec<Work<'v>>,
    ) -> Result<()> {
        if let Some(number) = self.numbers.get(&id) {
            return self.writer.size(number + 1);
        }
        self.numbers.insert(id, self.numbers.len() + 1);
        self.writer.size(1)?;
        stack.push(Work::Slice { object, class: object.class, at: 0, is_first: true });
        Ok(())
    }

    /// Writes a slice of an instance in encoding 1.1, and leaves those below it for later.
    fn slice(
        &mut self,
        object: &'v Object,
        class: u32,
        at: usize,
        is_first: bool,
        stack: &mut Vec<Work<'v>>,
    ) -> Result<()> {
        let of = &self.schema.classes[class as usize];
        let is_sliced = self.format == Format::Sliced;
        let flags_at = self.writer.place();
        let last = if of.base.is_none() { flag::LAST } else { 0 };
        let size = if is_sliced { flag::SIZE } else { 0 };
        if is_first || is_sliced {
            self.writer.u8(0);
            let id = self.type_id(&of.id)?;
            self.writer.set_bits(flags_at, id | last | size);
        } else {
            self.writer.u8(last);
        }
        let end = at + of.members.len();
        if let Some(base) = of.base {
            stack.push(Work::Slice { object, class: base, at: end, is_first: false });
        }
        if is_sliced {
            let size_at = self.writer.begin_size();
            stack.push(Work::EndSlice { size_at, flags_at });
            self.table = Some(Table::new());
        }
        let fields = of.members.iter().zip(object.fields.get(at..end).unwrap_or_default());
        stack.extend(fields.rev().map(|(member, value)| Work::Value(member.of, value)));
        Ok(())
    }

    /// Names a type, the first time in full; answers how.
    fn type_id(&mut self, id: &'v str) -> Result<u8> {
        let next = self.named.len() + 1;
        let number = *self.named.entry(id).or_insert(next);
        if number == next {
            self.writer.string(id)?;
            return Ok(flag::ID_TEXT);
        }
        self.writer.size(number)?;
        Ok(flag::ID_INDEX)
    }

    /// Writes the instances that encoding 1.0 has behind the parameters.
    pub(super) fn pending_instances(&mut self) -> Result<()> {
        if self.encoding == Encoding::V1_1 {
            return Ok(());
        }
        while !self.pending.is_empty() {
            let batch = std::mem::take(&mut self.pending);
            self.writer.size(batch.len())?;
            for id in batch {
                let number = self.numbers.get(&id).copied().unwrap_or(0);
                self.writer.i32(number as i32);
                self.instance_1_0(self.object(Type::Object, id)?)?;
            }
        }
        self.writer.size(0)
    }

    fn instance_1_0(&mut self, object: &'v Object) -> Result<()> {
        let schema = self.schema;
        let mut fields = object.fields.iter();
        for class in schema.slices(object.class) {
            let of = &schema.classes[class as usize];
            self.type_id_1_0(&of.id)?;
            let size_at = self.writer.begin_size();
            for (member, value) in of.members.iter().zip(fields.by_ref()) {
                self.value(member.of, value)?;
            }
            self.writer.end_size(size_at)?;
        }
        self.type_id_1_0("::Ice::Object")?;
        let size_at = self.writer.begin_size();
        self.writer.size(0)?;
        self.writer.end_size(size_at)
    }

    fn type_id_1_0(&mut self, id: &'v str) -> Result<()> {
        let next = self.named.len() + 1;
        let number = *self.named.entry(id).or_insert(next);
        self.writer.bool(number != next);
        if number == next { self.writer.string(id) } else { self.writer.size(number) }
    }
}
