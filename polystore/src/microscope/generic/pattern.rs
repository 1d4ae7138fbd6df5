//! Names by a regular expression.

use regex::{Captures, Regex, RegexBuilder};

use super::numbering::{Numbering, PARTS, Values, part};
use crate::{
    Error, Result,
    microscope::{
        Detection, PlateFolder,
        builder::{Capped, Rule},
        names::{by_names, file_name, image_stem},
    },
    model::{DeclaredPlate, PassedOver, PassedOverReason, PlaneSource},
    words::count,
};

/// Most memory that a compiled expression may take.
const MAX_COMPILED_BYTES: usize = 16 << 20;

/// A regular expression whose groups are parts of a plane's name.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    whole: Regex,
    /// The part that each group of the expression is.
    groups: Vec<Option<usize>>,
    /// Whether it describes paths and not names alone.
    is_of_path: bool,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self> {
        // By itself first, so that the position is one in the user's text and a parenthesis
        // too many does not pair with ours.
        compile(text).map_err(|error| malformed(text, &error))?;
        let whole = compile(&format!("^(?:{text})$")).map_err(|error| malformed(text, &error))?;
        let names: Vec<Option<&str>> = whole.capture_names().collect();
        let mut groups = Vec::with_capacity(names.len());
        for name in names {
            groups.push(match name {
                None => None,
                Some(name) => Some(part(name).ok_or_else(|| unknown(name))?),
            });
        }
        check_well(&groups)?;
        Ok(Self { text: text.to_owned(), whole, groups, is_of_path: text.contains('/') })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn captures<'t>(&self, path: &'t str) -> Option<Captures<'t>> {
        self.whole.captures(if self.is_of_path { path } else { file_name(path) })
    }

    fn values<'t>(&self, captures: &Captures<'t>) -> Values<'t> {
        let mut values = Values::default();
        for (group, part) in self.groups.iter().enumerate() {
            if let (Some(part), Some(found)) = (part, captures.get(group)) {
                values[*part] = Some(found.as_str());
            }
        }
        values
    }

    pub(super) fn detect(&self, folder: &PlateFolder<'_>) -> Detection {
        if self.is_of_path {
            let found = folder.files().iter().any(|path| self.captures(path).is_some());
            return if found { Detection::Names } else { Detection::No };
        }
        by_names(folder, |name| self.whole.is_match(name))
    }

    pub(super) fn read_plate(&self, folder: &PlateFolder<'_>) -> Result<DeclaredPlate> {
        let mut numbering = Numbering::default();
        let mut planes = Vec::new();
        let (mut others, mut unusable) = (Capped::new(3), Capped::new(3));
        let (mut not_fitting, mut passed_over) = (PassedOver::default(), PassedOver::default());
        let images = folder.files().iter().enumerate().filter(|(_, path)| is_image(path));
        for (file, path) in images {
            let Some(captures) = self.captures(path) else {
                others.push(|| path.to_string());
                not_fitting.push(path, PassedOverReason::DoesNotFitPattern);
                continue;
            };
            match numbering.place(&self.values(&captures)) {
                Ok(place) => planes.push((place, Some(PlaneSource::whole(file as u32)))),
                Err(error) => {
                    unusable.push(|| format!("{path} ({})", error.message()));
                    passed_over.push(path, PassedOverReason::UnusableName);
                }
            }
        }
        if planes.is_empty() {
            return Err(self.nothing(folder, others, unusable));
        }
        let mut notes = Vec::new();
        for (list, what) in [(others, "not fitting the pattern"), (unusable, "not usable")] {
            if !list.is_empty() {
                let note = format!("{} {what}: ", count(list.n(), "image file"));
                notes.push(note + &list.into_line());
            }
        }
        // Thumbnails and the like are left out on purpose; when most files are, the pattern
        // is likely not what was meant.
        if not_fitting.n > planes.len() as u64 {
            passed_over.extend_below("", &not_fitting);
        }
        let mut plate = numbering.build(folder, &planes, Rule::Names, notes)?;
        let inventory = &mut plate.inventory;
        if let Some(remark) = self.lacking_group(inventory.passed_over.n) {
            inventory.notes.push(remark);
        }
        inventory.passed_over.extend_below("", &passed_over);
        Ok(plate)
    }

    /// A remark when so many files stand for planes of others that the pattern is likely to
    /// leave out what tells them apart.
    fn lacking_group(&self, n_same_plane: u64) -> Option<String> {
        const FEW: u64 = 3;
        if n_same_plane <= FEW {
            return None;
        }
        let is_here = |part: &str| self.groups.iter().flatten().any(|&here| PARTS[here] == part);
        let lacking: Vec<_> = ["field", "channel", "z", "t", "acquisition"]
            .into_iter()
            .filter(|part| !is_here(part))
            .map(|part| format!("(?<{part}>...)"))
            .collect();
        let what = match lacking.is_empty() {
            true => "its groups leave out what tells them apart".to_owned(),
            false => format!(
                "put what tells them apart into a group that it lacks: {}",
                lacking.join(", ")
            ),
        };
        Some(format!(
            "{n_same_plane} image files fit the pattern as planes that others are already; {what}"
        ))
    }

    fn nothing(&self, folder: &PlateFolder<'_>, others: Capped, unusable: Capped) -> Error {
        let n = others.n() + unusable.n();
        let seen = if unusable.is_empty() { others.into_line() } else { unusable.into_line() };
        let described = if self.is_of_path { "path below the folder" } else { "name" };
        Error::not_found(match n {
            0 => "the folder has no image files".to_owned(),
            _ => format!("of {} none fits the pattern: {seen}", count(n, "image file")),
        })
        .with_path(folder.name())
        .with_hint(format!(
            "the pattern describes the whole {described} of a file; write .* where anything may stand"
        ))
    }
}

fn is_image(path: &str) -> bool {
    image_stem(file_name(path)).is_some()
}

fn compile(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).size_limit(MAX_COMPILED_BYTES).build()
}

fn malformed(text: &str, error: &regex::Error) -> Error {
    let told = error.to_string();
    // The message shows the expression with carets under what is wrong, then the reason.
    let reason = told.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or(&told);
    let caret = told
        .lines()
        .find(|line| line.contains('^') && line.bytes().all(|byte| b" ^".contains(&byte)))
        .and_then(|line| line.find('^'));
    // One line of the expression is indented by four columns.
    let at = caret.and_then(|caret| caret.checked_sub(4)).filter(|_| !text.contains('\n'));
    let message = match at {
        Some(at) => format!(
            "pattern is not a regular expression: {reason} at character {}: `{}`",
            at + 1,
            text.chars().skip(at).take(20).collect::<String>()
        ),
        None => format!("pattern is not a regular expression: {reason}"),
    };
    Error::invalid_input(message)
        .with_hint("groups are written (?<well>[A-P]\\d\\d); quote the pattern for the shell")
}

fn unknown(name: &str) -> Error {
    Error::invalid_input(format!("the pattern has a group `{name}`, which means nothing"))
        .with_hint(crate::suggest::hint(name, &PARTS))
}

/// Checks that the groups say which well a plane is of.
fn check_well(groups: &[Option<usize>]) -> Result<()> {
    let has = |name: &str| groups.iter().flatten().any(|&part| PARTS[part] == name);
    let lacking = match (has("well"), has("row"), has("col")) {
        (true, false, false) | (false, true, true) => return Ok(()),
        (true, ..) => {
            return Err(Error::invalid_input(
                "the pattern has a group `well` and `row` or `col` beside it; leave one out",
            ));
        }
        (false, true, false) => "`col`",
        (false, false, true) => "`row`",
        (false, false, false) => "`well` (or `row` and `col`)",
    };
    let here: Vec<_> = groups.iter().flatten().map(|&part| PARTS[part]).collect();
    let here = if here.is_empty() { "none".to_owned() } else { here.join(", ") };
    Err(Error::invalid_input(format!("the pattern lacks the group {lacking}; its groups: {here}"))
        .with_hint("a group is written (?<well>[A-P]\\d\\d)"))
}
