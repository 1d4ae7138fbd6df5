//! Where the images of a plate go in the layout of another store.

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
}
