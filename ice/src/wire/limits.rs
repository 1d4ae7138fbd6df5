//! How much a peer may ask for.

/// Limits on what is decoded. Every length, count and depth from the wire is compared with
/// the bytes that are there, and with these, before memory is taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message, its header included, and of what a compressed one decompresses to.
    /// OMERO's servers have 64 MiB.
    pub message_bytes: usize,
    /// How long a compressed call may become however few bytes it came as.
    pub compressed_bytes: usize,
    /// How many times as long as it came a compressed call of more bytes may become. Planes
    /// without a signal become many thousand times as long; but who sends a few bytes has memory
    /// taken for as much as is allowed, so that only who is known should be allowed that: a
    /// router allows it to those who are let in. Answers may always, since who gets one has asked
    /// for it; with 0 they may not either.
    pub compressed_times: usize,
    /// Values of one encapsulation: elements, members, keys and instances, each of some 40 bytes
    /// in memory. A sequence of bytes or of numbers and a text are one, however long. Of a call
    /// that came compressed it is at most what [`Limits::of_compressed`] says.
    pub values: usize,
    /// Instances of classes in one encapsulation.
    pub instances: usize,
    /// Values that are open at one time: instances inside of instances, and what they are in.
    pub depth: usize,
    /// Slices of one instance or exception: how deep a class may inherit.
    pub slices: usize,
    /// Bytes of the name of a class that comes with an instance.
    pub type_name_bytes: usize,
    /// Endpoints of a proxy.
    pub endpoints: usize,
    /// Calls of a batch: an empty one is twelve bytes, and many times that in memory.
    pub batch_calls: usize,
    /// Entries of a context.
    pub context_entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 64 << 20,
            compressed_bytes: 1 << 20,
            compressed_times: 100,
            values: 32 << 20,
            instances: 8 << 20,
            depth: 100_000,
            slices: 64,
            type_name_bytes: 4 << 10,
            endpoints: 64,
            batch_calls: 64 << 10,
            context_entries: 1024,
        }
    }
}

/// Values that a compressed call may have for each byte that it came as, and besides. One that is
/// not compressed has at most two for a byte.
const VALUES_PER_BYTE: usize = 16;
const FREE_VALUES: usize = 1 << 16;

impl Limits {
    /// What a call may ask for that was so many bytes when it was compressed.
    #[must_use]
    pub fn of_compressed(self, n_bytes: usize) -> Self {
        let values = n_bytes.saturating_mul(VALUES_PER_BYTE).saturating_add(FREE_VALUES);
        Self { values: self.values.min(values), ..self }
    }
}
