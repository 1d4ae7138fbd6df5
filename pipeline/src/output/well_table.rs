//! The tables of a well, from the records of its fields.

use std::collections::BTreeMap;

use polystore::{
    WellPosition,
    backend::{Column, ColumnValues, Table},
};
use serde_json::{Map, Value, json};

use super::{
    PlateRow, ResultStore, UnitRecord, rows::stack, table_csv::to_csv, table_json::ExactFloat,
};
use crate::{
    Error, Result, ValueKind,
    plan::{ExecutionPlan, Key, Unit},
};

/// What became of one unit of a well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldState {
    /// Its record is there, with all that there is to do.
    Done,
    /// Its record is there, with what could be done.
    Partial,
    /// Nothing can be done of it.
    LeftOut,
    /// It failed.
    Failed,
}

/// The tables of one well, made when all its units are through.
pub(crate) struct WellResults<'a> {
    pub(crate) plan: &'a ExecutionPlan,
    pub(crate) store: &'a ResultStore,
    /// Units of one well with what became of them, in plan order.
    pub(crate) units: Vec<(&'a Unit, FieldState)>,
}

impl WellResults<'_> {
    /// Writes the well's tables where they are not as they should be. Returns the well's rows
    /// of the plate table, one for each of its acquisitions, and whether anything was written.
    pub(crate) fn write(&self) -> Result<(Vec<PlateRow>, bool)> {
        let Some(well) = self.units.first().map(|(unit, _)| unit.well) else {
            return Err(Error::function("a well without fields has no results"));
        };
        let mut rows = self.empty_rows(well);
        // With the acquisition of each.
        let mut tables: Vec<(&str, Vec<(u32, Table)>)> =
            self.saved().map(|name| (name, Vec::new())).collect();
        for (unit, state) in &self.units {
            if matches!(state, FieldState::Failed | FieldState::LeftOut) {
                continue;
            }
            let Some((record, _)) = UnitRecord::load(unit, self.store)? else {
                let message = format!("the record of {} is gone or damaged", unit.name);
                return Err(Error::function(message));
            };
            if let Some(row) = rows.iter_mut().find(|row| row.acquisition == unit.acquisition) {
                match state {
                    FieldState::Partial => row.n_partial += 1,
                    _ => row.n_done += 1,
                }
            }
            for table in record.tables {
                let found = tables.iter_mut().find(|(name, _)| *name == table.name());
                let (key, table) = table.into_table();
                if let Some((_, tables)) = found {
                    tables.push((unit.acquisition, self.with_place(unit, key, table)?));
                }
            }
        }
        let mut has_changed = false;
        for (name, tables) in tables {
            for row in rows.iter_mut().filter(|row| row.has_results()) {
                let of_row = tables.iter().filter(|(run, _)| *run == row.acquisition);
                let of_row: Vec<Table> = of_row.map(|(_, table)| table.clone()).collect();
                // Nothing was measured, which is not the same as nothing found.
                if of_row.is_empty() {
                    continue;
                }
                let measured = stack(&of_row).columns.into_iter().skip(PLACE.len()).collect();
                row.add_table(name, &Table { columns: measured });
            }
            let tables: Vec<Table> = tables.into_iter().map(|(_, table)| table).collect();
            let table = stack(&tables);
            let at = format!("results/{name}/{well}");
            has_changed |= self.store.write(&format!("{at}.csv"), to_csv(&table)?)?;
            has_changed |= self.store.write(&format!("{at}.json"), self.json(name, &table)?)?;
        }
        Ok((rows, has_changed))
    }

    /// A row without numbers for each acquisition that the units are of, in their order.
    pub(crate) fn empty_rows(&self, well: WellPosition) -> Vec<PlateRow> {
        let mut n_fields: BTreeMap<u32, u64> = BTreeMap::new();
        for (unit, _) in &self.units {
            *n_fields.entry(unit.acquisition).or_default() += 1;
        }
        n_fields.into_iter().map(|(run, n_fields)| PlateRow::new(well, run, n_fields)).collect()
    }

    fn saved(&self) -> impl Iterator<Item = &str> {
        let steps = self.plan.pipeline.steps().iter();
        steps.filter(|step| step.output() == ValueKind::Table).filter_map(|step| step.save())
    }

    /// The table with columns before it that say where each row comes from.
    fn with_place(&self, unit: &Unit, key: Key, table: Table) -> Result<Table> {
        let n = table.n_rows();
        let field = match (key.field, unit.fields.as_slice()) {
            (Some(at), fields) => fields.get(at as usize).copied(),
            (None, [only]) => Some(*only),
            (None, _) => None,
        };
        let channel = match key.c {
            Some(c) => {
                self.plan.program(unit)?.channels.get(c as usize).cloned().unwrap_or_default()
            }
            None => String::new(),
        };
        let whole = |value: Option<u32>, from: i64| match value {
            Some(value) => ColumnValues::Integer(vec![i64::from(value) + from; n]),
            None => ColumnValues::Text(vec![String::new(); n]),
        };
        let text = |value: String| ColumnValues::Text(vec![value; n]);
        let place = [
            text(self.plan.plate.name.clone()),
            text(unit.well.to_string()),
            whole(field, 1),
            whole(Some(unit.acquisition), 1),
            whole(key.t, 0),
            text(channel),
            whole(key.z, 0),
        ];
        let place = PLACE.iter().zip(place);
        let mut columns: Vec<_> =
            place.map(|(name, values)| Column { name: (*name).to_owned(), values }).collect();
        let measured = table.columns.into_iter();
        columns.extend(measured.map(|Column { name, values }| {
            let name = beside_place(name);
            Column { name, values }
        }));
        Ok(Table { columns })
    }

    fn json(&self, name: &str, table: &Table) -> Result<Vec<u8>> {
        let row = |at: usize| -> Map<String, Value> {
            let columns = table.columns.iter();
            columns.map(|column| (column.name.clone(), value(&column.values, at))).collect()
        };
        let rows: Vec<_> = (0..table.n_rows()).map(row).collect();
        let fields = self.units.iter().map(|(unit, state)| {
            let state = match state {
                FieldState::Failed => "failed",
                FieldState::LeftOut => "left_out",
                FieldState::Partial => "partial",
                FieldState::Done => "done",
            };
            json!({ "name": unit.name, "state": state })
        });
        let well = self.units.first().map(|(unit, _)| unit.well.to_string());
        let document = json!({
            "plate": self.plan.plate.name,
            "well": well,
            "table": name,
            "fields": fields.collect::<Vec<_>>(),
            "rows": rows,
        });
        let failed = |error: serde_json::Error| Error::function(error.to_string());
        let mut text = serde_json::to_vec_pretty(&document).map_err(failed)?;
        text.push(b'\n');
        Ok(text)
    }
}

/// Columns that say where a row comes from. Fields and acquisitions count from 1, timepoints
/// and sections from 0, as in names of planes; empty along axes that were taken together.
const PLACE: [&str; 7] = ["plate", "well", "field", "acquisition", "t", "channel", "z"];

/// The name of a measured column beside those that say where a row comes from.
pub(crate) fn beside_place(name: String) -> String {
    match PLACE.contains(&name.as_str()) {
        true => format!("{name}_measured"),
        false => name,
    }
}

pub(super) fn value(values: &ColumnValues, row: usize) -> Value {
    match values {
        ColumnValues::Integer(values) => json!(values[row]),
        ColumnValues::IntegerOrNone(values) => json!(values[row]),
        ColumnValues::Float(values) => json!(ExactFloat(values[row])),
        ColumnValues::Bool(values) => json!(values[row]),
        ColumnValues::Text(values) => json!(values[row]),
        _ => Value::Null,
    }
}
