//! Calls that came, for servants.

use std::fmt;

use super::{Arguments, Interface, Op, Outcome};
use crate::{
    Error, Result,
    codec::{Decoded, decode, encode_exception},
    schema::{Operation, Schema, Type},
    value::{Exception, Graph},
    wire::{Call, Encoding, Limits, ReplyBody},
};

/// A call that came, with its arguments.
///
/// ```
/// use ice::{
///     omero::{self, api::IConfig},
///     typed::Incoming,
///     value::Graph,
///     wire::{Call, ReplyBody},
/// };
///
/// fn answer(call: Call) -> ReplyBody {
///     let call = match Incoming::open::<IConfig>(omero::schema(), call) {
///         Ok(call) => call,
///         // No such operation, the wrong mode, arguments that are none.
///         Err(refused) => return refused,
///     };
///     call.answer(|call| {
///         if call.is(IConfig::GET_VERSION) {
///             return call.reply(IConfig::GET_VERSION, "5.6.0", &Graph::new());
///         }
///         Ok(call.no_operation())
///     })
/// }
/// ```
pub struct Incoming {
    schema: &'static Schema,
    call: Call,
    operation: &'static Operation,
    encoding: Encoding,
    decoded: Decoded,
}

/// Without arguments: they may be passwords.
impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.decoded.values.len();
        write!(f, "{}.{}({n} arguments)", self.call.identity, self.call.operation)
    }
}

fn failed(error: &Error) -> ReplyBody {
    ReplyBody::UnknownLocalException(format!("Ice::MarshalException: {error}"))
}

impl Incoming {
    /// Looks at a call as one of an interface: its operation must be declared, and the caller
    /// must have meant the same mode, as in the official runtime. Arguments are read within the
    /// limits of the connection that it came by.
    ///
    /// # Errors
    /// The answer when it is not.
    pub fn open<I: Interface>(
        schema: &'static Schema,
        call: Call,
    ) -> std::result::Result<Self, ReplyBody> {
        Self::open_as(schema, I::TYPE_ID, call)
    }

    /// As [`Incoming::open`], with the interface's scoped name.
    ///
    /// # Errors
    /// As there.
    pub fn open_as(
        schema: &'static Schema,
        interface: &str,
        call: Call,
    ) -> std::result::Result<Self, ReplyBody> {
        let limits = call.limits;
        Self::open_within(schema, interface, call, &limits)
    }

    /// As [`Incoming::open_as`], with other limits on what arguments may ask for than those of
    /// the connection.
    ///
    /// # Errors
    /// As there.
    pub fn open_within(
        schema: &'static Schema,
        interface: &str,
        call: Call,
        limits: &Limits,
    ) -> std::result::Result<Self, ReplyBody> {
        let Some(operation) = schema.operation(interface, &call.operation) else {
            return Err(call.operation_not_exist());
        };
        if !operation.mode.accepts(call.mode) {
            return Err(call.unexpected_mode());
        }
        let types: Vec<Type> = operation.parameters.iter().map(|member| member.of).collect();
        let decoded = call.parameters.encoding().and_then(|encoding| {
            let decoded = decode(schema, &types, &call.parameters, limits)?;
            Ok((encoding, decoded))
        });
        match decoded {
            Ok((encoding, decoded)) => Ok(Self { schema, call, operation, encoding, decoded }),
            Err(error) => Err(failed(&error)),
        }
    }

    /// The call as it came.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The value of a key of the call's context.
    pub fn context(&self, key: &str) -> Option<&str> {
        self.call.context_value(key)
    }

    /// Whether it calls this operation.
    pub fn is<A, R>(&self, operation: Op<A, R>) -> bool {
        *self.call.operation == *operation.name()
    }

    /// The arguments and the instances that they refer to, as plain values.
    pub fn decoded(&self) -> &Decoded {
        &self.decoded
    }

    /// The instances that came with it.
    pub fn graph(&self) -> &Graph {
        &self.decoded.graph
    }

    /// The arguments.
    ///
    /// # Errors
    /// `Value` when it calls another operation.
    pub fn arguments<A: Arguments, R: Outcome>(&self, operation: Op<A, R>) -> Result<A::View<'_>> {
        A::view(&self.decoded.values)
            .map_err(|_| Error::value(format!("{operation:?}"), format!("{self:?}")))
    }

    /// Answers with a result, whose instances are in `graph`.
    ///
    /// # Errors
    /// `Value` when it refers to an instance that is not there, or one of another class.
    pub fn reply<A: Arguments, R: Outcome>(
        &self,
        operation: Op<A, R>,
        results: R::Input<'_>,
        graph: &Graph,
    ) -> Result<ReplyBody> {
        operation.reply(results, graph, self.encoding).map(ReplyBody::Ok)
    }

    /// Answers with an exception. One that the operation does not declare is told by its name
    /// alone, since a caller could not know it.
    ///
    /// # Errors
    /// `Value` when the exception is not of its members.
    pub fn raise(&self, mut exception: Exception, graph: &Graph) -> Result<ReplyBody> {
        let schema = self.schema;
        let throws = &self.operation.throws;
        if !schema.exception_slices(exception.known).any(|slice| throws.contains(&slice)) {
            return Ok(ReplyBody::UnknownUserException(exception.id.into()));
        }
        exception.sliced |= self.operation.sliced;
        let content = encode_exception(schema, &exception, graph, self.encoding)?;
        Ok(ReplyBody::UserException(content))
    }

    /// Answers that there is no such operation, though it is declared.
    pub fn no_operation(&self) -> ReplyBody {
        self.call.clone().operation_not_exist()
    }

    /// The answer of `work`, or that it failed.
    pub fn answer(&self, work: impl FnOnce(&Self) -> Result<ReplyBody>) -> ReplyBody {
        work(self).unwrap_or_else(|error| failed(&error))
    }
}
