//! Tables as CSV: full precision, no value as an empty cell.

use polystore::backend::{Cell, Table};

use crate::{Error, Result};

/// The table as CSV with a header line.
///
/// # Errors
/// `Function` when its columns differ in length.
pub(crate) fn to_csv(table: &Table) -> Result<Vec<u8>> {
    table.check()?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| Error::function(error.to_string());
    writer.write_record(table.columns.iter().map(|column| &column.name)).map_err(failed)?;
    for row in 0..table.n_rows() {
        let cells = table.columns.iter().map(|column| text(column.values.get(row)));
        writer.write_record(cells).map_err(failed)?;
    }
    writer.into_inner().map_err(|error| Error::function(error.to_string()))
}

/// A value as text that parses back to the same value.
fn text(cell: Option<Cell<'_>>) -> String {
    match cell {
        None => String::new(),
        Some(Cell::Integer(value)) => value.to_string(),
        Some(Cell::Float(value)) if value.is_nan() => String::new(),
        // Not `Display`, which writes 1e300 with all its zeros.
        Some(Cell::Float(value)) => format!("{value:?}"),
        Some(Cell::Bool(value)) => value.to_string(),
        Some(Cell::Text(value)) => value.to_owned(),
        Some(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use polystore::backend::{Column, ColumnValues};

    use super::*;

    #[test]
    fn values_keep_their_precision_and_text_its_commas() {
        let column = |name: &str, values| Column { name: name.to_owned(), values };
        let table = Table {
            columns: vec![
                column("a", ColumnValues::Float(vec![0.1 + 0.2, f64::NAN, 1e300])),
                column("b, c", ColumnValues::Text(vec!["x".into(), "y, \"z\"".into(), "".into()])),
                column("d", ColumnValues::Bool(vec![true, false, true])),
            ],
        };
        let csv = String::from_utf8(to_csv(&table).unwrap()).unwrap();
        let expected =
            "a,\"b, c\",d\n0.30000000000000004,x,true\n,\"y, \"\"z\"\"\",false\n1e300,,true\n";
        assert_eq!(csv, expected);
    }
}
