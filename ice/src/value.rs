//! Values of the types of a schema, and the graphs that instances of classes make.

use bytes::Bytes;

use crate::wire::Proxy;

/// An instance of a class, by its position in a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub u32);

/// A value. Which type it is of is not in it: that is known from where it stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `bool`.
    Bool(bool),
    /// `byte`.
    Byte(u8),
    /// `short`.
    Short(i16),
    /// `int`.
    Int(i32),
    /// `long`.
    Long(i64),
    /// `float`.
    Float(f32),
    /// `double`.
    Double(f64),
    /// `string`.
    String(Box<str>),
    /// The number of an enumerator.
    Enum(i32),
    /// A sequence of `byte`: a part of the message that it came in, not a copy.
    Bytes(Bytes),
    /// A sequence of `bool`.
    Bools(Vec<bool>),
    /// A sequence of `short`.
    Shorts(Vec<i16>),
    /// A sequence of `int`.
    Ints(Vec<i32>),
    /// A sequence of `long`.
    Longs(Vec<i64>),
    /// A sequence of `float`.
    Floats(Vec<f32>),
    /// A sequence of `double`.
    Doubles(Vec<f64>),
    /// Any other sequence.
    Sequence(Vec<Value>),
    /// Keys and values in the order in which they came.
    Dictionary(Vec<(Value, Value)>),
    /// Members in the order of the declaration.
    Struct(Vec<Value>),
    /// A proxy, or none.
    Proxy(Option<Box<Proxy>>),
    /// An instance of a class, or none.
    Object(Option<ObjectId>),
}

impl Value {
    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a bool",
            Self::Byte(_) => "a byte",
            Self::Short(_) => "a short",
            Self::Int(_) => "an int",
            Self::Long(_) => "a long",
            Self::Float(_) => "a float",
            Self::Double(_) => "a double",
            Self::String(_) => "a string",
            Self::Enum(_) => "an enumerator",
            Self::Bytes(_) => "a sequence of bytes",
            Self::Bools(_) => "a sequence of bools",
            Self::Shorts(_) => "a sequence of shorts",
            Self::Ints(_) => "a sequence of ints",
            Self::Longs(_) => "a sequence of longs",
            Self::Floats(_) => "a sequence of floats",
            Self::Doubles(_) => "a sequence of doubles",
            Self::Sequence(_) => "a sequence",
            Self::Dictionary(_) => "a dictionary",
            Self::Struct(_) => "a structure",
            Self::Proxy(_) => "a proxy",
            Self::Object(_) => "an instance of a class",
        }
    }
}

/// An instance of a class.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Its class, by its position in the schema.
    pub class: u32,
    /// All its members in wire order: those of the most derived class first.
    pub fields: Vec<Value>,
}

/// Instances that may refer to one another, in circles too.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// In the order in which they began on the wire.
    pub objects: Vec<Object>,
}

impl Graph {
    /// No instance.
    pub fn new() -> Self {
        Self::default()
    }

    /// An instance.
    pub fn get(&self, id: ObjectId) -> Option<&Object> {
        self.objects.get(id.0 as usize)
    }

    /// Adds an instance.
    pub fn add(&mut self, object: Object) -> ObjectId {
        let id = ObjectId(self.objects.len() as u32);
        self.objects.push(object);
        id
    }
}

/// An exception of an operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Exception {
    /// The type that was sent; its position in the schema tells which of it is known.
    pub id: Box<str>,
    /// The most derived type that the schema has, by its position.
    pub known: u32,
    /// The members of that type in wire order.
    pub fields: Vec<Value>,
    /// Whether it came in the sliced format.
    pub sliced: bool,
}
