//! Instances of classes: inline in encoding 1.1, behind the parameters in 1.0.

use std::sync::Arc;

use super::{Decoder, Frame, Instance, Next, flag};
use crate::{
    Error, Result,
    schema::{Member, Type},
    value::{Object, ObjectId, Value},
    wire::Encoding,
};

/// The types of members, in order.
pub(in super::super) fn member_types<'m>(members: impl Iterator<Item = &'m Member>) -> Vec<Type> {
    members.map(|member| member.of).collect()
}

/// Bytes of the size of a slice, which counts them too.
const SIZE_BYTES: usize = 4;
/// What encoding 1.0 ends every instance with.
const ROOT: &str = "::Ice::Object";

/// How many values are open before memory is saved.
const DEEP: usize = 256;

/// An instance whose class is not known yet.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    id: ObjectId,
    expected: Option<u32>,
    n_skipped: usize,
}

/// A type that was named. Its class is looked up once: instances that say its number cost
/// nothing for the length of the name.
#[derive(Clone)]
pub(super) struct Name {
    id: Arc<str>,
    class: Option<u32>,
}

/// What precedes the members of a slice.
struct SliceHead {
    flags: u8,
    name: Option<Name>,
    /// Where its members end.
    end: Option<usize>,
}

impl Decoder<'_> {
    /// Reads a reference to an instance, and begins the instance if it is here.
    pub(super) fn begin_object(&mut self, expected: Option<u32>) -> Result<Option<Value>> {
        if self.encoding == Encoding::V1_0 {
            let found = self.reference_1_0()?;
            self.expected.extend(found.zip(expected));
            return Ok(Some(Value::Object(found)));
        }
        let found = match self.indirection.as_ref().filter(|_| self.is_in_sliced()) {
            // A member of a slice that has a table names an entry of it.
            Some(table) => {
                let entry = self.reader.size()?;
                match entry.checked_sub(1) {
                    None => None,
                    Some(at) => *table.get(at).ok_or_else(|| {
                        let problem = format!("entry {entry} of a table of {}", table.len());
                        self.reader.error("instance", problem)
                    })?,
                }
            }
            None => match self.reader.size()? {
                0 => None,
                1 => return self.begin_instance(expected),
                number => {
                    let known = number - 2;
                    if known >= self.objects.len() {
                        let problem = format!("number {number} has not begun yet");
                        return Err(self.reader.error("instance", problem));
                    }
                    Some(ObjectId(known as u32))
                }
            },
        };
        self.check_class(found, expected)?;
        Ok(Some(Value::Object(found)))
    }

    /// Whether members of a slice of known size are read, and not the table behind them.
    fn is_in_sliced(&self) -> bool {
        self.stack
            .iter()
            .rev()
            .find_map(|frame| match frame {
                Frame::Instance(instance) => Some(instance.ends.is_some()),
                Frame::Table { .. } => Some(false),
                _ => None,
            })
            .unwrap_or(self.is_in_exception)
    }

    pub(super) fn check_class(&self, found: Option<ObjectId>, expected: Option<u32>) -> Result<()> {
        let class = found.and_then(|id| *self.classes.get(id.0 as usize)?);
        let (Some(class), Some(expected)) = (class, expected) else { return Ok(()) };
        if self.schema.is_derived(class, expected) {
            return Ok(());
        }
        let name = |class: u32| self.schema.name(Type::Class(class)).to_owned();
        Err(self
            .reader
            .error("instance", format!("{} is expected, this is {}", name(expected), name(class))))
    }

    fn new_object(&mut self) -> Result<ObjectId> {
        if self.objects.len() >= self.limits.instances {
            return Err(Error::limit("instances", self.objects.len() + 1, self.limits.instances));
        }
        self.charge(1)?;
        self.objects.push(None);
        self.classes.push(None);
        Ok(ObjectId(self.objects.len() as u32 - 1))
    }

    fn begin_instance(&mut self, expected: Option<u32>) -> Result<Option<Value>> {
        let id = self.new_object()?;
        self.go_on(Begun { id, expected, n_skipped: 0 })?;
        Ok(None)
    }

    /// Begins the first slice of an instance whose class is known. What is not known is passed
    /// over where its size is: what it is derived from may be known.
    pub(super) fn go_on(&mut self, begun: Begun) -> Result<()> {
        let Begun { id, expected, mut n_skipped } = begun;
        loop {
            let head = self.slice_head()?;
            let name = head.name.as_ref().ok_or_else(|| {
                self.reader.error("instance", "its first slice does not say its type")
            })?;
            if let Some(class) = name.class {
                self.classes[id.0 as usize] = Some(class);
                self.check_class(Some(id), expected)?;
                self.open(id, class, head.flags & flag::LAST != 0)?;
                return self.begin_slice(&head);
            }
            let (Some(end), false) = (head.end, head.flags & flag::LAST != 0) else {
                return Err(Error::unknown("class", &*name.id));
            };
            n_skipped += 1;
            if n_skipped > self.limits.slices {
                return Err(Error::limit("slices of an instance", n_skipped, self.limits.slices));
            }
            self.skip_to(end)?;
            if head.flags & flag::INDIRECTION != 0 {
                // What its table has in it has numbers, which others may refer to.
                let left = self.reader.count("table of instances", 1)?;
                self.charge(left)?;
                self.push(Frame::Unknown(Begun { id, expected, n_skipped }))?;
                return self.push(Frame::Table { left, found: Vec::new(), members_at: None });
            }
        }
    }

    fn open(&mut self, id: ObjectId, class: u32, is_last: bool) -> Result<()> {
        // Where instances are deep in one another, as only few are, room for members is made
        // when they come: else a few bytes each would take much memory.
        let n_members = self.schema.members(class).count();
        self.charge(n_members)?;
        let n = if self.stack.len() < DEEP { n_members } else { 0 };
        let fields = Vec::with_capacity(n);
        let instance = Instance { id, fields, class, slice: class, n_read: 0, is_last, ends: None };
        self.push(Frame::Instance(instance))
    }

    /// Reads what precedes the members of a slice.
    fn slice_head(&mut self) -> Result<SliceHead> {
        let flags = self.reader.u8()?;
        if flags & flag::OPTIONAL != 0 {
            return Err(self.reader.error("slice", "optional members are not supported"));
        }
        let name = match flags & flag::ID_KIND {
            flag::ID_NONE => None,
            flag::ID_TEXT => Some(self.new_name()?),
            flag::ID_INDEX => {
                let index = self.reader.size()?;
                let known = index.checked_sub(1).and_then(|at| self.named.get(at));
                let known = known.ok_or_else(|| {
                    let problem = format!("type {index} was not named; {} were", self.named.len());
                    self.reader.error("slice", problem)
                })?;
                Some(known.clone())
            }
            _ => return Err(self.reader.error("slice", "compact type numbers are not supported")),
        };
        let end = match flags & flag::SIZE {
            0 => None,
            _ => Some(self.slice_end()?),
        };
        if flags & flag::INDIRECTION != 0 && end.is_none() {
            return Err(self
                .reader
                .error("slice", "a table of instances needs a slice of known size"));
        }
        Ok(SliceHead { flags, name, end })
    }

    /// Reads the name of a type, which others then refer to by its number.
    fn new_name(&mut self) -> Result<Name> {
        self.charge(1)?;
        let id = self.reader.string()?;
        if id.len() > self.limits.type_name_bytes {
            let most = self.limits.type_name_bytes;
            return Err(Error::limit("bytes of the name of a type", id.len(), most));
        }
        let name = Name { class: self.schema.class(&id), id: id.into() };
        self.named.push(name.clone());
        Ok(name)
    }

    /// Reads the size of a slice; answers where its members end.
    fn slice_end(&mut self) -> Result<usize> {
        let size = self.reader.i32()?;
        let n_bytes = usize::try_from(size).ok().and_then(|size| size.checked_sub(SIZE_BYTES));
        match n_bytes {
            Some(n_bytes) if n_bytes <= self.reader.remaining() => {
                Ok(self.reader.position() + n_bytes)
            }
            _ => Err(self.reader.error("slice", format!("a size of {size} bytes"))),
        }
    }

    fn skip_to(&mut self, end: usize) -> Result<()> {
        let n_bytes = end.saturating_sub(self.reader.position());
        self.reader.skip("slice", n_bytes)
    }

    /// Begins the members of the slice that the top instance is at. Where they refer to a table
    /// that comes behind them, that is read first.
    fn begin_slice(&mut self, head: &SliceHead) -> Result<()> {
        self.indirection = None;
        let Some(end) = head.end else { return Ok(()) };
        if let Some(Frame::Instance(instance)) = self.stack.last_mut() {
            instance.ends = Some((end, end));
        }
        if head.flags & flag::INDIRECTION == 0 {
            self.indirection = Some(Vec::new());
            return Ok(());
        }
        let members_at = self.reader.position();
        self.skip_to(end)?;
        let left = self.reader.count("table of instances", 1)?;
        self.charge(left)?;
        self.push(Frame::Table { left, found: Vec::new(), members_at: Some(members_at) })
    }

    /// Passes over a slice of an exception, but for the instances of its table: they have
    /// numbers, which others may refer to.
    pub(in super::super) fn pass_over_slice(&mut self, end: usize, has_table: bool) -> Result<()> {
        self.skip_to(end)?;
        if has_table {
            self.table()?;
        }
        Ok(())
    }

    /// Begins the members of a slice of an exception that end at `end`; answers where what
    /// follows them ends.
    pub(in super::super) fn begin_exception_slice(
        &mut self,
        end: usize,
        has_table: bool,
    ) -> Result<usize> {
        if self.encoding == Encoding::V1_0 {
            return Ok(end);
        }
        let members_at = self.reader.position();
        self.skip_to(end)?;
        let table = if has_table { self.table()? } else { Vec::new() };
        let behind = self.reader.position();
        self.indirection = Some(table);
        self.is_in_exception = true;
        self.reader.go_to(members_at);
        Ok(behind)
    }

    /// Ends the members of a slice of an exception.
    pub(in super::super) fn end_exception_slice(
        &mut self,
        end: usize,
        behind: usize,
    ) -> Result<()> {
        if self.reader.position() != end {
            let problem = "a slice has another size than it says";
            return Err(self.reader.error("exception", problem));
        }
        self.indirection = None;
        self.is_in_exception = false;
        self.reader.go_to(behind);
        Ok(())
    }

    fn table(&mut self) -> Result<Vec<Option<ObjectId>>> {
        let n = self.reader.count("table of instances", 1)?;
        self.charge(n)?;
        let mut table = Vec::new();
        for _ in 0..n {
            match self.value(Type::Object)? {
                Value::Object(found) => table.push(found),
                _ => return Err(self.reader.error("table of instances", "no instance")),
            }
        }
        Ok(table)
    }

    /// Ends the slice that the top instance is at: begins the next, or ends the instance.
    pub(super) fn end_slice(&mut self) -> Result<Next> {
        let Some(Frame::Instance(instance)) = self.stack.last_mut() else {
            return Err(self.reader.error("slice", "no instance is open"));
        };
        if let Some((members_end, end)) = instance.ends.take() {
            if self.reader.position() != members_end {
                let problem = format!(
                    "its members end at {}, its size says {members_end}",
                    self.reader.position()
                );
                return Err(self.reader.error("slice", problem));
            }
            self.reader.go_to(end);
        }
        let (slice, is_last) = (instance.slice, instance.is_last);
        let Some(base) = self.schema.classes[slice as usize].base else {
            if !is_last {
                return Err(self.reader.error("slice", "more slices than the class has"));
            }
            return Ok(self.end_instance());
        };
        if is_last {
            let id = &self.schema.classes[slice as usize].id;
            return Err(self.reader.error("slice", format!("{id} is not the last of its class")));
        }
        let head = self.slice_head()?;
        if let Some(Name { id, class }) = &head.name
            && *class != Some(base)
        {
            let expected = &self.schema.classes[base as usize].id;
            return Err(self
                .reader
                .error("slice", format!("{expected} is expected, this is {id}")));
        }
        if let Some(Frame::Instance(instance)) = self.stack.last_mut() {
            instance.slice = base;
            instance.n_read = 0;
            instance.is_last = head.flags & flag::LAST != 0;
        }
        self.begin_slice(&head)?;
        Ok(Next::Again)
    }

    fn end_instance(&mut self) -> Next {
        let Some(Frame::Instance(instance)) = self.stack.pop() else { return Next::Again };
        let Instance { id, class, fields, .. } = instance;
        self.objects[id.0 as usize] = Some(Object { class, fields });
        Next::Done(Value::Object(Some(id)))
    }

    /// A reference in encoding 1.0: 0 for none, else a negative number.
    fn reference_1_0(&mut self) -> Result<Option<ObjectId>> {
        let found = self.reader.i32()?;
        if found == 0 {
            return Ok(None);
        }
        let number = found.checked_neg().and_then(|number| usize::try_from(number).ok());
        let number = number
            .ok_or_else(|| self.reader.error("instance", format!("a reference of {found}")))?;
        if number > self.most_instances() {
            return Err(self
                .reader
                .error("instance", format!("no instance can have number {number}")));
        }
        self.largest = self.largest.max(number);
        Ok(Some(ObjectId(number as u32 - 1)))
    }

    /// As many instances as encoding 1.0 can have in so many bytes: each has its number and two
    /// slices at least.
    fn most_instances(&self) -> usize {
        let n_bytes = self.reader.position() + self.reader.remaining();
        self.limits.instances.min(n_bytes / 8)
    }

    /// Reads the instances that encoding 1.0 has behind the parameters.
    pub(in super::super) fn pending_instances(&mut self) -> Result<()> {
        if self.encoding == Encoding::V1_1 {
            return Ok(());
        }
        loop {
            let count = self.reader.count("instances", 8)?;
            if count == 0 {
                return Ok(());
            }
            for _ in 0..count {
                self.instance_1_0()?;
            }
        }
    }

    fn instance_1_0(&mut self) -> Result<()> {
        let number = self.reader.i32()?;
        let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        // What slices that were passed over refer to is here too.
        let at = at.filter(|at| *at < self.most_instances()).ok_or_else(|| {
            self.reader.error("instance", format!("no instance can have number {number}"))
        })?;
        if self.objects.len() <= at {
            self.charge(at + 1 - self.objects.len())?;
            self.objects.resize_with(at + 1, || None);
            self.classes.resize(at + 1, None);
        }
        if self.objects[at].is_some() {
            return Err(self.reader.error("instance", format!("number {number} is there twice")));
        }
        let mut class = None;
        let mut fields = Vec::new();
        let mut expected = None;
        for _ in 0..self.limits.slices {
            let Name { id, class: named } = self.type_id_1_0()?;
            let end = self.slice_end()?;
            if &*id == ROOT {
                let Some(class) = class else { return Err(Error::unknown("class", ROOT)) };
                if expected.is_some() {
                    return Err(self.reader.error("instance", "slices are missing"));
                }
                self.skip_to(end)?;
                self.classes[at] = Some(class);
                self.objects[at] = Some(Object { class, fields });
                return Ok(());
            }
            match (named, class) {
                (None, None) => self.skip_to(end)?,
                (None, Some(_)) => return Err(Error::unknown("class", &*id)),
                (Some(slice), _) => {
                    if class.is_some() && expected != Some(slice) {
                        return Err(self
                            .reader
                            .error("instance", format!("{id} is no base of it")));
                    }
                    class = class.or(Some(slice));
                    expected = self.schema.classes[slice as usize].base;
                    self.charge(self.schema.classes[slice as usize].members.len())?;
                    for of in member_types(self.schema.classes[slice as usize].members.iter()) {
                        fields.push(self.value(of)?);
                    }
                    if self.reader.position() != end {
                        let problem =
                            format!("it ends at {}, its size says {end}", self.reader.position());
                        return Err(self.reader.error("slice", problem));
                    }
                }
            }
        }
        Err(Error::limit("slices of an instance", self.limits.slices + 1, self.limits.slices))
    }

    fn type_id_1_0(&mut self) -> Result<Name> {
        if !self.reader.bool()? {
            return self.new_name();
        }
        let index = self.reader.size()?;
        let known = index.checked_sub(1).and_then(|at| self.named.get(at)).cloned();
        known.ok_or_else(|| self.reader.error("slice", format!("type {index} was not named")))
    }
}
