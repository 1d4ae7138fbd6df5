//! What values are in Rust: what is given for one, and what is seen of one.

use std::marker::PhantomData;

use bytes::Bytes;

use super::{Class, Field, Inherits, Members, Ref};
use crate::{Error, Result, value::Value, wire::Proxy};

/// A type of the interface.
pub trait Kind {
    /// What is given to make a value of it.
    type Input<'a>;
    /// What is seen of a value of it.
    type View<'v>;

    /// A value.
    fn value(input: Self::Input<'_>) -> Value;

    /// What a value is.
    ///
    /// # Errors
    /// `Value` when it is of another type.
    fn view(value: &Value) -> Result<Self::View<'_>>;
}

/// An error for a value of another type.
pub(crate) fn mismatch(expected: &str, value: &Value) -> Error {
    Error::value(expected, value.kind())
}

macro_rules! plain {
    ($($type:ty, $variant:ident, $name:literal;)*) => {$(
        impl Kind for $type {
            type Input<'a> = $type;
            type View<'v> = $type;

            fn value(input: $type) -> Value {
                Value::$variant(input)
            }

            fn view(value: &Value) -> Result<$type> {
                match value {
                    Value::$variant(value) => Ok(*value),
                    other => Err(mismatch($name, other)),
                }
            }
        }
    )*};
}

plain! {
    bool, Bool, "bool";
    u8, Byte, "byte";
    i16, Short, "short";
    i32, Int, "int";
    i64, Long, "long";
    f32, Float, "float";
    f64, Double, "double";
}

/// A `string`.
#[derive(Clone, Copy, Debug)]
pub struct Text;

impl Kind for Text {
    type Input<'a> = &'a str;
    type View<'v> = &'v str;

    fn value(input: &str) -> Value {
        Value::String(input.into())
    }

    fn view(value: &Value) -> Result<&str> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(mismatch("string", other)),
        }
    }
}

/// A sequence of `byte`, without a copy.
impl Kind for Bytes {
    type Input<'a> = Bytes;
    type View<'v> = &'v Bytes;

    fn value(input: Bytes) -> Value {
        Value::Bytes(input)
    }

    fn view(value: &Value) -> Result<&Bytes> {
        match value {
            Value::Bytes(bytes) => Ok(bytes),
            other => Err(mismatch("sequence of byte", other)),
        }
    }
}

/// An instance of a class or of one derived from it, or none.
#[derive(Clone, Copy, Debug)]
pub struct Instance<C>(PhantomData<C>);

impl<C: Class> Kind for Instance<C> {
    type Input<'a> = Option<Ref<C>>;
    type View<'v> = Option<Ref<C>>;

    fn value(input: Option<Ref<C>>) -> Value {
        Value::Object(input.map(Ref::id))
    }

    fn view(value: &Value) -> Result<Option<Ref<C>>> {
        match value {
            Value::Object(id) => Ok(id.map(Ref::new)),
            other => Err(mismatch(C::TYPE_ID, other)),
        }
    }
}

/// An interface.
pub trait Interface {
    /// Its scoped name.
    const TYPE_ID: &'static str;
}

/// The interface that all extend.
#[derive(Clone, Copy, Debug)]
pub struct AnyInterface;

impl Interface for AnyInterface {
    const TYPE_ID: &'static str = "::Ice::Object";
}

/// A proxy of an object with an interface, or none. Its interface does not travel.
#[derive(Clone, Copy, Debug)]
pub struct To<I>(PhantomData<I>);

impl<I: Interface> Kind for To<I> {
    type Input<'a> = Option<Proxy>;
    type View<'v> = Option<&'v Proxy>;

    fn value(input: Option<Proxy>) -> Value {
        Value::Proxy(input.map(Box::new))
    }

    fn view(value: &Value) -> Result<Option<&Proxy>> {
        match value {
            Value::Proxy(proxy) => Ok(proxy.as_deref()),
            other => Err(mismatch(I::TYPE_ID, other)),
        }
    }
}

/// A structure. Given as the values of its members in order.
#[derive(Clone, Copy, Debug)]
pub struct Record<S>(PhantomData<S>);

impl<S: Members> Kind for Record<S> {
    type Input<'a> = Vec<Value>;
    type View<'v> = RecordView<'v, S>;

    fn value(input: Vec<Value>) -> Value {
        Value::Struct(input)
    }

    fn view(value: &Value) -> Result<RecordView<'_, S>> {
        match value {
            Value::Struct(values) => Ok(RecordView { values, of: PhantomData }),
            other => Err(mismatch(S::TYPE_ID, other)),
        }
    }
}

/// A structure that is looked at.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'v, S> {
    values: &'v [Value],
    of: PhantomData<S>,
}

impl<'v, S: Members> RecordView<'v, S> {
    /// A member.
    ///
    /// # Errors
    /// `Value` when the structure was made by hand, and not of its members.
    pub fn get<B, K: Kind>(&self, field: Field<B, K>) -> Result<K::View<'v>>
    where
        S: Inherits<B>,
    {
        field.view(self.values, S::TYPE_ID)
    }
}
