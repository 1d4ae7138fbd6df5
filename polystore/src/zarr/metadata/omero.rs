//! `omero`: names and colours of channels, and which of their values are shown.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    PixelType, dispatch,
    model::{Channel, Color, ImageKind, ImageStructure},
    render::colors_of,
};

/// The block as it is read; anything else is passed over.
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
    #[serde(default)]
    window: Value,
}

impl OmeroJson {
    /// The names, colours and windows of `n_channels` channels; those that are not described are unknown.
    pub(in super::super) fn channels(&self, n_channels: usize) -> Vec<Channel> {
        let described = self.channels.iter().map(|channel| Channel {
            name: channel.label.as_str().unwrap_or_default().to_owned(),
            color: channel.color.as_str().and_then(color),
            window: window(&channel.window),
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

/// Start and end of a window. One from its `min` to its `max` says nothing of the image.
fn window(json: &Value) -> Option<(f64, f64)> {
    let number = |name: &str| json.get(name)?.as_f64();
    let (start, end) = (number("start")?, number("end")?);
    let is_whole = number("min") == Some(start) && number("max") == Some(end);
    (start < end && !is_whole).then_some((start, end))
}

/// The block to write, or `None` when nothing is known of any channel, and for labels, whose
/// colours are those of `image-label`. NGFF wants a colour and a window for every channel: one
/// of a palette, and all values of the type, where nothing is known.
pub(in super::super) fn omero(image: &ImageStructure) -> Option<Value> {
    let is_known = |channel: &Channel| {
        !channel.name.is_empty() || channel.color.is_some() || channel.window.is_some()
    };
    if image.kind == ImageKind::Labels || !image.channels.iter().any(is_known) {
        return None;
    }
    let alone = image.channels.len() == 1;
    let describe = |(channel, shown): (&Channel, Color)| {
        let unknown = if alone { Color::WHITE } else { shown };
        let label = (!channel.name.is_empty()).then(|| json!(channel.name));
        Value::Object(super::map([
            ("label", label),
            ("color", Some(json!(channel.color.unwrap_or(unknown).to_hex()))),
            ("active", Some(json!(true))),
            ("window", Some(window_of(channel, image.pixel_type))),
        ]))
    };
    let channels = image.channels.iter().zip(colors_of(image)).map(describe);
    Some(json!({ "channels": channels.collect::<Vec<_>>() }))
}

/// The window of a channel: what is known, and all values of the type where nothing is.
pub(in super::super) fn window_of(channel: &Channel, pixel_type: PixelType) -> Value {
    let (low, high) = range(pixel_type);
    let (start, end) = channel.window.unwrap_or((low, high));
    // Numbers with a point have no range that says anything.
    let (min, max) = match pixel_type.is_integer() {
        true => (low, high),
        false => (low.min(start), high.max(end)),
    };
    json!({ "min": min, "max": max, "start": start.max(min), "end": end.min(max) })
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
            Channel {
                color: Color::from_hex("0000FF"),
                window: Some((-5.0, 90.5)),
                ..Channel::named("DAPI")
            },
            Channel::default(),
        ];
        let json = omero(&image(&channels, PixelType::I16)).unwrap();
        let window = &json["channels"][0]["window"];
        assert_eq!((&window["min"], &window["start"]), (&(-32768.0).into(), &(-5.0).into()));
        assert_eq!(json["channels"][1]["window"]["end"], 32767.0);
        assert!(json["channels"][1].get("label").is_none());
        let read: OmeroJson = serde_json::from_value(json).unwrap();
        let read = read.channels(3);
        assert_eq!(read[0], channels[0]);
        assert_eq!((read[1].window, read.len()), (None, 3));
        assert!(read[1].color.is_some_and(|color| Some(color) != channels[0].color));
        assert_eq!(omero(&image(&[Channel::default()], PixelType::U8)), None);
    }

    #[test]
    fn windows_stay_in_the_type_and_labels_have_no_block() {
        let channel = Channel { window: Some((0.0, 300.0)), ..Channel::default() };
        let json = omero(&image(std::slice::from_ref(&channel), PixelType::U8)).unwrap();
        assert_eq!(json["channels"][0]["window"]["end"], 255.0);
        assert_eq!(json["channels"][0]["color"], "FFFFFF");
        let json = omero(&image(std::slice::from_ref(&channel), PixelType::F32)).unwrap();
        assert_eq!(json["channels"][0]["window"]["max"], 300.0);
        let labels = ImageStructure {
            kind: ImageKind::Labels,
            ..image(&[Channel::named("nuclei")], PixelType::U32)
        };
        assert_eq!(omero(&labels), None);
        for bad in [json!({"start": 5, "end": 5}), json!({"start": "a"}), json!(3), Value::Null] {
            assert_eq!(window(&bad), None, "{bad}");
        }
    }

    fn image(channels: &[Channel], pixel_type: PixelType) -> ImageStructure {
        let sizes = crate::model::Sizes::new(1, channels.len() as u32, 1, 4, 4);
        let image = ImageStructure::new(crate::VirtualPath::root(), pixel_type, sizes);
        ImageStructure { channels: channels.into(), ..image }
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
