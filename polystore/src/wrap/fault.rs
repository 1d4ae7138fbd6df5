//! Injects errors, to test what happens when a backend fails.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    Error, ErrorKind, Plane, PlaneRequest, PlaneSink, Result, SpecLayer, VirtualBackend,
    VirtualPath,
    wrap::{Call, Hook, Hooked, Operation},
};

pub(crate) const NAME: &str = "fault";

const RULES: &str = "rules";
const SEED: &str = "seed";

/// Which calls fail, and how. Every plane of a batch counts as a call of its own.
///
/// ```
/// use polystore::{ErrorKind, wrap::{FaultRule, Operation}};
///
/// // The third plane read from well B03 is a passing failure.
/// let rule = FaultRule::new(ErrorKind::Transient)
///     .on(Operation::ReadPlanes)
///     .at("/plate/B03/**")
///     .nth(3);
/// # let _ = rule;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultRule {
    #[serde(serialize_with = "write_kind", deserialize_with = "read_kind")]
    kind: ErrorKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    when: FaultWhen,
}

/// Which of the calls that a [`FaultRule`] speaks of fail.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultWhen {
    /// All.
    Always,
    /// Only this one, counted from 1.
    Nth(u64),
    /// Each with this probability, 0 to 1.
    Probability(f64),
}

impl FaultRule {
    /// Every call fails with an error of `kind`.
    pub fn new(kind: ErrorKind) -> Self {
        Self { kind, operation: None, path: None, when: FaultWhen::Always }
    }

    /// Only calls of `operation`.
    #[must_use]
    pub fn on(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only calls about a path that matches `pattern`: `*` within a part, `**` across parts.
    #[must_use]
    pub fn at(mut self, pattern: impl Into<String>) -> Self {
        self.path = Some(pattern.into());
        self
    }

    /// Only the `n`th of these calls, counted from 1.
    #[must_use]
    pub fn nth(mut self, n: u64) -> Self {
        self.when = FaultWhen::Nth(n);
        self
    }

    /// Each of these calls with probability `p`, 0 to 1.
    #[must_use]
    pub fn with_probability(mut self, p: f64) -> Self {
        self.when = FaultWhen::Probability(p);
        self
    }
}

fn write_kind<S: Serializer>(kind: &ErrorKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

fn read_kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ErrorKind, D::Error> {
    let text = String::deserialize(deserializer)?;
    let found = ErrorKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    found.ok_or_else(|| serde::de::Error::custom(format!("no error kind is called `{text}`")))
}

/// A rule with its pattern compiled and its calls counted.
#[derive(Debug)]
struct ArmedRule {
    rule: FaultRule,
    path: Option<GlobMatcher>,
    n_calls: AtomicU64,
}

impl ArmedRule {
    fn new(rule: FaultRule) -> Result<Self> {
        let compiled = rule.path.as_deref().map(|pattern| {
            let glob = GlobBuilder::new(pattern).literal_separator(true).build();
            glob.map(|glob| glob.compile_matcher()).map_err(|error| {
                Error::invalid_input(format!("`{pattern}` is not a path pattern"))
                    .with_source(error)
            })
        });
        Ok(Self { path: compiled.transpose()?, rule, n_calls: AtomicU64::new(0) })
    }

    fn speaks_of(&self, call: Call<'_>) -> bool {
        self.rule.operation.is_none_or(|operation| operation == call.operation)
            && self.path.as_ref().is_none_or(|path| path.is_match(call.path.as_str()))
    }

    /// Counts a call that it speaks of, and says whether it fails.
    fn strikes(&self, seed: u64) -> bool {
        let n_before = self.n_calls.fetch_add(1, Ordering::Relaxed);
        match self.rule.when {
            FaultWhen::Always => true,
            FaultWhen::Nth(n) => n_before.checked_add(1) == Some(n),
            FaultWhen::Probability(p) => chance(seed.wrapping_add(n_before)) < p,
        }
    }
}

/// A number in 0..1 that depends on `seed` only: the finaliser of splitmix64 (Steele, Lea
/// and Flood, OOPSLA 2014).
fn chance(seed: u64) -> f64 {
    let mut bits = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Lets calls fail by rules. Made by [`fault`](super::fault).
#[derive(Debug)]
pub struct Fault {
    rules: Vec<ArmedRule>,
    seed: u64,
}

impl Fault {
    pub(super) fn new(rules: Vec<FaultRule>, seed: u64) -> Result<Self> {
        let rules = rules.into_iter().map(ArmedRule::new).collect::<Result<_>>()?;
        Ok(Self { rules, seed })
    }

    /// The error of the first rule that strikes; every rule counts the call.
    fn strike(&self, operation: Operation, path: &VirtualPath) -> Result<()> {
        let call = Call::new(operation, path);
        let mut failure = None;
        for (number, armed) in (1u64..).zip(&self.rules) {
            let seed = self.seed ^ number.rotate_left(32);
            if armed.speaks_of(call) && armed.strikes(seed) && failure.is_none() {
                let message = format!("`{operation}` fails by fault rule {number}");
                failure = Some(Error::new(armed.rule.kind, message).with_path(path));
            }
        }
        failure.map_or(Ok(()), Err)
    }
}

impl Hook for Fault {
    fn call<T>(&self, call: Call<'_>, run: impl FnOnce() -> Result<T>) -> Result<T> {
        self.strike(call.operation, call.path)?;
        run()
    }

    /// Answers the planes that fail first, then reads the others as one batch.
    fn read_planes(
        &self,
        inner: &dyn VirtualBackend,
        requests: &[PlaneRequest],
        sink: &PlaneSink<'_>,
    ) {
        let mut positions = Vec::with_capacity(requests.len());
        for (position, request) in requests.iter().enumerate() {
            match self.strike(Operation::ReadPlanes, &request.path) {
                Ok(()) => positions.push(position),
                Err(error) => {
                    let error = error.with_backend(inner.to_string());
                    if sink(position, Err(error)) == ControlFlow::Break(()) {
                        return;
                    }
                }
            }
        }
        if positions.len() == requests.len() {
            return inner.read_planes(requests, sink);
        }
        let others: Vec<_> = positions.iter().map(|&at| requests[at].clone()).collect();
        if !others.is_empty() {
            inner.read_planes(&others, &|at, answer| sink(positions[at], answer));
        }
    }

    /// Writes the planes before the first that fails.
    fn write_planes(
        &self,
        inner: &dyn VirtualBackend,
        planes: &[(PlaneRequest, Plane)],
    ) -> Result<()> {
        let failure = planes.iter().enumerate().find_map(|(position, (request, _))| {
            let error = self.strike(Operation::WritePlanes, &request.path).err()?;
            Some((position, error))
        });
        match failure {
            None => inner.write_planes(planes),
            Some((0, error)) => Err(error),
            Some((position, error)) => inner.write_planes(&planes[..position]).and(Err(error)),
        }
    }

    fn layer(&self) -> Option<SpecLayer> {
        let rules: Vec<_> = self.rules.iter().map(|armed| &armed.rule).collect();
        let rules = serde_json::to_string(&rules).unwrap_or_default();
        let layer = SpecLayer::new(NAME).with_option(SEED, self.seed.to_string());
        Some(layer.with_option(RULES, rules))
    }
}

pub(crate) fn from_layer(
    inner: Arc<dyn VirtualBackend>,
    layer: &SpecLayer,
) -> Result<Arc<dyn VirtualBackend>> {
    layer.check_options(&[RULES, SEED])?;
    let rules = layer.options.get(RULES).map_or("[]", String::as_str);
    let rules = serde_json::from_str(rules).map_err(|error| {
        Error::invalid_input("the rules of the decorator `fault` cannot be read").with_source(error)
    })?;
    Ok(Arc::new(Hooked::new(inner, Fault::new(rules, layer.option(SEED)?.unwrap_or(0))?)))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{MemoryBackend, PlaneIndex, PlaneShape, open_spec, wrap::fault};

    fn request(n: usize) -> PlaneRequest {
        let path = VirtualPath::parse(&format!("/{n}.tif")).unwrap();
        PlaneRequest::new(path, PlaneIndex::default())
    }

    fn batch(n: usize) -> Vec<(PlaneRequest, Plane)> {
        let plane = |n| Plane::from_vec(PlaneShape::new(1, 1), vec![n as u8]).unwrap();
        (0..n).map(|n| (request(n), plane(n))).collect()
    }

    fn failed(backend: &dyn VirtualBackend, n: usize) -> Vec<usize> {
        let requests: Vec<_> = (0..n).map(request).collect();
        let failed = Mutex::new(Vec::new());
        backend.read_planes(&requests, &|position, answer| {
            match answer {
                Ok(plane) => assert_eq!(plane.as_slice::<u8>().unwrap(), &[position as u8]),
                Err(_) => failed.lock().unwrap().push(position),
            }
            ControlFlow::Continue(())
        });
        failed.into_inner().unwrap()
    }

    #[test]
    fn rules_strike_by_number_path_and_operation_and_travel() {
        let inner = Arc::new(MemoryBackend::new());
        inner.write_planes(&batch(10)).unwrap();
        let rules = vec![
            FaultRule::new(ErrorKind::Transient).on(Operation::ReadPlanes).nth(4),
            FaultRule::new(ErrorKind::InvalidData).on(Operation::ReadPlanes).at("/{7,8}.*"),
            FaultRule::new(ErrorKind::Conflict).on(Operation::Stat),
        ];
        let backend = fault(inner, rules, 5).unwrap();
        assert_eq!(failed(&backend, 10), [3, 7, 8]);
        assert_eq!(failed(&backend, 10), [7, 8]);
        let again = open_spec(&backend.spec()).unwrap();
        assert_eq!(failed(&*again, 10), [3, 7, 8]);
        assert_eq!(again.spec(), backend.spec());
        let error = again.stat(&VirtualPath::root()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("fault rule 3"), "{error}");
    }

    #[test]
    fn a_failed_write_leaves_the_planes_before_it() {
        let inner = Arc::new(MemoryBackend::new());
        let rule = FaultRule::new(ErrorKind::LimitExceeded).on(Operation::WritePlanes).nth(3);
        let backend = fault(inner, vec![rule], 0).unwrap();
        assert!(backend.write_planes(&batch(5)).is_err());
        assert_eq!(failed(&backend, 5), [2, 3, 4]);
    }

    #[test]
    fn chance_follows_the_seed() {
        let struck = |seed| {
            let inner = Arc::new(MemoryBackend::new());
            inner.write_planes(&batch(200)).unwrap();
            let rule = FaultRule::new(ErrorKind::Transient).with_probability(0.25);
            failed(&fault(inner, vec![rule], seed).unwrap(), 200)
        };
        assert_eq!(struck(1), struck(1));
        assert_ne!(struck(1), struck(2));
        assert!((30..=70).contains(&struck(3).len()), "{}", struck(3).len());
    }
}
