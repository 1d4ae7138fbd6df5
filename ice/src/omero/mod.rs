//! The interface of OMERO 5.6 and of Glacier2 in front of it: all classes, exceptions and
//! operations, generated from `omero.schema` beside this file by `cargo run -p xtask`.
//!
//! Modules are those of Slice, with `::omero` as this one.
//!
//! ```
//! use ice::{
//!     omero::{RString, api::IUpdate, model::{IObject, Plate}},
//!     value::Graph,
//!     wire::Encoding,
//! };
//!
//! let mut graph = Graph::new();
//! let name = graph.make::<RString>().with(RString::VAL, "plate").done();
//! let plate = graph.make::<Plate>().with(Plate::NAME, Some(name)).done();
//! let seen = graph.view(plate)?.follow(Plate::NAME)?.map(|name| name.get(RString::VAL));
//! assert_eq!(seen, Some(Ok("plate")));
//!
//! let call = IUpdate::save_object(Some(plate.as_base::<IObject>())).with_graph(graph);
//! assert!(call.encode(Encoding::V1_1)?.content.len() > 50);
//! # Ok::<(), ice::Error>(())
//! ```

#[expect(clippy::too_many_arguments, reason = "operations have as many as Slice declares")]
mod generated;

use std::sync::LazyLock;

pub use generated::*;

use crate::schema::Schema;

/// The schema that all types here are in, read once.
///
/// # Panics
/// Never: that the file is one is tested.
#[expect(clippy::expect_used, reason = "the file is a part of the program")]
pub fn schema() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
        Schema::parse(include_str!("omero.schema")).expect("the committed schema is one")
    });
    &SCHEMA
}
