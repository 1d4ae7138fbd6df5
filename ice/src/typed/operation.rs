//! Operations: calls of them and answers to them as bytes.

use std::{fmt, marker::PhantomData};

use super::{Class, Kind, Ref, View};
use crate::{
    Error, Result,
    codec::{Decoded, Format, decode, encode},
    schema::{Operation, Schema, Type},
    value::{Graph, Value},
    wire::{Encapsulation, Encoding, Limits},
};

/// An operation with parameters `A` and results `R`.
pub struct Op<A, R> {
    interface: &'static str,
    name: &'static str,
    schema: fn() -> &'static Schema,
    of: PhantomData<fn() -> (A, R)>,
}

impl<A, R> Clone for Op<A, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, R> Copy for Op<A, R> {}

impl<A, R> fmt::Debug for Op<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.interface, self.name)
    }
}

impl<A, R> Op<A, R> {
    pub(crate) const fn new(
        interface: &'static str,
        name: &'static str,
        schema: fn() -> &'static Schema,
    ) -> Self {
        Self { interface, name, schema, of: PhantomData }
    }

    /// Its name on the wire.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its declaration.
    ///
    /// # Errors
    /// `Unknown` when the schema does not have it.
    pub fn declaration(&self) -> Result<&'static Operation> {
        let found = (self.schema)().operation(self.interface, self.name);
        found.ok_or_else(|| Error::unknown("operation", format!("{self:?}")))
    }
}

impl<A: Arguments, R: Outcome> Op<A, R> {
    /// A call. Instances that arguments refer to are given with [`Invocation::with_graph`].
    pub fn call(self, arguments: A::Input<'_>) -> Invocation<R> {
        Invocation {
            op: Op {
                interface: self.interface,
                name: self.name,
                schema: self.schema,
                of: PhantomData,
            },
            arguments: A::values(arguments),
            graph: Graph::new(),
        }
    }

    /// The arguments of a call that came.
    ///
    /// # Errors
    /// `Value` when they are others.
    pub fn arguments<'v>(&self, decoded: &'v Decoded) -> Result<A::View<'v>> {
        A::view(&decoded.values)
    }

    /// The answer to a call that came.
    ///
    /// # Errors
    /// `Value` when a result refers to an instance that is not in `graph`, or one of another
    /// class.
    pub fn reply(
        &self,
        results: R::Input<'_>,
        graph: &Graph,
        encoding: Encoding,
    ) -> Result<Encapsulation> {
        let operation = self.declaration()?;
        let types = result_types(operation);
        encode((self.schema)(), &types, &R::values(results), graph, encoding, format(operation))
    }
}

fn result_types(operation: &Operation) -> Vec<Type> {
    operation.out.iter().copied().chain(operation.returns).collect()
}

fn format(operation: &Operation) -> Format {
    if operation.sliced { Format::Sliced } else { Format::Compact }
}

/// A call that is ready to be sent to an object.
#[derive(Clone)]
pub struct Invocation<R> {
    op: Op<(), R>,
    arguments: Vec<Value>,
    graph: Graph,
}

/// Without arguments: they may be passwords.
impl<R> fmt::Debug for Invocation<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({} arguments)", self.op, self.arguments.len())
    }
}

impl<R: Outcome> Invocation<R> {
    /// The instances that arguments refer to.
    pub fn with_graph(self, graph: Graph) -> Self {
        Self { graph, ..self }
    }

    /// Its operation.
    ///
    /// # Errors
    /// `Unknown` when the schema does not have it.
    pub fn declaration(&self) -> Result<&'static Operation> {
        self.op.declaration()
    }

    /// The arguments as bytes.
    ///
    /// # Errors
    /// `Value` when an argument refers to an instance that is not in the graph, or one of
    /// another class.
    pub fn encode(&self, encoding: Encoding) -> Result<Encapsulation> {
        let operation = self.op.declaration()?;
        let types: Vec<Type> = operation.parameters.iter().map(|member| member.of).collect();
        let schema = (self.op.schema)();
        encode(schema, &types, &self.arguments, &self.graph, encoding, format(operation))
    }

    /// The answer from its bytes.
    ///
    /// # Errors
    /// As [`decode`].
    pub fn answer(&self, from: &Encapsulation, limits: &Limits) -> Result<Answer<R>> {
        let types = result_types(self.op.declaration()?);
        let decoded = decode((self.op.schema)(), &types, from, limits)?;
        Ok(Answer { decoded, of: PhantomData })
    }

    /// The schema that its types are in.
    pub fn schema(&self) -> &'static Schema {
        (self.op.schema)()
    }
}

/// The results of a call.
pub struct Answer<R> {
    decoded: Decoded,
    of: PhantomData<fn() -> R>,
}

impl<R> fmt::Debug for Answer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decoded.fmt(f)
    }
}

impl<R: Outcome> Answer<R> {
    /// The result, or results.
    ///
    /// # Errors
    /// `Value`, which the types of operations rule out.
    pub fn get(&self) -> Result<R::View<'_>> {
        R::view(&self.decoded.values)
    }

    /// The instances that came with it.
    pub fn graph(&self) -> &Graph {
        &self.decoded.graph
    }

    /// Looks at an instance that the result refers to.
    ///
    /// # Errors
    /// `Value` when it is of another class.
    pub fn view<C: Class>(&self, at: Ref<C>) -> Result<View<'_, C>> {
        self.decoded.graph.view(at)
    }

    /// Everything as plain values.
    pub fn into_decoded(self) -> Decoded {
        self.decoded
    }
}

/// Parameters of an operation: a tuple of kinds.
pub trait Arguments {
    /// What is given.
    type Input<'a>;
    /// What is seen.
    type View<'v>;

    /// As values.
    fn values(input: Self::Input<'_>) -> Vec<Value>;

    /// What values are.
    ///
    /// # Errors
    /// `Value` when they are others.
    fn view(values: &[Value]) -> Result<Self::View<'_>>;
}

/// Results of an operation: none, one, or several in the order of the wire.
pub trait Outcome {
    /// What is given.
    type Input<'a>;
    /// What is seen.
    type View<'v>;

    /// As values.
    fn values(input: Self::Input<'_>) -> Vec<Value>;

    /// What values are.
    ///
    /// # Errors
    /// `Value` when they are others.
    fn view(values: &[Value]) -> Result<Self::View<'_>>;
}

impl<K: Kind> Outcome for K {
    type Input<'a> = K::Input<'a>;
    type View<'v> = K::View<'v>;

    fn values(input: Self::Input<'_>) -> Vec<Value> {
        vec![K::value(input)]
    }

    fn view(values: &[Value]) -> Result<K::View<'_>> {
        match values {
            [value] => K::view(value),
            _ => Err(wrong_number(1, values)),
        }
    }
}

fn wrong_number(n: usize, values: &[Value]) -> Error {
    Error::value(format!("{n} values"), format!("{}", values.len()))
}

macro_rules! tuples {
    ($trait:ident $n:literal $($kind:ident $name:ident)*) => {
        impl<$($kind: Kind),*> $trait for ($($kind,)*) {
            type Input<'a> = ($($kind::Input<'a>,)*);
            type View<'v> = ($($kind::View<'v>,)*);

            #[allow(clippy::unused_unit, reason = "the tuple without elements")]
            fn values(($($name,)*): Self::Input<'_>) -> Vec<Value> {
                vec![$($kind::value($name)),*]
            }

            fn view(values: &[Value]) -> Result<Self::View<'_>> {
                match values {
                    [$($name),*] => Ok(($($kind::view($name)?,)*)),
                    _ => Err(wrong_number($n, values)),
                }
            }
        }
    };
}

tuples!(Outcome 0);
tuples!(Outcome 2 A a B b);
tuples!(Arguments 0);
tuples!(Arguments 1 A a);
tuples!(Arguments 2 A a B b);
tuples!(Arguments 3 A a B b C c);
tuples!(Arguments 4 A a B b C c D d);
tuples!(Arguments 5 A a B b C c D d E e);
tuples!(Arguments 6 A a B b C c D d E e F f);
tuples!(Arguments 7 A a B b C c D d E e F f G g);
tuples!(Arguments 8 A a B b C c D d E e F f G g H h);
tuples!(Arguments 9 A a B b C c D d E e F f G g H h I i);
tuples!(Arguments 10 A a B b C c D d E e F f G g H h I i J j);
tuples!(Arguments 11 A a B b C c D d E e F f G g H h I i J j K k);
tuples!(Arguments 12 A a B b C c D d E e F f G g H h I i J j K k L l);
