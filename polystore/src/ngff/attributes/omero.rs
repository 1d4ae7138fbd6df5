//! `omero`: how the channels of an image are shown.

use crate::ngff::{Version, cursor::Cursor, report::Location, rules};

/// Checks `omero` and answers how many channels it lists.
pub(super) fn check(omero: &Cursor<'_>, version: Version) -> Option<(usize, Location)> {
    let list = omero.object(rules::OMERO)?.required("channels", rules::OMERO_CHANNELS)?;
    let channels = list.items(rules::OMERO_CHANNELS)?;
    for channel in &channels {
        check_channel(channel, version);
    }
    Some((channels.len(), list.location()))
}

fn check_channel(channel: &Cursor<'_>, version: Version) -> Option<()> {
    channel.object(rules::OMERO_CHANNELS)?;
    // From 0.5 on the text still asks for both, the schema does not.
    let rule = match version {
        Version::V04 => rules::OMERO_CHANNEL_REQUIRED,
        _ => rules::OMERO_CHANNEL_EXPECTED,
    };
    channel.expect_keys(&["window", "color"], rule);
    for key in ["label", "family"] {
        if let Some(text) = channel.get(key) {
            text.text(rules::OMERO_CHANNEL_FIELD);
        }
    }
    if let Some(active) = channel.get("active") {
        active.boolean(rules::OMERO_CHANNEL_FIELD);
    }
    if let Some(window) = channel.get("window") {
        check_window(&window);
    }
    let color = channel.get("color")?;
    color.text(rules::OMERO_CHANNEL_FIELD)?;
    color.text_like(rules::OMERO_COLOR, "six hexadecimal digits", |text| {
        text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    Some(())
}

fn check_window(window: &Cursor<'_>) {
    const ENDS: [&str; 4] = ["start", "end", "min", "max"];
    if window.object(rules::OMERO_WINDOW).is_none() {
        return;
    }
    window.expect_keys(&ENDS, rules::OMERO_WINDOW);
    for end in ENDS.iter().filter_map(|key| window.get(key)) {
        end.number(rules::OMERO_WINDOW);
    }
}
