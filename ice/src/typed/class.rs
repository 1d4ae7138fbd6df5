//! Classes, their members, and instances in graphs.

use std::{fmt, marker::PhantomData};

use super::{Instance, Kind};
use crate::{
    Error, Result,
    schema::Schema,
    value::{Graph, Object, ObjectId, Value},
};

/// A type with members: a class, a structure or an exception.
pub trait Members {
    /// Its scoped name.
    const TYPE_ID: &'static str;
    /// Its position in the schema among those of its sort.
    const NUMBER: u32;

    /// The schema that it is in.
    fn schema() -> &'static Schema;
}

/// A class.
pub trait Class: Inherits<Self> + Inherits<AnyObject> + Sized {
    /// Its scoped name.
    const TYPE_ID: &'static str;

    /// Whether an instance of the class at this position of the schema is one of this.
    fn is_base_of(class: u32) -> bool;
}

/// A type is another or is derived from it, and has all its members.
pub trait Inherits<Base> {}

/// The class that all are derived from.
#[derive(Clone, Copy, Debug)]
pub struct AnyObject;

impl Inherits<Self> for AnyObject {}

impl Class for AnyObject {
    const TYPE_ID: &'static str = "::Ice::Object";

    fn is_base_of(_: u32) -> bool {
        true
    }
}

/// A member of a type.
pub struct Field<C, K> {
    /// Its position from the end of all members in wire order: the same in classes that are
    /// derived, whose own come first.
    from_end: usize,
    of: PhantomData<fn() -> (C, K)>,
}

impl<C, K> Clone for Field<C, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C, K> Copy for Field<C, K> {}

impl<C, K> fmt::Debug for Field<C, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field").field("from_end", &self.from_end).finish()
    }
}

impl<C, K: Kind> Field<C, K> {
    pub(crate) const fn new(from_end: usize) -> Self {
        Self { from_end, of: PhantomData }
    }

    pub(super) fn view<'v>(&self, fields: &'v [Value], of: &str) -> Result<K::View<'v>> {
        let found = fields.len().checked_sub(self.from_end).and_then(|at| fields.get(at));
        let missing = || Error::value(of, format!("{} members", fields.len()));
        K::view(found.ok_or_else(missing)?)
    }

    pub(super) fn set(&self, fields: &mut [Value], input: K::Input<'_>) {
        let n = fields.len();
        if let Some(slot) = n.checked_sub(self.from_end).and_then(|at| fields.get_mut(at)) {
            *slot = K::value(input);
        }
    }
}

/// An instance in a graph: its position, and the class that it is known to be of.
pub struct Ref<C> {
    id: ObjectId,
    of: PhantomData<fn() -> C>,
}

impl<C> Clone for Ref<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Ref<C> {}

impl<C> PartialEq for Ref<C> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl<C> Eq for Ref<C> {}

impl<C> fmt::Debug for Ref<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ref").field(&self.id.0).finish()
    }
}

impl<C> Ref<C> {
    /// The instance at a position. Of which class it is, is told when it is looked at or sent.
    pub fn new(id: ObjectId) -> Self {
        Self { id, of: PhantomData }
    }

    /// Its position.
    pub fn id(self) -> ObjectId {
        self.id
    }

    /// The same as an instance of a base of its class.
    pub fn as_base<B>(self) -> Ref<B>
    where
        C: Inherits<B>,
    {
        Ref::new(self.id)
    }
}

/// An instance that is looked at.
pub struct View<'g, C> {
    graph: &'g Graph,
    object: &'g Object,
    id: ObjectId,
    of: PhantomData<fn() -> C>,
}

impl<C> Clone for View<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for View<'_, C> {}

impl<C: Class> fmt::Debug for View<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(C::TYPE_ID).field("id", &self.id.0).finish_non_exhaustive()
    }
}

impl<'g, C: Class> View<'g, C> {
    /// Where it is in its graph.
    pub fn reference(&self) -> Ref<C> {
        Ref::new(self.id)
    }

    /// Its own class, by its position in the schema.
    pub fn class(&self) -> u32 {
        self.object.class
    }

    /// A member.
    ///
    /// # Errors
    /// `Value` when the instance was made by hand, and not of its members.
    pub fn get<B, K: Kind>(&self, field: Field<B, K>) -> Result<K::View<'g>>
    where
        C: Inherits<B>,
    {
        field.view(&self.object.fields, C::TYPE_ID)
    }

    /// The instance that a member refers to, if it refers to any.
    ///
    /// # Errors
    /// `Value` when there is none at its place, or one of another class.
    pub fn follow<B, D: Class>(&self, field: Field<B, Instance<D>>) -> Result<Option<View<'g, D>>>
    where
        C: Inherits<B>,
    {
        self.get(field)?.map(|found| self.graph.view(found)).transpose()
    }

    /// The same as an instance of another class, if it is one.
    pub fn cast<D: Class>(&self) -> Option<View<'g, D>> {
        let View { graph, object, id, .. } = *self;
        D::is_base_of(object.class).then_some(View { graph, object, id, of: PhantomData })
    }
}

impl Graph {
    /// Looks at an instance.
    ///
    /// # Errors
    /// `Value` when there is none at this place, or one of another class.
    pub fn view<C: Class>(&self, at: Ref<C>) -> Result<View<'_, C>> {
        let missing = || Error::value(C::TYPE_ID, "an instance that is not in the graph");
        let object = self.get(at.id).ok_or_else(missing)?;
        if !C::is_base_of(object.class) {
            return Err(Error::value(C::TYPE_ID, "an instance of another class"));
        }
        Ok(View { graph: self, object, id: at.id, of: PhantomData })
    }

    /// Adds an instance whose members are zero, empty and none.
    pub fn make<C: Class + Members>(&mut self) -> Builder<'_, C> {
        let fields = C::schema().members(C::NUMBER).map(|member| C::schema().zero(member.of));
        let object = Object { class: C::NUMBER, fields: fields.collect() };
        let id = self.add(object);
        Builder { graph: self, id, of: PhantomData }
    }

    /// Changes an instance.
    ///
    /// # Errors
    /// As [`Graph::view`].
    pub fn edit<C: Class>(&mut self, at: Ref<C>) -> Result<Builder<'_, C>> {
        self.view(at)?;
        Ok(Builder { graph: self, id: at.id, of: PhantomData })
    }
}

/// An instance that is made or changed.
pub struct Builder<'g, C> {
    graph: &'g mut Graph,
    id: ObjectId,
    of: PhantomData<fn() -> C>,
}

impl<C: Class> fmt::Debug for Builder<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(C::TYPE_ID).field("id", &self.id.0).finish_non_exhaustive()
    }
}

impl<C: Class> Builder<'_, C> {
    /// Sets a member.
    pub fn with<B, K: Kind>(self, field: Field<B, K>, input: K::Input<'_>) -> Self
    where
        C: Inherits<B>,
    {
        if let Some(object) = self.graph.objects.get_mut(self.id.0 as usize) {
            field.set(&mut object.fields, input);
        }
        self
    }

    /// The instance.
    pub fn done(self) -> Ref<C> {
        Ref::new(self.id)
    }
}
