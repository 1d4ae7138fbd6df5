//! Tables, regions of interest and annotations.

use std::collections::BTreeMap;

use crate::{
    Error, ErrorKind, PlaneIndex, Result, VirtualPath,
    backend::{
        Annotation, AnnotationStore, AnnotationValue, Column, ColumnValues, Roi, RoiStore, Shape,
        Table, TableStore,
    },
    conformance::{
        Case, CaseResult, Context, Need,
        expect::{fails, same},
    },
};

pub(super) const CASES: &[Case] = &[
    Case { name: "tables/round_trip", needs: &[Need::Tables, Need::Plate], run: tables_round_trip },
    Case { name: "tables/are_listed_sorted", needs: &[Need::Tables, Need::Plate], run: listed },
    Case { name: "tables/replace", needs: &[Need::Tables, Need::Plate], run: tables_replace },
    Case {
        name: "tables/uneven_is_invalid_input",
        needs: &[Need::Tables, Need::Plate],
        run: uneven,
    },
    Case {
        name: "tables/nothing_is_not_found",
        needs: &[Need::Tables, Need::Plate],
        run: no_table,
    },
    Case { name: "rois/round_trip", needs: &[Need::Rois, Need::Plate], run: rois_round_trip },
    Case { name: "rois/none_is_empty", needs: &[Need::Rois, Need::Plate], run: no_rois },
    Case {
        name: "annotations/round_trip",
        needs: &[Need::Annotations, Need::Plate],
        run: annotations_round_trip,
    },
    Case {
        name: "annotations/replace_their_kind",
        needs: &[Need::Annotations, Need::Plate],
        run: annotations_replace,
    },
    Case {
        name: "annotations/nothing_is_not_found",
        needs: &[Need::Annotations],
        run: nothing_to_annotate,
    },
];

fn tables<'a>(cx: &Context<'a>) -> Result<&'a dyn TableStore> {
    cx.backend().as_tables().ok_or_else(|| Error::internal("the backend lost its tables"))
}

fn rois<'a>(cx: &Context<'a>) -> Result<&'a dyn RoiStore> {
    cx.backend().as_rois().ok_or_else(|| Error::internal("the backend lost its regions"))
}

fn annotations<'a>(cx: &Context<'a>) -> Result<&'a dyn AnnotationStore> {
    cx.backend().as_annotations().ok_or_else(|| Error::internal("the backend lost its notes"))
}

/// A plate, a well and an image.
fn targets(cx: &Context<'_>) -> Result<Vec<VirtualPath>> {
    let plate = cx.plate()?;
    let image = plate.path.append(&plate.first_image()?.path);
    let well = image.parent().unwrap_or_else(VirtualPath::root);
    Ok(vec![plate.path, well, image])
}

fn table(n_rows: usize) -> Table {
    let column = |name: &str, values| Column { name: name.to_owned(), values };
    let rows = 0..n_rows;
    Table {
        columns: vec![
            column(
                "label",
                ColumnValues::Integer(rows.clone().map(|row| row as i64 - 1).collect()),
            ),
            column(
                "area µm²",
                ColumnValues::Float(rows.clone().map(|row| row as f64 / 3.0).collect()),
            ),
            column(
                "parent",
                ColumnValues::IntegerOrNone(
                    rows.clone().map(|row| (row % 2 == 1).then_some(row as i64)).collect(),
                ),
            ),
            column("is edge", ColumnValues::Bool(rows.clone().map(|row| row % 2 == 0).collect())),
            column("note", ColumnValues::Text(rows.map(|row| format!("a, \"{row}\"\n")).collect())),
        ],
    }
}

fn tables_round_trip(cx: &Context<'_>) -> CaseResult {
    for (n_rows, target) in targets(cx)?.iter().enumerate() {
        tables(cx)?.write_table(target, "cells", &table(n_rows))?;
        same("table", tables(cx)?.read_table(target, "cells")?, table(n_rows))?;
    }
    Ok(())
}

fn listed(cx: &Context<'_>) -> CaseResult {
    let targets = targets(cx)?;
    let target = &targets[0];
    same("no tables", tables(cx)?.list_tables(target)?, Vec::new())?;
    for name in ["nuclei", "cells", "spots"] {
        tables(cx)?.write_table(target, name, &table(2))?;
    }
    let expected = ["cells", "nuclei", "spots"].map(str::to_owned).to_vec();
    same("tables", tables(cx)?.list_tables(target)?, expected)?;
    same("tables of another target", tables(cx)?.list_tables(&targets[2])?, Vec::new())
}

fn tables_replace(cx: &Context<'_>) -> CaseResult {
    let target = &targets(cx)?[2];
    tables(cx)?.write_table(target, "cells", &table(5))?;
    tables(cx)?.write_table(target, "cells", &table(2))?;
    same("table", tables(cx)?.read_table(target, "cells")?, table(2))?;
    same("tables", tables(cx)?.list_tables(target)?, vec!["cells".to_owned()])
}

fn uneven(cx: &Context<'_>) -> CaseResult {
    let target = &targets(cx)?[0];
    let mut uneven = table(3);
    uneven.columns[1].values = ColumnValues::Float(vec![1.0]);
    let answer = tables(cx)?.write_table(target, "uneven", &uneven);
    fails("columns of two lengths", answer, ErrorKind::InvalidInput)?;
    let mut twice = table(3);
    twice.columns[1].name = twice.columns[0].name.clone();
    let answer = tables(cx)?.write_table(target, "twice", &twice);
    fails("two columns of one name", answer, ErrorKind::InvalidInput)?;
    same("tables", tables(cx)?.list_tables(target)?, Vec::new())
}

fn no_table(cx: &Context<'_>) -> CaseResult {
    let target = &targets(cx)?[0];
    fails("a table", tables(cx)?.read_table(target, "nothing"), ErrorKind::NotFound)?;
    let nowhere = cx.path("nothing")?;
    fails("tables of nothing", tables(cx)?.list_tables(&nowhere), ErrorKind::NotFound)?;
    let answer = tables(cx)?.write_table(&nowhere, "cells", &table(1));
    fails("a table on nothing", answer, ErrorKind::NotFound)
}

fn rois_round_trip(cx: &Context<'_>) -> CaseResult {
    let targets = targets(cx)?;
    let roi = |name: &str, shape, index| Roi { name: name.to_owned(), shape, index };
    let given = vec![
        roi("point", Shape::Point { x: 1.5, y: 2.5 }, None),
        roi(
            "box",
            Shape::Rectangle { x: 0.0, y: 1.0, width: 3.0, height: 2.0 },
            Some(PlaneIndex::new(1, 0, 2)),
        ),
        roi("cell", Shape::Polygon(vec![(0.5, 0.5), (3.5, 0.5), (2.0, 4.0)]), None),
    ];
    rois(cx)?.write_rois(&targets[2], &given)?;
    same("regions", rois(cx)?.read_rois(&targets[2])?, given.clone())?;
    rois(cx)?.write_rois(&targets[2], &given[..1])?;
    same("regions that replace them", rois(cx)?.read_rois(&targets[2])?, given[..1].to_vec())
}

fn no_rois(cx: &Context<'_>) -> CaseResult {
    let targets = targets(cx)?;
    same("no regions", rois(cx)?.read_rois(&targets[2])?, Vec::new())?;
    let nowhere = cx.path("nothing")?;
    fails("regions of nothing", rois(cx)?.read_rois(&nowhere), ErrorKind::NotFound)?;
    fails("regions on nothing", rois(cx)?.write_rois(&nowhere, &[]), ErrorKind::NotFound)
}

fn note(namespace: &str, value: AnnotationValue) -> Annotation {
    Annotation { namespace: namespace.to_owned(), value }
}

fn map(value: &str) -> AnnotationValue {
    AnnotationValue::Map(BTreeMap::from([("key".to_owned(), value.to_owned())]))
}

fn annotations_round_trip(cx: &Context<'_>) -> CaseResult {
    for target in targets(cx)? {
        let notes = [
            note("b.settings", map("1")),
            note("c.words", AnnotationValue::Tag("hit".to_owned())),
            note("a.remark", AnnotationValue::Comment("out of focus".to_owned())),
        ];
        for note in &notes {
            annotations(cx)?.annotate(&target, note)?;
        }
        let [settings, words, remark] = notes;
        let found = annotations(cx)?.annotations(&target)?;
        same("annotations by namespace", found, vec![remark, settings, words])?;
    }
    Ok(())
}

fn annotations_replace(cx: &Context<'_>) -> CaseResult {
    let target = &targets(cx)?[2];
    annotations(cx)?.annotate(target, &note("a", map("old")))?;
    annotations(cx)?.annotate(target, &note("b", map("other")))?;
    annotations(cx)?.annotate(target, &note("a", map("new")))?;
    let expected = vec![note("a", map("new")), note("b", map("other"))];
    same("annotations", annotations(cx)?.annotations(target)?, expected)?;
    annotations(cx)?.annotate(target, &note("a", AnnotationValue::Tag("new".to_owned())))?;
    same("annotations of two kinds", annotations(cx)?.annotations(target)?.len(), 3)
}

fn nothing_to_annotate(cx: &Context<'_>) -> CaseResult {
    let nowhere = cx.path("nothing")?;
    let answer = annotations(cx)?.annotations(&nowhere);
    fails("annotations of nothing", answer, ErrorKind::NotFound)?;
    let answer = annotations(cx)?.annotate(&nowhere, &note("a", map("x")));
    fails("an annotation on nothing", answer, ErrorKind::NotFound)
}
