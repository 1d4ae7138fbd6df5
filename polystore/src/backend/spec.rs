//! Recipes that open a backend elsewhere.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use serde::{Deserialize, Serialize};

use crate::{Error, Result, VirtualBackend};

/// A recipe that opens a backend in another process: plain data, never a secret.
///
/// Printed and parsed as JSON by serde. Connections do not travel; what opens them does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendSpec {
    /// Which opener: `disk`, `memory`, `zarr`, ...
    pub scheme: String,
    /// Where: a folder, a store's name, a host.
    pub location: String,
    /// Settings that differ from the defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Decorators around it, innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<SpecLayer>,
}

/// One decorator of a [`BackendSpec`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecLayer {
    /// Which decorator: `limit`, `cache`, `readonly`, ...
    pub name: String,
    /// Its settings.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

impl BackendSpec {
    /// A recipe without options.
    pub fn new(scheme: impl Into<String>, location: impl Into<String>) -> Self {
        Self {
            scheme: scheme.into(),
            location: location.into(),
            options: BTreeMap::new(),
            layers: Vec::new(),
        }
    }

    /// The same with one option set.
    #[must_use]
    pub fn with_option(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.insert(key.into(), value.into());
        self
    }

    /// The same with one more decorator outside.
    #[must_use]
    pub fn with_layer(mut self, layer: SpecLayer) -> Self {
        self.layers.push(layer);
        self
    }

    /// An option parsed as `T`, or `None` when it is not set.
    ///
    /// # Errors
    /// `InvalidInput` naming the option when it does not parse.
    pub fn option<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>> {
        parse_option(&self.options, key, self)
    }
}

impl SpecLayer {
    /// A decorator without settings.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), options: BTreeMap::new() }
    }

    /// The same with one setting.
    #[must_use]
    pub fn with_option(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.insert(key.into(), value.into());
        self
    }

    /// A setting parsed as `T`, or `None` when it is not set.
    ///
    /// # Errors
    /// `InvalidInput` naming the setting when it does not parse.
    pub fn option<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>> {
        parse_option(&self.options, key, &self.name)
    }

    /// Checks that nothing but `known` is set.
    ///
    /// # Errors
    /// `InvalidInput` with the nearest known names.
    pub fn check_options(&self, known: &[&str]) -> Result<()> {
        match self.options.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => {
                let message = format!("the decorator `{}` has no option `{key}`", self.name);
                Err(Error::invalid_input(message).with_hint(crate::suggest::hint(key, known)))
            }
        }
    }
}

fn parse_option<T: std::str::FromStr>(
    options: &BTreeMap<String, String>,
    key: &str,
    owner: impl fmt::Display,
) -> Result<Option<T>> {
    let Some(text) = options.get(key) else { return Ok(None) };
    text.parse()
        .map(Some)
        .map_err(|_| Error::invalid_input(format!("option `{key}` of {owner} cannot be `{text}`")))
}

impl fmt::Display for BackendSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme, self.location)
    }
}

/// Opens the backend of a recipe (layers excluded).
pub type Opener = fn(&BackendSpec) -> Result<Arc<dyn VirtualBackend>>;

fn openers() -> &'static RwLock<BTreeMap<String, Opener>> {
    static OPENERS: OnceLock<RwLock<BTreeMap<String, Opener>>> = OnceLock::new();
    OPENERS.get_or_init(|| RwLock::new(crate::registry::built_in_openers()))
}

/// Registers how specs of `scheme` are opened in this process, replacing an earlier opener.
pub fn register_opener(scheme: impl Into<String>, opener: Opener) {
    openers().write().unwrap_or_else(PoisonError::into_inner).insert(scheme.into(), opener);
}

/// Makes the place that `spec` describes where it is not there yet, and opens it for writing.
///
/// # Errors
/// `Unsupported` for a scheme whose places are not made this way; otherwise as the file
/// system answers.
pub fn create_spec(spec: &BackendSpec) -> Result<Arc<dyn VirtualBackend>> {
    let creator = crate::registry::creator(&spec.scheme).ok_or_else(|| {
        Error::unsupported(format!("`{}:` places cannot be made here", spec.scheme))
    })?;
    spec.layers
        .iter()
        .try_fold(creator(spec)?, |inner, layer| crate::registry::wrap_layer(inner, layer))
}

/// Opens the backend that `spec` describes, with its decorators.
///
/// # Errors
/// `Unsupported` for a scheme that is not registered; otherwise as the opener answers.
pub fn open_spec(spec: &BackendSpec) -> Result<Arc<dyn VirtualBackend>> {
    let opener = {
        let openers = openers().read().unwrap_or_else(PoisonError::into_inner);
        openers.get(&spec.scheme).copied().ok_or_else(|| {
            let known: Vec<_> = openers.keys().map(String::as_str).collect();
            Error::unsupported(format!("no backend is registered for `{}:`", spec.scheme))
                .with_hint(format!("known: {}", known.join(", ")))
        })?
    };
    spec.layers
        .iter()
        .try_fold(opener(spec)?, |inner, layer| crate::registry::wrap_layer(inner, layer))
}
