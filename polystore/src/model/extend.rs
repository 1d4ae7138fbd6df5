//! Whether a plate that is there is a part of another, and what differs when it is not.

use std::collections::HashMap;

use super::{Acquisition, Channel, ImageKind, ImageStructure, PlateStructure};
use crate::{Error, ErrorKind, Result, VirtualPath, words::count};

/// Checks that the plate `there` is a part of `wanted`: the same plate, whose wells and images
/// `wanted` has too, at the same paths. Which planes are absent by design, which values viewers
/// show and where the stage stood may differ, and so may all that is said of images for which
/// `is_readable` (by their place in `there`) says no.
///
/// # Errors
/// `AlreadyExists` saying what differs.
pub(crate) fn check_part(
    there: &PlateStructure,
    wanted: &PlateStructure,
    is_readable: impl Fn(usize) -> bool,
) -> Result<()> {
    match difference(there, wanted, is_readable) {
        None => Ok(()),
        Some(what) => {
            Err(Error::new(ErrorKind::AlreadyExists, format!("another plate is there: {what}"))
                .with_hint("choose another place"))
        }
    }
}

fn difference(
    there: &PlateStructure,
    wanted: &PlateStructure,
    is_readable: impl Fn(usize) -> bool,
) -> Option<String> {
    let names = |one: &str, other: &str, what: &str| {
        (one != other).then(|| format!("its {what} is `{one}`, not `{other}`"))
    };
    let id = |plate: &PlateStructure| plate.id.clone().unwrap_or_default();
    if let Some(text) = names(&there.name, &wanted.name, "name")
        .or_else(|| names(&id(there), &id(wanted), "id"))
        .or_else(|| names(&there.microscope, &wanted.microscope, "layout"))
    {
        return Some(text);
    }
    if there.n_rows > wanted.n_rows || there.n_columns > wanted.n_columns {
        let grid = |plate: &PlateStructure| format!("{} x {}", plate.n_rows, plate.n_columns);
        return Some(format!("its grid is {}, not {}", grid(there), grid(wanted)));
    }
    let acquisitions = match acquisitions(there, wanted) {
        Ok(acquisitions) => acquisitions,
        Err(text) => return Some(text),
    };
    for well in &there.wells {
        if wanted.well(well.position).is_none() {
            return Some(format!("it has well {}, which the source has not", well.position));
        }
    }
    let by_path: HashMap<&VirtualPath, &ImageStructure> =
        wanted.images().map(|(_, image)| (&image.path, image)).collect();
    for (ordinal, (well, image)) in there.images().enumerate() {
        let field = u64::from(image.field) + 1;
        let Some(other) = by_path.get(&image.path) else {
            return Some(format!("it has field {field} of well {well}, which the source has not"));
        };
        if !is_readable(ordinal) {
            continue;
        }
        let acquisition = acquisitions.get(image.acquisition as usize).copied();
        let is_same_place = (acquisition, image.field) == (Some(other.acquisition), other.field);
        let text = match is_same_place {
            true => image_difference(image, other),
            false => Some("is another field or of another acquisition".to_owned()),
        };
        if let Some(text) = text {
            return Some(format!("its field {field} of well {well} {text}"));
        }
    }
    None
}

/// The places in `wanted` of the acquisitions that are there.
fn acquisitions(there: &PlateStructure, wanted: &PlateStructure) -> Result<Vec<u32>, String> {
    let place = |acquisition: &Acquisition| {
        let mut known = wanted.acquisitions.iter().zip(0u32..);
        let (same, at) = known.find(|(other, _)| other.id == acquisition.id)?;
        // One that nothing was said of may have got a name since.
        (same == acquisition || *acquisition == Acquisition::default()).then_some(at)
    };
    let places = there.acquisitions.iter().map(|acquisition| {
        place(acquisition).ok_or_else(|| {
            let number = acquisition.id;
            let name = match acquisition.name.as_str() {
                "" => String::new(),
                name => format!(" `{name}`"),
            };
            format!("its acquisition {number}{name} is none of the source's")
        })
    });
    places.collect()
}

/// What differs between two images of a field, as the end of a sentence.
fn image_difference(there: &ImageStructure, wanted: &ImageStructure) -> Option<String> {
    let size = |image: &ImageStructure| format!("{} {}", image.sizes, image.pixel_type);
    if size(there) != size(wanted) {
        return Some(format!("is {}, not {}", size(there), size(wanted)));
    }
    if there.n_levels != wanted.n_levels {
        let levels = count(there.n_levels, "pyramid level");
        return Some(format!("has {levels}, not {}", wanted.n_levels));
    }
    if there.kind != wanted.kind {
        let kind = |image: &ImageStructure| match image.kind {
            ImageKind::Labels => "labels",
            ImageKind::Intensity => "intensities",
        };
        return Some(format!("holds {}, not {}", kind(there), kind(wanted)));
    }
    // Which values viewers show is a setting that may have been changed since.
    let shown = |image: &ImageStructure| -> Vec<Channel> {
        let channels = image.channels.iter().cloned();
        channels.map(|channel| Channel { window: None, ..channel }).collect()
    };
    if shown(there) != shown(wanted) {
        let names = |channels: &[Channel]| {
            let names: Vec<_> = channels.iter().map(|channel| channel.name.as_str()).collect();
            names.join(", ")
        };
        let (one, other) = (names(&there.channels), names(&wanted.channels));
        return Some(match one == other {
            true => format!("describes its channels ({one}) otherwise"),
            false => format!("has the channels {one}, not {other}"),
        });
    }
    if there.physical_size != wanted.physical_size {
        return Some("has pixels of another physical size".to_owned());
    }
    (there.name != wanted.name)
        .then(|| format!("is called `{}`, not `{}`", there.name, wanted.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PixelType, WellPosition, model::Sizes};

    fn plate(fields: &[(&str, u32)]) -> PlateStructure {
        let mut plate = PlateStructure::new("p", 2, 3);
        for (well, field) in fields {
            let well: WellPosition = well.parse().unwrap();
            let path = PlateStructure::canonical_image_path(well, None, *field);
            let image = ImageStructure::new(path, PixelType::U16, Sizes::new(1, 1, 1, 4, 4));
            plate.add_image(well, ImageStructure { field: *field, ..image }).unwrap();
        }
        plate
    }

    #[test]
    fn a_part_is_taken_and_differences_are_told() {
        let wanted = plate(&[("A01", 0), ("A01", 1), ("B02", 0)]);
        check_part(&wanted, &wanted, |_| true).unwrap();
        check_part(&plate(&[("A01", 1)]), &wanted, |_| true).unwrap();
        let told = |there: &PlateStructure| {
            let error = check_part(there, &wanted, |_| true).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            error.message().to_owned()
        };
        assert!(told(&plate(&[("B03", 0)])).ends_with("it has well B03, which the source has not"));
        assert!(told(&plate(&[("B02", 1)])).contains("field 2 of well B02, which the source"));
        let mut there = plate(&[("A01", 0)]);
        there.wells[0].fields[0].sizes = Sizes::new(1, 2, 1, 4, 4);
        assert!(told(&there).contains("its field 1 of well A01 is"), "{}", told(&there));
        // Of an image that cannot be read nothing is known but its place.
        check_part(&there, &wanted, |_| false).unwrap();
        there = plate(&[("A01", 0)]);
        there.name = "q".into();
        assert!(told(&there).ends_with("its name is `q`, not `p`"));
        there = plate(&[("A01", 0)]);
        there.acquisitions[0].id = 7;
        assert!(told(&there).contains("acquisition 7"));
    }

    #[test]
    fn acquisitions_are_known_by_their_numbers() {
        let mut wanted = plate(&[("A01", 0)]);
        let there = wanted.clone();
        wanted.acquisitions.insert(0, Acquisition { id: 9, ..Acquisition::default() });
        wanted.wells[0].fields[0].acquisition = 1;
        check_part(&there, &wanted, |_| true).unwrap();
    }
}
