//! Random values of any type of a schema.

use std::sync::OnceLock;

use bytes::Bytes;
use ice::{
    schema::{Schema, Type},
    value::{Exception, Graph, Object, ObjectId, Value},
    wire::{Endpoint, Identity, Proxy, ProxyMode, Transport, Version},
};

/// Classes that are each class or derived from it.
fn derived(schema: &Schema, of: u32) -> &'static [u32] {
    static DERIVED: OnceLock<Vec<Vec<u32>>> = OnceLock::new();
    let n = schema.classes.len() as u32;
    let of_each = |base| (0..n).filter(|class| schema.is_derived(*class, base)).collect();
    &DERIVED.get_or_init(|| (0..n).map(of_each).collect())[of as usize]
}

/// Makes values from numbers.
pub(crate) struct Maker<'s> {
    schema: &'s Schema,
    state: u64,
    /// The instances that were made.
    pub(crate) graph: Graph,
    /// How many more may be made.
    left: usize,
    /// Whether instances of each class may be made; of all, when it is empty.
    allowed: Vec<bool>,
}

impl<'s> Maker<'s> {
    pub(crate) fn new(schema: &'s Schema, seed: u64) -> Self {
        let state = (seed | 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { schema, state, graph: Graph::new(), left: 30, allowed: Vec::new() }
    }

    /// Makes instances of some classes only.
    #[allow(dead_code, reason = "each of the tests that share this file uses what it needs")]
    pub(crate) fn with_allowed(mut self, allowed: Vec<bool>) -> Self {
        self.allowed = allowed;
        self
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() >> 20) as usize % n
    }

    fn many<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        // Sizes around 255 are written in two ways.
        let n = [0, 1, 2, 3, 5, 254, 255, 256]
            [if self.below(20) == 0 { 5 + self.below(3) } else { self.below(5) }];
        (0..n).map(|_| make(self)).collect()
    }

    fn text(&mut self) -> String {
        let letters = ['a', 'Z', '/', '\\', ' ', ':', 'µ', '試', '\n', '\u{1F9EB}'];
        self.many(|maker| letters[maker.below(letters.len())]).into_iter().collect()
    }

    /// A value.
    pub(crate) fn value(&mut self, of: Type) -> Value {
        match of {
            Type::Bool => Value::Bool(self.below(2) == 1),
            Type::Byte => Value::Byte(self.next() as u8),
            Type::Short => Value::Short(self.next() as i16),
            Type::Int => Value::Int(self.next() as i32),
            Type::Long => Value::Long(self.next() as i64),
            Type::Float => Value::Float(f32::from_bits(self.next() as u32)),
            Type::Double => Value::Double(f64::from_bits(self.next())),
            Type::String => Value::String(self.text().into()),
            Type::Enum(number) => {
                let all = &self.schema.enums[number as usize].enumerators;
                Value::Enum(all[self.below(all.len())].1)
            }
            Type::Struct(number) => {
                let members = &self.schema.structs[number as usize].members;
                Value::Struct(members.iter().map(|member| self.value(member.of)).collect())
            }
            Type::Sequence(number) => self.sequence(self.schema.sequences[number as usize].element),
            Type::Dictionary(number) => {
                let of = &self.schema.dictionaries[number as usize];
                let (key, value) = (of.key, of.value);
                let mut pairs = self.many(|maker| (maker.value(key), maker.value(value)));
                // Others have each key once.
                let mut seen: Vec<Value> = Vec::new();
                pairs.retain(|(key, _)| {
                    let is_new = !seen.contains(key);
                    seen.push(key.clone());
                    is_new
                });
                Value::Dictionary(pairs)
            }
            Type::Class(class) => Value::Object(self.object(Some(class))),
            Type::Object => Value::Object(self.object(None)),
            Type::Proxy => {
                let is_none = self.below(3) == 0;
                Value::Proxy((!is_none).then(|| Box::new(self.proxy())))
            }
        }
    }

    fn sequence(&mut self, element: Type) -> Value {
        match element {
            Type::Byte => Value::Bytes(Bytes::from(self.many(|maker| maker.next() as u8))),
            Type::Bool => Value::Bools(self.many(|maker| maker.below(2) == 1)),
            Type::Short => Value::Shorts(self.many(|maker| maker.next() as i16)),
            Type::Int => Value::Ints(self.many(|maker| maker.next() as i32)),
            Type::Long => Value::Longs(self.many(|maker| maker.next() as i64)),
            Type::Float => Value::Floats(self.many(|maker| f32::from_bits(maker.next() as u32))),
            Type::Double => Value::Doubles(self.many(|maker| f64::from_bits(maker.next()))),
            _ => Value::Sequence(self.many(|maker| maker.value(element))),
        }
    }

    /// None, an instance that is there, which may be one that is not complete yet, or a new one.
    fn object(&mut self, expected: Option<u32>) -> Option<ObjectId> {
        let fits = |class: u32| expected.is_none_or(|of| self.schema.is_derived(class, of));
        let known: Vec<u32> = (0..self.graph.objects.len() as u32)
            .filter(|at| fits(self.graph.objects[*at as usize].class))
            .collect();
        match self.below(4) {
            0 => return None,
            1 if !known.is_empty() => return Some(ObjectId(known[self.below(known.len())])),
            _ if self.left == 0 => return None,
            _ => self.left -= 1,
        }
        let is_allowed = |class: &u32| self.allowed.get(*class as usize).copied().unwrap_or(true);
        let classes: Vec<u32> = match expected {
            Some(of) => derived(self.schema, of).iter().copied().filter(is_allowed).collect(),
            None => (0..self.schema.classes.len() as u32).filter(is_allowed).collect(),
        };
        if classes.is_empty() {
            return None;
        }
        let class = classes[self.below(classes.len())];
        Some(self.instance(class))
    }

    /// An instance of a class.
    pub(crate) fn instance(&mut self, class: u32) -> ObjectId {
        let id = self.graph.add(Object { class, fields: Vec::new() });
        let types: Vec<Type> = self.schema.members(class).map(|member| member.of).collect();
        let fields = types.into_iter().map(|of| self.value(of)).collect();
        self.graph.objects[id.0 as usize].fields = fields;
        id
    }

    /// An exception of any type.
    #[allow(dead_code, reason = "each of the tests that share this file uses what it needs")]
    pub(crate) fn exception(&mut self, sliced: bool) -> Exception {
        let known = self.below(self.schema.exceptions.len()) as u32;
        let types: Vec<Type> =
            self.schema.exception_members(known).map(|member| member.of).collect();
        let fields = types.into_iter().map(|of| self.value(of)).collect();
        let id = self.schema.exceptions[known as usize].id.clone();
        Exception { id, known, fields, sliced }
    }

    /// A proxy.
    pub(crate) fn proxy(&mut self) -> Proxy {
        let modes = [
            ProxyMode::Twoway,
            ProxyMode::Oneway,
            ProxyMode::BatchOneway,
            ProxyMode::Datagram,
            ProxyMode::BatchDatagram,
        ];
        let endpoints = (0..self.below(3)).map(|_| self.endpoint()).collect::<Vec<_>>();
        let adapter_id = if endpoints.is_empty() { self.text() } else { String::new() };
        Proxy {
            identity: Identity { name: format!("n{}", self.text()), category: self.text() },
            facet: self.text(),
            mode: modes[self.below(5)],
            secure: self.below(2) == 1,
            protocol: Version::default(),
            // Encoding 1.0 does not say them, and means these.
            encoding: Version::default(),
            endpoints,
            adapter_id,
        }
    }

    fn endpoint(&mut self) -> Endpoint {
        let (host, port, compress) = (self.text(), self.next() as i32, self.below(2) == 1);
        let transport = match self.below(6) {
            0 => Transport::Tcp,
            1 => Transport::Tls,
            2 => Transport::WebSocket(self.text()),
            3 => Transport::SecureWebSocket(self.text()),
            4 => return Endpoint::Udp { host, port, versions: None, compress },
            _ => {
                let data = self.text().into_bytes().into();
                return Endpoint::Opaque { kind: 99, version: (1, 0), data };
            }
        };
        Endpoint::Stream { transport, host, port, timeout: self.next() as i32, compress }
    }
}
