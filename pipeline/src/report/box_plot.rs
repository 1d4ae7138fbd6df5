//! How values are spread within wells.

use svg::node::element::{Circle, Group, Line, Rectangle, Title};

use super::{
    color,
    drawing::{Theme, tenth},
    number::{short, ticks},
};
use crate::output::{PlateRow, Spread};

/// A box for each well: quartiles, the median, and lines to the 5th and 95th percentile.
pub(super) struct BoxPlot<'a> {
    /// A column of a saved table, as `cells_area_px`.
    pub(super) column: &'a str,
    pub(super) rows: &'a [PlateRow],
    /// Whether the rows are of several acquisitions.
    pub(super) has_several: bool,
}

/// Wells that have room side by side.
pub(super) const MAX_WELLS: usize = 96;

const LEFT: f64 = 58.0;
const TOP: f64 = 36.0;
const HEIGHT: f64 = 180.0;

impl BoxPlot<'_> {
    /// The drawing; `None` when no well has values, or too many wells have.
    pub(super) fn draw(&self, theme: Theme) -> Option<String> {
        let wells: Vec<(&PlateRow, Spread)> =
            self.rows.iter().filter_map(|row| Some((row, row.spread(self.column)?))).collect();
        if wells.is_empty() || wells.len() > MAX_WELLS {
            return None;
        }
        let low = wells.iter().map(|(_, spread)| spread.low).fold(f64::INFINITY, f64::min);
        let high = wells.iter().map(|(_, spread)| spread.high).fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = if high > low { (low, high) } else { (low - 0.5, low + 0.5) };
        let margin = (high - low) * 0.05;
        let (low, high) = (low - margin, high + margin);
        let y = |value: f64| TOP + HEIGHT * (1.0 - (value - low) / (high - low));
        let pitch = (560.0 / wells.len() as f64).clamp(15.0, 56.0);
        let width = LEFT + pitch * wells.len() as f64 + 12.0;
        let mut document = theme
            .document(width.max(LEFT + title_width(self.column)), TOP + HEIGHT + 40.0)
            .add(theme.text(self.column, LEFT, 18.0, 13.0).set("font-weight", 600));
        for tick in ticks(low, high, 5) {
            let line = Line::new()
                .set("x1", LEFT)
                .set("x2", tenth(width))
                .set("y1", tenth(y(tick)))
                .set("y2", tenth(y(tick)))
                .set("stroke", theme.ink())
                .set("stroke-opacity", 0.13);
            let name = theme.text(&short(tick), LEFT - 6.0, y(tick) + 4.0, 11.0);
            document = document.add(line).add(name.set("text-anchor", "end").set("opacity", 0.8));
        }
        for (at, (row, spread)) in wells.iter().enumerate() {
            let x = LEFT + pitch * (at as f64 + 0.5);
            document =
                document.add(draw_box(&row.label(self.has_several), *spread, x, pitch, &y, theme));
            // Names lie along their wells, and every second or third has to do where it is narrow.
            let name = theme.text(&row.label(self.has_several), x + 4.0, TOP + HEIGHT + 12.0, 10.0);
            let turn = format!("rotate(60 {:.1} {:.1})", x - 2.0, TOP + HEIGHT + 12.0);
            document = document
                .add(name.set("x", tenth(x - 2.0)).set("transform", turn).set("opacity", 0.8));
        }
        Some(document.to_string())
    }
}

/// Room that a title needs, whatever the page's font.
fn title_width(text: &str) -> f64 {
    8.0 * text.chars().count() as f64
}

fn draw_box(
    label: &str,
    spread: Spread,
    x: f64,
    pitch: f64,
    y: &impl Fn(f64) -> f64,
    theme: Theme,
) -> Group {
    let half = (pitch * 0.3).min(14.0);
    let line = |x1: f64, x2: f64, from: f64, to: f64, width: f64| {
        Line::new()
            .set("x1", tenth(x1))
            .set("x2", tenth(x2))
            .set("y1", tenth(y(from)))
            .set("y2", tenth(y(to)))
            .set("stroke", theme.ink())
            .set("stroke-width", width)
    };
    let told = format!(
        "{label}: median {}, half between {} and {} (n = {})",
        short(spread.median),
        short(spread.lower),
        short(spread.upper),
        spread.n
    );
    let group = Group::new().add(Title::new(told));
    if spread.n < 2 {
        let dot = Circle::new().set("cx", tenth(x)).set("cy", tenth(y(spread.median))).set("r", 3);
        return group.add(dot.set("fill", color::of(0.45)));
    }
    let quartiles = Rectangle::new()
        .set("x", tenth(x - half))
        .set("y", tenth(y(spread.upper)))
        .set("width", tenth(2.0 * half))
        .set("height", tenth((y(spread.lower) - y(spread.upper)).max(1.0)))
        .set("rx", 2)
        .set("fill", color::of(0.45))
        .set("fill-opacity", 0.75);
    group.add(line(x, x, spread.low, spread.high, 1.0)).add(quartiles).add(line(
        x - half,
        x + half,
        spread.median,
        spread.median,
        2.0,
    ))
}
