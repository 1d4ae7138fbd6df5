//! Parts of drawings.

use svg::{
    Document,
    node::element::{Rectangle, Text},
};

/// Where a drawing is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Theme {
    /// In a file of its own: dark on white.
    File,
    /// On the page: in the page's colours.
    Page,
}

impl Theme {
    pub(super) fn ink(self) -> &'static str {
        match self {
            Self::File => "#1f2328",
            Self::Page => "currentColor",
        }
    }

    /// An empty drawing.
    pub(super) fn document(self, width: f64, height: f64) -> Document {
        let document = Document::new()
            .set("viewBox", (0, 0, width.ceil() as i64, height.ceil() as i64))
            .set("width", width.ceil() as i64)
            .set("height", height.ceil() as i64)
            .set("font-family", "system-ui, Ubuntu, Helvetica, Arial, sans-serif");
        match self {
            Self::File => document.add(
                Rectangle::new().set("width", "100%").set("height", "100%").set("fill", "#ffffff"),
            ),
            Self::Page => document,
        }
    }

    pub(super) fn text(self, content: &str, x: f64, y: f64, size: f64) -> Text {
        Text::new(content)
            .set("x", tenth(x))
            .set("y", tenth(y))
            .set("font-size", tenth(size))
            .set("fill", self.ink())
    }
}

/// To a tenth of a unit: enough to see, and short.
pub(super) fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
