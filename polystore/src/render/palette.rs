//! Which colour a channel is shown in.

use crate::model::{Channel, Color, ImageStructure};

/// For channels whose colour is not known, or is another channel's already.
const PALETTE: [Color; 7] = [
    Color::new(64, 96, 255),
    Color::new(0, 220, 90),
    Color::new(255, 60, 60),
    Color::new(230, 80, 230),
    Color::new(240, 200, 40),
    Color::new(40, 210, 220),
    Color::new(210, 210, 210),
];

/// The colours of all channels of `image`, one each: the channel's own, its wavelength's, else
/// one of a palette. A channel whose colour is (nearly) that of one before it gets one of the
/// palette too, so that they can be told apart.
pub fn colors_of(image: &ImageStructure) -> Vec<Color> {
    let mut colors: Vec<Color> = Vec::with_capacity(image.sizes.c as usize);
    for c in 0..image.sizes.c as usize {
        let of_wavelength = |channel: &Channel| channel.emission_nm.map(Color::from_wavelength);
        let own = image.channels.get(c);
        let own = own.and_then(|channel| channel.color.or_else(|| of_wavelength(channel)));
        let mut wanted = own.into_iter().chain((0..PALETTE.len()).map(|at| palette(c + at)));
        let free = wanted.find(|color| colors.iter().all(|taken| !are_near(*color, *taken)));
        colors.push(free.or(own).unwrap_or(palette(c)));
    }
    colors
}

/// The colour that channel `c` of `image` is shown in; see [`colors_of`].
pub fn color_of(image: &ImageStructure, c: u32) -> Color {
    colors_of(image).get(c as usize).copied().unwrap_or(Color::WHITE)
}

fn palette(number: usize) -> Color {
    PALETTE[number % PALETTE.len()]
}

/// Whether two colours are hard to tell apart in a composite: differences of green and red
/// count more, as they do to the eye.
fn are_near(one: Color, other: Color) -> bool {
    let apart = |a: u8, b: u8| u32::from(a.abs_diff(b));
    let distance = 3 * apart(one.red, other.red)
        + 4 * apart(one.green, other.green)
        + 2 * apart(one.blue, other.blue);
    distance < 400
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PixelType, VirtualPath, model::Sizes};

    fn image(channels: Vec<Channel>) -> ImageStructure {
        let sizes = Sizes::new(1, channels.len() as u32, 1, 4, 4);
        let image = ImageStructure::new(VirtualPath::root(), PixelType::U16, sizes);
        ImageStructure { channels: channels.into(), ..image }
    }

    #[test]
    fn channels_of_one_wavelength_get_different_colours() {
        let green = Channel { emission_nm: Some(525.0), ..Channel::named("FITC") };
        let colors = colors_of(&image(vec![green.clone(), green.clone(), green.clone(), green]));
        assert_eq!(colors[0], Color::new(0, 255, 0));
        for (number, color) in colors.iter().enumerate() {
            assert!(colors[..number].iter().all(|other| !are_near(*color, *other)), "{colors:?}");
        }
    }

    #[test]
    fn a_colour_of_its_own_is_kept() {
        let red = Channel { color: Some(Color::new(200, 10, 10)), ..Channel::named("Cy5") };
        let colors = colors_of(&image(vec![Channel::named("a"), red]));
        assert_eq!(colors, [PALETTE[0], Color::new(200, 10, 10)]);
        // More channels than colours: some are the same, none is missing.
        assert_eq!(colors_of(&image(vec![Channel::named("a"); 12])).len(), 12);
    }

    #[test]
    fn the_palette_s_colours_can_be_told_apart() {
        for (number, color) in PALETTE.iter().enumerate() {
            assert!(PALETTE[..number].iter().all(|other| !are_near(*color, *other)), "{color:?}");
        }
    }
}
