//! The table of the plate: a row per well and acquisition, with numbers of objects and statistics of
//! everything that was measured.

use std::collections::BTreeMap;

use polystore::{
    WellPosition,
    backend::{Cell, Column, ColumnValues, Table},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{ResultStore, rows::whole, table_csv::to_csv, well_table::value};
use crate::{Error, Result, plan::ExecutionPlan};

/// One row per well that was worked on and acquisition of it, in plate order.
///
/// For every saved table there is its number of rows (`cells_count`), and for each of its
/// columns of numbers the mean, median and sample standard deviation over all rows of the
/// well in the acquisition (`cells_area_px_mean`); of truth values, the part that is true
/// (`cells_is_round_fraction`). Rows without a value do not count, and columns that say which
/// object it is or where (`label`, `centroid_...`, `bbox_...`) have no statistics.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PlateTable {
    /// Names of the columns of [`PlateRow::values`], in order.
    pub columns: Vec<String>,
    /// The wells, each once for every acquisition of it.
    pub rows: Vec<PlateRow>,
}

/// The results of one well in one acquisition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlateRow {
    /// The well.
    pub well: WellPosition,
    /// The acquisition, by its position on the plate from 0.
    pub acquisition: u32,
    /// Fields that were to be done; a well counts as one when its fields are taken together.
    pub n_fields: u64,
    /// Fields that are wholly done.
    pub n_done: u64,
    /// Fields that are done in part: what depends on planes that are missing or corrupt was
    /// left out. They are not among [`PlateRow::n_done`].
    pub n_partial: u64,
    /// Numbers by column, in the order in which they are made.
    #[serde(skip)]
    pub values: Vec<(String, f64)>,
    /// How the numbers in columns of the well's tables are spread.
    #[serde(skip)]
    spreads: Vec<(String, Spread)>,
}

/// How numbers are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Spread {
    /// How many there are; at least one.
    pub n: usize,
    /// The 5th percentile.
    pub low: f64,
    /// The 25th percentile.
    pub lower: f64,
    /// The median.
    pub median: f64,
    /// The 75th percentile.
    pub upper: f64,
    /// The 95th percentile.
    pub high: f64,
}

impl PlateRow {
    pub(crate) fn new(well: WellPosition, acquisition: u32, n_fields: u64) -> Self {
        let (values, spreads) = (Vec::new(), Vec::new());
        Self { well, acquisition, n_fields, n_done: 0, n_partial: 0, values, spreads }
    }

    /// What it is called on drawings: its well, with the number of its acquisition (from 1)
    /// when the table has several.
    pub(crate) fn label(&self, has_several: bool) -> String {
        match has_several {
            true => format!("{} a{}", self.well, u64::from(self.acquisition) + 1),
            false => self.well.to_string(),
        }
    }

    /// Whether all that was to be done is done.
    pub fn is_complete(&self) -> bool {
        self.n_done == self.n_fields
    }

    /// Whether there are results of any field.
    pub(crate) fn has_results(&self) -> bool {
        self.n_done + self.n_partial > 0
    }

    /// The number in `column`, if there is one.
    pub fn value(&self, column: &str) -> Option<f64> {
        let found = self.values.iter().find(|(name, _)| name == column);
        found.map(|(_, value)| *value).filter(|value| !value.is_nan())
    }

    /// How the numbers of a column of a saved table are spread, such as `cells_area_px`.
    pub fn spread(&self, column: &str) -> Option<Spread> {
        self.spreads.iter().find(|(name, _)| name == column).map(|(_, spread)| *spread)
    }

    /// Adds the statistics of the well's table called `name`.
    pub(crate) fn add_table(&mut self, name: &str, table: &Table) {
        self.values.push((format!("{name}_count"), table.n_rows() as f64));
        for Column { name: column, values } in &table.columns {
            if is_place(column) {
                continue;
            }
            let mut add =
                |what: &str, value| self.values.push((format!("{name}_{column}_{what}"), value));
            match values {
                ColumnValues::Integer(_)
                | ColumnValues::IntegerOrNone(_)
                | ColumnValues::Float(_) => {
                    let numbers = sorted(values);
                    let (mean, standard_deviation) = mean_and_deviation(&numbers);
                    let spread = spread(&numbers);
                    add("mean", mean);
                    add("median", spread.map_or(f64::NAN, |spread| spread.median));
                    add("std", standard_deviation);
                    let name = format!("{name}_{column}");
                    self.spreads.extend(spread.map(|spread| (name, spread)));
                }
                ColumnValues::Bool(values) => {
                    let n_true = values.iter().filter(|value| **value).count();
                    add("fraction", n_true as f64 / values.len() as f64);
                }
                _ => {}
            }
        }
    }
}

/// Columns that say which object it is or where, which say nothing about the well.
fn is_place(column: &str) -> bool {
    column == "label" || column.starts_with("centroid_") || column.starts_with("bbox_")
}

/// The numbers that there are, in order.
fn sorted(values: &ColumnValues) -> Vec<f64> {
    let mut numbers: Vec<f64> = (0..values.len())
        .filter_map(|row| match values.get(row) {
            Some(Cell::Integer(value)) => Some(value as f64),
            Some(Cell::Float(value)) if !value.is_nan() => Some(value),
            _ => None,
        })
        .collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

fn mean_and_deviation(numbers: &[f64]) -> (f64, f64) {
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let squares: f64 = numbers.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, if n > 1.0 { (squares / (n - 1.0)).sqrt() } else { f64::NAN })
}

/// Percentiles, interpolated as numpy's.
fn spread(sorted: &[f64]) -> Option<Spread> {
    let last = sorted.len().checked_sub(1)?;
    let at = |part: f64| {
        let place = part * last as f64;
        let (below, above) = (sorted[place as usize], sorted[(place as usize + 1).min(last)]);
        // Infinities have no place between them.
        if below == above { below } else { below + (above - below) * place.fract() }
    };
    let (low, lower, median, upper, high) = (at(0.05), at(0.25), at(0.5), at(0.75), at(0.95));
    Some(Spread { n: sorted.len(), low, lower, median, upper, high })
}

impl PlateTable {
    pub(crate) fn new(mut rows: Vec<PlateRow>) -> Self {
        rows.sort_by_key(|row| (row.well, row.acquisition));
        let mut columns: Vec<String> = Vec::new();
        let mut known = BTreeMap::new();
        for (name, _) in rows.iter().flat_map(|row| &row.values) {
            known.entry(name.clone()).or_insert_with(|| columns.push(name.clone()));
        }
        Self { columns, rows }
    }

    /// Whether all that was to be done is done, in every well.
    pub fn is_complete(&self) -> bool {
        self.rows.iter().all(PlateRow::is_complete)
    }

    /// Acquisitions that have rows, by their positions on the plate, in order.
    pub fn acquisitions(&self) -> Vec<u32> {
        let all: std::collections::BTreeSet<u32> =
            self.rows.iter().map(|row| row.acquisition).collect();
        all.into_iter().collect()
    }

    /// As a table, with the well and how complete it is before the values.
    pub fn to_table(&self) -> Table {
        let column = |name: &str, values| Column { name: name.to_owned(), values };
        let whole = |value: fn(&PlateRow) -> u64| {
            ColumnValues::Integer(self.rows.iter().map(|row| value(row) as i64).collect())
        };
        let wells = self.rows.iter().map(|row| row.well.to_string());
        let complete = self.rows.iter().map(PlateRow::is_complete);
        let mut columns = vec![
            column("well", ColumnValues::Text(wells.collect())),
            column("row", whole(|row| u64::from(row.well.row) + 1)),
            column("column", whole(|row| u64::from(row.well.column) + 1)),
            column("acquisition", whole(|row| u64::from(row.acquisition) + 1)),
            column("fields", whole(|row| row.n_fields)),
            column("fields_done", whole(|row| row.n_done)),
            column("fields_partial", whole(|row| row.n_partial)),
            column("complete", ColumnValues::Bool(complete.collect())),
        ];
        columns.extend(self.columns.iter().map(|name| column(name, self.values(name))));
        Table { columns }
    }

    /// Writes the table; says whether that changed anything.
    pub(crate) fn store(&self, plan: &ExecutionPlan, store: &ResultStore) -> Result<bool> {
        let table = self.to_table();
        let row = |at: usize| -> Map<String, Value> {
            let columns = table.columns.iter();
            columns.map(|column| (column.name.clone(), value(&column.values, at))).collect()
        };
        let rows: Vec<_> = (0..table.n_rows()).map(row).collect();
        let document = json!({ "plate": plan.plate.name, "wells": rows });
        let failed = |error: serde_json::Error| Error::function(error.to_string());
        let mut text = serde_json::to_vec_pretty(&document).map_err(failed)?;
        text.push(b'\n');
        let csv = store.write("results/plate.csv", to_csv(&table)?)?;
        Ok(store.write("results/plate.json", text)? || csv)
    }

    fn values(&self, name: &str) -> ColumnValues {
        let values = self.rows.iter().map(|row| row.value(name));
        // Numbers of objects are whole; a well has none for want of data.
        match name.ends_with("_count") {
            true => whole(values.map(|value| value.map(|value| value as i64)).collect()),
            false => ColumnValues::Float(values.map(|value| value.unwrap_or(f64::NAN)).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(well: &str, values: ColumnValues) -> PlateRow {
        let mut row = PlateRow::new(well.parse().unwrap(), 0, 2);
        let label = ColumnValues::Integer(vec![1; values.len()]);
        let columns = [("label", label), ("x", values)];
        let columns = columns.map(|(name, values)| Column { name: name.to_owned(), values });
        row.add_table("cells", &Table { columns: columns.into() });
        row
    }

    #[test]
    fn statistics_leave_out_what_has_no_value() {
        let row = row("A01", ColumnValues::Float(vec![4.0, f64::NAN, 1.0, 7.0, 2.0]));
        let value = |name: &str| row.value(&format!("cells_{name}"));
        assert_eq!(value("count"), Some(5.0));
        assert_eq!((value("x_mean"), value("x_median")), (Some(3.5), Some(3.0)));
        assert_eq!(value("x_std"), Some(7.0f64.sqrt()));
        assert_eq!(value("label_mean"), None);
    }

    #[test]
    fn truth_values_are_a_fraction_and_no_rows_have_no_mean() {
        let row = row("A01", ColumnValues::Bool(vec![true, false, true, true]));
        assert_eq!(row.value("cells_x_fraction"), Some(0.75));
        let empty = self::row("A02", ColumnValues::Integer(vec![]));
        assert_eq!((empty.value("cells_count"), empty.value("cells_x_mean")), (Some(0.0), None));
    }

    #[test]
    fn rows_are_in_plate_order_and_wells_without_a_table_have_no_count() {
        let table = PlateTable::new(vec![
            PlateRow::new("B01".parse().unwrap(), 1, 1),
            PlateRow::new("B01".parse().unwrap(), 0, 1),
            row("A02", ColumnValues::Integer(vec![2, 4])),
        ]);
        assert_eq!(table.acquisitions(), [0, 1]);
        let table = table.to_table();
        let wells = ["A02", "B01", "B01"].map(str::to_owned).to_vec();
        assert_eq!(table.column("well"), Some(&ColumnValues::Text(wells)));
        let acquisitions = ColumnValues::Integer(vec![1, 1, 2]);
        assert_eq!(table.column("acquisition"), Some(&acquisitions));
        let counts = ColumnValues::IntegerOrNone(vec![Some(2), None, None]);
        assert_eq!(table.column("cells_count"), Some(&counts));
        let csv = String::from_utf8(to_csv(&table).unwrap()).unwrap();
        let csv: Vec<_> = csv.lines().map(|line| line.split(',').nth(8).unwrap()).collect();
        assert_eq!(csv, ["cells_count", "2", "", ""]);
    }
}
