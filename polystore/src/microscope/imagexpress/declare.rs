//! Which planes an HTD file declares, and what is a z-section and what a projection.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    channels::any_header,
    htd::Htd,
    layout::{ImageFile, Layout, opened_inside},
};
use crate::{
    Error, ErrorKind, Result, WellPosition,
    microscope::{
        PlateFolder,
        builder::{MAX_PLANES, PlateBuilder, RawPlane, list_wells},
        distinct::Distinct,
    },
    model::Acquisition,
};

/// The z-sections and the projections of a plate.
#[derive(Debug)]
pub(super) struct Stacks {
    has_sections: bool,
    zero_is_projection: bool,
    /// Numbers of the folder that was opened, where files have none of their own.
    opened: (Option<u32>, Option<u32>),
    /// Numbers of the sections that are there, by wavelength.
    sections: BTreeMap<u32, BTreeSet<u32>>,
    /// Wavelengths of which there are projections.
    projected: BTreeSet<u32>,
    notes: Vec<String>,
}

impl Stacks {
    pub(super) fn new(folder: &PlateFolder<'_>, layout: &Layout<'_>, htd: Option<&Htd>) -> Self {
        let mut distinct = Distinct::new();
        let kinds: Vec<&ImageFile> =
            layout.images.iter().filter(|image| distinct.insert((image.wave, image.z))).collect();
        let has = |wanted: fn(u32) -> bool| kinds.iter().any(|image| image.z.is_some_and(wanted));
        let zero_is_projection = has(|z| z == 0)
            && has(|z| z > 0)
            && match htd {
                Some(htd) => htd.has_projection,
                None => zero_is_projected(folder, layout),
            };
        let mut stacks = Self {
            has_sections: has(|z| z > 0) || (has(|z| z == 0) && !zero_is_projection),
            zero_is_projection,
            opened: opened_inside(folder.name()),
            sections: BTreeMap::new(),
            projected: BTreeSet::new(),
            notes: Vec::new(),
        };
        kinds.iter().for_each(|image| stacks.see(image));
        stacks
    }

    fn see(&mut self, image: &ImageFile) {
        if self.is_projection(image) {
            self.projected.insert(image.wave);
        } else {
            let z = self.z(image);
            self.sections.entry(image.wave).or_default().insert(z);
        }
    }

    /// Whether an image is a projection: it stands where sections have a folder and has none,
    /// or in the folder numbered 0 that exports keep projections in.
    pub(super) fn is_projection(&self, image: &ImageFile) -> bool {
        match image.z {
            None => self.has_sections,
            Some(0) => self.zero_is_projection,
            Some(_) => false,
        }
    }

    /// The number of an image's acquisition: even for sections, odd for projections.
    pub(super) fn acquisition(&self, image: &ImageFile) -> u32 {
        (image.acquisition - 1).saturating_mul(2) + u32::from(self.is_projection(image))
    }

    /// The number of an image's z-section; 0 for projections.
    pub(super) fn z(&self, image: &ImageFile) -> u32 {
        if self.is_projection(image) { 0 } else { image.z.or(self.opened.1).unwrap_or(1) }
    }

    /// The number of an image's timepoint.
    pub(super) fn t(&self, image: &ImageFile) -> u32 {
        image.t.or(self.opened.0).unwrap_or(1)
    }

    /// The first wavelength with a stack, and the numbers of its first and last section.
    pub(super) fn deepest(&self) -> Option<(u32, u32, u32)> {
        self.sections.iter().find_map(|(&wave, sections)| {
            let (first, last) = (*sections.first()?, *sections.last()?);
            (last > first).then_some((wave, first, last))
        })
    }

    /// Names of the acquisitions, where there are projections.
    pub(super) fn acquisitions(&self) -> BTreeMap<u32, Acquisition> {
        if self.projected.is_empty() {
            return BTreeMap::new();
        }
        let named =
            |id, name: &str| Acquisition { id, name: name.to_owned(), ..Acquisition::default() };
        [(0, named(0, "stack")), (1, named(1, "projection"))].into()
    }

    pub(super) fn into_notes(self) -> Vec<String> {
        self.notes
    }

    /// The z-sections that are declared for a wavelength. An HTD file gives their number for
    /// the whole plate, but the microscope lets each wavelength have a stack, one section or a
    /// projection only; those two are known by what there is of them.
    fn declared_z(&mut self, wave: u32, htd: &Htd) -> Vec<u32> {
        let only = self.opened.1.unwrap_or(1);
        let n_z = htd.n_z.unwrap_or(0);
        if !self.has_sections {
            if n_z > 1 && self.opened.1.is_none() && self.notes.is_empty() {
                self.notes.push(format!(
                    "the HTD file declares {n_z} z-steps but no file has a z number; each counts as one section"
                ));
            }
            return vec![only];
        }
        let has_stack = self.deepest().is_some();
        match self.sections.get(&wave) {
            None if self.projected.contains(&wave) => {
                self.notes.push(format!("wavelength {wave} has projections only, by design"));
                Vec::new()
            }
            Some(sections) if sections.len() == 1 && has_stack => {
                self.notes.push(format!("wavelength {wave} has one z-section, by design"));
                sections.iter().copied().collect()
            }
            _ => {
                let from_zero = self.sections.values().any(|sections| sections.contains(&0));
                let start = u32::from(!from_zero);
                let declared = start..start.saturating_add(n_z.max(1));
                let seen = self.sections.get(&wave).into_iter().flatten().copied();
                if n_z == 0 { seen.collect() } else { declared.collect() }
            }
        }
    }
}

/// Whether files of `ZStep_0` say that they are projections; one per wavelength is asked, or
/// the next that can be read.
fn zero_is_projected(folder: &PlateFolder<'_>, layout: &Layout<'_>) -> bool {
    let mut asked = BTreeSet::new();
    layout
        .images
        .iter()
        .filter(|image| image.z == Some(0) && asked.insert(image.wave))
        .filter_map(|first| {
            let is_like = |image: &ImageFile| (image.z, image.wave) == (first.z, first.wave);
            any_header(folder, layout, first, is_like)
        })
        .any(|plane| plane.is_projection())
}

/// Most planes that are taken from a few words of text, with hardly a file to show for them.
const MAX_UNSEEN: u64 = 500_000;

/// Adds the planes that `htd` declares, without their files.
///
/// # Errors
/// `LimitExceeded` when they are more than a plate can have.
pub(super) fn declare(
    htd: &Htd,
    stacks: &mut Stacks,
    layout: &Layout<'_>,
    builder: &mut PlateBuilder,
) -> Result<()> {
    let seen = Seen::of(layout, stacks);
    let wells = htd.wells.clone().unwrap_or_else(|| seen.wells.iter().copied().collect());
    seen.compare_wells(&wells, htd, stacks);
    let sites = declared_sites(htd, &seen, stacks);
    let timepoints = declared_t(htd, &seen, stacks);
    let waves: Vec<u32> = match &htd.waves {
        Some(waves) => waves.iter().map(|(wave, _)| *wave).collect(),
        None => seen.waves.iter().copied().collect(),
    };
    let mut planes: Vec<(u32, u32, u32)> = Vec::new();
    for &wave in &waves {
        planes.extend(stacks.declared_z(wave, htd).into_iter().map(|z| (0, wave, z)));
        planes.extend(stacks.projected.contains(&wave).then_some((1, wave, 0)));
    }
    let counts = [wells.len(), sites.len(), timepoints.len(), planes.len()];
    check_count(counts, layout.images.len())?;
    for &well in &wells {
        for &site in &sites {
            for &t in &timepoints {
                for &(acquisition, wave, z) in &planes {
                    let (field, c) = (site - 1, wave - 1);
                    builder.push(RawPlane { well, acquisition, field, t, c, z, source: None })?;
                }
            }
        }
    }
    Ok(())
}

fn check_count(counts: [usize; 4], n_files: usize) -> Result<()> {
    let n_planes = counts.iter().fold(1u64, |n, &count| n.saturating_mul(count as u64));
    let most = MAX_PLANES.min(MAX_UNSEEN.max(1024 * n_files as u64));
    if n_planes <= most {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::LimitExceeded,
        format!(
            "the HTD file declares {n_planes} planes; at most {most} are read with {n_files} files"
        ),
    ))
}

/// What the files are of.
struct Seen {
    wells: BTreeSet<WellPosition>,
    sites: BTreeSet<u32>,
    waves: BTreeSet<u32>,
    timepoints: BTreeSet<u32>,
}

impl Seen {
    fn of(layout: &Layout<'_>, stacks: &Stacks) -> Self {
        let images = &layout.images;
        Self {
            wells: images.iter().map(|image| image.well).collect(),
            sites: images.iter().map(|image| image.site).collect(),
            waves: images.iter().map(|image| image.wave).collect(),
            timepoints: images.iter().map(|image| stacks.t(image)).collect(),
        }
    }

    fn compare_wells(&self, wells: &[WellPosition], htd: &Htd, stacks: &mut Stacks) {
        if htd.wells.is_none() {
            return;
        }
        let selected: BTreeSet<_> = wells.iter().copied().collect();
        let empty: Vec<_> = selected.difference(&self.wells).copied().collect();
        let extra: Vec<_> = self.wells.difference(&selected).copied().collect();
        if !empty.is_empty() {
            let wells = list_wells(empty);
            stacks
                .notes
                .push(format!("the HTD file selects wells of which there is no file: {wells}"));
        }
        if !extra.is_empty() {
            let wells = list_wells(extra);
            stacks.notes.push(format!(
                "there are files of wells that the HTD file does not select: {wells}"
            ));
        }
    }
}

/// Numbers of the sites: MetaXpress counts the selected cells of the grid; when that does not
/// fit the files but the cells' own numbers do, those.
fn declared_sites(htd: &Htd, seen: &Seen, stacks: &mut Stacks) -> Vec<u32> {
    let Some(cells) = &htd.sites else { return seen.sites.iter().copied().collect() };
    let in_grid: Vec<u32> =
        (1u32..).zip(cells).filter(|(_, cell)| **cell).map(|(number, _)| number).collect();
    let counted: Vec<u32> = (1..=in_grid.len() as u32).collect();
    let holds = |sites: &[u32]| seen.sites.iter().all(|site| sites.binary_search(site).is_ok());
    if holds(&counted) {
        return counted;
    }
    if holds(&in_grid) {
        return in_grid;
    }
    stacks.notes.push(format!(
        "there are files of more sites than the {} that the HTD file selects",
        counted.len()
    ));
    counted
}

fn declared_t(htd: &Htd, seen: &Seen, stacks: &Stacks) -> Vec<u32> {
    match (stacks.opened.0, htd.n_timepoints) {
        (Some(t), _) => vec![t],
        (None, Some(n)) => (1..=n).collect(),
        (None, None) => seen.timepoints.iter().copied().collect(),
    }
}
