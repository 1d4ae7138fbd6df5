//! Colours for values.

/// The map *viridis* of matplotlib (CC0), every eighth of its 256 colours. It is
/// perceptually uniform, and readable in grey and with the common colour blindnesses.
pub(super) const VIRIDIS: [u32; 33] = [
    0x440154, 0x470d60, 0x48186a, 0x482374, 0x472d7b, 0x453781, 0x424086, 0x3e4989, 0x3b528b,
    0x375b8d, 0x33638d, 0x2f6b8e, 0x2c728e, 0x297a8e, 0x26828e, 0x23898e, 0x21918c, 0x1f988b,
    0x1fa088, 0x22a785, 0x28ae80, 0x32b67a, 0x3fbc73, 0x4ec36b, 0x5ec962, 0x70cf57, 0x84d44b,
    0x98d83e, 0xaddc30, 0xc2df23, 0xd8e219, 0xece51b, 0xfde725,
];

/// The colour of a value from 0 to 1, as `#rrggbb`; that of 0 for what is not a number.
pub(super) fn of(value: f64) -> String {
    // `max` gives the other number when one is NaN; `clamp` would keep it.
    let place = value.max(0.0).min(1.0) * (VIRIDIS.len() - 1) as f64;
    let (at, part) = (place as usize, place.fract());
    let (low, high) = (VIRIDIS[at], VIRIDIS[(at + 1).min(VIRIDIS.len() - 1)]);
    let mix = |shift: u32| {
        let (low, high) = (f64::from(low >> shift & 0xff), f64::from(high >> shift & 0xff));
        (low + (high - low) * part).round() as u8
    };
    format!("#{:02x}{:02x}{:02x}", mix(16), mix(8), mix(0))
}

/// The colour of text on a value's colour.
pub(super) fn of_text(value: f64) -> &'static str {
    if value < 0.6 { "#ffffff" } else { "#111111" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_those_of_the_map_and_brightness_grows() {
        assert_eq!((of(0.0).as_str(), of(1.0).as_str()), ("#440154", "#fde725"));
        assert_eq!(of(f64::NAN), "#440154");
        let brightness =
            |color: u32| 2 * (color >> 16 & 0xff) + 7 * (color >> 8 & 0xff) + (color & 0xff);
        assert!(VIRIDIS.windows(2).all(|pair| brightness(pair[0]) < brightness(pair[1])));
    }
}
