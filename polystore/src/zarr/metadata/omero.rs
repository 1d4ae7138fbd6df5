//! `omero`: names and colours of channels.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    PixelType, dispatch,
    model::{Channel, Color},
    zarr::NgffVersion,
};

/// The block as it is read; windows and anything else are passed over.
#[derive(Debug, Deserialize)]
pub(in super::super) struct OmeroJson {
    #[serde(default)]
    channels: Vec<ChannelJson>,
}

#[derive(Debug, Deserialize)]
struct ChannelJson {
    #[serde(default)]
    label: Value,
    #[serde(default)]
    color: Value,
}

impl OmeroJson {
    /// The names and colours of `n_channels` channels; those that are not described are unknown.
    pub(in super::super) fn channels(&self, n_channels: usize) -> Vec<Channel> {
        let described = self.channels.iter().map(|channel| Channel {
            name: channel.label.as_str().unwrap_or_default().to_owned(),
            color: channel.color.as_str().and_then(color),
            ..Channel::default()
        });
        let unknown = std::iter::repeat_with(Channel::default);
        described.chain(unknown).take(n_channels).collect()
    }
}

/// Six hexadecimal digits; the two of an opacity after them are passed over.
fn color(text: &str) -> Option<Color> {
    Color::from_hex(text.get(..text.len().min(6 + usize::from(text.starts_with('#'))))?)
}

/// The block to write, or `None` when nothing is known of any channel. NGFF 0.4 wants a
/// colour and a window for every channel: white, and all values of the type. In 0.5 what is
/// not known is left out.
pub(in super::super) fn omero(
    version: NgffVersion,
    channels: &[Channel],
    pixel_type: PixelType,
) -> Option<Value> {
    if channels.iter().all(|channel| channel.name.is_empty() && channel.color.is_none()) {
        return None;
    }
    let is_strict = version == NgffVersion::V04;
    let (low, high) = range(pixel_type);
    let window = json!({ "min": low, "max": high, "start": low, "end": high });
    let describe = |channel: &Channel| {
        let label = (!channel.name.is_empty()).then(|| json!(channel.name));
        let color = channel.color.or(is_strict.then_some(Color::WHITE));
        Value::Object(super::map([
            ("label", label),
            ("color", color.map(|color| json!(color.to_hex()))),
            ("active", Some(json!(true))),
            ("window", is_strict.then(|| window.clone())),
        ]))
    };
    Some(json!({ "channels": channels.iter().map(describe).collect::<Vec<_>>() }))
}

/// The least and largest value of a type; 0 and 1 for numbers with a point.
fn range(pixel_type: PixelType) -> (f64, f64) {
    if !pixel_type.is_integer() {
        return (0.0, 1.0);
    }
    dispatch!(pixel_type, T => {
        let of = |value: f64| crate::Element::to_f64(<T as crate::Element>::from_f64(value));
        (of(f64::MIN), of(f64::MAX))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_round_trip() {
        let channels = [
            Channel { color: Color::from_hex("0000FF"), ..Channel::named("DAPI") },
            Channel::default(),
        ];
        let json = omero(NgffVersion::V04, &channels, PixelType::I16).unwrap();
        assert_eq!(json["channels"][0]["window"]["min"], -32768.0);
        assert!(json["channels"][1].get("label").is_none());
        let read: OmeroJson = serde_json::from_value(json).unwrap();
        let read = read.channels(3);
        assert_eq!(read[0], channels[0]);
        assert_eq!((read[1].color, read.len()), (Some(Color::WHITE), 3));
        let json = omero(NgffVersion::V05, &channels, PixelType::I16).unwrap();
        let read: OmeroJson = serde_json::from_value(json).unwrap();
        assert_eq!(read.channels(2), channels);
        assert_eq!(omero(NgffVersion::V04, &[Channel::default()], PixelType::U8), None);
    }

    #[test]
    fn colours_may_have_a_hash_or_an_opacity() {
        let blue = Color::from_hex("0000FF");
        for text in ["0000FF", "#0000FF", "0000FF80", "#0000FF80"] {
            assert_eq!(color(text), blue, "{text}");
        }
        for bad in ["", "#", "red", "0000F", "éééé"] {
            assert_eq!(color(bad), None, "{bad}");
        }
    }
}
