//! Which backends and decorators exist: one line each.

use std::{collections::BTreeMap, sync::Arc};

use crate::{Error, Opener, Result, SpecLayer, VirtualBackend};

/// The backends of this crate by the scheme of their specs.
pub(crate) fn built_in_openers() -> BTreeMap<String, Opener> {
    let openers: &[(&str, Opener)] = &[("memory", crate::memory::open)];
    openers.iter().map(|&(scheme, opener)| (scheme.to_owned(), opener)).collect()
}

/// Puts the decorator that `layer` describes around `inner`.
pub(crate) fn wrap_layer(
    inner: Arc<dyn VirtualBackend>,
    layer: &SpecLayer,
) -> Result<Arc<dyn VirtualBackend>> {
    let _ = inner;
    Err(Error::unsupported(format!("no decorator is called `{}`", layer.name)))
}
