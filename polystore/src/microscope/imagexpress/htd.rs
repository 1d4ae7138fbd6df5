//! The `.HTD` file of MetaXpress: what the plate was set up to be.
//!
//! Lines of quoted keys and comma-separated values, from `"HTSInfoFile", Version 1.0` to
//! `"EndFile"`. Keys that are read: `XWells`, `YWells`, `WellsSelectionR` (TRUE or FALSE per
//! column), `Sites`, `XSites`, `YSites`, `SiteSelectionR`, `Waves`, `NWavelengths`,
//! `WaveNameN`, `WaveCollectN`, `TimePoints`, `ZSeries`, `ZSteps`, `ZProjection`,
//! `UniquePlateIdentifier`, and `PixelSizeUM` (or `PixelSizeMicrons`, `PixelSize`), which
//! most files lack.

use std::collections::BTreeMap;

use crate::{Error, ErrorKind, Result, WellPosition};

/// Longest file that is read; real ones have a few KiB.
const MAX_BYTES: usize = 16 << 20;
/// Most rows, columns, sites per axis and wavelengths.
const MAX_COUNT: u32 = 1000;
/// Most timepoints and z-steps.
const MAX_STEPS: u32 = 1_000_000;

/// What an HTD file declares; `None` where it is silent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Htd {
    /// Rows of the plate.
    pub(crate) n_rows: Option<u32>,
    /// Columns of the plate.
    pub(crate) n_columns: Option<u32>,
    /// Wells that were selected, in plate order.
    pub(crate) wells: Option<Vec<WellPosition>>,
    /// Cells of the site grid, row by row: selected or not.
    pub(crate) sites: Option<Vec<bool>>,
    /// Wavelengths that were collected: number from 1, and name.
    pub(crate) waves: Option<Vec<(u32, String)>>,
    /// Number of timepoints.
    pub(crate) n_timepoints: Option<u32>,
    /// Number of z-steps; 1 when there is no z-series.
    pub(crate) n_z: Option<u32>,
    /// Whether projections were made.
    pub(crate) has_projection: bool,
    /// Width of a pixel in µm.
    pub(crate) pixel_um: Option<f64>,
    /// The plate's unique identifier.
    pub(crate) id: Option<String>,
}

impl Htd {
    /// Reads the text of an HTD file that is whole: with its last line, or with all that it
    /// says it declares. What a cut one no longer declares would never be missed.
    ///
    /// # Errors
    /// `InvalidData` when it does not begin with `HTSInfoFile`, naming what is not there, or
    /// when a count is impossible; `LimitExceeded` when it is longer than any real one.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let lines = Lines::parse(text)?;
        lines.check_whole()?;
        Self::of_lines(&lines)
    }

    fn of_lines(lines: &Lines) -> Result<Self> {
        let n_rows = lines.count("YWells", MAX_COUNT)?;
        let n_columns = lines.count("XWells", MAX_COUNT)?;
        let has_series = lines.flag("ZSeries").unwrap_or(true);
        let n_z = lines.count("ZSteps", MAX_STEPS)?;
        Ok(Self {
            n_rows,
            n_columns,
            wells: lines.wells(n_rows, n_columns),
            sites: lines.sites()?,
            waves: lines.waves()?,
            n_timepoints: lines.count("TimePoints", MAX_STEPS)?.map(|n| n.max(1)),
            n_z: n_z.map(|n| if has_series { n.max(1) } else { 1 }),
            has_projection: lines.flag("ZProjection").unwrap_or(false),
            pixel_um: lines.pixel_um(),
            id: lines.text("UniquePlateIdentifier"),
        })
    }
}

/// Values by key in lower case; the first of doubled keys counts.
struct Lines {
    values: BTreeMap<String, Vec<String>>,
    /// Whether the last line of a whole file was read.
    has_end: bool,
}

impl Lines {
    fn parse(text: &str) -> Result<Self> {
        if text.len() > MAX_BYTES {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("HTD file of {} bytes; real ones have a few thousand", text.len()),
            ));
        }
        if text.trim().is_empty() {
            return Err(Error::invalid_data("is empty"));
        }
        let mut lines =
            text.lines().map(fields).filter(|fields| fields.iter().any(|f| !f.is_empty()));
        let header = lines.next().unwrap_or_default();
        if !header.first().is_some_and(|key| key.eq_ignore_ascii_case("HTSInfoFile")) {
            return Err(Error::invalid_data("does not begin with \"HTSInfoFile\""));
        }
        let (mut values, mut has_end) = (BTreeMap::new(), false);
        for mut fields in lines {
            let key = fields.remove(0).to_ascii_lowercase();
            if key == "endfile" {
                has_end = true;
                break;
            }
            values.entry(key).or_insert(fields);
        }
        Ok(Self { values, has_end })
    }

    /// Refuses lines of which some are not there. A grid with any row must have all, whole;
    /// without the last line, all must be there that those before it announce.
    fn check_whole(&self) -> Result<()> {
        let size =
            |rows, columns| Ok((self.count(rows, MAX_COUNT)?, self.count(columns, MAX_COUNT)?));
        for (key, (n_rows, n_columns)) in [
            ("WellsSelection", size("YWells", "XWells")?),
            ("SiteSelection", size("YSites", "XSites")?),
        ] {
            let n_rows = n_rows.unwrap_or(0);
            let has_any = (1..=n_rows).any(|row| self.values(&format!("{key}{row}")).is_some());
            // A plate of one site per well has no grid of sites.
            let has_none = key == "SiteSelection" && self.flag("Sites") == Some(false);
            if has_any || !(self.has_end || has_none) {
                self.check_grid(key, n_rows, n_columns.unwrap_or(0))?;
            }
        }
        if self.has_end {
            return Ok(());
        }
        for key in ["Sites", "Waves"] {
            if !self.text(key).is_some_and(|text| is_flag(&text)) {
                return Err(cut(key));
            }
        }
        let n_waves = self.count("NWavelengths", MAX_COUNT)?.unwrap_or(0);
        let of_sites =
            ["XSites", "YSites"].into_iter().filter(|_| self.flag("Sites") == Some(true));
        let of_waves = ["NWavelengths"].into_iter().filter(|_| self.flag("Waves") == Some(true));
        let mut keys = ["XWells", "YWells"].into_iter().chain(of_sites).chain(of_waves);
        if let Some(key) = keys.find(|key| self.text(key).is_none()) {
            return Err(cut(key));
        }
        // A wavelength may have an empty name.
        let mut names = (1..=n_waves).map(|wave| format!("WaveName{wave}"));
        let is_cut = |key: &String| self.values(key).is_none_or(<[String]>::is_empty);
        names.find(is_cut).map_or(Ok(()), |key| Err(cut(&key)))
    }

    fn check_grid(&self, key: &str, n_rows: u32, n_columns: u32) -> Result<()> {
        for row in 1..=n_rows {
            let key = format!("{key}{row}");
            let cells = self.values(&key).ok_or_else(|| cut(&key))?;
            let n_cells = cells.iter().take_while(|cell| is_flag(cell)).count();
            if n_cells < n_columns as usize {
                return Err(Error::invalid_data(format!(
                    "`{key}` has {n_cells} of {n_columns} TRUE or FALSE"
                )));
            }
        }
        Ok(())
    }

    fn values(&self, key: &str) -> Option<&[String]> {
        self.values.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }

    fn text(&self, key: &str) -> Option<String> {
        self.values(key)?.first().filter(|text| !text.is_empty()).cloned()
    }

    fn flag(&self, key: &str) -> Option<bool> {
        self.text(key).map(|text| is_true(&text))
    }

    fn count(&self, key: &str, max: u32) -> Result<Option<u32>> {
        let Some(text) = self.text(key) else { return Ok(None) };
        match text.parse() {
            Ok(count) if count <= max => Ok(Some(count)),
            _ => Err(Error::invalid_data(format!(
                "`{key}` is `{text}`; a number from 0 to {max} was expected"
            ))),
        }
    }

    fn wells(&self, n_rows: Option<u32>, n_columns: Option<u32>) -> Option<Vec<WellPosition>> {
        let (n_rows, n_columns) = (n_rows?, n_columns?);
        let cells = self.grid("WellsSelection", n_rows, n_columns)?;
        let position = |at: usize| {
            let at = at as u32;
            WellPosition::new(at / n_columns, at % n_columns)
        };
        Some(
            cells
                .iter()
                .enumerate()
                .filter(|(_, cell)| **cell)
                .map(|(at, _)| position(at))
                .collect(),
        )
    }

    fn sites(&self) -> Result<Option<Vec<bool>>> {
        if self.flag("Sites") == Some(false) {
            return Ok(Some(vec![true]));
        }
        let columns = self.count("XSites", MAX_COUNT)?.or(self.count("SiteColumns", MAX_COUNT)?);
        let rows = self.count("YSites", MAX_COUNT)?.or(self.count("SiteRows", MAX_COUNT)?);
        let (Some(columns), Some(rows)) = (columns, rows) else { return Ok(None) };
        let all = vec![true; columns as usize * rows as usize];
        Ok(Some(self.grid("SiteSelection", rows, columns).unwrap_or(all)))
    }

    /// The TRUE and FALSE of lines `key1`, `key2` and so on; `None` when there is no such line.
    fn grid(&self, key: &str, n_rows: u32, n_columns: u32) -> Option<Vec<bool>> {
        let mut cells = vec![false; n_rows as usize * n_columns as usize];
        let mut found = false;
        for (row, cells) in (1..).zip(cells.chunks_mut(n_columns.max(1) as usize)) {
            let Some(values) = self.values(&format!("{key}{row}")) else { continue };
            found = true;
            for (cell, value) in cells.iter_mut().zip(values) {
                *cell = is_true(value);
            }
        }
        found.then_some(cells)
    }

    fn waves(&self) -> Result<Option<Vec<(u32, String)>>> {
        let n_waves = match (self.flag("Waves"), self.count("NWavelengths", MAX_COUNT)?) {
            (Some(false), None) => 1,
            (_, Some(n_waves)) => n_waves,
            (_, None) => return Ok(None),
        };
        let collected =
            |wave: &u32| self.text(&format!("WaveCollect{wave}")).as_deref() != Some("0");
        let name = |wave| (wave, self.text(&format!("WaveName{wave}")).unwrap_or_default());
        Ok(Some((1..=n_waves).filter(collected).map(name).collect()))
    }

    fn pixel_um(&self) -> Option<f64> {
        ["PixelSizeUM", "PixelSizeMicrons", "PixelSize"]
            .iter()
            .find_map(|key| self.text(key)?.parse().ok())
            .filter(|size: &f64| size.is_finite() && *size > 0.0)
    }
}

/// The error for a file without a line that is to be there.
fn cut(key: &str) -> Error {
    Error::invalid_data(format!("is cut or damaged: it has no line `{key}` and may lack others"))
}

fn is_flag(text: &str) -> bool {
    is_true(text) || text.eq_ignore_ascii_case("false")
}

fn is_true(text: &str) -> bool {
    text.eq_ignore_ascii_case("true")
}

/// The comma-separated values of a line, trimmed, without their quotes. A line with no comma
/// may be written `key=value`.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => fields.last_mut().map_or((), |field| field.push(character)),
        }
    }
    if let [only] = &fields[..]
        && let Some((key, value)) = only.split_once('=')
    {
        fields = vec![key.to_owned(), value.to_owned()];
    }
    fields.iter().map(|field| field.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "\"HTSInfoFile\", Version 1.0\r\n\"Description\", \"a, b\"\r\n\"XWells\", 3\r\n\
        \"YWells\", 2\r\n\"WellsSelection1\", FALSE, FALSE, FALSE\r\n\"WellsSelection2\", FALSE, TRUE, TRUE, TRUE\r\n\"Sites\", TRUE\r\n\
        \"XSites\", 2\r\n\"YSites\", 2\r\n\"SiteSelection1\", TRUE, FALSE\r\n\
        \"SiteSelection2\", TRUE, TRUE\r\n\"Waves\", TRUE\r\n\"NWavelengths\", 3\r\n\
        \"WaveName1\", \"DAPI\"\r\n\"WaveName3\", \"Cy5, far\"\r\n\"WaveCollect2\", 0\r\n\
        \"TimePoints\", 4\r\n\"ZSeries\", TRUE\r\n\"ZSteps\", 5\r\n\"ZProjection\", FALSE\r\n\
        \"EndFile\"\r\n\"PixelSizeUM\", 9\r\n";

    /// What a few lines say, whole or not.
    fn partial(text: &str) -> Result<Htd> {
        Htd::of_lines(&Lines::parse(text)?)
    }

    #[test]
    fn a_cut_plate_of_one_site_misses_what_it_should_have() {
        let text = "\"HTSInfoFile\", Version 1.0\n\"XWells\", 1\n\"YWells\", 1\n\
            \"WellsSelection1\", TRUE\n\"Sites\", FALSE\n\"XSites\", 1\n\"YSites\", 1\n";
        let error = Htd::parse(text).unwrap_err().to_string();
        assert!(error.contains("`Waves`"), "{error}");
        let whole = format!("{text}\"Waves\", FALSE\n");
        assert_eq!(Htd::parse(&whole).unwrap().sites, Some(vec![true]));
    }

    #[test]
    fn keys_are_read() {
        let htd = Htd::parse(TEXT).unwrap();
        assert_eq!((htd.n_rows, htd.n_columns), (Some(2), Some(3)));
        assert_eq!(htd.wells.unwrap(), [WellPosition::new(1, 1), WellPosition::new(1, 2)]);
        assert_eq!(htd.sites.unwrap(), [true, false, true, true]);
        assert_eq!(htd.waves.unwrap(), [(1, "DAPI".to_owned()), (3, "Cy5, far".to_owned())]);
        assert_eq!((htd.n_timepoints, htd.n_z, htd.has_projection), (Some(4), Some(5), false));
        assert_eq!(htd.pixel_um, None);
    }

    #[test]
    fn other_spellings_and_silence() {
        let htd = partial("\u{feff}\"HTSInfoFile\"".trim_start_matches('\u{feff}')).unwrap();
        assert_eq!(htd, Htd::default());
        let text = "\"HTSInfoFile\"\nSites=TRUE\nSiteColumns=3\nSiteRows=2\nPixelSize=0.65";
        let htd = partial(text).unwrap();
        assert_eq!((htd.sites.map(|sites| sites.len()), htd.pixel_um), (Some(6), Some(0.65)));
        let htd =
            partial("\"HTSInfoFile\"\n\"ZSeries\",FALSE\n\"ZSteps\",0\n\"Waves\",FALSE").unwrap();
        assert_eq!((htd.n_z, htd.waves), (Some(1), Some(vec![(1, String::new())])));
    }

    /// An HTD that lacks its last line only.
    fn without_end() -> String {
        let wells: String =
            (1..=2).map(|row| format!("\"WellsSelection{row}\", TRUE, FALSE, TRUE\n")).collect();
        format!(
            "\"HTSInfoFile\", Version 1.0\n\"TimePoints\", 1\n\"XWells\", 3\n\"YWells\", 2\n{wells}\
             \"Sites\", TRUE\n\"XSites\", 2\n\"YSites\", 1\n\"SiteSelection1\", TRUE, TRUE\n\
             \"Waves\", TRUE\n\"NWavelengths\", 2\n\"WaveName1\", \"DAPI\"\n\"WaveName2\", \"Cy5\"\n"
        )
    }

    #[test]
    fn what_declares_all_is_whole_and_what_is_cut_anywhere_is_not() {
        let whole = without_end();
        assert_eq!(Htd::parse(&whole).unwrap().waves.unwrap().len(), 2);
        Htd::parse(&format!("{whole}\"EndFile\"\n")).unwrap();
        let enough = whole.find("\"WaveName2").unwrap() + "\"WaveName2\",".len();
        for at in 0..enough {
            let error = Htd::parse(&whole[..at]).unwrap_err();
            assert!(!error.message().is_empty(), "{at}");
        }
        // Damage in the middle, in a file with its last line.
        for (from, to) in [
            ("\"WellsSelection2\", TRUE", "\"WellsSelection2\", \0\0\0\0"),
            ("\"WellsSelection2\"", "\"x\""),
            (", TRUE, TRUE\n\"Waves", ", TRUE\n\"Waves"),
        ] {
            let damaged = format!("{whole}\"EndFile\"\n").replace(from, to);
            assert!(Htd::parse(&damaged).is_err(), "{from}");
        }
    }

    #[test]
    fn damage_is_named() {
        assert!(Htd::parse("").unwrap_err().to_string().contains("is empty"));
        assert!(Htd::parse("\"Other\", 1").unwrap_err().to_string().contains("HTSInfoFile"));
        let error = Htd::parse("\"HTSInfoFile\"\n\"XSites\", 99999999\n\"YSites\", 2").unwrap_err();
        assert!(error.to_string().contains("`XSites` is `99999999`"), "{error}");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,80}", lines in "[A-Za-z0-9\",= \n]{0,80}") {
            let _ = Htd::parse(&text);
            let _ = Htd::parse(&format!("\"HTSInfoFile\"\n{lines}"));
        }
    }
}
