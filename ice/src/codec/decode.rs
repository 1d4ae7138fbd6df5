//! Reads values. Nothing recurses: what is open stands on a stack of its own.

mod object;

pub(super) use object::member_types;

use crate::{
    Error, Result,
    schema::{Schema, Type},
    value::{Graph, Object, ObjectId, Value},
    wire::{Encapsulation, Encoding, Limits, Proxy, Reader},
};

/// What was in an encapsulation.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// A value per type that was asked for.
    pub values: Vec<Value>,
    /// The instances that they refer to.
    pub graph: Graph,
}

/// Reads values of `types` from an encapsulation, which must have nothing else in it.
///
/// # Errors
/// `Decode` when the bytes are something else, `Unknown` for a class that the schema does not
/// have and that cannot be passed over, `Limit` when they want more than `limits` allow.
pub fn decode(
    schema: &Schema,
    types: &[Type],
    from: &Encapsulation,
    limits: &Limits,
) -> Result<Decoded> {
    let mut decoder = Decoder::new(schema, from, limits)?;
    let mut values = Vec::with_capacity(types.len());
    for &of in types {
        values.push(decoder.value(of)?);
    }
    if types.iter().any(|&of| schema.has_classes(of)) {
        decoder.pending_instances()?;
    }
    Ok(Decoded { values, graph: decoder.finish()? })
}

/// Bits of what precedes a slice in encoding 1.1.
pub(super) mod flag {
    pub(in super::super) const ID_KIND: u8 = 3;
    pub(in super::super) const ID_NONE: u8 = 0;
    pub(in super::super) const ID_TEXT: u8 = 1;
    pub(in super::super) const ID_INDEX: u8 = 2;
    pub(in super::super) const OPTIONAL: u8 = 4;
    pub(in super::super) const INDIRECTION: u8 = 8;
    pub(in super::super) const SIZE: u8 = 16;
    pub(in super::super) const LAST: u8 = 32;
}

/// Memory that a proxy, and each of its endpoints, takes besides its texts, in values.
const PROXY_VALUES: usize = 6;
const ENDPOINT_VALUES: usize = 2;

/// Something that is being read.
enum Frame {
    Sequence {
        of: Type,
        left: usize,
        values: Vec<Value>,
    },
    Dictionary {
        key: Type,
        value: Type,
        left: usize,
        pairs: Vec<(Value, Value)>,
        waiting: Option<Value>,
    },
    Struct {
        number: u32,
        values: Vec<Value>,
    },
    /// The slices of an instance.
    Instance(Instance),
    /// The instances that a slice refers to, which come behind its members.
    Table {
        left: usize,
        found: Vec<Option<ObjectId>>,
        /// Where the members are, which are read when the table is known; nowhere when the
        /// slice is passed over.
        members_at: Option<usize>,
    },
    /// An instance of whose slices none is known yet.
    Unknown(object::Begun),
}

struct Instance {
    id: ObjectId,
    fields: Vec<Value>,
    /// The class that was sent, and the one of the slice that is read.
    class: u32,
    slice: u32,
    /// Members of the slice that were read.
    n_read: usize,
    is_last: bool,
    /// Where the members of a slice of known size end, and where what follows them ends.
    ends: Option<(usize, usize)>,
}

pub(super) struct Decoder<'s> {
    schema: &'s Schema,
    limits: &'s Limits,
    pub(super) encoding: Encoding,
    pub(super) reader: Reader,
    stack: Vec<Frame>,
    /// `None` while an instance is read.
    objects: Vec<Option<Object>>,
    /// The class of each instance, known when it begins.
    classes: Vec<Option<u32>>,
    /// Types that were named, in the order of their first appearance.
    named: Vec<object::Name>,
    /// The table of the slice that is read.
    indirection: Option<Vec<Option<ObjectId>>>,
    /// Whether a slice of an exception is read that names entries of the table.
    is_in_exception: bool,
    /// The largest number of an instance that was referred to in encoding 1.0.
    largest: usize,
    /// In encoding 1.0: instances and the classes that they must be of.
    expected: Vec<(ObjectId, u32)>,
    /// Values for which memory was taken, or is about to be.
    n_values: usize,
}

impl<'s> Decoder<'s> {
    pub(super) fn new(
        schema: &'s Schema,
        from: &Encapsulation,
        limits: &'s Limits,
    ) -> Result<Self> {
        Ok(Self {
            schema,
            limits,
            encoding: from.encoding()?,
            reader: Reader::new(from.content.joined()),
            stack: Vec::new(),
            objects: Vec::new(),
            classes: Vec::new(),
            named: Vec::new(),
            indirection: None,
            is_in_exception: false,
            largest: 0,
            expected: Vec::new(),
            n_values: 0,
        })
    }

    /// The instances, when everything was read.
    pub(super) fn finish(self) -> Result<Graph> {
        if self.reader.remaining() > 0 {
            let problem = format!("{} bytes are left over", self.reader.remaining());
            return Err(self.reader.error("encapsulation", problem));
        }
        let missing =
            || Error::decode("encapsulation", 0, "an instance that is referred to is missing");
        if self.largest > self.objects.len() {
            return Err(missing());
        }
        for &(id, class) in &self.expected {
            self.check_class(Some(id), Some(class))?;
        }
        let objects = self.objects.into_iter().collect::<Option<Vec<_>>>();
        Ok(Graph { objects: objects.ok_or_else(missing)? })
    }

    /// Reads a value.
    pub(super) fn value(&mut self, of: Type) -> Result<Value> {
        let base = self.stack.len();
        let mut wanted = of;
        loop {
            let mut done = self.begin(wanted)?;
            loop {
                if let Some(value) = done.take() {
                    if self.stack.len() == base {
                        return Ok(value);
                    }
                    self.accept(value);
                }
                match self.next()? {
                    Next::Read(of) => {
                        wanted = of;
                        break;
                    }
                    Next::Done(value) => done = Some(value),
                    Next::Again => {}
                }
            }
        }
    }

    /// So many values come: counted before memory is taken for them.
    pub(super) fn charge(&mut self, n: usize) -> Result<()> {
        self.n_values = self.n_values.saturating_add(n);
        match self.n_values {
            n if n > self.limits.values => Err(Error::limit("values", n, self.limits.values)),
            _ => Ok(()),
        }
    }

    fn push(&mut self, frame: Frame) -> Result<()> {
        if self.stack.len() >= self.limits.depth {
            return Err(Error::limit("depth of values", self.stack.len() + 1, self.limits.depth));
        }
        self.stack.push(frame);
        Ok(())
    }

    /// Reads a value that has no other inside of it, or begins one that has.
    fn begin(&mut self, of: Type) -> Result<Option<Value>> {
        Ok(Some(match of {
            Type::Bool => Value::Bool(self.reader.bool()?),
            Type::Byte => Value::Byte(self.reader.u8()?),
            Type::Short => Value::Short(self.reader.i16()?),
            Type::Int => Value::Int(self.reader.i32()?),
            Type::Long => Value::Long(self.reader.i64()?),
            Type::Float => Value::Float(self.reader.f32()?),
            Type::Double => Value::Double(self.reader.f64()?),
            Type::String => Value::String(self.reader.string()?),
            Type::Enum(number) => self.enumerator(number)?,
            Type::Proxy => {
                let proxy = Proxy::decode(&mut self.reader, self.encoding, self.limits)?;
                if let Some(proxy) = &proxy {
                    self.charge(PROXY_VALUES + ENDPOINT_VALUES * proxy.endpoints.len())?;
                }
                Value::Proxy(proxy.map(Box::new))
            }
            Type::Class(class) => return self.begin_object(Some(class)),
            Type::Object => return self.begin_object(None),
            Type::Struct(number) => {
                let n = self.schema.structs[number as usize].members.len();
                self.charge(n)?;
                self.push(Frame::Struct { number, values: Vec::with_capacity(n) })?;
                return Ok(None);
            }
            Type::Sequence(number) => return self.begin_sequence(number),
            Type::Dictionary(number) => {
                let of = &self.schema.dictionaries[number as usize];
                let (key, value) = (of.key, of.value);
                let left = self.reader.count("dictionary", 2)?;
                self.charge(2 * left)?;
                let pairs = Vec::new();
                self.push(Frame::Dictionary { key, value, left, pairs, waiting: None })?;
                return Ok(None);
            }
        }))
    }

    fn begin_sequence(&mut self, number: u32) -> Result<Option<Value>> {
        let element = self.schema.sequences[number as usize].element;
        let reader = &mut self.reader;
        Ok(Some(match element {
            Type::Byte => Value::Bytes(reader.byte_sequence()?),
            Type::Bool => {
                let bytes = reader.byte_sequence()?;
                Value::Bools(bytes.iter().map(|&byte| byte != 0).collect())
            }
            Type::Short => {
                let count = reader.count("sequence", 2)?;
                Value::Shorts(reader.numbers(count, i16::from_le_bytes)?)
            }
            Type::Int => {
                let count = reader.count("sequence", 4)?;
                Value::Ints(reader.numbers(count, i32::from_le_bytes)?)
            }
            Type::Long => {
                let count = reader.count("sequence", 8)?;
                Value::Longs(reader.numbers(count, i64::from_le_bytes)?)
            }
            Type::Float => {
                let count = reader.count("sequence", 4)?;
                Value::Floats(reader.numbers(count, f32::from_le_bytes)?)
            }
            Type::Double => {
                let count = reader.count("sequence", 8)?;
                Value::Doubles(reader.numbers(count, f64::from_le_bytes)?)
            }
            _ => {
                let left = reader.count("sequence", self.schema.smallest_element(number))?;
                self.charge(left)?;
                // A value takes more memory than its fewest bytes on the wire.
                let values = Vec::with_capacity(left.min(1024));
                self.push(Frame::Sequence { of: element, left, values })?;
                return Ok(None);
            }
        }))
    }

    fn enumerator(&mut self, number: u32) -> Result<Value> {
        let of = &self.schema.enums[number as usize];
        let found = match (self.encoding, of.largest) {
            (Encoding::V1_1, _) => self.reader.size()? as i64,
            (Encoding::V1_0, largest) if largest < 127 => self.reader.u8()?.into(),
            (Encoding::V1_0, largest) if largest < 32_767 => self.reader.i16()?.into(),
            (Encoding::V1_0, _) => self.reader.i32()?.into(),
        };
        let known = of.enumerators.iter().find(|(_, known)| i64::from(*known) == found);
        match known {
            Some(&(_, found)) => Ok(Value::Enum(found)),
            None => Err(self.reader.error("enumerator", format!("{} has no {found}", of.id))),
        }
    }

    /// Gives a value to what it is in.
    fn accept(&mut self, value: Value) {
        match self.stack.last_mut() {
            Some(Frame::Sequence { values, left, .. }) => {
                values.push(value);
                *left -= 1;
            }
            Some(Frame::Dictionary { pairs, waiting, left, .. }) => match waiting.take() {
                Some(key) => {
                    pairs.push((key, value));
                    *left -= 1;
                }
                None => *waiting = Some(value),
            },
            Some(Frame::Struct { values, .. }) => values.push(value),
            Some(Frame::Instance(instance)) => {
                instance.fields.push(value);
                instance.n_read += 1;
            }
            Some(Frame::Table { found, left, .. }) => {
                let object = if let Value::Object(object) = value { object } else { None };
                found.push(object);
                *left -= 1;
            }
            Some(Frame::Unknown(_)) | None => {}
        }
    }

    /// What is to be read next, or what is done.
    fn next(&mut self) -> Result<Next> {
        let schema = self.schema;
        match self.stack.last_mut() {
            Some(Frame::Sequence { of, left, values }) => match left {
                0 => {
                    let values = std::mem::take(values);
                    self.stack.pop();
                    Ok(Next::Done(Value::Sequence(values)))
                }
                _ => Ok(Next::Read(*of)),
            },
            Some(Frame::Dictionary { key, value, left, pairs, waiting }) => match (left, waiting) {
                (0, _) => {
                    let pairs = std::mem::take(pairs);
                    self.stack.pop();
                    Ok(Next::Done(Value::Dictionary(pairs)))
                }
                (_, None) => Ok(Next::Read(*key)),
                (_, Some(_)) => Ok(Next::Read(*value)),
            },
            Some(Frame::Struct { number, values }) => {
                match schema.structs[*number as usize].members.get(values.len()) {
                    Some(member) => Ok(Next::Read(member.of)),
                    None => {
                        let values = std::mem::take(values);
                        self.stack.pop();
                        Ok(Next::Done(Value::Struct(values)))
                    }
                }
            }
            Some(Frame::Table { left: 0, found, members_at }) => {
                self.indirection = Some(std::mem::take(found));
                let members_at = *members_at;
                self.stack.pop();
                let Some(members_at) = members_at else { return Ok(Next::Again) };
                let behind = self.reader.position();
                if let Some(Frame::Instance(Instance { ends: Some((_, end)), .. })) =
                    self.stack.last_mut()
                {
                    *end = behind;
                }
                self.reader.go_to(members_at);
                Ok(Next::Again)
            }
            Some(Frame::Table { .. }) => Ok(Next::Read(Type::Object)),
            Some(Frame::Instance(instance)) => {
                let members = &schema.classes[instance.slice as usize].members;
                match members.get(instance.n_read) {
                    Some(member) => Ok(Next::Read(member.of)),
                    None => self.end_slice(),
                }
            }
            Some(Frame::Unknown(begun)) => {
                let begun = *begun;
                self.stack.pop();
                self.go_on(begun)?;
                Ok(Next::Again)
            }
            None => Err(Error::decode("value", 0, "nothing is open")),
        }
    }
}

enum Next {
    /// A value of this type comes.
    Read(Type),
    /// What was open is done.
    Done(Value),
    /// Something changed; ask again.
    Again,
}
