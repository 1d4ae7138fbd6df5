//! Who answers calls.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use futures_util::future::BoxFuture;

use crate::{
    Error, Result,
    schema::Schema,
    wire::{Call, Encapsulation, Identity, Limits, ReplyBody, Writer},
};

/// What becomes of a call.
pub type Reply<'a> = BoxFuture<'a, ReplyBody>;

/// Answers calls.
pub trait Servant: Send + Sync {
    /// Answers a call. What is done before something is waited for first is done where messages
    /// are read, one after the other: work that takes a processor's time belongs into a task of
    /// its own. A call of more than 1 MiB is begun on a thread for blocking work, since its
    /// arguments take long to read; the next message waits for that all the same. A call is worked
    /// on to its end also when the connection is gone; answers that nobody waits for are dropped.
    fn dispatch(&self, call: Call) -> Reply<'_>;

    /// What the next message may ask for, of what the options allow. It is asked when the header
    /// of a message is there: who is not let in yet may be allowed less.
    fn limits(&self, options: Limits) -> Limits {
        options
    }
}

/// Has no objects.
#[derive(Clone, Copy, Debug)]
pub struct NoServants;

impl Servant for NoServants {
    fn dispatch(&self, call: Call) -> Reply<'_> {
        Box::pin(std::future::ready(call.object_not_exist()))
    }
}

/// An object with its interface.
#[derive(Clone)]
struct Entry {
    servant: Arc<dyn Servant>,
    /// Scoped names of its interface and then of those that it extends.
    ids: Arc<[String]>,
}

#[derive(Default)]
struct Entries {
    objects: HashMap<Identity, Entry>,
    categories: HashMap<String, Entry>,
}

/// Objects by their identities, and those that answer for all of a category. The operations
/// that every object has (`ice_ping`, `ice_id`, `ice_ids`, `ice_isA`) are answered here, and
/// calls that mean another mode than the operation's are refused.
pub struct Adapter {
    schema: &'static Schema,
    entries: RwLock<Entries>,
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("Adapter")
            .field("objects", &entries.objects.keys())
            .field("categories", &entries.categories.keys())
            .finish_non_exhaustive()
    }
}

/// The interface that all extend.
const ROOT: &str = "::Ice::Object";

impl Adapter {
    /// Without objects; interfaces are those of a schema.
    pub fn new(schema: &'static Schema) -> Self {
        Self { schema, entries: RwLock::default() }
    }

    fn entry(&self, interface: &str, servant: Arc<dyn Servant>) -> Result<Entry> {
        if interface != ROOT && self.schema.interface(interface).is_none() {
            let problem = match similar(self.schema, interface) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "the schema has none that is similar; write it like `::omero::api::IQuery`"
                    .to_owned(),
            };
            return Err(Error::Text { what: "interface", text: interface.to_owned(), problem });
        }
        Ok(Entry { servant, ids: interface_ids(self.schema, interface).into() })
    }

    /// Adds an object with an interface, or puts another in its place.
    ///
    /// # Errors
    /// `Text` when the schema has no such interface: none of its operations would be known.
    pub fn add(
        &self,
        identity: Identity,
        interface: &str,
        servant: Arc<dyn Servant>,
    ) -> Result<()> {
        let entry = self.entry(interface, servant)?;
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.objects.insert(identity, entry);
        Ok(())
    }

    /// Adds who answers for all objects of a category that are not added themselves.
    ///
    /// # Errors
    /// As [`Adapter::add`].
    pub fn add_category(
        &self,
        category: &str,
        interface: &str,
        servant: Arc<dyn Servant>,
    ) -> Result<()> {
        let entry = self.entry(interface, servant)?;
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.categories.insert(category.to_owned(), entry);
        Ok(())
    }

    /// Removes an object; whether there was one.
    pub fn remove(&self, identity: &Identity) -> bool {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.objects.remove(identity).is_some()
    }

    /// Removes who answers for a category; whether there was one.
    pub fn remove_category(&self, category: &str) -> bool {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.categories.remove(category).is_some()
    }

    /// How many objects and categories there are.
    pub fn len(&self) -> usize {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.objects.len() + entries.categories.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn find(&self, identity: &Identity) -> Option<Entry> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let by_category = || entries.categories.get(&identity.category);
        entries.objects.get(identity).or_else(by_category).cloned()
    }
}

impl Servant for Adapter {
    fn dispatch(&self, call: Call) -> Reply<'_> {
        let Some(entry) = self.find(&call.identity) else {
            return NoServants.dispatch(call);
        };
        if !call.facet.is_empty() {
            let Call { identity, facet, operation, .. } = call;
            let body = ReplyBody::FacetNotExist { identity, facet, operation };
            return Box::pin(std::future::ready(body));
        }
        if let Some(body) = built_in(&entry.ids, &call) {
            return Box::pin(std::future::ready(body));
        }
        let interface = entry.ids.first().map_or(ROOT, String::as_str);
        let declared = self.schema.operation(interface, &call.operation);
        if declared.is_some_and(|operation| !operation.mode.accepts(call.mode)) {
            return Box::pin(std::future::ready(call.unexpected_mode()));
        }
        Box::pin(async move { entry.servant.dispatch(call).await })
    }
}

/// The name of an interface that is written almost as one that is none.
fn similar<'s>(schema: &'s Schema, name: &str) -> Option<&'s str> {
    let name = name.to_lowercase().replace('.', "::");
    let last = |id: &str| id.rsplit("::").next().unwrap_or_default().to_lowercase();
    let interfaces = schema.interfaces.iter();
    let distances = interfaces.map(|of| {
        // The scope may be missing.
        let whole = distance(&of.id.to_lowercase(), &name);
        (whole.min(distance(&last(&of.id), &last(&name))), whole, &*of.id)
    });
    let nearest = distances.min()?;
    (nearest.0 <= 2).then_some(nearest.2)
}

/// How many letters must be put in, left out or changed (Levenshtein 1966).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (to, found) in other.chars().enumerate() {
            let changed = diagonal + usize::from(found != letter);
            diagonal = row[to + 1];
            row[to + 1] = changed.min(diagonal + 1).min(row[to] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

/// An interface's own name and then those of all that it extends.
pub(crate) fn interface_ids(schema: &Schema, interface: &str) -> Vec<String> {
    let mut ids: Vec<String> = vec![ROOT.to_owned(), interface.to_owned()];
    let mut left: Vec<u32> =
        schema.interface(interface).map(|of| of.bases.clone()).unwrap_or_default();
    while let Some(base) = left.pop() {
        if let Some(base) = schema.interfaces.get(base as usize) {
            ids.push(base.id.to_string());
            left.extend(&base.bases);
        }
    }
    ids.sort();
    ids.dedup();
    // The first is its own: what it extends is known from it.
    let own = ids.iter().position(|id| id == interface).unwrap_or(0);
    ids.swap(0, own);
    ids
}

/// Answers the operations that every object has.
pub(crate) fn built_in(ids: &[String], call: &Call) -> Option<ReplyBody> {
    let mut writer = Writer::new();
    let written = match call.operation.as_str() {
        "ice_ping" => Ok(()),
        "ice_id" => writer.string(ids.first().map_or(ROOT, String::as_str)),
        "ice_ids" => {
            let mut sorted: Vec<&String> = ids.iter().collect();
            sorted.sort();
            let all = sorted.iter().try_for_each(|id| writer.string(id));
            let texts = writer.into_bytes();
            writer = Writer::new();
            all.and_then(|()| writer.size(ids.len())).map(|()| writer.raw(&texts))
        }
        "ice_isA" => crate::wire::Reader::new(call.parameters.content.joined())
            .string()
            .map(|asked| writer.bool(ids.iter().any(|id| **id == *asked))),
        _ => return None,
    };
    let encoding = call.parameters.encoding();
    Some(match (written, encoding) {
        (Ok(()), Ok(encoding)) => ReplyBody::Ok(Encapsulation::new(encoding, writer.into_bytes())),
        (Err(error), _) | (_, Err(error)) => ReplyBody::UnknownLocalException(error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn letters_that_are_different() {
        for (one, other, expected) in
            [("", "", 0), ("iquery", "iqury", 1), ("abc", "", 3), ("ab", "ba", 2), ("µ", "u", 1)]
        {
            assert_eq!((distance(one, other), distance(other, one)), (expected, expected));
        }
    }
}
