//! Names of the schema for units, number types and colours.

use crate::{PixelType, model::Color};

/// Nanometres, micrometres and so on in µm; `None` for units that are no length (`pixel`,
/// `reference frame`) and for unknown ones.
pub(super) fn micrometres_in(unit: &str) -> Option<f64> {
    Some(match unit {
        "pm" => 1e-6,
        "Å" => 1e-4,
        "nm" => 1e-3,
        "µm" | "um" | "\u{3bc}m" => 1.0,
        "mm" => 1e3,
        "cm" => 1e4,
        "dm" => 1e5,
        "m" => 1e6,
        "in" => 25_400.0,
        "thou" => 25.4,
        _ => return None,
    })
}

/// The schema's name of a number type.
pub(super) fn type_name(pixel_type: PixelType) -> &'static str {
    match pixel_type {
        PixelType::F32 => "float",
        PixelType::F64 => "double",
        integer => integer.as_str(),
    }
}

/// The number type of a schema name; bits are stored one per byte here.
pub(super) fn type_of(name: &str) -> Option<PixelType> {
    match name {
        "float" => Some(PixelType::F32),
        "double" => Some(PixelType::F64),
        "bit" => Some(PixelType::U8),
        _ => PixelType::ALL.into_iter().find(|known| known.is_integer() && known.as_str() == name),
    }
}

/// A colour as the schema writes it: red, green, blue, alpha in one signed number.
pub(super) fn color_number(color: Color) -> i32 {
    i32::from_be_bytes([color.red, color.green, color.blue, 255])
}

/// The colour of a number.
pub(super) fn color_of(number: i32) -> Color {
    let [red, green, blue, _] = number.to_be_bytes();
    Color::new(red, green, blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_colours_round_trip() {
        for pixel_type in PixelType::ALL {
            assert_eq!(type_of(type_name(pixel_type)), Some(pixel_type));
        }
        assert_eq!(type_of("complex"), None);
        assert_eq!(type_of("float32"), None);
        assert_eq!(color_number(Color::WHITE), -1);
        let color = Color::new(1, 2, 255);
        assert_eq!(color_of(color_number(color)), color);
        assert_eq!(micrometres_in("reference frame"), None);
    }
}
