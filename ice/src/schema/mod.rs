//! The types that travel: what Slice files declare, as data.
//!
//! A [`Schema`] is read from a text of one declaration a line (see [`Schema::parse`]), so that
//! an interface of hundreds of classes is one small file and no code.

mod parse;

use std::collections::HashMap;

use crate::value::Value;

/// A type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// `bool`.
    Bool,
    /// `byte`.
    Byte,
    /// `short`.
    Short,
    /// `int`.
    Int,
    /// `long`.
    Long,
    /// `float`.
    Float,
    /// `double`.
    Double,
    /// `string`.
    String,
    /// An enumeration, by its position in [`Schema::enums`].
    Enum(u32),
    /// A structure, by its position in [`Schema::structs`].
    Struct(u32),
    /// A sequence, by its position in [`Schema::sequences`].
    Sequence(u32),
    /// A dictionary, by its position in [`Schema::dictionaries`].
    Dictionary(u32),
    /// An instance of a class or of one derived from it, or none; by its position in
    /// [`Schema::classes`].
    Class(u32),
    /// An instance of any class, or none.
    Object,
    /// A proxy, or none. Of what kind of object is not on the wire.
    Proxy,
}

/// A member of a structure, class or exception, or a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name in Slice.
    pub name: Box<str>,
    /// Its type.
    pub of: Type,
}

/// An enumeration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enum {
    /// Scoped name, such as `::omero::model::enums::UnitsLength`.
    pub id: Box<str>,
    /// Names and numbers.
    pub enumerators: Vec<(Box<str>, i32)>,
    /// The largest number; tells how wide it is in encoding 1.0.
    pub largest: i32,
}

/// A structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struct {
    /// Scoped name.
    pub id: Box<str>,
    /// In wire order.
    pub members: Vec<Member>,
}

/// A sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Scoped name.
    pub id: Box<str>,
    /// Type of the elements.
    pub element: Type,
}

/// A dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dictionary {
    /// Scoped name.
    pub id: Box<str>,
    /// Type of the keys.
    pub key: Type,
    /// Type of the values.
    pub value: Type,
}

/// A class, or an exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Scoped name, which travels.
    pub id: Box<str>,
    /// What it is derived from, if anything but `::Ice::Object`.
    pub base: Option<u32>,
    /// Its own members in wire order, without those of its base.
    pub members: Vec<Member>,
}

/// An operation of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name.
    pub name: Box<str>,
    /// The mode that calls are sent with.
    pub mode: crate::wire::Mode,
    /// Parameters, in order.
    pub parameters: Vec<Member>,
    /// Parameters that come back, in order; before the result on the wire.
    pub out: Vec<Type>,
    /// The result.
    pub returns: Option<Type>,
    /// Exceptions that it declares, by their position in [`Schema::exceptions`].
    pub throws: Vec<u32>,
    /// Whether classes and exceptions are sent in the sliced format.
    pub sliced: bool,
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Scoped name.
    pub id: Box<str>,
    /// Interfaces that it extends, by their position in [`Schema::interfaces`].
    pub bases: Vec<u32>,
    /// Its own operations.
    pub operations: Vec<Operation>,
}

/// Operations by name: their interface and position there.
type OperationNumbers = HashMap<Box<str>, (u32, u32)>;

/// Everything that is declared.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Enumerations.
    pub enums: Vec<Enum>,
    /// Structures.
    pub structs: Vec<Struct>,
    /// Sequences.
    pub sequences: Vec<Sequence>,
    /// Dictionaries.
    pub dictionaries: Vec<Dictionary>,
    /// Classes.
    pub classes: Vec<Class>,
    /// Exceptions.
    pub exceptions: Vec<Class>,
    /// Interfaces.
    pub interfaces: Vec<Interface>,
    /// Scoped names of constants, and their values.
    pub constants: Vec<(Box<str>, Value)>,
    class_numbers: HashMap<Box<str>, u32>,
    exception_numbers: HashMap<Box<str>, u32>,
    interface_numbers: HashMap<Box<str>, u32>,
    /// By interface and name, inherited ones too: the interface that declares it, and which it
    /// is there.
    operation_numbers: HashMap<Box<str>, OperationNumbers>,
    /// Fewest bytes of a value of each sequence's element, for bounds.
    smallest: Vec<usize>,
}

impl Schema {
    /// The position of a class by its scoped name.
    pub fn class(&self, id: &str) -> Option<u32> {
        self.class_numbers.get(id).copied()
    }

    /// The position of an exception by its scoped name.
    pub fn exception(&self, id: &str) -> Option<u32> {
        self.exception_numbers.get(id).copied()
    }

    /// An interface by its scoped name.
    pub fn interface(&self, id: &str) -> Option<&Interface> {
        self.interfaces.get(*self.interface_numbers.get(id)? as usize)
    }

    /// A constant by its scoped name.
    pub fn constant(&self, id: &str) -> Option<&Value> {
        self.constants.iter().find(|(found, _)| **found == *id).map(|(_, value)| value)
    }

    /// An operation of an interface, of one that it extends, or of `::Ice::Object`, whose
    /// operations every object has.
    pub fn operation(&self, interface: &str, name: &str) -> Option<&Operation> {
        let &(interface, operation) = self.operation_numbers.get(interface)?.get(name)?;
        self.interfaces.get(interface as usize)?.operations.get(operation as usize)
    }

    /// Fills in where the operations of each interface are, its own before those that it
    /// extends.
    fn number_operations(&mut self) {
        let of_all = self.interface_numbers.get("::Ice::Object").copied();
        for interface in &self.interfaces {
            let own = self.interface_numbers.get(&interface.id).copied();
            let mut pending: Vec<u32> = of_all.into_iter().chain(own).collect();
            let mut seen = Vec::new();
            let mut numbers = OperationNumbers::new();
            while let Some(at) = pending.pop() {
                let Some(of) = self.interfaces.get(at as usize).filter(|_| !seen.contains(&at))
                else {
                    continue;
                };
                seen.push(at);
                for (operation, declared) in (0..).zip(&of.operations) {
                    numbers.entry(declared.name.clone()).or_insert((at, operation));
                }
                pending.extend(&of.bases);
            }
            self.operation_numbers.insert(interface.id.clone(), numbers);
        }
    }

    /// Whether `class` is `of` or derived from it.
    pub fn is_derived(&self, class: u32, of: u32) -> bool {
        self.slices(class).any(|slice| slice == of)
    }

    /// A class and what it is derived from, the most derived first: the order of the wire.
    pub fn slices(&self, class: u32) -> impl Iterator<Item = u32> + '_ {
        let base = |class: &u32| self.classes.get(*class as usize)?.base;
        std::iter::successors(Some(class), base)
    }

    /// An exception and what it is derived from, likewise.
    pub fn exception_slices(&self, exception: u32) -> impl Iterator<Item = u32> + '_ {
        let base = |exception: &u32| self.exceptions.get(*exception as usize)?.base;
        std::iter::successors(Some(exception), base)
    }

    /// All members of a class in wire order: those of the most derived slice first.
    pub fn members(&self, class: u32) -> impl Iterator<Item = &Member> + '_ {
        self.slices(class).flat_map(|slice| &self.classes[slice as usize].members)
    }

    /// All members of an exception in wire order.
    pub fn exception_members(&self, exception: u32) -> impl Iterator<Item = &Member> + '_ {
        self.exception_slices(exception).flat_map(|slice| &self.exceptions[slice as usize].members)
    }

    /// Fewest bytes that an element of a sequence takes.
    pub(crate) fn smallest_element(&self, sequence: u32) -> usize {
        self.smallest.get(sequence as usize).copied().unwrap_or(1)
    }

    /// Whether a class may be in a value of this type without being inside of another. In
    /// encoding 1.0 this tells whether instances follow the parameters.
    pub fn has_classes(&self, of: Type) -> bool {
        match of {
            Type::Class(_) | Type::Object => true,
            Type::Struct(number) => {
                let members = &self.structs[number as usize].members;
                members.iter().any(|member| self.has_classes(member.of))
            }
            Type::Sequence(number) => self.has_classes(self.sequences[number as usize].element),
            Type::Dictionary(number) => {
                let dictionary = &self.dictionaries[number as usize];
                self.has_classes(dictionary.key) || self.has_classes(dictionary.value)
            }
            _ => false,
        }
    }

    /// The value of a type that says nothing: zero, empty, or none.
    pub fn zero(&self, of: Type) -> Value {
        match of {
            Type::Bool => Value::Bool(false),
            Type::Byte => Value::Byte(0),
            Type::Short => Value::Short(0),
            Type::Int => Value::Int(0),
            Type::Long => Value::Long(0),
            Type::Float => Value::Float(0.0),
            Type::Double => Value::Double(0.0),
            Type::String => Value::String(Box::default()),
            Type::Enum(number) => {
                let first = self.enums[number as usize].enumerators.first();
                Value::Enum(first.map_or(0, |(_, number)| *number))
            }
            Type::Struct(number) => {
                let members = self.structs[number as usize].members.iter();
                Value::Struct(members.map(|member| self.zero(member.of)).collect())
            }
            Type::Sequence(number) => match self.sequences[number as usize].element {
                Type::Byte => Value::Bytes(bytes::Bytes::new()),
                Type::Bool => Value::Bools(Vec::new()),
                Type::Short => Value::Shorts(Vec::new()),
                Type::Int => Value::Ints(Vec::new()),
                Type::Long => Value::Longs(Vec::new()),
                Type::Float => Value::Floats(Vec::new()),
                Type::Double => Value::Doubles(Vec::new()),
                _ => Value::Sequence(Vec::new()),
            },
            Type::Dictionary(_) => Value::Dictionary(Vec::new()),
            Type::Class(_) | Type::Object => Value::Object(None),
            Type::Proxy => Value::Proxy(None),
        }
    }

    /// The name of a type, for messages.
    pub fn name(&self, of: Type) -> &str {
        match of {
            Type::Bool => "bool",
            Type::Byte => "byte",
            Type::Short => "short",
            Type::Int => "int",
            Type::Long => "long",
            Type::Float => "float",
            Type::Double => "double",
            Type::String => "string",
            Type::Enum(number) => &self.enums[number as usize].id,
            Type::Struct(number) => &self.structs[number as usize].id,
            Type::Sequence(number) => &self.sequences[number as usize].id,
            Type::Dictionary(number) => &self.dictionaries[number as usize].id,
            Type::Class(number) => &self.classes[number as usize].id,
            Type::Object => "::Ice::Object",
            Type::Proxy => "::Ice::Object*",
        }
    }
}
