//! Sequences and dictionaries.

use std::marker::PhantomData;

use super::{Kind, Text, kind::mismatch};
use crate::{Result, value::Value};

/// A type whose sequences are held as numbers, not as values.
pub trait Number: Sized + Copy + 'static {
    /// A sequence.
    fn wrap(numbers: Vec<Self>) -> Value;
    /// The numbers of a sequence, if it is one.
    fn unwrap(value: &Value) -> Option<&[Self]>;
}

macro_rules! numbers {
    ($($type:ty, $variant:ident;)*) => {$(
        impl Number for $type {
            fn wrap(numbers: Vec<Self>) -> Value {
                Value::$variant(numbers)
            }

            fn unwrap(value: &Value) -> Option<&[Self]> {
                if let Value::$variant(numbers) = value { Some(numbers) } else { None }
            }
        }
    )*};
}

numbers! {
    bool, Bools;
    i16, Shorts;
    i32, Ints;
    i64, Longs;
    f32, Floats;
    f64, Doubles;
}

/// A sequence of numbers.
#[derive(Clone, Copy, Debug)]
pub struct Numbers<T>(PhantomData<T>);

impl<T: Number> Kind for Numbers<T> {
    type Input<'a> = Vec<T>;
    type View<'v> = &'v [T];

    fn value(input: Vec<T>) -> Value {
        T::wrap(input)
    }

    fn view(value: &Value) -> Result<&[T]> {
        T::unwrap(value).ok_or_else(|| mismatch("sequence of numbers", value))
    }
}

/// A sequence of anything else.
#[derive(Clone, Copy, Debug)]
pub struct List<K>(PhantomData<K>);

impl<K: Kind> Kind for List<K> {
    type Input<'a> = Vec<K::Input<'a>>;
    type View<'v> = Items<'v, K>;

    fn value(input: Self::Input<'_>) -> Value {
        Value::Sequence(input.into_iter().map(K::value).collect())
    }

    fn view(value: &Value) -> Result<Items<'_, K>> {
        match value {
            Value::Sequence(values) => Ok(Items { values, of: PhantomData }),
            other => Err(mismatch("sequence", other)),
        }
    }
}

/// A sequence that is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Items<'v, K> {
    values: &'v [Value],
    of: PhantomData<K>,
}

impl<'v, K: Kind> Items<'v, K> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// One of them, if there are so many.
    ///
    /// # Errors
    /// `Value` when it is of another type.
    pub fn get(&self, at: usize) -> Result<Option<K::View<'v>>> {
        self.values.get(at).map(K::view).transpose()
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Result<K::View<'v>>> + use<'v, K> {
        self.values.iter().map(K::view)
    }
}

/// A dictionary.
#[derive(Clone, Copy, Debug)]
pub struct Map<K, V>(PhantomData<(K, V)>);

impl<K: Kind, V: Kind> Kind for Map<K, V> {
    type Input<'a> = Vec<(K::Input<'a>, V::Input<'a>)>;
    type View<'v> = Entries<'v, K, V>;

    fn value(input: Self::Input<'_>) -> Value {
        let pairs = input.into_iter().map(|(key, value)| (K::value(key), V::value(value)));
        Value::Dictionary(pairs.collect())
    }

    fn view(value: &Value) -> Result<Entries<'_, K, V>> {
        match value {
            Value::Dictionary(pairs) => Ok(Entries { pairs, of: PhantomData }),
            other => Err(mismatch("dictionary", other)),
        }
    }
}

/// A dictionary that is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Entries<'v, K, V> {
    pairs: &'v [(Value, Value)],
    of: PhantomData<(K, V)>,
}

impl<'v, K: Kind, V: Kind> Entries<'v, K, V> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// All of them, in the order in which they came.
    pub fn iter(
        &self,
    ) -> impl ExactSizeIterator<Item = Result<(K::View<'v>, V::View<'v>)>> + use<'v, K, V> {
        self.pairs.iter().map(|(key, value)| Ok((K::view(key)?, V::view(value)?)))
    }
}

impl<'v, V: Kind> Entries<'v, Text, V> {
    /// The value of a key.
    ///
    /// # Errors
    /// `Value` when it is of another type.
    pub fn get(&self, key: &str) -> Result<Option<V::View<'v>>> {
        let is_it = |found: &Value| matches!(found, Value::String(text) if **text == *key);
        let found = self.pairs.iter().find(|(found, _)| is_it(found));
        found.map(|(_, value)| V::view(value)).transpose()
    }
}
