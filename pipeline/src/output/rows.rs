//! Tables of several units, one below the other.

use polystore::backend::{Cell, Column, ColumnValues, Table};

/// Puts tables one below the other. Columns are those of any of them, in the order in which
/// they first come; where a table has no such column, its rows have no value.
pub(crate) fn stack(tables: &[Table]) -> Table {
    let mut names: Vec<&str> = Vec::new();
    for column in tables.iter().flat_map(|table| &table.columns) {
        if !names.contains(&column.name.as_str()) {
            names.push(&column.name);
        }
    }
    let columns = names
        .into_iter()
        .map(|name| Column { name: name.to_owned(), values: stack_column(tables, name) });
    Table { columns: columns.collect() }
}

/// Whole numbers, each with a value where all have one.
pub(crate) fn whole(values: Vec<Option<i64>>) -> ColumnValues {
    match values.iter().copied().collect() {
        Some(values) => ColumnValues::Integer(values),
        None => ColumnValues::IntegerOrNone(values),
    }
}

/// The values of one column, as exact as those of all tables allow.
fn stack_column(tables: &[Table], name: &str) -> ColumnValues {
    let cells = || {
        tables.iter().flat_map(move |table| {
            let column = table.column(name);
            (0..table.n_rows()).map(move |row| column.and_then(|column| column.get(row)))
        })
    };
    let has_whole = cells().next().is_none() || cells().any(|cell| cell.is_some());
    if has_whole && cells().all(|cell| matches!(cell, None | Some(Cell::Integer(_)))) {
        let values = cells().map(|cell| match cell {
            Some(Cell::Integer(value)) => Some(value),
            _ => None,
        });
        return typed_when_empty(tables, name, whole(values.collect()));
    }
    if cells().all(|cell| matches!(cell, Some(Cell::Bool(_)))) {
        let truth = cells().map(|cell| matches!(cell, Some(Cell::Bool(true))));
        return ColumnValues::Bool(truth.collect());
    }
    if cells().all(|cell| number(cell).is_some()) {
        return ColumnValues::Float(cells().filter_map(number).collect());
    }
    ColumnValues::Text(cells().map(text).collect())
}

/// Without rows, the type is the one that the column has anyway.
fn typed_when_empty(tables: &[Table], name: &str, values: ColumnValues) -> ColumnValues {
    if !values.is_empty() {
        return values;
    }
    let first = tables.iter().find_map(|table| table.column(name));
    match first {
        Some(ColumnValues::Float(_)) => ColumnValues::Float(Vec::new()),
        Some(ColumnValues::Bool(_)) => ColumnValues::Bool(Vec::new()),
        Some(ColumnValues::Text(_)) => ColumnValues::Text(Vec::new()),
        _ => values,
    }
}

/// A number, NaN for no value; `None` for what is no number.
fn number(cell: Option<Cell<'_>>) -> Option<f64> {
    match cell {
        None => Some(f64::NAN),
        Some(Cell::Integer(value)) => Some(value as f64),
        Some(Cell::Float(value)) => Some(value),
        _ => None,
    }
}

fn text(cell: Option<Cell<'_>>) -> String {
    match cell {
        Some(Cell::Integer(value)) => value.to_string(),
        Some(Cell::Float(value)) if value.is_nan() => String::new(),
        Some(Cell::Float(value)) => format!("{value:?}"),
        Some(Cell::Bool(value)) => value.to_string(),
        Some(Cell::Text(value)) => value.to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[(&str, ColumnValues)]) -> Table {
        let column = |(name, values): &(&str, ColumnValues)| Column {
            name: (*name).to_owned(),
            values: values.clone(),
        };
        Table { columns: columns.iter().map(column).collect() }
    }

    #[test]
    fn columns_that_a_table_lacks_have_no_value_there() {
        let one = table(&[
            ("n", ColumnValues::Integer(vec![1, 2])),
            ("x", ColumnValues::Integer(vec![5, 6])),
        ]);
        let other = table(&[
            ("n", ColumnValues::Integer(vec![3])),
            ("name", ColumnValues::Text(vec!["b".to_owned()])),
        ]);
        let stacked = stack(&[one, other]);
        assert_eq!(stacked.column("n"), Some(&ColumnValues::Integer(vec![1, 2, 3])));
        let x = ColumnValues::IntegerOrNone(vec![Some(5), Some(6), None]);
        assert_eq!(stacked.column("x"), Some(&x));
        let names = ["", "", "b"].map(str::to_owned).to_vec();
        assert_eq!(stacked.column("name"), Some(&ColumnValues::Text(names)));
        stacked.check().unwrap();
    }

    #[test]
    fn no_rows_keep_the_columns_and_their_types() {
        let empty = table(&[("x", ColumnValues::Float(vec![])), ("t", ColumnValues::Text(vec![]))]);
        assert_eq!(stack(&[empty.clone(), empty.clone()]), empty);
    }
}
