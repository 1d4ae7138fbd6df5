//! Where the images of a plate go in the layout of another store.

use std::collections::{HashMap, HashSet};

use crate::{
    Error, Result, VirtualPath, WellPosition,
    model::{ImageStructure, PlateStructure},
};

/// How image paths are made in the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetLayout {
    /// OME-Zarr: `/A/01/0`, images numbered through the acquisitions of the well.
    Zarr,
    /// One file per plane: `/A01/A01_s001`, planes named by the polystore scheme.
    Planes,
    /// One OME-TIFF per field: `/A01/A01_s001.ome.tif`.
    OmeTiff,
}

/// The same plate with the image paths of `layout`; nothing else of it changes but the
/// naming scheme, which becomes this crate's own, and pyramids, which the target decides.
///
/// # Errors
/// `InvalidInput` when the structure does not hold together.
pub fn retarget(structure: &PlateStructure, layout: TargetLayout) -> Result<PlateStructure> {
    structure.check()?;
    let several = structure.acquisitions.len() > 1;
    let mut target = structure.clone();
    target.naming = "polystore".to_owned();
    for well in &mut target.wells {
        for (number, image) in well.fields.iter_mut().enumerate() {
            image.path = image_path(well.position, number, image, several, layout)?;
            image.n_levels = 1;
        }
    }
    target.check()?;
    Ok(target)
}

/// Gives the fields that the plate `there` has the paths that they have there, and the others
/// paths that are free: a plate that is gone on with may have got fields between others since.
pub(super) fn keep_paths(structure: &mut PlateStructure, there: &PlateStructure) -> Result<()> {
    let id = |plate: &PlateStructure, image: &ImageStructure| {
        plate.acquisitions.get(image.acquisition as usize).map(|acquisition| acquisition.id)
    };
    let outline = PlateStructure { wells: Vec::new(), ..structure.clone() };
    for well in &mut structure.wells {
        let Some(known) = there.well(well.position) else { continue };
        let kept: HashMap<_, _> = (known.fields.iter())
            .map(|image| ((id(there, image), image.field), &image.path))
            .collect();
        let mut taken: HashSet<VirtualPath> = kept.values().map(|path| (*path).clone()).collect();
        for image in &mut well.fields {
            if let Some(&path) = kept.get(&(id(&outline, image), image.field)) {
                image.path = path.clone();
                continue;
            }
            // Only names that are numbers can be taken by another field.
            let number = image.path.name().and_then(|name| name.parse::<u32>().ok());
            if let (Some(number), Some(folder)) = (number, image.path.parent()) {
                for next in number.. {
                    image.path = folder.join(&next.to_string())?;
                    if !taken.contains(&image.path) {
                        break;
                    }
                }
            }
            taken.insert(image.path.clone());
        }
    }
    structure.check()
}

fn image_path(
    position: WellPosition,
    number: usize,
    image: &ImageStructure,
    several: bool,
    layout: TargetLayout,
) -> Result<VirtualPath> {
    let acquisition = several.then_some(image.acquisition);
    let canonical = PlateStructure::canonical_image_path(position, acquisition, image.field);
    match layout {
        TargetLayout::Zarr => VirtualPath::parse(&format!(
            "/{}/{:02}/{number}",
            position.row_name(),
            u64::from(position.column) + 1
        )),
        TargetLayout::Planes => Ok(canonical),
        TargetLayout::OmeTiff => VirtualPath::parse(&format!("{canonical}.ome.tif")),
    }
    .map_err(|error: Error| error.with_path(&image.path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        PixelType,
        model::{Acquisition, Sizes},
    };

    #[test]
    fn paths_stay_unique_with_several_acquisitions() {
        let mut plate = PlateStructure::new("p", 2, 2);
        plate.acquisitions =
            vec![Acquisition::default(), Acquisition { id: 1, ..Acquisition::default() }];
        for acquisition in 0..2 {
            let path = VirtualPath::parse(&format!("/x{acquisition}")).unwrap();
            let image = ImageStructure {
                acquisition,
                ..ImageStructure::new(path, PixelType::U8, Sizes::new(1, 1, 1, 2, 2))
            };
            plate.add_image(WellPosition::new(1, 1), image).unwrap();
        }
        let paths = |layout| -> Vec<String> {
            retarget(&plate, layout)
                .unwrap()
                .images()
                .map(|(_, image)| image.path.to_string())
                .collect()
        };
        assert_eq!(paths(TargetLayout::Zarr), ["/B/02/0", "/B/02/1"]);
        assert_eq!(
            paths(TargetLayout::OmeTiff),
            ["/B02/B02_a001_s001.ome.tif", "/B02/B02_a002_s001.ome.tif"]
        );
    }

    #[test]
    fn fields_keep_the_paths_that_they_have() {
        let plate = |fields: &[u32]| {
            let mut plate = PlateStructure::new("p", 1, 1);
            for &field in fields {
                let path = VirtualPath::parse(&format!("/x{field}")).unwrap();
                let image = ImageStructure::new(path, PixelType::U8, Sizes::new(1, 1, 1, 2, 2));
                plate
                    .add_image(WellPosition::new(0, 0), ImageStructure { field, ..image })
                    .unwrap();
            }
            retarget(&plate, TargetLayout::Zarr).unwrap()
        };
        let mut more = plate(&[0, 1, 2, 3]);
        keep_paths(&mut more, &plate(&[1, 3])).unwrap();
        let paths: Vec<_> = more.images().map(|(_, image)| image.path.as_str()).collect();
        assert_eq!(paths, ["/A/01/2", "/A/01/0", "/A/01/3", "/A/01/1"]);
    }
}
