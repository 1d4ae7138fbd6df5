//! Fill values: what an absent chunk stands for.

use serde_json::Value;

use super::DataType;
use crate::{PixelType, dispatch};

/// The stored number, native-endian, of a `fill_value` as zarr v2 and v3 write it; `None`
/// for one that is not understood.
pub(super) fn parse(value: &Value, data_type: DataType) -> Option<Vec<u8>> {
    let size = data_type.size_bytes();
    let number = match value {
        Value::Null => return Some(vec![0; size]),
        Value::Bool(set) => f64::from(u8::from(*set)),
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => match text.as_str() {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => return None,
        },
        _ => return None,
    };
    if number == 0.0 {
        return Some(vec![0; size]);
    }
    if !data_type.is_pixel_type() {
        return None;
    }
    let pixel_type: PixelType = data_type.pixel_type();
    dispatch!(pixel_type, T => {
        let fits = |value: T| crate::Element::to_f64(value) == number || number.is_nan();
        let found: T = crate::Element::from_f64(number);
        (fits(found) && (!number.is_nan() || !pixel_type.is_integer()))
            .then(|| bytemuck::bytes_of(&found).to_vec())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_exact_or_refused() {
        let of = |value: Value, name: &str| parse(&value, DataType::from_v3(name, false).unwrap());
        assert_eq!(of(json!(null), "uint16"), Some(vec![0, 0]));
        assert_eq!(of(json!(513), "uint16"), Some(513u16.to_ne_bytes().to_vec()));
        assert_eq!(of(json!(-1), "int8"), Some(vec![255]));
        assert_eq!(of(json!(-1), "uint8"), None);
        assert_eq!(of(json!(0.5), "uint8"), None);
        assert_eq!(of(json!("NaN"), "uint8"), None);
        assert_eq!(of(json!("Infinity"), "float32"), Some(f32::INFINITY.to_ne_bytes().to_vec()));
        assert_eq!(of(json!(0), "int64"), Some(vec![0; 8]));
        assert_eq!(of(json!(5), "int64"), None);
        assert_eq!(of(json!(false), "bool"), Some(vec![0]));
    }
}
