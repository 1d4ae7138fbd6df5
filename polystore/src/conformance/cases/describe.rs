//! What an image is.

use crate::{
    ErrorKind,
    conformance::{
        Case, CaseResult, Context, Need,
        context::small,
        expect::{fails, fails_with, holds, same},
    },
};

pub(super) const CASES: &[Case] = &[
    Case { name: "describe/says_what_was_declared", needs: &[Need::Images], run: declared },
    Case { name: "describe/images_of_a_plate", needs: &[Need::Plate], run: images_of_a_plate },
    Case { name: "describe/every_pixel_type", needs: &[Need::CreateImages], run: every_type },
    Case { name: "describe/nothing_is_not_found", needs: &[], run: nothing_is_not_found },
    Case { name: "describe/a_directory_is_no_image", needs: &[], run: a_directory_is_no_image },
    Case { name: "describe/a_text_is_no_image", needs: &[Need::Blobs], run: a_text_is_no_image },
];

fn declared(cx: &Context<'_>) -> CaseResult {
    let image = cx.image_of("image", &small())?.structure;
    let found = cx.backend().describe(&image.path)?;
    same("path", &found.path, &image.path)?;
    same("pixel type", found.pixel_type, image.pixel_type)?;
    same("sizes", found.sizes, image.sizes)?;
    same("levels", found.n_levels, image.n_levels)?;
    same("kind", found.kind, image.kind)?;
    same("physical size", found.physical_size, image.physical_size)?;
    let names = |channels: &[crate::model::Channel]| -> Vec<String> {
        channels.iter().map(|channel| channel.name.clone()).collect()
    };
    same("channel names", names(&found.channels), names(&image.channels))
}

fn images_of_a_plate(cx: &Context<'_>) -> CaseResult {
    let plate = cx.plate()?;
    for (_, image) in plate.structure.images() {
        let path = plate.path.append(&image.path);
        let found = cx.backend().describe(&path)?;
        same("path", &found.path, &path)?;
        same("sizes", found.sizes, image.sizes)?;
        same("pixel type", found.pixel_type, image.pixel_type)?;
        same("channels", found.channels.len(), image.channels.len())?;
        holds(found.check().is_ok(), format_args!("{path}: the description holds together"))?;
    }
    Ok(())
}

fn every_type(cx: &Context<'_>) -> CaseResult {
    for pixel_type in cx.subject().pixel_types() {
        let image = crate::model::ImageStructure { pixel_type, ..small() };
        let image = cx.declare_image(pixel_type.as_str(), &image)?;
        same("pixel type", cx.backend().describe(image.path())?.pixel_type, pixel_type)?;
    }
    Ok(())
}

fn nothing_is_not_found(cx: &Context<'_>) -> CaseResult {
    for name in ["nothing", "nothing/here.tif"] {
        fails(name, cx.backend().describe(&cx.path(name)?), ErrorKind::NotFound)?;
    }
    Ok(())
}

fn a_directory_is_no_image(cx: &Context<'_>) -> CaseResult {
    fails("the root", cx.backend().describe(&cx.path("")?), ErrorKind::InvalidData)
}

fn a_text_is_no_image(cx: &Context<'_>) -> CaseResult {
    let text = cx.put_blob("notes.txt", "not an image")?;
    let kinds = [ErrorKind::InvalidData, ErrorKind::Unsupported];
    fails_with("a text", cx.backend().describe(&text), &kinds)?;
    let folder = cx.put_blob("folder/notes.txt", "x")?;
    let folder = folder.parent().unwrap_or(text);
    fails("a directory", cx.backend().describe(&folder), ErrorKind::InvalidData)
}
