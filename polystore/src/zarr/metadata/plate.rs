//! `plate`: the grid, the wells and the acquisitions.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Error, ErrorKind, Result, VirtualPath, WellPosition,
    model::{Acquisition, PlateStructure},
    parse_row_name, row_name,
    zarr::NgffVersion,
};

/// Most wells, rows, columns and acquisitions.
const MAX_WELLS: usize = 200_000;
const MAX_LINES: usize = WellPosition::MAX as usize + 1;
const MAX_ACQUISITIONS: usize = 10_000;
/// Later than this in seconds is meant in milliseconds, as OMERO has its times: the year 5138.
const LATEST_S: i64 = 100_000_000_000;

/// A plate as it is read.
#[derive(Debug, Deserialize)]
pub(in super::super) struct PlateJson {
    #[serde(default)]
    name: Value,
    columns: Vec<LineJson>,
    rows: Vec<LineJson>,
    wells: Vec<WellJson>,
    #[serde(default)]
    acquisitions: Option<Vec<AcquisitionJson>>,
}

#[derive(Debug, Deserialize)]
struct LineJson {
    name: Value,
}

#[derive(Debug, Deserialize)]
struct WellJson {
    path: String,
    #[serde(default, rename = "rowIndex")]
    row: Option<u64>,
    #[serde(default, rename = "columnIndex")]
    column: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct AcquisitionJson {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    name: Value,
    #[serde(default)]
    starttime: Value,
    #[serde(default)]
    endtime: Value,
}

/// A plate's grid, without its images.
#[derive(Debug)]
pub(in super::super) struct Grid {
    pub(in super::super) name: Option<String>,
    pub(in super::super) n_rows: u32,
    pub(in super::super) n_columns: u32,
    /// At least one.
    pub(in super::super) acquisitions: Vec<Acquisition>,
    /// Ordered by position.
    pub(in super::super) wells: Vec<WellEntry>,
}

/// A well of the plate's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct WellEntry {
    pub(in super::super) position: WellPosition,
    /// Where it is below the plate.
    pub(in super::super) path: VirtualPath,
}

impl PlateJson {
    /// Checks and takes the grid.
    ///
    /// Rows in letters and columns in numbers say themselves where they are. So a plate that
    /// lists only the lines it uses is read right; where names are others, their place in
    /// the list counts.
    ///
    /// # Errors
    /// `InvalidData` naming the well whose path and indices disagree, or that is there
    /// twice; `LimitExceeded` for absurd numbers.
    pub(in super::super) fn check(self) -> Result<Grid> {
        limit("wells", self.wells.len(), MAX_WELLS)?;
        limit("rows", self.rows.len(), MAX_LINES)?;
        limit("columns", self.columns.len(), MAX_LINES)?;
        let rows = Lines::new("row", &self.rows, parse_row_name)?;
        let columns = Lines::new("column", &self.columns, parse_column_name)?;
        let mut wells = Vec::with_capacity(self.wells.len());
        for well in &self.wells {
            wells.push(well.check(&rows, &columns).map_err(|error| error.with_path(&well.path))?);
        }
        wells.sort_by_key(|well| well.position);
        if let Some(pair) = wells.windows(2).find(|pair| pair[0].position == pair[1].position) {
            let (one, other) = (pair[0].path.relative(), pair[1].path.relative());
            let message = format!("wells {one} and {other} are both {}", pair[0].position);
            return Err(Error::invalid_data(message));
        }
        let acquisitions = acquisitions(self.acquisitions.unwrap_or_default())?;
        let name = self.name.as_str().map(str::to_owned);
        Ok(Grid { name, n_rows: rows.extent, n_columns: columns.extent, acquisitions, wells })
    }
}

/// The rows or the columns of a plate.
struct Lines {
    what: &'static str,
    /// Place in the list by name.
    listed: HashMap<String, usize>,
    /// Place on the plate by place in the list.
    places: Vec<u32>,
    extent: u32,
}

impl Lines {
    fn new(
        what: &'static str,
        lines: &[LineJson],
        parse: impl Fn(&str) -> Option<u32>,
    ) -> Result<Self> {
        let names: Vec<String> = lines.iter().map(LineJson::text).collect();
        let mut listed = HashMap::with_capacity(names.len());
        for (at, name) in names.iter().enumerate() {
            if listed.insert(name.clone(), at).is_some() {
                return Err(Error::invalid_data(format!("{what} `{name}` is listed twice")));
            }
        }
        let by_name: Option<Vec<u32>> = names.iter().map(|name| parse(name)).collect();
        let is_plain = |places: &Vec<u32>| {
            let different: HashSet<_> = places.iter().collect();
            different.len() == places.len() && places.iter().all(|&at| at <= WellPosition::MAX)
        };
        let places = by_name
            .filter(is_plain)
            .unwrap_or_else(|| (0..u32::try_from(names.len()).unwrap_or(0)).collect());
        let extent = places.iter().map(|&at| at + 1).max().unwrap_or(0);
        Ok(Self { what, listed, places, extent })
    }

    /// Where the line called `name` is on the plate; `index` is what the well says.
    fn place(&self, name: &str, index: Option<u64>) -> Result<u32> {
        let what = self.what;
        let at = self.listed.get(name).ok_or_else(|| {
            Error::invalid_data(format!("well's path names {what} `{name}`, which is not listed"))
        })?;
        match index {
            Some(index) if index != *at as u64 => Err(Error::invalid_data(format!(
                "well's path names {what} `{name}`, number {at} of the list, but its {what}Index is {index}"
            ))
            .with_hint("which of the two is right cannot be told; `polystore validate` lists all such wells")),
            _ => Ok(self.places[*at]),
        }
    }
}

impl LineJson {
    /// The name; numbers without quotes are taken too.
    fn text(&self) -> String {
        self.name.as_str().map_or_else(|| self.name.to_string(), str::to_owned)
    }
}

impl WellJson {
    fn check(&self, rows: &Lines, columns: &Lines) -> Result<WellEntry> {
        let path = VirtualPath::parse(&self.path).map_err(|error| {
            Error::invalid_data("well leads out of its plate").with_source(error)
        })?;
        let (row, column) = path
            .relative()
            .split_once('/')
            .ok_or_else(|| Error::invalid_data("well's path is not a row and a column"))?;
        let row = rows.place(row, self.row)?;
        let column = columns.place(column, self.column)?;
        Ok(WellEntry { position: WellPosition::new(row, column), path })
    }
}

/// The 0-based column of a number from 1.
fn parse_column_name(name: &str) -> Option<u32> {
    let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| name.parse::<u32>().ok()?.checked_sub(1)).flatten()
}

fn acquisitions(listed: Vec<AcquisitionJson>) -> Result<Vec<Acquisition>> {
    limit("acquisitions", listed.len(), MAX_ACQUISITIONS)?;
    let mut ids = HashSet::new();
    let mut found = Vec::with_capacity(listed.len().max(1));
    for acquisition in listed {
        let id = acquisition.id.as_u64().and_then(|id| u32::try_from(id).ok());
        let id = id.ok_or_else(|| Error::invalid_data("acquisition has no number"))?;
        if !ids.insert(id) {
            return Err(Error::invalid_data(format!("acquisition {id} is listed twice")));
        }
        found.push(Acquisition {
            id,
            name: acquisition.name.as_str().unwrap_or_default().to_owned(),
            start_s: time_s(&acquisition.starttime),
            end_s: time_s(&acquisition.endtime),
        });
    }
    if found.is_empty() {
        found.push(Acquisition::default());
    }
    Ok(found)
}

fn time_s(value: &Value) -> Option<i64> {
    let time = value.as_i64()?;
    Some(if time > LATEST_S { time / 1000 } else { time })
}

fn limit(what: &str, found: usize, most: usize) -> Result<()> {
    if found <= most {
        return Ok(());
    }
    let message = format!("plate has {found} {what}, more than the {most} accepted");
    Err(Error::new(ErrorKind::LimitExceeded, message))
}

/// The name of a 0-based column in paths: two digits at least.
pub(in super::super) fn column_name(column: u32) -> String {
    format!("{:02}", u64::from(column) + 1)
}

/// The `plate` to write. All rows and columns of the grid are listed, so their indices do
/// not depend on which wells there are.
pub(in super::super) fn plate(version: NgffVersion, structure: &PlateStructure) -> Value {
    let rows: Vec<_> = (0..structure.n_rows).map(|row| json!({ "name": row_name(row) })).collect();
    let columns: Vec<_> =
        (0..structure.n_columns).map(|column| json!({ "name": column_name(column) })).collect();
    let well = |position: WellPosition| {
        json!({
            "path": format!("{}/{}", position.row_name(), column_name(position.column)),
            "rowIndex": position.row,
            "columnIndex": position.column,
        })
    };
    let wells: Vec<_> =
        super::super::create::with_images(structure).map(|found| well(found.position)).collect();
    let is_known = structure.acquisitions != [Acquisition::default()];
    let listed = structure.acquisitions.iter().enumerate();
    let acquisitions: Vec<_> =
        listed.map(|(number, acquisition)| describe(structure, number, acquisition)).collect();
    Value::Object(super::map([
        ("version", Some(json!(version.as_str()))),
        ("name", Some(json!(structure.name))),
        ("field_count", (structure.max_fields() > 0).then(|| json!(structure.max_fields()))),
        ("rows", Some(json!(rows))),
        ("columns", Some(json!(columns))),
        ("acquisitions", is_known.then(|| json!(acquisitions))),
        ("wells", Some(json!(wells))),
    ]))
}

fn describe(structure: &PlateStructure, number: usize, acquisition: &Acquisition) -> Value {
    let fields_of = |well: &crate::model::WellStructure| {
        well.fields.iter().filter(|image| image.acquisition as usize == number).count()
    };
    let most_fields = structure.wells.iter().map(fields_of).max().filter(|&most| most > 0);
    Value::Object(super::map([
        ("id", Some(json!(acquisition.id))),
        ("name", (!acquisition.name.is_empty()).then(|| json!(acquisition.name))),
        ("maximumfieldcount", most_fields.map(|most| json!(most))),
        ("starttime", acquisition.start_s.map(|time| json!(time))),
        ("endtime", acquisition.end_s.map(|time| json!(time))),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        PixelType,
        model::{ImageStructure, Sizes},
    };

    fn read(text: &str) -> Result<Grid> {
        serde_json::from_str::<PlateJson>(text).unwrap().check()
    }

    fn positions(grid: &Grid) -> Vec<String> {
        grid.wells.iter().map(|well| well.position.to_string()).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let mut plate_structure = PlateStructure::new("p", 32, 48);
        plate_structure.acquisitions =
            vec![Acquisition { id: 4, name: "a".into(), start_s: Some(5), end_s: None }];
        for position in ["AF48", "B02"] {
            let image = ImageStructure::new(
                VirtualPath::root().join(position).unwrap(),
                PixelType::U8,
                Sizes::new(1, 1, 1, 1, 1),
            );
            plate_structure.add_image(position.parse().unwrap(), image).unwrap();
        }
        // NGFF lists no well without an image.
        plate_structure.well_mut("C03".parse().unwrap());
        let grid = read(&plate(NgffVersion::V05, &plate_structure).to_string()).unwrap();
        assert_eq!((grid.n_rows, grid.n_columns), (32, 48));
        assert_eq!(positions(&grid), ["B02", "AF48"]);
        assert_eq!(grid.wells[1].path.as_str(), "/AF/48");
        assert_eq!(grid.acquisitions, plate_structure.acquisitions);
    }

    #[test]
    fn names_place_the_wells_of_a_plate_that_lists_only_some_lines() {
        let grid = read(
            r#"{"rows": [{"name": "C"}], "columns": [{"name": "10"}, {"name": 2}],
                "wells": [{"path": "C/10", "rowIndex": 0, "columnIndex": 0}, {"path": "C/2"}]}"#,
        )
        .unwrap();
        assert_eq!(positions(&grid), ["C02", "C10"]);
        let named = read(
            r#"{"rows": [{"name": "1"}, {"name": "2"}], "columns": [{"name": "x"}],
                "wells": [{"path": "2/x", "rowIndex": 1, "columnIndex": 0}]}"#,
        )
        .unwrap();
        assert_eq!(positions(&named), ["B01"]);
    }

    #[test]
    fn disagreement_is_an_error_that_names_the_well() {
        let with = |wells: &str| {
            let text = format!(
                r#"{{"rows": [{{"name": "A"}}, {{"name": "B"}}], "columns": [{{"name": "1"}}, {{"name": "01x"}}],
                "wells": {wells}}}"#
            );
            read(&text).unwrap_err()
        };
        let error = with(r#"[{"path": "B/1", "rowIndex": 0, "columnIndex": 0}]"#);
        assert_eq!(error.path(), Some("B/1"));
        for wells in [
            r#"[{"path": "C/1"}]"#,
            r#"[{"path": "A"}]"#,
            r#"[{"path": "../A/1"}]"#,
            r#"[{"path": "A/1"}, {"path": "/A/1/"}]"#,
        ] {
            assert_eq!(with(wells).kind(), ErrorKind::InvalidData, "{wells}");
        }
    }

    #[test]
    fn absurd_numbers_are_refused() {
        let lines = vec![r#"{"name": "A"}"#; 20_000].join(",");
        let text = format!(r#"{{"rows": [{lines}], "columns": [], "wells": []}}"#);
        assert_eq!(read(&text).unwrap_err().kind(), ErrorKind::LimitExceeded);
        assert!(
            read(r#"{"rows": [{"name": "A"}, {"name": "A"}], "columns": [], "wells": []}"#)
                .is_err()
        );
        let ids =
            r#"{"rows": [], "columns": [], "wells": [], "acquisitions": [{"id": 1}, {"id": 1}]}"#;
        assert!(read(ids).is_err());
    }

    #[test]
    fn times_in_milliseconds_are_recognised() {
        assert_eq!(time_s(&json!(1_343_731_272_000_i64)), Some(1_343_731_272));
        assert_eq!(time_s(&json!(1_343_731_272)), Some(1_343_731_272));
        assert_eq!(time_s(&json!("x")), None);
    }
}
