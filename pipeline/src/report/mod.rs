//! The results of a run for people: plots, and a page that needs nothing but itself.
//!
//! Drawings are made with `svg`, element by element: a plate is a grid of squares, which a
//! chart library would only be in the way of. `resvg` turns them into pictures, with a font
//! that is part of the program, so they look the same everywhere.

mod box_plot;
mod color;
mod columns;
mod drawing;
mod gallery;
mod heatmap;
mod number;
mod page;
mod raster;

use polystore::Plate;

use self::{
    box_plot::BoxPlot, drawing::Theme, gallery::gallery, heatmap::Heatmap, page::Page,
    raster::to_png,
};
use crate::{
    Result, RunReport,
    output::{ResultStore, StoredImages},
    plan::ExecutionPlan,
};

/// Where the page is.
const PAGE: &str = "report.html";

fn plot_path(column: &str, extension: &str) -> String {
    let is_fine = |letter: char| letter.is_alphanumeric() || "_-+.".contains(letter);
    let name: String =
        column.chars().map(|letter| if is_fine(letter) { letter } else { '_' }).collect();
    format!("plots/heatmap-{name}.{extension}")
}

/// Columns of the plate table that say most, as [`RunReport::main_columns`] gives them.
pub(crate) fn main_columns(report: &RunReport) -> Vec<String> {
    columns::heatmaps(&report.manifest.pipeline, &report.table).0
}

/// Whether plots and page of an earlier run are there.
pub(crate) fn is_there(report: &RunReport, store: &ResultStore) -> Result<bool> {
    for column in &main_columns(report) {
        for extension in ["svg", "png"] {
            if !store.exists(&plot_path(column, extension))? {
                return Ok(false);
            }
        }
    }
    store.exists(PAGE)
}

/// Writes plots and page.
///
/// # Errors
/// As the store writes.
pub(crate) fn write(
    report: &RunReport,
    plan: &ExecutionPlan,
    plate: &Plate,
    store: &ResultStore,
    images: &StoredImages,
) -> Result<()> {
    let (columns, absent) = columns::heatmaps(&plan.pipeline, &report.table);
    let heatmap = |column| Heatmap {
        n_rows: plan.plate.n_rows,
        n_columns: plan.plate.n_columns,
        column,
        title: &plan.plate.name,
        rows: &report.table.rows,
    };
    for column in &columns {
        let drawing = heatmap(column).draw(Theme::File);
        store.write(&plot_path(column, "png"), to_png(&drawing)?)?;
        store.write(&plot_path(column, "svg"), drawing.into_bytes())?;
    }
    let box_plots = columns::box_plots(&columns);
    let box_plots = box_plots
        .iter()
        .filter_map(|column| BoxPlot { column, rows: &report.table.rows }.draw(Theme::Page));
    let page = Page {
        report,
        plan,
        heatmap: columns.first().map(|column| heatmap(column).draw(Theme::Page)),
        columns: &columns,
        box_plots: box_plots.collect(),
        gallery: gallery(report, plan, plate, images),
        remarks: absent,
    };
    store.write(PAGE, page.render()?.into_bytes())?;
    Ok(())
}
