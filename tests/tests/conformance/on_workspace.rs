//! Virtual workspaces: the fixture plate is mapped from a source, and everything that cases
//! write goes into an overlay, beside the plate and over it.

use std::{path::Path, sync::Arc};

use polystore::{
    Error, MemoryBackend, Result, VirtualBackend, VirtualPath,
    conformance::{Place, Subject, fixture},
    convert::TargetLayout,
    disk::{DiskBackend, DiskOptions},
    workspace::{Workspace, WorkspaceBuilder},
    zarr::{Durability, ZarrBackend, ZarrOptions},
};

/// A backend in a fresh folder.
type Make = fn(&Path) -> Result<Arc<dyn VirtualBackend>>;

/// A workspace over one kind of source, with one kind of overlay or none.
struct Mapped {
    name: &'static str,
    source: Make,
    source_layout: TargetLayout,
    /// Of the workspace, as its overlay wants it for plates of one's own.
    layout: TargetLayout,
    overlay: Option<Make>,
    /// The workspace is opened from the file that it was saved to.
    is_saved: bool,
    plane_extensions: &'static [&'static str],
}

pub(crate) fn subjects() -> Vec<Arc<dyn Subject>> {
    let extensions: &'static [&'static str] = &["tif", "tiff", "png", "npy"];
    let over_memory = Mapped {
        name: "workspace_memory",
        source: memory,
        source_layout: TargetLayout::Planes,
        layout: TargetLayout::Planes,
        overlay: Some(memory),
        is_saved: false,
        plane_extensions: extensions,
    };
    let over_disk = Mapped {
        name: "workspace_disk",
        source: disk,
        overlay: Some(disk),
        is_saved: true,
        ..over_memory
    };
    let into_zarr = Mapped {
        name: "workspace_zarr",
        source: disk,
        source_layout: TargetLayout::OmeTiff,
        layout: TargetLayout::Zarr,
        overlay: Some(zarr),
        is_saved: true,
        plane_extensions: &[],
    };
    let read_only = Mapped {
        name: "workspace_readonly",
        source: zarr,
        source_layout: TargetLayout::Zarr,
        layout: TargetLayout::Planes,
        overlay: None,
        is_saved: true,
        plane_extensions: &[],
    };
    [over_memory, over_disk, into_zarr, read_only]
        .into_iter()
        .map(|subject| Arc::new(subject) as Arc<dyn Subject>)
        .collect()
}

fn memory(_: &Path) -> Result<Arc<dyn VirtualBackend>> {
    Ok(Arc::new(MemoryBackend::new()))
}

fn disk(folder: &Path) -> Result<Arc<dyn VirtualBackend>> {
    let options = DiskOptions::default().without_cache();
    Ok(Arc::new(DiskBackend::open_with(folder, options)?))
}

fn zarr(folder: &Path) -> Result<Arc<dyn VirtualBackend>> {
    let options =
        ZarrOptions { durability: Durability::Buffered, cache: None, ..ZarrOptions::default() };
    Ok(Arc::new(ZarrBackend::open_with(folder, options)?))
}

/// Puts the fixture plate into a source.
fn fill(source: &dyn VirtualBackend, path: &VirtualPath, layout: TargetLayout) -> Result<()> {
    let structure = fixture::plate(layout)?;
    source.create_plate(path, &structure)?;
    let planes = structure.images().flat_map(|(well, image)| {
        image.sizes.indices().filter_map(move |index| {
            let plane = fixture::plane(well, image.field, index)?;
            Some((polystore::PlaneRequest::new(path.append(&image.path), index), plane))
        })
    });
    source.write_planes(&planes.collect::<Vec<_>>())
}

impl Mapped {
    fn make(&self, folder: &Path) -> Result<Workspace> {
        let new = |name: &str| {
            let path = folder.join(name);
            std::fs::create_dir(&path)
                .map_err(|error| Error::io(error, "create", path.display()))?;
            Ok::<_, Error>(path)
        };
        let source = (self.source)(&new("source")?)?;
        let plate = VirtualPath::parse("/plate")?;
        fill(&*source, &plate, self.source_layout)?;
        let mut builder = WorkspaceBuilder::declaring(&fixture::plate(self.layout)?)?;
        let id = builder.source(&source);
        builder.add_plate(id, &plate, Some)?;
        let mut workspace = Workspace::new(builder.build()?);
        if let Some(overlay) = self.overlay {
            workspace = workspace.with_overlay(overlay(&new("overlay")?)?)?;
        }
        if !self.is_saved {
            return Ok(workspace);
        }
        let file = folder.join("fixture.workspace.json");
        workspace.save(&file)?;
        Workspace::open(&file)
    }
}

impl Subject for Mapped {
    fn name(&self) -> &str {
        self.name
    }

    fn open(&self) -> Result<Place> {
        let folder = tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .map_err(|error| Error::io(error, "create", "a temporary folder"))?;
        let workspace = Arc::new(self.make(folder.path())?);
        if self.overlay.is_none() {
            return Ok(Place::given(workspace, VirtualPath::root()).keeping(folder));
        }
        let root = VirtualPath::parse("/cases")?;
        workspace.create_directory(&root)?;
        let mut place = Place::writable(workspace, root);
        place.plate = Some(VirtualPath::root());
        Ok(place.keeping(folder))
    }

    fn layout(&self) -> TargetLayout {
        self.layout
    }

    fn plane_extensions(&self) -> Vec<&'static str> {
        self.plane_extensions.to_vec()
    }
}
