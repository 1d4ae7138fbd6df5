//! Letters in pictures: names of rows, columns, fields and channels.

use ab_glyph::{Font, FontRef, PxScaleFont, ScaleFont, point};

use super::Picture;
use crate::{Error, Result, model::Color};

/// A font at one size.
pub(super) struct Lettering {
    font: PxScaleFont<FontRef<'static>>,
}

impl Lettering {
    /// Letters whose lines are `height` pixels high.
    pub(super) fn of_height(height: u32) -> Result<Self> {
        let font = FontRef::try_from_slice(epaint_default_fonts::HACK_REGULAR)
            .map_err(|error| Error::internal("the built-in font is broken").with_source(error))?;
        Ok(Self { font: font.into_scaled(height as f32) })
    }

    /// Height of a line in pixels.
    pub(super) fn height(&self) -> u32 {
        self.font.height().ceil() as u32
    }

    /// Width of `text` in pixels.
    pub(super) fn width(&self, text: &str) -> u32 {
        let advance = |letter| self.font.h_advance(self.font.glyph_id(letter));
        text.chars().map(advance).sum::<f32>().ceil() as u32
    }

    /// Draws one line with its top left corner at `(y, x)`; what reaches outside is cut off.
    pub(super) fn draw(&self, picture: &mut Picture, text: &str, (y, x): (u32, u32), ink: Color) {
        let mut pen = x as f32;
        for letter in text.chars() {
            let mut glyph = self.font.scaled_glyph(letter);
            glyph.position = point(pen, y as f32 + self.font.ascent());
            pen += self.font.h_advance(glyph.id);
            let Some(outline) = self.font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|column, row, cover| {
                let at = (corner.y + row as f32, corner.x + column as f32);
                if at.0 >= 0.0 && at.1 >= 0.0 {
                    picture.blend(at.0 as u32, at.1 as u32, ink, cover);
                }
            });
        }
    }

    /// As [`Lettering::draw`], in the middle of `width` pixels from `x` on.
    pub(super) fn draw_centred(
        &self,
        picture: &mut Picture,
        text: &str,
        (y, x): (u32, u32),
        width: u32,
        ink: Color,
    ) {
        let indent = width.saturating_sub(self.width(text)) / 2;
        self.draw(picture, text, (y, x + indent), ink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_stay_in_their_line_and_in_the_picture() {
        let letters = Lettering::of_height(20).unwrap();
        let mut picture = Picture::filled(40, 100, Color::BLACK).unwrap();
        letters.draw(&mut picture, "AF48", (10, 5), Color::WHITE);
        let lit = |picture: &Picture| {
            let mut places = Vec::new();
            for (number, pixel) in picture.pixels().chunks_exact(3).enumerate() {
                if pixel[0] > 60 {
                    places.push((number as u32 / 100, number as u32 % 100));
                }
            }
            places
        };
        let places = lit(&picture);
        assert!(places.len() > 50, "{places:?}");
        let lines = 10..10 + letters.height();
        let columns = 5..5 + letters.width("AF48");
        assert!(places.iter().all(|(y, x)| lines.contains(y) && columns.contains(x)));
        letters.draw(&mut picture, "far outside", (35, 95), Color::WHITE);
        assert!(letters.width("AF48") > letters.width("A"));
    }
}
