//! Drawings as PNG files.

use std::sync::{Arc, OnceLock};

use resvg::{tiny_skia, usvg};

use crate::{Error, Result};

/// Pixels per unit of a drawing.
const SCALE: f32 = 2.0;
/// Largest side of a picture in pixels.
const MAX_SIDE: f32 = 16_384.0;

/// Draws `svg` as PNG. Texts are set in a font of this program, so a picture is the same on
/// every computer.
///
/// # Errors
/// `Function` when the drawing is broken or too large.
pub(super) fn to_png(svg: &str) -> Result<Vec<u8>> {
    let options = usvg::Options {
        fontdb: fonts(),
        font_family: "Ubuntu".to_owned(),
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(svg, &options)
        .map_err(|error| Error::function(format!("a drawing is broken: {error}")))?;
    let size = tree.size();
    let (width, height) = ((size.width() * SCALE).ceil(), (size.height() * SCALE).ceil());
    let pixels = (width <= MAX_SIDE && height <= MAX_SIDE)
        .then(|| tiny_skia::Pixmap::new(width as u32, height as u32))
        .flatten();
    let mut pixels = pixels
        .ok_or_else(|| Error::function(format!("a drawing of {width} x {height} is too large")))?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| Error::function(error.to_string()))
}

fn fonts() -> Arc<usvg::fontdb::Database> {
    static FONTS: OnceLock<Arc<usvg::fontdb::Database>> = OnceLock::new();
    Arc::clone(FONTS.get_or_init(|| {
        let mut fonts = usvg::fontdb::Database::new();
        fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
        for set in [
            usvg::fontdb::Database::set_sans_serif_family,
            usvg::fontdb::Database::set_monospace_family,
        ] {
            set(&mut fonts, "Ubuntu".to_owned());
        }
        Arc::new(fonts)
    }))
}
