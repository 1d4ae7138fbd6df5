//! The plate as a map of colours.

use std::collections::HashMap;

use polystore::{WellPosition, row_name, words::count};
use svg::{
    Document,
    node::element::{
        Definitions, Group, Line, LinearGradient, Path, Pattern, Rectangle, Stop, Text, Title,
    },
};

use super::{
    color,
    drawing::{Theme, tenth},
    number::{short, ticks},
};
use crate::output::PlateRow;

/// One column of the plate table over the grid of the plate.
pub(super) struct Heatmap<'a> {
    pub(super) n_rows: u32,
    pub(super) n_columns: u32,
    pub(super) column: &'a str,
    /// Of the plate, and the acquisition where there are several.
    pub(super) title: &'a str,
    pub(super) rows: &'a [PlateRow],
    /// The acquisition that is drawn, where there are several. Colours mean the same in all.
    pub(super) acquisition: Option<u32>,
}

/// Sizes of a drawing.
struct Layout {
    /// Side of a well, with the gap to the next.
    pitch: f64,
    gap: f64,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    grid_width: f64,
    grid_height: f64,
}

impl Layout {
    fn of(n_rows: u32, n_columns: u32, title: &str) -> Self {
        let (pitch, gap) = match n_columns.max(n_rows) {
            0..=12 => (48.0, 3.0),
            13..=24 => (30.0, 2.0),
            25..=48 => (18.0, 1.0),
            _ => (9.0, 0.5),
        };
        let (left, top) = (34.0, 74.0);
        let (grid_width, grid_height) = (pitch * f64::from(n_columns), pitch * f64::from(n_rows));
        let title_width = 10.0 * title.chars().count() as f64;
        let width = (left + grid_width + 110.0).max(420.0).max(left + title_width);
        let height = top + grid_height.max(BAR_HEIGHT) + 48.0;
        Self { pitch, gap, left, top, width, height, grid_width, grid_height }
    }

    fn corner(&self, well: WellPosition) -> (f64, f64) {
        let along = |start: f64, number: u32| start + self.pitch * f64::from(number);
        (along(self.left, well.column), along(self.top, well.row))
    }
}

const BAR_HEIGHT: f64 = 150.0;

impl Heatmap<'_> {
    /// Smallest and largest value; `None` without any.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        let values = self.rows.iter().filter_map(|row| row.value(self.column));
        values.filter(|value| value.is_finite()).fold(None, |range, value| match range {
            None => Some((value, value)),
            Some((low, high)) => Some((f64::min(low, value), f64::max(high, value))),
        })
    }

    /// The rows of the acquisition.
    fn drawn(&self) -> impl Iterator<Item = &PlateRow> {
        let is_drawn =
            |row: &&PlateRow| self.acquisition.is_none_or(|drawn| row.acquisition == drawn);
        self.rows.iter().filter(is_drawn)
    }

    pub(super) fn draw(&self, theme: Theme) -> String {
        let layout = Layout::of(self.n_rows, self.n_columns, self.column);
        let range = self.range();
        let document = theme
            .document(layout.width, layout.height)
            .add(definitions(theme))
            .add(
                theme
                    .text(self.column, layout.left, 24.0, 17.0)
                    .set("font-weight", 600)
                    .set("class", "column"),
            )
            .add(theme.text(self.title, layout.left, 43.0, 12.0).set("opacity", 0.7));
        let document = self.draw_names(document, &layout, theme);
        let document = self.draw_wells(document, &layout, theme, range);
        let document = draw_legend(document, &layout, theme);
        match range {
            Some(range) => draw_bar(document, &layout, theme, range),
            None => document,
        }
        .to_string()
    }

    fn draw_names(&self, mut document: Document, layout: &Layout, theme: Theme) -> Document {
        // Names that would touch are left out.
        let step = (13.0 / layout.pitch).ceil() as u32;
        let size = (layout.pitch * 0.5).clamp(7.0, 12.0);
        let middle = layout.pitch / 2.0;
        for row in (0..self.n_rows).step_by(step as usize) {
            let (x, y) = layout.corner(WellPosition::new(row, 0));
            let name = theme.text(&row_name(row), x - 7.0, y + middle + size * 0.36, size);
            document = document.add(name.set("text-anchor", "end").set("opacity", 0.8));
        }
        for column in (0..self.n_columns).step_by(step as usize) {
            let (x, y) = layout.corner(WellPosition::new(0, column));
            let number = (u64::from(column) + 1).to_string();
            let name = theme.text(&number, x + middle, y - 6.0, size);
            document = document.add(name.set("text-anchor", "middle").set("opacity", 0.8));
        }
        document
    }

    fn draw_wells(
        &self,
        mut document: Document,
        layout: &Layout,
        theme: Theme,
        range: Option<(f64, f64)>,
    ) -> Document {
        let rows: HashMap<WellPosition, &PlateRow> =
            self.drawn().map(|row| (row.well, row)).collect();
        for row in 0..self.n_rows {
            for column in 0..self.n_columns {
                let well = WellPosition::new(row, column);
                let drawn = match rows.get(&well) {
                    None => square(layout, well)
                        .set("fill", "none")
                        .set("stroke", theme.ink())
                        .set("stroke-opacity", 0.18)
                        .into(),
                    Some(row) => self.draw_well(row, layout, theme, range),
                };
                document = document.add(drawn);
            }
        }
        document
    }

    fn draw_well(
        &self,
        row: &PlateRow,
        layout: &Layout,
        theme: Theme,
        range: Option<(f64, f64)>,
    ) -> svg::node::element::Element {
        let value = row.value(self.column);
        let place = value.zip(range).map(|(value, (low, high))| match high > low {
            true => (value - low) / (high - low),
            false => 0.5,
        });
        let fill = place.map_or_else(|| "url(#no-value)".to_owned(), color::of);
        let told = value.map_or_else(|| "no value".to_owned(), short);
        let in_part = match row.n_partial {
            0 => String::new(),
            n => format!(", {n} in part"),
        };
        let fields = format!("{} of {}{in_part}", row.n_done, count(row.n_fields, "field"));
        let label = row.label(self.acquisition.is_some());
        let title = format!("{label}: {told} ({fields})");
        let mut group =
            Group::new().set("class", "well").set("data-well", label).add(Title::new(title)).add(
                square(layout, row.well)
                    .set("fill", fill)
                    .set("stroke", theme.ink())
                    .set("stroke-opacity", 0.25),
            );
        let (x, y) = layout.corner(row.well);
        if layout.pitch >= 40.0 {
            let middle = (x + layout.pitch / 2.0, y + layout.pitch / 2.0 + 4.0);
            let text = place.map_or(theme.ink(), color::of_text);
            let number = Text::new(value.map_or_else(|| "\u{2013}".to_owned(), short))
                .set("x", tenth(middle.0))
                .set("y", tenth(middle.1))
                .set("font-size", 11)
                .set("text-anchor", "middle")
                .set("fill", text);
            group = group.add(number);
        }
        if !row.is_complete() {
            group = group.add(corner_mark(layout, x, y));
        }
        group.into()
    }
}

fn square(layout: &Layout, well: WellPosition) -> Rectangle {
    let (x, y) = layout.corner(well);
    let side = layout.pitch - layout.gap;
    Rectangle::new()
        .set("x", tenth(x + layout.gap / 2.0))
        .set("y", tenth(y + layout.gap / 2.0))
        .set("width", tenth(side))
        .set("height", tenth(side))
        .set("rx", tenth(side * 0.12))
}

/// A red corner: something of this well is missing or failed.
fn corner_mark(layout: &Layout, x: f64, y: f64) -> Path {
    let side = (layout.pitch * 0.3).max(4.0);
    let right = x + layout.pitch - layout.gap / 2.0;
    let top = y + layout.gap / 2.0;
    Path::new()
        .set("d", format!("M{:.1} {:.1}h{side:.1}v{side:.1}z", right - side, top))
        .set("fill", "#d1242f")
}

fn definitions(theme: Theme) -> Definitions {
    let stripe = Line::new()
        .set("x1", 0)
        .set("y1", 0)
        .set("x2", 0)
        .set("y2", 6)
        .set("stroke", theme.ink())
        .set("stroke-opacity", 0.45)
        .set("stroke-width", 2.5);
    let pattern = Pattern::new()
        .set("id", "no-value")
        .set("width", 6)
        .set("height", 6)
        .set("patternUnits", "userSpaceOnUse")
        .set("patternTransform", "rotate(45)")
        .add(stripe);
    let mut gradient = LinearGradient::new()
        .set("id", "values")
        .set("x1", 0)
        .set("y1", 1)
        .set("x2", 0)
        .set("y2", 0);
    let last = (color::VIRIDIS.len() - 1) as f64;
    for at in (0..color::VIRIDIS.len()).step_by(4) {
        let place = at as f64 / last;
        let stop = Stop::new().set("offset", place).set("stop-color", color::of(place));
        gradient = gradient.add(stop);
    }
    Definitions::new().add(pattern).add(gradient)
}

fn draw_bar(
    mut document: Document,
    layout: &Layout,
    theme: Theme,
    (low, high): (f64, f64),
) -> Document {
    let (x, y) = (layout.left + layout.grid_width + 22.0, layout.top);
    let bar = Rectangle::new()
        .set("class", "bar")
        .set("x", tenth(x))
        .set("y", tenth(y))
        .set("width", 14)
        .set("height", BAR_HEIGHT)
        .set("rx", 2)
        .set("fill", if high > low { "url(#values)".to_owned() } else { color::of(0.5) });
    document = document.add(bar);
    for tick in ticks(low, high, 5) {
        let place = if high > low { (tick - low) / (high - low) } else { 0.5 };
        let at = y + BAR_HEIGHT * (1.0 - place);
        let mark = Line::new()
            .set("x1", tenth(x + 14.0))
            .set("x2", tenth(x + 18.0))
            .set("y1", tenth(at))
            .set("y2", tenth(at))
            .set("stroke", theme.ink())
            .set("stroke-opacity", 0.6);
        let name = theme.text(&short(tick), x + 22.0, at + 4.0, 11.0);
        document = document.add(Group::new().set("class", "tick").add(mark).add(name));
    }
    document
}

/// What wells without a colour mean.
fn draw_legend(document: Document, layout: &Layout, theme: Theme) -> Document {
    let y = layout.top + layout.grid_height.max(BAR_HEIGHT) + 18.0;
    let key = |x: f64| {
        Rectangle::new()
            .set("x", tenth(x))
            .set("y", tenth(y))
            .set("width", 13)
            .set("height", 13)
            .set("rx", 2)
    };
    let name = |text: &str, x: f64| theme.text(text, x + 18.0, y + 10.5, 11.0).set("opacity", 0.8);
    let outlined = |square: Rectangle, opacity: f64| {
        square.set("stroke", theme.ink()).set("stroke-opacity", opacity)
    };
    let (first, second, third) = (layout.left, layout.left + 90.0, layout.left + 206.0);
    let mark =
        Path::new().set("d", format!("M{:.1} {y:.1}h8v8z", third + 5.0)).set("fill", "#d1242f");
    document
        .add(outlined(key(first).set("fill", "url(#no-value)"), 0.25))
        .add(name("no value", first))
        .add(outlined(key(second).set("fill", "none"), 0.18))
        .add(name("not in this run", second))
        .add(outlined(key(third).set("fill", "none"), 0.25))
        .add(mark)
        .add(name("something missing or failed", third))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::raster::to_png;

    fn row(well: &str, count: Option<f64>) -> PlateRow {
        let mut row = PlateRow::new(well.parse().unwrap(), 0, 1);
        row.n_done = u64::from(count.is_some());
        row.values.extend(count.map(|count| ("cells_count".to_owned(), count)));
        row
    }

    fn map(rows: &[PlateRow]) -> Heatmap<'_> {
        Heatmap {
            n_rows: 2,
            n_columns: 3,
            column: "cells_count",
            title: "a <plate> & \"more\"",
            rows,
            acquisition: None,
        }
    }

    #[test]
    fn zero_no_value_and_not_in_the_run_look_different() {
        let rows = [row("A01", Some(0.0)), row("A02", Some(10.0)), row("B01", None)];
        let svg = map(&rows).draw(Theme::File);
        assert!(svg.contains("a &lt;plate&gt; &amp;"));
        assert_eq!(svg.matches("class=\"well\"").count(), 3);
        assert_eq!(svg.matches("fill=\"#440154\"").count(), 1);
        assert_eq!(svg.matches("fill=\"#fde725\"").count(), 1);
        // One well and its key.
        assert_eq!(svg.matches("fill=\"url(#no-value)\"").count(), 2);
        assert_eq!(svg.matches("stroke-opacity=\"0.18\"").count(), 3 + 1);
    }

    #[test]
    fn each_acquisition_has_a_map_of_its_own_and_one_scale() {
        let mut rows = [row("A01", Some(0.0)), row("A01", Some(10.0)), row("A02", Some(5.0))];
        rows[1].acquisition = 1;
        let maps = [0, 1].map(|run| Heatmap { acquisition: Some(run), ..map(&rows) });
        assert!(maps.iter().all(|map| map.range() == Some((0.0, 10.0))));
        let drawn = maps.map(|map| map.draw(Theme::Page));
        assert_eq!(drawn.each_ref().map(|svg| svg.matches("class=\"well\"").count()), [2, 1]);
        assert!(drawn[0].contains("data-well=\"A01 a1\"") && drawn[0].contains("#440154"));
        assert!(drawn[1].contains("data-well=\"A01 a2\"") && drawn[1].contains("#fde725"));
    }

    #[test]
    fn drawings_are_the_same_every_time_and_become_pictures() {
        let rows = [row("A01", Some(3.0)), row("B03", Some(3.0))];
        let svg = map(&rows).draw(Theme::File);
        assert_eq!(svg, map(&rows).draw(Theme::File));
        let png = to_png(&svg).unwrap();
        assert_eq!(&png[1..4], b"PNG");
        assert!(png.len() > 2000, "{}", png.len());
    }

    #[test]
    fn a_plate_without_values_is_drawn() {
        let rows = [row("A01", None)];
        assert!(map(&rows).range().is_none());
        to_png(&map(&rows).draw(Theme::File)).unwrap();
        to_png(&map(&[]).draw(Theme::File)).unwrap();
    }
}
