//! Fields in a grid, with names around them.

use std::collections::BTreeMap;

use super::{
    Contrast, Picture, View, ViewOptions, color_of,
    gather::{Shown, contrasts, nothing},
    marks::{self, Tile},
    text::Lettering,
};
use crate::{Result, model::Color};

const GAP: u32 = 2;
const INK: Color = Color::new(225, 225, 230);

/// Names around the fields of a sheet; empty ones take no room.
#[derive(Clone, Debug, Default)]
pub(super) struct Titles {
    /// One line above all.
    pub(super) above: String,
    /// One left of each row.
    pub(super) rows: Vec<String>,
    /// One above each column.
    pub(super) columns: Vec<String>,
    /// One in each field's top left corner.
    pub(super) tiles: Vec<String>,
}

/// Fields and their places in a grid.
pub(super) struct Sheet<'s> {
    shown: &'s [Shown<'s>],
    places: &'s [(u32, u32)],
    contrasts: BTreeMap<u32, Contrast>,
    /// Places of which no image is known.
    lacking: &'s [(u32, u32)],
    /// Rows and columns.
    grid: (u32, u32),
    /// Height and width of the largest field.
    tile: (u32, u32),
}

/// Where the parts of a sheet are, in pixels.
struct Layout {
    /// Top left corner of the grid.
    origin: (u32, u32),
    /// Height and width of everything.
    size: (u32, u32),
}

impl<'s> Sheet<'s> {
    /// A sheet with `shown[i]` in row and column `places[i]`.
    ///
    /// # Errors
    /// `MissingPlane` when no plane is there at all.
    pub(super) fn of(
        shown: &'s [Shown<'s>],
        places: &'s [(u32, u32)],
        options: &ViewOptions,
    ) -> Result<Self> {
        let planes = shown.iter().flat_map(|shown| shown.planes.values());
        let tile = planes.fold((0, 0), |(height, width), plane| {
            (plane.shape().height.max(height), plane.shape().width.max(width))
        });
        if tile.0 == 0 {
            return Err(nothing(shown));
        }
        let n_rows = places.iter().map(|place| place.0).max().unwrap_or(0) + 1;
        let n_columns = places.iter().map(|place| place.1).max().unwrap_or(0) + 1;
        let contrasts = contrasts(shown, options)?;
        Ok(Self { shown, places, contrasts, lacking: &[], grid: (n_rows, n_columns), tile })
    }

    /// The same in a grid that may be larger than its fields need.
    pub(super) fn with_grid(mut self, n_rows: u32, n_columns: u32) -> Self {
        self.grid = (self.grid.0.max(n_rows), self.grid.1.max(n_columns));
        self
    }

    /// The same with places that should have a field and have none.
    pub(super) fn with_lacking(self, lacking: &'s [(u32, u32)]) -> Self {
        Self { lacking, ..self }
    }

    /// Draws it.
    pub(super) fn draw(&self, titles: &Titles) -> Result<View> {
        let letters = Lettering::of_height((self.tile.0.min(self.tile.1) / 5).clamp(12, 40))?;
        let legend = self.legend();
        let layout = self.layout(titles, &legend, &letters);
        let mut picture = Picture::filled(layout.size.0, layout.size.1, marks::BACKGROUND)?;
        self.draw_titles(&mut picture, titles, &layout, &letters);
        draw_legend(&mut picture, &legend, &letters);
        for place in
            (0..self.grid.0).flat_map(|row| (0..self.grid.1).map(move |column| (row, column)))
        {
            marks::empty(&mut picture, self.tile_at(&layout, place));
        }
        for &place in self.lacking {
            marks::missing(&mut picture, self.tile_at(&layout, place));
        }
        for (number, (shown, &place)) in self.shown.iter().zip(self.places).enumerate() {
            let tile = self.tile_at(&layout, place);
            self.draw_field(&mut picture, shown, tile)?;
            if let Some(title) = titles.tiles.get(number) {
                draw_over(&mut picture, title, (tile.y + GAP, tile.x + 2 * GAP), &letters);
            }
        }
        let gaps = self.shown.iter().flat_map(|shown| shown.gaps.iter().cloned()).collect();
        Ok(View { picture, gaps, wells_without_images: Vec::new() })
    }

    fn layout(&self, titles: &Titles, legend: &[(String, Color)], letters: &Lettering) -> Layout {
        let line = letters.height() + 2 * GAP;
        let row_names = titles.rows.iter().map(|name| letters.width(name) + 4 * GAP).max();
        let n_lines = u32::from(!titles.above.is_empty()) + u32::from(!titles.columns.is_empty());
        let origin = (n_lines * line, row_names.unwrap_or(0));
        let side = |n: u32, size: u32| n.saturating_mul(size + GAP).saturating_add(GAP);
        let foot = if legend.is_empty() { 0 } else { line };
        let height = side(self.grid.0, self.tile.0).saturating_add(origin.0 + foot);
        let width = side(self.grid.1, self.tile.1).saturating_add(origin.1);
        let legend_width = legend.iter().map(|(name, _)| entry_width(name, letters)).sum::<u32>();
        let title_width = letters.width(&titles.above) + 4 * GAP;
        Layout { origin, size: (height, width.max(legend_width).max(title_width)) }
    }

    fn tile_at(&self, layout: &Layout, (row, column): (u32, u32)) -> Tile {
        let (height, width) = self.tile;
        Tile {
            y: layout.origin.0 + GAP + row * (height + GAP),
            x: layout.origin.1 + GAP + column * (width + GAP),
            height,
            width,
        }
    }

    fn draw_titles(
        &self,
        picture: &mut Picture,
        titles: &Titles,
        layout: &Layout,
        letters: &Lettering,
    ) {
        letters.draw(picture, &titles.above, (GAP, 2 * GAP), INK);
        let (origin_y, origin_x) = layout.origin;
        let y = origin_y.saturating_sub(letters.height() + GAP);
        // Where there is no room for each name, every second or fifth is drawn.
        let widest = titles.columns.iter().map(|name| letters.width(name)).max().unwrap_or(0);
        for (column, name) in thinned(&titles.columns, widest + GAP, self.tile.1 + GAP) {
            let tile = self.tile_at(layout, (0, column));
            let room = tile.width.max(widest);
            letters.draw_centred(picture, name, (y, tile.x), room, INK);
        }
        for (row, name) in thinned(&titles.rows, letters.height(), self.tile.0 + GAP) {
            let tile = self.tile_at(layout, (row, 0));
            let indent = tile.height.saturating_sub(letters.height()) / 2;
            letters.draw_centred(picture, name, (tile.y + indent, 0), origin_x, INK);
        }
    }

    fn draw_field(&self, picture: &mut Picture, shown: &Shown<'_>, tile: Tile) -> Result<()> {
        match (shown.planes.is_empty(), shown.gaps.is_empty()) {
            (true, true) => marks::absent(picture, tile),
            (true, false) => marks::missing(picture, tile),
            (false, is_whole) => {
                let field = shown.picture(&self.contrasts)?;
                picture.paste(&field, tile.y, tile.x);
                if !is_whole {
                    let (height, width) = (field.height(), field.width());
                    marks::incomplete(picture, Tile { height, width, ..tile });
                }
            }
        }
        Ok(())
    }

    /// Channels with the colour that they have in the first field that shows them; none for a
    /// single channel without a name.
    fn legend(&self) -> Vec<(String, Color)> {
        let alone = self.contrasts.len() == 1;
        let entry = |c: &u32| {
            let shown = self.shown.iter().find(|shown| shown.planes.contains_key(c))?;
            let color = if alone { Color::WHITE } else { color_of(shown.image, *c) };
            Some((shown.image.channel_name(*c), color))
        };
        self.contrasts.keys().filter_map(entry).collect()
    }
}

/// Draws letters that can be read over a bright image too: with a black edge.
fn draw_over(picture: &mut Picture, text: &str, (y, x): (u32, u32), letters: &Lettering) {
    for (down, right) in [(0, 1), (1, 0), (1, 2), (2, 1), (2, 2)] {
        letters.draw(picture, text, (y + down, x + right), Color::BLACK);
    }
    letters.draw(picture, text, (y + 1, x + 1), INK);
}

/// Names with their numbers, as many as there is room for: `needed` pixels each, one every
/// `step` pixels.
fn thinned(names: &[String], needed: u32, step: u32) -> impl Iterator<Item = (u32, &String)> {
    let every = match needed.div_ceil(step) {
        0 | 1 => 1,
        2 => 2,
        n => n.next_multiple_of(5),
    };
    (0..).zip(names).filter(move |(number, _)| number % every == 0)
}

/// Width of a channel's name in the legend, with its square of colour.
fn entry_width(name: &str, letters: &Lettering) -> u32 {
    letters.width(name) + 2 * letters.height()
}

/// Draws the channels' names along the lower edge, each beside its colour.
fn draw_legend(picture: &mut Picture, legend: &[(String, Color)], letters: &Lettering) {
    let top = picture.height().saturating_sub(letters.height() + GAP);
    let square = letters.height() / 2;
    let mut x = 2 * GAP;
    for (name, color) in legend {
        for at in 0..square * square {
            picture.set(top + square / 2 + at / square, x + at % square, *color);
        }
        letters.draw(picture, name, (top, x + square + square / 2), INK);
        x += entry_width(name, letters);
    }
}
