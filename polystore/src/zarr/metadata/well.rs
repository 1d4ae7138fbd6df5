//! `well`: the images of a well.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Error, Result, VirtualPath, zarr::NgffVersion};

/// Most images of a well.
const MAX_IMAGES: usize = 100_000;

/// A well as it is read.
#[derive(Debug, Deserialize)]
pub(in super::super) struct WellJson {
    images: Vec<ImageJson>,
}

#[derive(Debug, Deserialize)]
struct ImageJson {
    path: String,
    #[serde(default)]
    acquisition: Option<i64>,
}

/// One image of a well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct WellImage {
    /// Where it is below the well.
    pub(in super::super) path: VirtualPath,
    /// The number of its acquisition, where the well says one.
    pub(in super::super) acquisition: Option<u32>,
}

impl WellJson {
    /// Checks and takes the images.
    ///
    /// # Errors
    /// `InvalidData` for names that lead elsewhere or stand twice, `LimitExceeded` for too
    /// many images.
    pub(in super::super) fn check(self) -> Result<Vec<WellImage>> {
        if self.images.len() > MAX_IMAGES {
            return Err(Error::new(
                crate::ErrorKind::LimitExceeded,
                format!(
                    "well has {} images, more than the {MAX_IMAGES} accepted",
                    self.images.len()
                ),
            ));
        }
        let images: Vec<_> = self.images.into_iter().map(check_image).collect::<Result<_>>()?;
        let mut paths: Vec<_> = images.iter().map(|image| &image.path).collect();
        paths.sort_unstable();
        match paths.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Error::invalid_data(format!("well names image {} twice", pair[0]))),
            None => Ok(images),
        }
    }
}

fn check_image(image: ImageJson) -> Result<WellImage> {
    let path = VirtualPath::parse(&image.path)
        .map_err(|error| Error::invalid_data("image leads out of its well").with_source(error))?;
    if path.is_root() {
        return Err(Error::invalid_data("image of the well has no name"));
    }
    let acquisition = image.acquisition.and_then(|number| u32::try_from(number).ok());
    Ok(WellImage { path, acquisition })
}

/// The `well` to write, of images by name and number of their acquisition.
pub(in super::super) fn well(version: NgffVersion, images: &[(&str, Option<u32>)]) -> Value {
    let image = |(path, acquisition): &(&str, Option<u32>)| {
        let acquisition = acquisition.map(|number| json!(number));
        Value::Object(super::map([("path", Some(json!(path))), ("acquisition", acquisition)]))
    };
    let images: Vec<_> = images.iter().map(image).collect();
    json!({ "version": version.as_str(), "images": images })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let json = well(NgffVersion::V05, &[("0", Some(3)), ("1", None)]);
        let images = serde_json::from_value::<WellJson>(json).unwrap().check().unwrap();
        let names: Vec<_> =
            images.iter().map(|image| (image.path.relative(), image.acquisition)).collect();
        assert_eq!(names, [("0", Some(3)), ("1", None)]);
    }

    #[test]
    fn names_stay_inside_and_stand_once() {
        for images in
            [r#"[{"path": "../x"}]"#, r#"[{"path": "0"}, {"path": "/0"}]"#, r#"[{"path": ""}]"#]
        {
            let json: WellJson =
                serde_json::from_str(&format!(r#"{{"images": {images}}}"#)).unwrap();
            assert!(json.check().is_err(), "{images}");
        }
    }
}
