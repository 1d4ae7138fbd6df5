//! Where results go, and in which form: one file per kind of result.

mod images;
mod manifest;
mod owned;
mod plate_table;
mod record;
pub(crate) mod rois;
mod rows;
mod store;
mod table_csv;
mod table_json;
mod well_table;

pub(crate) use images::{StoredImages, plane_hash};
pub(crate) use manifest::now;
pub use manifest::{DamagedPlane, RunManifest, RunState, UnitEntry, UnitState};
pub(crate) use owned::{Found, Owned, names_taken, some_of};
pub use plate_table::{PlateRow, PlateTable, Spread};
pub(crate) use record::{CONTENT, OutputHash, RecordDamage, RecordTable, UnitRecord, work_key};
pub use store::{ImagePlace, ResultStore};
pub(crate) use well_table::{FieldState, WellResults, beside_place};
