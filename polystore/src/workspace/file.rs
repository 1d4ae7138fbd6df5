//! A workspace as JSON: which plane comes from where, and how its sources are opened.
//!
//! ```json
//! {"polystore_workspace": 1,
//!  "structure": {"name": "week 7", "...": "..."},
//!  "sources": [{"scheme": "disk", "location": "../monday"}],
//!  "overlay": {"scheme": "disk", "location": "results"},
//!  "images": [
//!   {"image": "/A01/A01_s001", "from": [{"source": 0, "plate": "/", "path": "/A01/A01_s001"}]}]}
//! ```
//!
//! `planes` of an entry of `from` lists `[t, c, z, t, c, z]`: the plane of the workspace and
//! the plane there. Without it every plane is the plane of the same index. Locations of
//! schemes that are files are relative to the folder of the workspace's file, where both
//! have more than the root in common.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    Mapping,
    mapping::{ImageMapping, Part, collision},
};
use crate::{
    BackendSpec, Error, PlaneIndex, Result, VirtualPath,
    model::{ImageStructure, PlateIndex, PlateStructure},
    open_spec,
};

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

/// Schemes whose locations are paths of the file system.
const FILE_SCHEMES: [&str; 3] = ["disk", "zarr", "workspace"];

/// What says that a file is a workspace, and of which version.
#[derive(Serialize, Deserialize)]
struct Header {
    polystore_workspace: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(rename = "polystore_workspace")]
    _version: u32,
    structure: PlateStructure,
    sources: Vec<BackendSpec>,
    #[serde(default)]
    overlay: Option<BackendSpec>,
    images: Vec<ImageForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageForm {
    image: VirtualPath,
    from: Vec<PartForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartForm {
    source: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plate: Option<VirtualPath>,
    path: VirtualPath,
    /// `[t, c, z]` of the workspace, `[t, c, z]` there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    planes: Option<Vec<[u32; 6]>>,
}

/// What the text of a workspace says; its sources are open, its overlay is not.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) mapping: Mapping,
    pub(super) overlay: Option<BackendSpec>,
}

/// The text of a workspace whose file is in `folder`; without one it holds full paths.
pub(super) fn to_text(
    mapping: &Mapping,
    overlay: Option<BackendSpec>,
    folder: Option<&Path>,
) -> Result<String> {
    let sources: Vec<_> =
        mapping.sources.iter().map(|source| relative(source.spec(), folder)).collect();
    let overlay = overlay.map(|overlay| relative(overlay, folder));
    let structure = mapping.structure();
    let mut images = Vec::new();
    for ((_, image), from) in structure.images().zip(&mapping.images) {
        if !from.parts.is_empty() {
            let form = ImageForm { image: image.path.clone(), from: parts(from) };
            images.push(format!("  {}", json(&form)?));
        }
    }
    Ok(format!(
        "{{\"polystore_workspace\": {VERSION},\n \"structure\": {},\n \"sources\": {},\n \
         \"overlay\": {},\n \"images\": [\n{}]}}\n",
        json(&**structure)?,
        json(&sources)?,
        json(&overlay)?,
        images.join(",\n"),
    ))
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::internal("a workspace cannot be told as JSON").with_source(error))
}

fn parts(mapping: &ImageMapping) -> Vec<PartForm> {
    let mut forms: Vec<_> = mapping
        .parts
        .iter()
        .map(|part| PartForm {
            source: part.source,
            plate: part.plate.clone(),
            path: part.image.clone(),
            planes: mapping.planes().map(|_| Vec::new()),
        })
        .collect();
    for &(to, part, from) in mapping.planes().unwrap_or_default() {
        if let Some(planes) = forms.get_mut(part as usize).and_then(|form| form.planes.as_mut()) {
            planes.push([to.t, to.c, to.z, from.t, from.c, from.z]);
        }
    }
    forms
}

/// Reads the text of a workspace and opens its sources; `place` is what errors name, and
/// `folder` what relative locations start from.
///
/// # Errors
/// `InvalidData` naming the place in the text, `Unsupported` for another version; as the
/// sources answer when they are opened.
pub(super) fn parse(text: &[u8], place: &str, folder: Option<&Path>) -> Result<Read> {
    let damaged = |error: serde_json::Error| {
        // The parser's words name line and column.
        Error::invalid_data(format!("is not the file of a workspace: {error}")).with_path(place)
    };
    let header: Header = serde_json::from_slice(text).map_err(damaged)?;
    if header.polystore_workspace != VERSION {
        return Err(Error::unsupported(format!(
            "the workspace is of version {}, this program reads version {VERSION}",
            header.polystore_workspace
        ))
        .with_path(place));
    }
    let form: Form = serde_json::from_slice(text).map_err(damaged)?;
    let wrong = |error: Error| {
        let told = format!("the workspace does not hold together: {error}");
        Error::invalid_data(told).with_path(place)
    };
    form.structure.check().map_err(wrong)?;
    super::check_paths(&form.structure).map_err(wrong)?;
    let index = PlateIndex::new(Arc::new(form.structure));
    let images = map_images(&index, &form.images, &form.sources).map_err(wrong)?;
    let mut sources = Vec::with_capacity(form.sources.len());
    for (number, spec) in form.sources.into_iter().enumerate() {
        sources.push(open_spec(&absolute(spec, folder)).map_err(|error| {
            Error::new(error.kind(), format!("source {number} of the workspace cannot be opened"))
                .with_path(place)
                .with_source(error)
        })?);
    }
    let overlay = form.overlay.map(|spec| absolute(spec, folder));
    Ok(Read { mapping: Mapping { index, sources, images }, overlay })
}

/// Whether `text`, the beginning of a file, is that of a workspace.
pub(super) fn is_workspace(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let rest = text.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    rest.is_some_and(|rest| rest.starts_with(b"\"polystore_workspace\""))
}

fn map_images(
    index: &PlateIndex,
    forms: &[ImageForm],
    sources: &[BackendSpec],
) -> Result<Vec<ImageMapping>> {
    let n_images = index.structure().n_images();
    let mut images: Vec<_> = (0..n_images).map(|_| ImageMapping::default()).collect();
    let mut seen = HashSet::new();
    for form in forms {
        let named = |error: Error| error.with_path(&form.image);
        let ordinal = index.ordinal(&form.image).ok_or_else(|| {
            Error::invalid_data("planes are mapped to an image that is not declared")
                .with_path(&form.image)
        })?;
        if !seen.insert(ordinal) {
            return Err(named(Error::invalid_data("the image is mapped twice")));
        }
        let (Some((_, image)), Some(slot)) = (index.image(ordinal), images.get_mut(ordinal)) else {
            continue;
        };
        *slot = map_image(image, &form.from, sources).map_err(named)?;
    }
    Ok(images)
}

fn map_image(
    image: &ImageStructure,
    forms: &[PartForm],
    sources: &[BackendSpec],
) -> Result<ImageMapping> {
    let mut parts = Vec::with_capacity(forms.len());
    let mut planes: BTreeMap<PlaneIndex, (u32, PlaneIndex)> = BTreeMap::new();
    for (number, form) in (0u32..).zip(forms) {
        if form.source as usize >= sources.len() {
            let message = format!("source {} of {}", form.source, sources.len());
            return Err(Error::invalid_data(message));
        }
        let is_in = form.plate.as_ref().is_none_or(|plate| form.path.starts_with(plate));
        if !is_in {
            return Err(Error::invalid_data(format!("{} is not in its plate", form.path)));
        }
        let part =
            Part { source: form.source, plate: form.plate.clone(), image: form.path.clone() };
        let Some(listed) = &form.planes else {
            return match forms.len() {
                1 => Ok(ImageMapping::whole(part)),
                _ => Err(Error::invalid_data(
                    "an image of several parts must list the planes of each",
                )),
            };
        };
        parts.push(part);
        for &[t, c, z, from_t, from_c, from_z] in listed {
            let (to, from) = (PlaneIndex::new(t, c, z), PlaneIndex::new(from_t, from_c, from_z));
            if !image.declares(to) {
                return Err(Error::invalid_data(format!("the image declares no plane {to}")));
            }
            if let Some((other, at)) = planes.insert(to, (number, from)) {
                let told = |part: u32, at: PlaneIndex| {
                    let form = forms.get(part as usize);
                    form.map_or_else(String::new, |form| {
                        format!("{} {} ({at})", Named(sources.get(form.source as usize)), form.path)
                    })
                };
                return Err(collision(&image.path, to, &told(other, at), &told(number, from)));
            }
        }
    }
    Ok(ImageMapping::listed(image, parts, planes))
}

/// A source by its spec.
struct Named<'a>(Option<&'a BackendSpec>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |spec| spec.fmt(f))
    }
}

/// `spec` with its location as seen from `folder`.
fn relative(mut spec: BackendSpec, folder: Option<&Path>) -> BackendSpec {
    let Some(folder) = folder.filter(|_| FILE_SCHEMES.contains(&spec.scheme.as_str())) else {
        return spec;
    };
    let (from, to): (Vec<_>, Vec<_>) =
        (folder.components().collect(), Path::new(&spec.location).components().collect());
    let n_common = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
    // With nothing but the root in common, the two move apart.
    if n_common < 2 {
        return spec;
    }
    let up = from[n_common..].iter().map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(to[n_common..].iter().copied()).collect();
    let path = if path.as_os_str().is_empty() { PathBuf::from(".") } else { path };
    if let Some(text) = path.to_str() {
        spec.location = text.to_owned();
    }
    spec
}

/// `spec` with a location that was relative to `folder` made whole.
fn absolute(mut spec: BackendSpec, folder: Option<&Path>) -> BackendSpec {
    let is_path = FILE_SCHEMES.contains(&spec.scheme.as_str()) && !spec.location.is_empty();
    let Some(folder) = folder.filter(|_| is_path && Path::new(&spec.location).is_relative()) else {
        return spec;
    };
    let mut path = folder.to_owned();
    for part in Path::new(&spec.location).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::CurDir => {}
            part => path.push(part),
        }
    }
    if let Some(text) = path.to_str() {
        spec.location = text.to_owned();
    }
    spec
}
