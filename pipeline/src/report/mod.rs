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
    Pipeline, Result, RunReport,
    output::{PlateTable, ResultStore, StoredImages},
    plan::{ExecutionPlan, PlateReference},
};

/// Where the page is.
const PAGE: &str = "report.html";

fn plot_path(column: &str, run: &Run, extension: &str) -> String {
    let is_fine = |letter: char| letter.is_alphanumeric() || "_-+.".contains(letter);
    let name: String =
        column.chars().map(|letter| if is_fine(letter) { letter } else { '_' }).collect();
    format!("plots/heatmap-{name}{}.{extension}", run.suffix)
}

/// A map of the plate: all of it, or one acquisition of several.
struct Run {
    acquisition: Option<u32>,
    title: String,
    /// Tells the files of several apart: `-a001`, as names of images do.
    suffix: String,
}

/// The maps that each column has.
fn runs(plate: &PlateReference, table: &PlateTable) -> Vec<Run> {
    let acquisitions = table.acquisitions();
    if acquisitions.len() < 2 {
        let (title, suffix) = (plate.name.clone(), String::new());
        return vec![Run { acquisition: None, title, suffix }];
    }
    let run = |acquisition: u32| {
        let number = u64::from(acquisition) + 1;
        let name = plate.acquisitions.get(acquisition as usize).map_or("", |name| name);
        let title = format!("{}, acquisition {number} {name}", plate.name);
        Run {
            acquisition: Some(acquisition),
            title: title.trim_end().to_owned(),
            suffix: format!("-a{number:03}"),
        }
    };
    acquisitions.into_iter().map(run).collect()
}

/// Columns of the plate table that say most, as [`RunReport::main_columns`] gives them.
pub(crate) fn main_columns(report: &RunReport) -> Vec<String> {
    columns::heatmaps(&report.manifest.pipeline, &report.table).0
}

/// What to say about the columns that are drawn, as [`RunReport::remarks`] gives it.
pub(crate) fn remarks(report: &RunReport) -> Vec<String> {
    columns::heatmaps(&report.manifest.pipeline, &report.table).1
}

/// Whether all that the pipeline wants drawn is there to be drawn.
pub(crate) fn has_all_heatmaps(pipeline: &Pipeline, table: &PlateTable) -> bool {
    columns::absent(pipeline, table).is_empty()
}

/// Whether plots and page of an earlier run are there.
pub(crate) fn is_there(report: &RunReport, store: &ResultStore) -> Result<bool> {
    let runs = runs(&report.manifest.plate, &report.table);
    for column in &main_columns(report) {
        for (run, extension) in runs.iter().flat_map(|run| [(run, "svg"), (run, "png")]) {
            if !store.exists(&plot_path(column, run, extension))? {
                return Ok(false);
            }
        }
    }
    store.exists(PAGE)
}

/// Says in the manifest which plots are about to be written beside those that are the run's
/// already. Returns those that are not drawn any more.
///
/// # Errors
/// `AlreadyExists` when somebody else's file has the name of a plot.
pub(crate) fn enter_plots(report: &mut RunReport, store: &ResultStore) -> Result<Vec<String>> {
    let runs = runs(&report.manifest.plate, &report.table);
    let columns = main_columns(report);
    let places = columns.iter().flat_map(|column| runs.iter().map(move |run| (column, run)));
    let drawn: Vec<String> = places
        .flat_map(|(column, run)| ["svg", "png"].map(|end| plot_path(column, run, end)))
        .collect();
    let is_recorded = report.manifest.plots.is_some();
    let known = report.manifest.plots.take().unwrap_or_default();
    let mut all = known.clone();
    for plot in &drawn {
        if known.contains(plot) {
            continue;
        }
        // Runs of old versions drew them without a record.
        if is_recorded && store.exists(plot)? {
            report.manifest.plots = Some(known);
            let message = format!("`{plot}` is here already, and no run wrote it");
            return Err(polystore::Error::new(polystore::ErrorKind::AlreadyExists, message)
                .with_path(store.root())
                .with_backend(store.files().to_string())
                .with_hint("move it away and run again")
                .into());
        }
        all.push(plot.clone());
    }
    let stale = all.iter().filter(|plot| !drawn.contains(plot)).cloned().collect();
    report.manifest.plots = Some(all);
    Ok(stale)
}

/// Removes plots of the run that are not drawn any more.
///
/// # Errors
/// As the store answers.
pub(crate) fn remove_plots(
    report: &mut RunReport,
    stale: Vec<String>,
    store: &ResultStore,
) -> Result<()> {
    for plot in &stale {
        store.remove(plot)?;
    }
    if let Some(plots) = &mut report.manifest.plots {
        plots.retain(|plot| !stale.contains(plot));
    }
    Ok(())
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
    let runs = runs(&plan.plate, &report.table);
    let draw = |column: &str, run: &Run, theme| {
        let heatmap = Heatmap {
            n_rows: plan.plate.n_rows,
            n_columns: plan.plate.n_columns,
            column,
            title: &run.title,
            rows: &report.table.rows,
            acquisition: run.acquisition,
        };
        heatmap.draw(theme)
    };
    for (column, run) in columns.iter().flat_map(|column| runs.iter().map(move |run| (column, run)))
    {
        let drawing = draw(column, run, Theme::File);
        store.write(&plot_path(column, run, "png"), to_png(&drawing)?)?;
        store.write(&plot_path(column, run, "svg"), drawing.into_bytes())?;
    }
    let has_several = runs.len() > 1;
    let box_plots = columns::box_plots(&columns);
    let box_plots = box_plots.iter().filter_map(|column| {
        BoxPlot { column, rows: &report.table.rows, has_several }.draw(Theme::Page)
    });
    let page = Page {
        report,
        plan,
        heatmaps: columns.first().map_or_else(Vec::new, |column| {
            runs.iter().map(|run| draw(column, run, Theme::Page)).collect()
        }),
        has_several,
        columns: &columns,
        box_plots: box_plots.collect(),
        gallery: gallery(report, plan, plate, images),
        remarks: absent,
    };
    store.write(PAGE, page.render()?.into_bytes())?;
    Ok(())
}
