//! The plate model: plain data that says what a plate declares, loaded once and shared.

mod extend;
mod file_names;
mod image;
mod index;
mod inventory;
mod naming;
mod passed_over;
mod plane_set;
mod plate;
mod source;

pub(crate) use extend::check_part;
pub use file_names::{FileNames, FileNamesIter};
pub use image::{Channel, Color, ImageKind, ImageStructure, PhysicalSize, Sizes, StagePosition};
pub use index::{Below, PlateIndex};
pub use inventory::{ImageInventory, Inventory, InventoryCounts, PlaneState};
pub use naming::{
    NamingScheme, OPENHCS_NAMING, OpenHcsNaming, POLYSTORE_NAMING, PlaneName, PolystoreNaming,
    naming_scheme, register_naming,
};
pub use passed_over::{PassedOver, PassedOverFile, PassedOverReason};
pub use plane_set::PlaneSet;
pub use plate::{Acquisition, FieldKey, PlateStructure, WellStructure};
pub use source::{DeclaredPlate, ImageSources, PlaneSource, SourceMap};
