//! Exceptions of operations.

use std::{fmt, marker::PhantomData};

use super::{Field, Inherits, Kind, Members};
use crate::{Result, value::Exception};

/// An exception that is looked at as one of a type.
pub struct ExceptionView<'e, E> {
    exception: &'e Exception,
    of: PhantomData<fn() -> E>,
}

impl<E: Members> fmt::Debug for ExceptionView<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(E::TYPE_ID).field(self.exception).finish()
    }
}

impl<'e, E: Members> ExceptionView<'e, E> {
    /// A member.
    ///
    /// # Errors
    /// `Value` when the exception was made by hand, and not of its members.
    pub fn get<B, K: Kind>(&self, field: Field<B, K>) -> Result<K::View<'e>>
    where
        E: Inherits<B>,
    {
        field.view(&self.exception.fields, E::TYPE_ID)
    }
}

impl Exception {
    /// An exception whose members are zero, empty and none. With `sliced` receivers that do
    /// not know its type get what it is derived from.
    pub fn make<E: Members>(sliced: bool) -> Self {
        let schema = E::schema();
        let members = schema.exception_members(E::NUMBER);
        let fields = members.map(|member| schema.zero(member.of)).collect();
        Self { id: E::TYPE_ID.into(), known: E::NUMBER, fields, sliced }
    }

    /// Sets a member of type `E`, if it is one of it.
    pub fn with<E: Members + Inherits<B>, B, K: Kind>(
        mut self,
        field: Field<B, K>,
        input: K::Input<'_>,
    ) -> Self {
        if self.view::<E>().is_some() {
            field.set(&mut self.fields, input);
        }
        self
    }

    /// Looks at it as one of type `E`, if it is one.
    pub fn view<E: Members>(&self) -> Option<ExceptionView<'_, E>> {
        let is_it = E::schema().exception_slices(self.known).any(|slice| slice == E::NUMBER);
        is_it.then_some(ExceptionView { exception: self, of: PhantomData })
    }
}
