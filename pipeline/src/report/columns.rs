//! Which columns of the plate table are drawn.

use polystore::{
    suggest,
    words::{count, verb},
};

use crate::{Pipeline, output::PlateTable};

/// Most columns that are drawn without being asked for.
const MAX_COLUMNS: usize = 6;

/// Columns to draw heatmaps of: those that the pipeline names; otherwise numbers of objects,
/// their area, and their mean intensities. The second part says which are not there, or that
/// there are more.
pub(super) fn heatmaps(pipeline: &Pipeline, table: &PlateTable) -> (Vec<String>, Vec<String>) {
    let wanted = &pipeline.report().heatmaps;
    let is_there = |column: &String| table.columns.contains(column);
    if wanted.is_empty() {
        return usual(table);
    }
    let known: Vec<_> = table.columns.iter().map(String::as_str).collect();
    let absent = self::absent(pipeline, table).into_iter().map(|column| {
        let near = suggest::nearest(column, &known);
        let near =
            near.first().map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
        format!("there is no column `{column}` to draw{near}")
    });
    let absent = absent.collect();
    (wanted.iter().filter(|column| is_there(column)).cloned().collect(), absent)
}

/// Columns that the pipeline wants drawn and the table does not have.
pub(super) fn absent<'p>(pipeline: &'p Pipeline, table: &PlateTable) -> Vec<&'p String> {
    let wanted = pipeline.report().heatmaps.iter();
    wanted.filter(|column| !table.columns.contains(column)).collect()
}

fn usual(table: &PlateTable) -> (Vec<String>, Vec<String>) {
    let ending = |end: &'static str| {
        table.columns.iter().filter(move |column| column.ends_with(end)).cloned()
    };
    let has_um = ending("_area_um2_mean").next().is_some();
    let area = if has_um { "_area_um2_mean" } else { "_area_px_mean" };
    let intensity = ending("_mean_mean").filter(|column| column.contains("intensity"));
    let mut columns: Vec<String> = ending("_count").chain(ending(area)).chain(intensity).collect();
    let n_more = columns.len().saturating_sub(MAX_COLUMNS);
    columns.truncate(MAX_COLUMNS);
    let remark = format!(
        "{} of the same kind {} not drawn; name what to draw as `heatmaps` under `[report]`",
        count(n_more, "more column"),
        verb(n_more, "is", "are"),
    );
    (columns, (n_more > 0).then_some(remark).into_iter().collect())
}

/// Columns of the saved tables to draw box plots of: those behind `heatmaps`.
pub(super) fn box_plots(heatmaps: &[String]) -> Vec<&str> {
    let strip = |column: &'_ String| -> Option<usize> {
        ["_mean", "_median", "_std"].iter().find_map(|end| Some(column.strip_suffix(end)?.len()))
    };
    let mut columns: Vec<&str> =
        heatmaps.iter().filter_map(|column| Some(&column[..strip(column)?])).collect();
    columns.dedup();
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Step, output::PlateTable};

    fn table(columns: &[&str]) -> PlateTable {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        PlateTable { columns, ..PlateTable::default() }
    }

    #[test]
    fn the_usual_columns_are_numbers_areas_and_intensities() {
        let pipeline =
            Pipeline::builder("p").step(Step::new("a").call("otsu").save()).build().unwrap();
        let table = table(&[
            "c_count",
            "c_area_px_mean",
            "c_area_um2_mean",
            "c_solidity_mean",
            "c_intensity_mean_mean",
            "c_intensity_mean_std",
        ]);
        let (columns, absent) = heatmaps(&pipeline, &table);
        assert_eq!(columns, ["c_count", "c_area_um2_mean", "c_intensity_mean_mean"]);
        assert!(absent.is_empty());
        assert_eq!(box_plots(&columns), ["c_area_um2", "c_intensity_mean"]);
    }

    #[test]
    fn what_is_not_drawn_is_told() {
        let pipeline =
            Pipeline::builder("p").step(Step::new("a").call("otsu").save()).build().unwrap();
        let names: Vec<String> = (0..8).map(|n| format!("c{n}_count")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (columns, remarks) = heatmaps(&pipeline, &table(&names));
        assert_eq!((columns.len(), remarks.len()), (6, 1));
        assert!(remarks[0].starts_with("2 more columns of the same kind are"), "{remarks:?}");
    }

    #[test]
    fn a_column_that_is_not_there_is_told() {
        let builder = Pipeline::builder("p").step(Step::new("a").call("otsu").save());
        let pipeline = builder.heatmap("c_cuont").heatmap("c_count").build().unwrap();
        let (columns, absent) = heatmaps(&pipeline, &table(&["c_count"]));
        assert_eq!(columns, ["c_count"]);
        assert!(absent[0].contains("did you mean `c_count`?"), "{absent:?}");
    }
}
