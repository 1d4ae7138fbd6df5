//! Which backends and decorators exist: one line each.

use std::{collections::BTreeMap, sync::Arc};

use crate::{Error, Opener, Result, SpecLayer, VirtualBackend, suggest, wrap};

/// The backends of this crate by the scheme of their specs.
pub(crate) fn built_in_openers() -> BTreeMap<String, Opener> {
    let openers: &[(&str, Opener)] = &[
        ("memory", crate::memory::open),
        ("workspace", crate::workspace::open_from_spec),
        #[cfg(feature = "disk")]
        ("disk", crate::disk::open_spec),
        #[cfg(feature = "zarr")]
        ("zarr", crate::zarr::open_spec),
    ];
    openers.iter().map(|&(scheme, opener)| (scheme.to_owned(), opener)).collect()
}

/// Makes a decorator from its layer of a spec.
type Wrap = fn(Arc<dyn VirtualBackend>, &SpecLayer) -> Result<Arc<dyn VirtualBackend>>;

/// The decorators of this crate by the name of their layers.
const LAYERS: [(&str, Wrap); 5] = [
    (wrap::cache::NAME, wrap::cache::from_layer),
    (wrap::fault::NAME, wrap::fault::from_layer),
    (wrap::latency::NAME, wrap::latency::from_layer),
    (wrap::limit::NAME, wrap::limit::from_layer),
    (wrap::readonly::NAME, wrap::readonly::from_layer),
];

/// How places of `scheme` are made.
pub(crate) fn creator(scheme: &str) -> Option<Opener> {
    let creators: &[(&str, Opener)] = &[
        ("memory", crate::memory::open),
        ("workspace", crate::workspace::create_from_spec),
        #[cfg(feature = "disk")]
        ("disk", crate::disk::create_from_spec),
        #[cfg(feature = "zarr")]
        ("zarr", crate::zarr::create_from_spec),
    ];
    creators.iter().find(|(known, _)| *known == scheme).map(|(_, creator)| *creator)
}

/// Puts the decorator that `layer` describes around `inner`.
pub(crate) fn wrap_layer(
    inner: Arc<dyn VirtualBackend>,
    layer: &SpecLayer,
) -> Result<Arc<dyn VirtualBackend>> {
    let found = LAYERS.iter().find(|(name, _)| *name == layer.name);
    let (_, wrap) = found.ok_or_else(|| {
        let known = LAYERS.map(|(name, _)| name);
        Error::unsupported(format!("no decorator is called `{}`", layer.name))
            .with_hint(suggest::hint(&layer.name, &known))
    })?;
    wrap(inner, layer)
}
