//! Plates in memory, with pixels that tests can reckon with.

use std::{fmt, sync::Arc};

use polystore::{
    BackendSpec, Capabilities, Entry, MemoryBackend, Plane, PlaneIndex, PlaneRequest, PlaneSink,
    Plate, Result, VirtualBackend, VirtualPath, WellPosition,
    model::{
        Channel, ImageInventory, ImageStructure, Inventory, PhysicalSize, PlaneState,
        PlateStructure, Sizes,
    },
    ndarray::Array2,
};

/// How a plate of [`Grid::plate`] looks.
#[derive(Clone)]
pub(crate) struct Grid {
    pub(crate) rows: u32,
    pub(crate) columns: u32,
    pub(crate) fields: u32,
    pub(crate) sizes: Sizes,
}

pub(crate) const CHANNELS: [&str; 3] = ["DAPI", "GFP", "Cy5"];

impl Grid {
    pub(crate) fn new(rows: u32, columns: u32, fields: u32) -> Self {
        Self { rows, columns, fields, sizes: Sizes::new(1, 2, 3, 32, 40) }
    }

    pub(crate) fn with_sizes(mut self, sizes: Sizes) -> Self {
        self.sizes = sizes;
        self
    }

    pub(crate) fn structure(&self) -> PlateStructure {
        let mut structure = PlateStructure::new("test plate", self.rows, self.columns);
        let channels: Arc<[Channel]> =
            CHANNELS[..self.sizes.c as usize].iter().map(|name| Channel::named(*name)).collect();
        for row in 0..self.rows {
            for column in 0..self.columns {
                for field in 0..self.fields {
                    let well = WellPosition::new(row, column);
                    let at = PlateStructure::canonical_image_path(well, None, field);
                    let image = ImageStructure {
                        field,
                        channels: Arc::clone(&channels),
                        physical_size: PhysicalSize::square(0.5),
                        ..ImageStructure::new(at, polystore::PixelType::U16, self.sizes)
                    };
                    structure.add_image(well, image).unwrap();
                }
            }
        }
        structure
    }

    /// The plate in a memory backend, with every plane for which `is_there`.
    pub(crate) fn plate_with(
        &self,
        is_there: impl Fn(WellPosition, u32, PlaneIndex) -> bool,
    ) -> (Arc<MemoryBackend>, Plate) {
        let backend = Arc::new(MemoryBackend::new());
        let root = VirtualPath::parse("/source").unwrap();
        let structure = self.structure();
        backend.create_plate(&root, &structure).unwrap();
        for (well, image) in structure.images() {
            let planes: Vec<_> = image
                .sizes
                .indices()
                .filter(|index| is_there(well, image.field, *index))
                .map(|index| {
                    let request = PlaneRequest::new(root.append(&image.path), index);
                    (request, plane(well, image.field, index, image.sizes))
                })
                .collect();
            backend.write_planes(&planes).unwrap();
        }
        let plate = Plate::open(Arc::clone(&backend) as _, root).unwrap();
        (backend, plate)
    }

    /// The plate as if its planes had these states, whatever `memory` has.
    pub(crate) fn declared(
        &self,
        memory: &MemoryBackend,
        state: impl Fn(WellPosition, PlaneIndex) -> PlaneState,
    ) -> Plate {
        let structure = Arc::new(self.structure());
        let images = structure
            .images()
            .map(|(well, image)| ImageInventory::from_fn(image.sizes, |index| state(well, index)));
        let inventory = Arc::new(Inventory { images: images.collect(), ..Inventory::default() });
        let backend = Declared { memory: memory.clone(), structure, inventory };
        Plate::open(Arc::new(backend), VirtualPath::parse("/source").unwrap()).unwrap()
    }

    pub(crate) fn plate(&self) -> (Arc<MemoryBackend>, Plate) {
        self.plate_with(|_, _, _| true)
    }
}

/// Squares of 4 x 4 pixels on a dark ground, in DAPI: as many as [`n_objects`] says, all in
/// section 1; other channels have a value of their own everywhere.
pub(crate) fn plane(well: WellPosition, field: u32, index: PlaneIndex, sizes: Sizes) -> Plane {
    let n = n_objects(well, field);
    let brightness = if index.z == 1 || sizes.z == 1 { 1000 } else { 20 };
    let pixels = Array2::from_shape_fn((sizes.y as usize, sizes.x as usize), |(y, x)| {
        if index.c > 0 {
            return (100 * index.c + field) as u16;
        }
        let (row, column) = (y / 8, x / 8);
        let inside = y % 8 < 4 && x % 8 < 4;
        let number = row * (sizes.x as usize / 8) + column;
        if inside && number < n { brightness + number as u16 } else { 10 }
    });
    Plane::from_array(pixels)
}

/// How many objects a field has.
pub(crate) fn n_objects(well: WellPosition, field: u32) -> usize {
    (1 + (well.row * 3 + well.column * 2 + field) % 15) as usize
}

pub(crate) fn well(text: &str) -> WellPosition {
    text.parse().unwrap()
}

/// A memory backend with another structure and inventory of its plate.
#[derive(Debug)]
struct Declared {
    memory: MemoryBackend,
    structure: Arc<PlateStructure>,
    inventory: Arc<Inventory>,
}

impl fmt::Display for Declared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "declared")
    }
}

impl VirtualBackend for Declared {
    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }
    fn spec(&self) -> BackendSpec {
        self.memory.spec()
    }
    fn stat(&self, path: &VirtualPath) -> Result<Entry> {
        self.memory.stat(path)
    }
    fn list(&self, dir: &VirtualPath) -> Result<Vec<Entry>> {
        self.memory.list(dir)
    }
    fn plate(&self, _path: &VirtualPath) -> Result<Arc<PlateStructure>> {
        Ok(Arc::clone(&self.structure))
    }
    fn inventory(&self, _path: &VirtualPath) -> Result<Arc<Inventory>> {
        Ok(Arc::clone(&self.inventory))
    }
    fn describe(&self, path: &VirtualPath) -> Result<ImageStructure> {
        self.memory.describe(path)
    }
    fn read_planes(&self, requests: &[PlaneRequest], sink: &PlaneSink<'_>) {
        self.memory.read_planes(requests, sink);
    }
}
