//! Optional powers of a backend: tables, regions of interest, annotations.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Error, PlaneIndex, Result, VirtualPath};

/// A table with typed columns of equal length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Columns from left to right.
    pub columns: Vec<Column>,
}

/// One named column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Header.
    pub name: String,
    /// Values from top to bottom.
    pub values: ColumnValues,
}

/// The values of a column, all of one type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "type", content = "values")]
#[non_exhaustive]
pub enum ColumnValues {
    /// Whole numbers.
    Integer(Vec<i64>),
    /// Whole numbers, some of them without a value.
    #[serde(rename = "integer_or_none")]
    IntegerOrNone(Vec<Option<i64>>),
    /// Floating-point numbers; NaN for no value.
    Float(Vec<f64>),
    /// Truth values.
    Bool(Vec<bool>),
    /// Text.
    Text(Vec<String>),
}

/// One value of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Cell<'a> {
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// Text.
    Text(&'a str),
}

impl ColumnValues {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Integer(values) => values.len(),
            Self::IntegerOrNone(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value in row `row`; `None` past the end, and for a whole number that has no value.
    pub fn get(&self, row: usize) -> Option<Cell<'_>> {
        match self {
            Self::Integer(values) => values.get(row).map(|&value| Cell::Integer(value)),
            Self::IntegerOrNone(values) => values.get(row).copied().flatten().map(Cell::Integer),
            Self::Float(values) => values.get(row).map(|&value| Cell::Float(value)),
            Self::Bool(values) => values.get(row).map(|&value| Cell::Bool(value)),
            Self::Text(values) => values.get(row).map(|value| Cell::Text(value)),
        }
    }
}

impl Table {
    /// Number of rows; 0 without columns.
    pub fn n_rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.values.len())
    }

    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&ColumnValues> {
        self.columns.iter().find(|column| column.name == name).map(|column| &column.values)
    }

    /// Checks that columns have one length and names of their own.
    ///
    /// # Errors
    /// `InvalidInput` naming the column that differs.
    pub fn check(&self) -> Result<()> {
        let mut names = BTreeSet::new();
        for column in &self.columns {
            let (name, length) = (&column.name, column.values.len());
            if length != self.n_rows() {
                return Err(Error::invalid_input(format!(
                    "column `{name}` has {length} rows, but the first has {}",
                    self.n_rows()
                )));
            }
            if !names.insert(name) {
                return Err(Error::invalid_input(format!("two columns are called `{name}`")));
            }
        }
        Ok(())
    }
}

/// Stores tables beside what they speak of.
pub trait TableStore {
    /// Writes a table called `name` on `target` (a plate, well or image), replacing one of that name.
    ///
    /// # Errors
    /// `InvalidInput` when columns differ in length or share a name.
    fn write_table(&self, target: &VirtualPath, name: &str, table: &Table) -> Result<()>;

    /// Reads the table called `name` on `target`.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    fn read_table(&self, target: &VirtualPath, name: &str) -> Result<Table>;

    /// Names of the tables on `target`, sorted.
    ///
    /// # Errors
    /// `NotFound` when `target` is not there.
    fn list_tables(&self, target: &VirtualPath) -> Result<Vec<String>>;
}

/// A region of interest on an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roi {
    /// Name for people.
    pub name: String,
    /// Its outline.
    pub shape: Shape,
    /// The plane it lies on; `None` for every plane.
    pub index: Option<PlaneIndex>,
}

/// The outline of a region of interest; coordinates are `(x, y)` pixels, pixel centres at
/// whole numbers plus one half as in ImageJ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Shape {
    /// One point.
    Point {
        /// Column.
        x: f64,
        /// Row.
        y: f64,
    },
    /// An axis-aligned rectangle.
    Rectangle {
        /// Left edge.
        x: f64,
        /// Top edge.
        y: f64,
        /// Width.
        width: f64,
        /// Height.
        height: f64,
    },
    /// An axis-aligned ellipse by its bounding rectangle.
    Ellipse {
        /// Left edge.
        x: f64,
        /// Top edge.
        y: f64,
        /// Width.
        width: f64,
        /// Height.
        height: f64,
    },
    /// A closed polygon.
    Polygon(Vec<(f64, f64)>),
    /// An open line of several points.
    Polyline(Vec<(f64, f64)>),
}

/// Stores regions of interest.
pub trait RoiStore {
    /// Replaces the regions of the image at `image`.
    ///
    /// # Errors
    /// As the backend's writes; `Unsupported` for a shape that it cannot store.
    fn write_rois(&self, image: &VirtualPath, rois: &[Roi]) -> Result<()>;

    /// The regions of the image at `image`; none is an empty list.
    ///
    /// # Errors
    /// As the backend's reads.
    fn read_rois(&self, image: &VirtualPath) -> Result<Vec<Roi>>;
}

/// A note on a plate, well or image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// Who speaks: a namespace such as `polystore.provenance`.
    pub namespace: String,
    /// What it says.
    pub value: AnnotationValue,
}

/// What an annotation says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AnnotationValue {
    /// Keys and values.
    Map(BTreeMap<String, String>),
    /// Free text.
    Comment(String),
    /// One word to find things by.
    Tag(String),
}

/// Stores annotations.
pub trait AnnotationStore {
    /// Sets the annotation of this namespace and kind on `target`, replacing an earlier one.
    ///
    /// # Errors
    /// `NotFound` when `target` is not there.
    fn annotate(&self, target: &VirtualPath, annotation: &Annotation) -> Result<()>;

    /// The annotations on `target`, ordered by namespace.
    ///
    /// # Errors
    /// `NotFound` when `target` is not there.
    fn annotations(&self, target: &VirtualPath) -> Result<Vec<Annotation>>;
}
