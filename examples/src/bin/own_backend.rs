//! A backend of one's own: a plate whose planes are computed when somebody asks for them.
//!
//! It implements what a place to read from needs; whatever it leaves out answers
//! `Unsupported` by itself. The conformance suite says whether it keeps the contract.
#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::{fmt, sync::Arc};

use anyhow::ensure;
use polystore::{
    BackendSpec, Capabilities, Entry, EntryKind, Error, ErrorKind, Plane, PlaneIndex, PlaneRequest,
    PlaneSink, Plate, Result, VirtualBackend, VirtualPath, WellPosition,
    conformance::{Place, Subject, fixture, run_all},
    convert::TargetLayout,
    model::{
        ImageInventory, ImageStructure, Inventory, PlaneState, PlateIndex, PlateStructure, Sizes,
    },
    register_opener,
};

/// Computes the plane `index` of a field; `None` for one that is missing.
type Render = fn(well: WellPosition, field: u32, index: PlaneIndex) -> Option<Plane>;

/// One plate, at the root of the backend.
#[derive(Debug)]
struct Synthetic {
    plate: PlateIndex,
    render: Render,
}

impl Synthetic {
    /// The plate that the conformance suite asks of a place that it cannot write.
    fn fixture() -> Result<Self> {
        let structure = Arc::new(fixture::plate(TargetLayout::Planes)?);
        Ok(Self { plate: PlateIndex::new(structure), render: fixture::plane })
    }

    /// The image that `path` addresses, and which plane of it.
    fn locate(
        &self,
        path: &VirtualPath,
        index: PlaneIndex,
    ) -> Result<(WellPosition, &ImageStructure, PlaneIndex)> {
        let found = self.plate.resolve(path, index).and_then(|(ordinal, index)| {
            let (well, image) = self.plate.image(ordinal)?;
            Some((well, image, index))
        });
        found.ok_or_else(|| match self.is_directory(path) {
            true => Error::invalid_data("is a directory, not an image").with_path(path),
            false => Error::not_found("nothing is here").with_path(path),
        })
    }

    fn is_directory(&self, path: &VirtualPath) -> bool {
        path.is_root() || self.plate.below(path).is_some()
    }

    fn read(&self, request: &PlaneRequest) -> Result<Plane> {
        let (well, image, index) = self.locate(&request.path, request.index)?;
        PlaneRequest { index, ..request.clone() }.check_read(image)?;
        let plane = (self.render)(well, image.field, index)
            .ok_or_else(|| Error::new(ErrorKind::MissingPlane, "is not rendered"))?;
        request.region.map_or(Ok(plane.clone()), |region| plane.crop(region))
    }
}

impl VirtualBackend for Synthetic {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn spec(&self) -> BackendSpec {
        BackendSpec::new("synthetic", "fixture")
    }

    fn stat(&self, path: &VirtualPath) -> Result<Entry> {
        let kind = match self.is_directory(path) {
            true => EntryKind::Directory,
            false => {
                let (well, image, index) = self.locate(path, PlaneIndex::default())?;
                if image.path != *path && (self.render)(well, image.field, index).is_none() {
                    return Err(Error::not_found("this plane is missing").with_path(path));
                }
                EntryKind::Image
            }
        };
        Ok(Entry { path: path.clone(), kind, size_bytes: None })
    }

    fn list(&self, dir: &VirtualPath) -> Result<Vec<Entry>> {
        match self.plate.below(dir) {
            Some(below) => below.iter().map(|found| self.stat(&found.path)).collect(),
            None => {
                self.stat(dir)?;
                Err(Error::invalid_input("is an image, not a directory").with_path(dir))
            }
        }
    }

    fn plate(&self, path: &VirtualPath) -> Result<Arc<PlateStructure>> {
        if path.is_root() {
            return Ok(Arc::clone(self.plate.structure()));
        }
        self.stat(path)?;
        Err(Error::invalid_data("the plate is at the root").with_path(path))
    }

    fn inventory(&self, path: &VirtualPath) -> Result<Arc<Inventory>> {
        let state = |well, field, index| match (self.render)(well, field, index) {
            Some(_) => PlaneState::Present,
            None => PlaneState::Missing,
        };
        let structure = self.plate(path)?;
        let images = structure.images().map(|(well, image)| {
            ImageInventory::from_fn(image.sizes, |index| state(well, image.field, index))
        });
        Ok(Arc::new(Inventory { images: images.collect(), ..Inventory::default() }))
    }

    fn describe(&self, path: &VirtualPath) -> Result<ImageStructure> {
        let (_, image, index) = self.locate(path, PlaneIndex::default())?;
        let mut found = ImageStructure { path: path.clone(), ..image.clone() };
        if image.path != *path {
            found.sizes = Sizes { t: 1, c: 1, z: 1, ..image.sizes };
            found.channels = [image.channels[index.c as usize].clone()].into();
        }
        Ok(found)
    }

    fn read_planes(&self, requests: &[PlaneRequest], sink: &PlaneSink<'_>) {
        let _ = requests.iter().enumerate().try_for_each(|(position, request)| {
            let answer = self.read(request);
            sink(position, answer.map_err(|e| e.with_path(request).with_backend(self.to_string())))
        });
    }
}

impl fmt::Display for Synthetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("synthetic")
    }
}

/// What the suite needs to know: how to get a fresh place.
struct OwnBackend;

impl Subject for OwnBackend {
    fn name(&self) -> &str {
        "synthetic"
    }

    fn open(&self) -> Result<Place> {
        Ok(Place::given(Arc::new(Synthetic::fixture()?), VirtualPath::root()))
    }
}

fn main() -> anyhow::Result<()> {
    // Lets specs of this backend be opened, here and in every worker that does the same.
    register_opener("synthetic", |_| Ok(Arc::new(Synthetic::fixture()?)));

    let report = run_all(&OwnBackend);
    println!("{report}");
    ensure!(report.is_conformant(), "the backend breaks its contract");

    // From here on it is a plate like any other.
    let plate = Plate::open(Arc::new(Synthetic::fixture()?), VirtualPath::root())?;
    plate.for_each_plane(|well, image, index, plane| {
        let mean = plane.as_array::<u16>()?.mapv(f64::from).mean().unwrap_or_default();
        println!("{well} field {} {index}: mean {mean:.1}", image.field + 1);
        Ok(())
    })?;
    Ok(())
}
