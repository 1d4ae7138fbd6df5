//! Planes by the rows of a CSV.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use csv::{ReaderBuilder, StringRecord, Trim};
use sha2::{Digest, Sha256};

use super::numbering::{Numbering, PARTS, Place, Values, part};
use crate::{
    Error, ErrorKind, Result,
    microscope::{
        Detection, MAX_METADATA_BYTES, PlateFolder,
        builder::{Capped, MAX_PLANES, Rule},
        decode_text,
        names::number,
    },
    model::{DeclaredPlate, PlaneSource},
    words::{count, verb},
};

/// Columns besides [`PARTS`].
const OWN_COLUMNS: [&str; 2] = ["file", "page"];

/// A CSV, read and checked.
#[derive(Debug)]
pub(super) struct Table {
    path: PathBuf,
    digest: String,
    numbering: Numbering,
    rows: Vec<Row>,
    /// Whether a column says which page is meant; without one, a file is one plane.
    has_pages: bool,
    notes: Vec<String>,
}

/// One plane, its file relative to the plate's folder.
#[derive(Debug)]
struct Row {
    place: Place,
    file: Box<str>,
    page: u32,
    /// Its line in the CSV, from 1.
    line: u64,
}

impl Table {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let fail = |error| {
            let error = Error::io(error, "read the CSV", path.display());
            match error.kind() {
                ErrorKind::NotFound => error.with_hint("check the path of the CSV"),
                _ => error,
            }
        };
        let path = &std::path::absolute(path).map_err(fail)?;
        let n_bytes = std::fs::metadata(path).map_err(fail)?.len();
        if n_bytes > MAX_METADATA_BYTES {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("CSV of {n_bytes} bytes is longer than the {MAX_METADATA_BYTES} read"),
            )
            .with_path(path.display()));
        }
        let content = std::fs::read(path).map_err(fail)?;
        Self::parse(path, &content).map_err(|error| error.with_path(path.display()))
    }

    fn parse(path: &Path, content: &[u8]) -> Result<Self> {
        let text = decode_text(content);
        let delimiter = match text.lines().next() {
            Some(header) if header.contains(';') && !header.contains(',') => b';',
            Some(header) if header.contains('\t') && !header.contains(',') => b'\t',
            _ => b',',
        };
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .trim(Trim::All)
            .flexible(true)
            .from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| damaged(&error))?;
        let columns = Columns::of(header).map_err(|error| on_line(1, &error))?;
        let mut table = Self {
            path: path.to_owned(),
            digest: Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect(),
            numbering: Numbering::default(),
            rows: Vec::new(),
            has_pages: columns.page.is_some(),
            notes: columns.notes.clone(),
        };
        let mut seen = Seen::default();
        let mut record = StringRecord::new();
        let n_columns = reader.headers().map_err(|error| damaged(&error))?.len();
        while reader.read_record(&mut record).map_err(|error| damaged(&error))? {
            let line = record.position().map_or(0, csv::Position::line);
            // Editors leave lines of blanks and of separators.
            if record.iter().all(str::is_empty) {
                continue;
            }
            if record.len() != n_columns {
                let error = Error::invalid_data(format!(
                    "has {}; the header has {n_columns}",
                    count(record.len(), "value")
                ));
                return Err(on_line(line, &error));
            }
            let row = table.row(&columns, &record, line);
            let row = row.and_then(|row| seen.check(&row, line).map(|()| row));
            table.rows.push(row.map_err(|error| on_line(line, &error))?);
        }
        if table.rows.is_empty() {
            return Err(Error::invalid_data("has no rows below its header"));
        }
        Ok(table)
    }

    fn row(&mut self, columns: &Columns, record: &StringRecord, line: u64) -> Result<Row> {
        if self.rows.len() as u64 >= MAX_PLANES {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("has more than {MAX_PLANES} rows"),
            ));
        }
        let mut values = Values::default();
        for &(column, part) in &columns.parts {
            values[part] = record.get(column);
        }
        let page = columns.page.and_then(|page| record.get(page)).filter(|page| !page.is_empty());
        let page = match page {
            None => 0,
            Some(text) => number(text).ok_or_else(|| {
                Error::invalid_data(format!("page is `{text}`; expected a number from 0"))
            })?,
        };
        let file = inside(record.get(columns.file).unwrap_or(""))?;
        Ok(Row { place: self.numbering.place(&values)?, file, page, line })
    }

    /// The CSV itself, absolute.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// SHA-256 of the content, in hexadecimal digits.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    pub(super) fn detect(&self, folder: &PlateFolder<'_>) -> Detection {
        let first = self.rows.iter().take(16);
        let listed = |row: &Row| folder.files().contains(&row.file);
        if first.into_iter().any(listed) { Detection::Metadata } else { Detection::No }
    }

    pub(super) fn read_plate(&self, folder: &PlateFolder<'_>) -> Result<DeclaredPlate> {
        let files: HashMap<&str, u32> = folder.files().iter().zip(0u32..).collect();
        let mut lacking = Capped::new(3);
        let planes: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                let file = files.get(&*row.file);
                if file.is_none() {
                    lacking.push(|| format!("{} (line {})", row.file, row.line));
                }
                let source = |&file: &u32| match self.has_pages {
                    true => PlaneSource::page(file, row.page),
                    false => PlaneSource::whole(file),
                };
                (row.place, file.map(source))
            })
            .collect();
        if lacking.n() == planes.len() {
            return Err(Error::not_found(format!(
                "none of the files that {} lists is in the folder: {}",
                self.path.display(),
                lacking.into_line()
            ))
            .with_path(folder.name())
            .with_hint("files are named relative to the plate's folder"));
        }
        let mut notes = self.notes.clone();
        if !lacking.is_empty() {
            let n = lacking.n();
            notes.push(format!(
                "{} of {} {} not there: {}",
                count(n, "file"),
                self.path.display(),
                verb(n, "is", "are"),
                lacking.into_line()
            ));
        }
        let plate = self.numbering.build(folder, &planes, Rule::Declared, notes);
        plate.map_err(|error| match error.kind() {
            // Of the numbers that the rows have all together.
            ErrorKind::LimitExceeded => {
                retold(&error, format!("{}: {}", self.path.display(), error.message()))
            }
            _ => error,
        })
    }
}

/// The same error, of a line of the CSV.
fn on_line(line: u64, error: &Error) -> Error {
    retold(error, format!("line {line}: {}", error.message()))
}

/// The same error in other words.
fn retold(error: &Error, message: String) -> Error {
    let told = Error::new(error.kind(), message);
    match error.hint() {
        Some(hint) => told.with_hint(hint.to_owned()),
        None => told,
    }
}

/// Which column is what.
#[derive(Debug)]
struct Columns {
    file: usize,
    page: Option<usize>,
    /// Columns with the part that each is.
    parts: Vec<(usize, usize)>,
    notes: Vec<String>,
}

impl Columns {
    fn of(header: &StringRecord) -> Result<Self> {
        let names: Vec<String> = header.iter().map(str::to_lowercase).collect();
        let known: Vec<&str> = OWN_COLUMNS.into_iter().chain(PARTS).collect();
        let find = |name: &str| names.iter().position(|column| column == name);
        let mut parts: Vec<(usize, usize)> = Vec::new();
        let mut unused = Capped::new(5);
        for (column, name) in names.iter().enumerate() {
            match part(name) {
                Some(part) if parts.iter().any(|&(_, other)| other == part) => {
                    return Err(Error::invalid_data(format!(
                        "has two columns for `{}`",
                        PARTS[part]
                    )));
                }
                Some(part) => parts.push((column, part)),
                None if OWN_COLUMNS.contains(&name.as_str()) => {}
                // A column of the user's own, unless it looks like one that is lacking.
                None => match crate::suggest::nearest(name, &known).first() {
                    Some(near) if find(near).is_none() => {
                        return Err(Error::invalid_data(format!(
                            "has a column `{name}`, which means nothing"
                        ))
                        .with_hint(format!("did you mean `{near}`? Rename or remove it")));
                    }
                    _ => unused.push(|| name.clone()),
                },
            }
        }
        let has = |name: &str| parts.iter().any(|&(_, part)| PARTS[part] == name);
        let mut lacking = Vec::new();
        let file = find("file");
        if file.is_none() {
            lacking.push("`file`");
        }
        let has_well = has("well") || (has("row") && has("col"));
        if !has_well {
            lacking.push("`well` (or `row` and `col`)");
        }
        let (Some(file), true) = (file, lacking.is_empty()) else {
            return Err(Error::invalid_data(format!("lacks the column {}", lacking.join(" and ")))
                .with_hint(format!(
                    "the first line names the columns; it has: {}",
                    header.iter().collect::<Vec<_>>().join(", ")
                )));
        };
        let mut notes = Vec::new();
        if !unused.is_empty() {
            notes
                .push(format!("columns of the CSV that mean nothing here: {}", unused.into_line()));
        }
        Ok(Self { file, page: find("page"), parts, notes })
    }
}

/// Rows by what they claim.
#[derive(Default)]
struct Seen {
    planes: HashMap<Place, u64>,
    pages: HashMap<(Box<str>, u32), u64>,
}

impl Seen {
    fn check(&mut self, row: &Row, line: u64) -> Result<()> {
        if let Some(earlier) = self.planes.insert(row.place, line) {
            return Err(Error::invalid_data(format!(
                "is of the plane of well {} that line {earlier} is of",
                row.place.well
            )));
        }
        if let Some(earlier) = self.pages.insert((row.file.clone(), row.page), line) {
            return Err(Error::invalid_data(format!(
                "names page {} of {}, as line {earlier} does",
                row.page, row.file
            ))
            .with_hint("a file with several planes needs a column `page`, from 0"));
        }
        Ok(())
    }
}

/// The path of a file below the plate's folder, `/`-separated and without `.`.
fn inside(file: &str) -> Result<Box<str>> {
    if file.is_empty() {
        return Err(Error::invalid_data("names no file"));
    }
    let slashed = file.replace('\\', "/");
    let is_absolute = slashed.starts_with('/')
        || slashed.as_bytes().get(1) == Some(&b':')
        || slashed.starts_with('~');
    let parts = || slashed.split('/').filter(|part| !matches!(*part, "" | "."));
    if is_absolute || parts().any(|part| part == "..") {
        return Err(Error::invalid_data(format!("file `{file}` is not below the plate's folder"))
            .with_hint("name files relative to the folder that is opened"));
    }
    Ok(parts().collect::<Vec<_>>().join("/").into())
}

fn damaged(error: &csv::Error) -> Error {
    let line = error.position().map_or(0, csv::Position::line);
    Error::invalid_data(format!("line {line}: is not CSV: {error}"))
}
