//! The page: one file with everything in it.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use minijinja::{Environment, value::Serde};
use polystore::{
    model::ImageKind,
    words::{count, verb},
};
use serde::Serialize;
use serde_json::json;

use super::{RunReport, color, gallery::Shown, number::short};
use crate::{
    Error, MissingPolicy, Result,
    output::{PlateRow, RunState, UnitState},
    plan::{Bytes, ExecutionPlan},
};

const TEMPLATE: &str = include_str!("page.html");
/// Columns of numbers in the page's table; all are in the CSV file.
const MAX_TABLE_COLUMNS: usize = 14;
/// Remarks that are printed.
const MAX_REMARKS: usize = 40;

/// What stands on the page.
pub(super) struct Page<'a> {
    pub(super) report: &'a RunReport,
    pub(super) plan: &'a ExecutionPlan,
    /// One, or one for each acquisition.
    pub(super) heatmaps: Vec<String>,
    /// Whether the rows of the table are of several acquisitions.
    pub(super) has_several: bool,
    pub(super) columns: &'a [String],
    pub(super) box_plots: Vec<String>,
    pub(super) gallery: Vec<Shown>,
    pub(super) remarks: Vec<String>,
}

#[derive(Serialize)]
struct Card {
    value: String,
    name: String,
}

#[derive(Serialize)]
struct Figure {
    unit: String,
    source: String,
    is_incomplete: bool,
}

#[derive(Serialize)]
struct Cell {
    text: String,
    /// What it is sorted by.
    key: String,
}

impl Page<'_> {
    pub(super) fn render(&self) -> Result<String> {
        let failed = |error: minijinja::Error| Error::function(format!("the page: {error:#}"));
        let mut environment = Environment::new();
        // The name decides that texts are escaped.
        environment.add_template("page.html", TEMPLATE).map_err(failed)?;
        let manifest = &self.report.manifest;
        let (headers, rows) = self.table();
        let has_labels = self.plan.image_sets.iter().any(|set| set.kind == ImageKind::Labels);
        let page = json!({
            "plate": self.plan.plate.name,
            "pipeline": self.plan.pipeline.name(),
            "description": self.plan.pipeline.description(),
            "state": if manifest.state == RunState::Complete { "complete" } else { "incomplete" },
            "alarms": self.alarms(),
            "cards": self.cards(),
            "heatmaps": self.heatmaps,
            "columns": self.report.table.columns,
            "first_column": self.columns.first(),
            "data": self.data(),
            "box_plots": self.box_plots,
            "gallery": self.figures()?,
            "has_outlines": has_labels,
            "has_incomplete": self.gallery.iter().any(|shown| shown.is_incomplete),
            "inventory": manifest.inventory,
            "remarks": self.all_remarks(),
            "steps": self.plan.summary().steps,
            "headers": headers,
            "rows": rows,
            "provenance": self.provenance(),
            "document": manifest.document,
        });
        let template = environment.get_template("page.html").map_err(failed)?;
        template.render(Serde(page)).map_err(failed)
    }

    /// What must not be overlooked.
    fn alarms(&self) -> Vec<String> {
        let manifest = &self.report.manifest;
        let mut alarms = Vec::new();
        let n_failed = manifest.count(UnitState::Failed);
        if n_failed > 0 {
            alarms.push(format!(
                "{n_failed} of {} failed. Their wells have no or partial results.",
                count(manifest.units.len(), "field")
            ));
        }
        let n_left_out = self.report.n_left_out();
        if n_left_out > 0 {
            alarms.push(format!(
                "{} {} not done, or in part, because planes are missing or corrupt.",
                count(n_left_out, "field"),
                verb(n_left_out, "is", "are")
            ));
        }
        let inventory = manifest.inventory;
        let n_gone = inventory.missing + inventory.corrupt;
        if n_gone > 0 {
            let has_failed = manifest.failed().any(|unit| unit.failed_for_damage());
            let what = match (self.plan.pipeline.input().missing, has_failed) {
                (MissingPolicy::Skip, _) => "What depends on them was left out.",
                (MissingPolicy::Error, true) => "Fields that need them failed.",
                (MissingPolicy::Error, false) => "This pipeline does not need them.",
            };
            alarms.push(format!(
                "{n_gone} of {} of the plate {} missing or corrupt. {what}",
                count(inventory.declared(), "plane"),
                verb(n_gone, "is", "are")
            ));
        }
        if manifest.passed_over > 0 {
            alarms.push(format!(
                "{} of the plate could not be used.",
                match manifest.passed_over {
                    1 => "1 image file or well".to_owned(),
                    n => format!("{n} image files or wells"),
                }
            ));
        }
        alarms.extend(manifest.failures.iter().cloned());
        alarms
    }

    fn cards(&self) -> Vec<Card> {
        let manifest = &self.report.manifest;
        let card = |value: String, name: &str| Card { value, name: name.to_owned() };
        let rows = &self.report.table.rows;
        let n_done: u64 = rows.iter().map(|row| row.n_done).sum();
        let n_fields: u64 = rows.iter().map(|row| row.n_fields).sum();
        let of = |part: u64, all: u64| {
            if part == all { part.to_string() } else { format!("{part} of {all}") }
        };
        let done = rows.iter().filter(|row| row.has_results());
        let n_wells = done.map(|row| row.well).collect::<BTreeSet<_>>().len() as u64;
        let mut cards = vec![
            card(of(n_wells, self.plan.plate.n_wells as u64), "wells"),
            card(of(n_done, n_fields), "fields"),
        ];
        for column in &self.report.table.columns {
            if let Some(name) = column.strip_suffix("_count") {
                let total: f64 = rows.iter().filter_map(|row| row.value(column)).sum();
                cards.push(card(format!("{total}"), name));
            }
        }
        cards.push(card(Bytes(manifest.cost.read_bytes).to_string(), "pixels read"));
        cards.push(card(format!("{:.1} s", manifest.seconds), "computing"));
        cards
    }

    fn figures(&self) -> Result<Vec<Figure>> {
        let figure = |shown: &Shown| {
            let png = shown.picture.to_png()?;
            let source = format!("data:image/png;base64,{}", STANDARD.encode(png));
            let Shown { is_incomplete, .. } = *shown;
            Ok(Figure { unit: shown.unit.clone(), source, is_incomplete })
        };
        self.gallery.iter().map(figure).collect()
    }

    fn all_remarks(&self) -> Vec<String> {
        let manifest = &self.report.manifest;
        let failed = manifest.failed().map(|unit| format!("{} failed: {}", unit.name, unit.error));
        let all = failed.chain(self.remarks.iter().cloned()).chain(manifest.notes.iter().cloned());
        let mut remarks: Vec<_> = all.collect();
        if remarks.len() > MAX_REMARKS {
            let more = remarks.len() - MAX_REMARKS;
            remarks.truncate(MAX_REMARKS);
            remarks.push(format!("and {more} more, in run.json"));
        }
        remarks
    }

    /// Headers and rows of the table: numbers of objects and means first.
    fn table(&self) -> (Vec<String>, Vec<Vec<Cell>>) {
        let columns = &self.report.table.columns;
        let is_first =
            |column: &&String| self.columns.contains(column) || column.ends_with("_count");
        let is_second = |column: &&String| column.ends_with("_mean") && !is_first(column);
        let chosen: Vec<&String> = columns
            .iter()
            .filter(is_first)
            .chain(columns.iter().filter(is_second))
            .take(MAX_TABLE_COLUMNS)
            .collect();
        let mut headers = vec!["well".to_owned()];
        headers.extend(self.has_several.then(|| "acquisition".to_owned()));
        headers.push("fields".to_owned());
        headers.extend(chosen.iter().map(|column| (*column).clone()));
        let row = |row: &PlateRow| {
            let fields = match row.is_complete() {
                true => row.n_fields.to_string(),
                false if row.n_partial > 0 => {
                    format!("{} of {}, {} in part", row.n_done, row.n_fields, row.n_partial)
                }
                false => format!("{} of {}, incomplete", row.n_done, row.n_fields),
            };
            let place =
                format!("{:06}", u64::from(row.well.row) * 10_000 + u64::from(row.well.column));
            let number = (u64::from(row.acquisition) + 1).to_string();
            let mut cells = vec![Cell { text: row.well.to_string(), key: place }];
            cells.extend(self.has_several.then(|| Cell { text: number.clone(), key: number }));
            cells.push(Cell { text: fields, key: row.n_done.to_string() });
            cells.extend(chosen.iter().map(|column| match row.value(column) {
                Some(value) => Cell { text: short(value), key: format!("{value}") },
                None => Cell { text: "\u{2013}".to_owned(), key: String::new() },
            }));
            cells
        };
        (headers, self.report.table.rows.iter().map(row).collect())
    }

    /// What the page's script colours the plate by, as JSON that can stand in HTML.
    fn data(&self) -> String {
        let table = &self.report.table;
        let values = |row: &PlateRow| -> Vec<serde_json::Value> {
            table.columns.iter().map(|column| json!(row.value(column).map(rounded))).collect()
        };
        let label = |row: &PlateRow| row.label(self.has_several);
        let wells: serde_json::Map<_, _> =
            table.rows.iter().map(|row| (label(row), json!(values(row)))).collect();
        let data = json!({ "columns": table.columns, "wells": wells, "colors": color::VIRIDIS.as_slice() });
        data.to_string().replace('<', "\\u003c")
    }

    fn provenance(&self) -> Vec<(&'static str, String)> {
        let manifest = &self.report.manifest;
        let plate = &self.plan.plate;
        let start = |hash: &str| hash.get(..16).unwrap_or(hash).to_owned();
        let also = |state, words: &str| match manifest.count(state) {
            0 => String::new(),
            n => format!(", {n} {words}"),
        };
        let kept = also(UnitState::Kept, "of an earlier run");
        let partial = also(UnitState::Partial, "done in part");
        let left_out = also(UnitState::LeftOut, "left out");
        vec![
            ("run", manifest.run.to_string()),
            ("started", manifest.started.clone()),
            ("finished", manifest.finished.clone()),
            ("plate", format!("{} {}", plate.backend, plate.path)),
            (
                "fields",
                format!("{} done{kept}{partial}{left_out}", manifest.count(UnitState::Done)),
            ),
            ("computer", format!("{}, {}", manifest.host, count(manifest.cpu_threads, "thread"))),
            ("polystore", manifest.polystore.clone()),
            ("pipeline hash", start(&manifest.pipeline_hash)),
            ("plan hash", start(&manifest.plan_hash)),
        ]
    }
}

/// Four significant digits: what a colour can show.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}
