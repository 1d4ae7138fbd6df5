//! What is in the place of the results before a run: nothing, results to go on with, or
//! something that is refused or cleared away.

use polystore::{EntryKind, ErrorKind, words::verb};

use crate::{
    FunctionCall, Result, Selection, Step,
    output::{Found, Owned, ResultStore, RunManifest, names_taken, some_of},
    plan::{ExecutionPlan, PlateReference},
};

/// What is there to go on with.
#[derive(Default)]
pub(super) struct Prepared {
    /// The manifest of the run that left it.
    pub(super) earlier: Option<RunManifest>,
    /// What is to be said, for people.
    pub(super) notes: Vec<String>,
}

/// Looks at the place of the results of `manifest`, which is not stored yet. Results of another
/// run are refused, or cleared away with `replace`.
pub(super) fn prepare(
    plan: &ExecutionPlan,
    manifest: &RunManifest,
    store: &ResultStore,
    replace: bool,
) -> Result<Prepared> {
    let Some(earlier) = RunManifest::load(store)? else {
        check_empty(store)?;
        return Ok(Prepared::default());
    };
    let differences = differences(&earlier, plan);
    if differences.is_empty() {
        // What comes to it must not be there as somebody else's.
        let is_longer = earlier.units.len() != manifest.units.len();
        if is_longer {
            let found = Owned::of(&earlier).sort(store)?;
            check_targets(&found.foreign, manifest, store)?;
        }
        return Ok(Prepared { earlier: Some(earlier), notes: Vec::new() });
    }
    if !replace {
        let message = format!(
            "results of the pipeline `{}` over the plate `{}` are here, and this run would be another: {}",
            earlier.pipeline.name(),
            earlier.plate.name,
            differences.join("; ")
        );
        let hint = "choose another place (`-o`), replace the results (`--replace`), or run with the settings of before";
        return Err(refusal(store, message, hint));
    }
    let found = Owned::of(&earlier).sort(store)?;
    if !found.unclear.is_empty() {
        let message = format!(
            "the run that is here was made by an older version and does not say whether it wrote {}",
            some_of(&found.unclear)
        );
        return Err(refusal(store, message, "move them away, or choose another place (`-o`)"));
    }
    check_targets(&found.foreign, manifest, store)?;
    clear(store, &found)?;
    let n = found.foreign.len();
    let note = (n > 0).then(|| {
        format!(
            "{} that no run wrote {} left where {} there: {}",
            verb(n, "a file", "files"),
            verb(n, "was", "were"),
            verb(n, "it was", "they were"),
            some_of(&found.foreign)
        )
    });
    Ok(Prepared { earlier: None, notes: note.into_iter().collect() })
}

fn refusal(store: &ResultStore, message: String, hint: &'static str) -> crate::Error {
    polystore::Error::new(ErrorKind::AlreadyExists, message)
        .with_path(store.root())
        .with_backend(store.files().to_string())
        .with_hint(hint)
        .into()
}

/// Checks that nobody has anything where there are no results of a run.
fn check_empty(store: &ResultStore) -> Result<()> {
    if let Some(taken) = names_taken(store)?.first() {
        let message = format!("`{taken}` is here already, and is of no run of polystore's");
        let hint = "choose another place for the results, or move it away";
        return Err(refusal(store, message, hint));
    }
    let entries = match store.files().list(store.root()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let names = entries.iter().filter_map(|entry| entry.path.name());
    let names: Vec<String> =
        names.filter(|name| !name.starts_with('.')).map(str::to_owned).collect();
    if names.is_empty() {
        return Ok(());
    }
    let message =
        format!("the folder has other things in it, and no results of a run: {}", some_of(&names));
    let hint = "results get a folder of their own: name one that is empty or not there yet, such as `-o results`";
    Err(refusal(store, message, hint))
}

/// Checks that none of the files of somebody else is where the run writes.
fn check_targets(foreign: &[String], manifest: &RunManifest, store: &ResultStore) -> Result<()> {
    let targets = Owned::of(manifest);
    let taken: Vec<String> =
        foreign.iter().filter(|below| targets.has(below, EntryKind::Blob)).cloned().collect();
    if taken.is_empty() {
        return Ok(());
    }
    let message = format!("no run wrote {}, where this one would", some_of(&taken));
    Err(refusal(store, message, "move them away, or choose another place (`-o`)"))
}

/// Deletes what an earlier run wrote, and nothing else; its manifest last.
fn clear(store: &ResultStore, found: &Found) -> Result<()> {
    let files = store.files();
    let gone = |result: polystore::Result<()>| match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    };
    let (last, rest) =
        found.own.split_last().map_or((None, &[][..]), |(last, rest)| (Some(last), rest));
    for path in rest {
        gone(files.delete(path, false))?;
    }
    for folder in &found.folders {
        match gone(files.delete(folder, false)) {
            // Something is left in it.
            Err(error) if error.kind() == ErrorKind::InvalidInput => {}
            other => other?,
        }
    }
    Ok(last.map_or(Ok(()), |path| gone(files.delete(path, false)))?)
}

/// What makes the run of `plan` another than that of `earlier`, so that it cannot go on with its
/// results. More wells, fields and acquisitions do not, nor does what is done about missing
/// planes: each field is done again unless its record says that the same was done from the same
/// planes.
fn differences(earlier: &RunManifest, plan: &ExecutionPlan) -> Vec<String> {
    let mut differences = Vec::new();
    let mut differ = |what: &str, old: String, new: String| {
        if old != new {
            differences.push(format!("{what}: {old} → {new}"));
        }
    };
    let place = |plate: &PlateReference| {
        let place = format!("{}:{}", plate.backend.scheme, plate.backend.location);
        if plate.path.is_root() { place } else { format!("{place} {}", plate.path) }
    };
    differ("the plate", place(&earlier.plate), place(&plan.plate));
    let (old, new) = (earlier.pipeline.steps(), plan.pipeline.steps());
    for step in old {
        match new.iter().find(|other| other.name() == step.name()) {
            None => differ("step", format!("`{}`", step.name()), "none".to_owned()),
            Some(other) => {
                for (what, old, new) in of_step(step, other) {
                    differ(&format!("step `{}`, {what}", step.name()), old, new);
                }
            }
        }
    }
    let is_new = |step: &&Step| old.iter().all(|other| other.name() != step.name());
    for step in new.iter().filter(is_new) {
        differ("step", "none".to_owned(), format!("`{}`", step.name()));
    }
    let names = |steps: &[Step]| {
        steps.iter().map(|step| step.name().to_owned()).collect::<Vec<_>>().join(", ")
    };
    if old.len() == new.len() && old.iter().all(|step| !is_new(&step)) {
        differ("the order of the steps", names(old), names(new));
    }
    let (before, now) = (earlier.pipeline.input(), plan.pipeline.input());
    let list = |names: &[String]| match names {
        [] => "all".to_owned(),
        names => names.join(", "),
    };
    differ("channels", list(&before.channels), list(&now.channels));
    let timepoints = |selection: &Selection| match &selection.timepoints {
        Some(timepoints) => timepoints.to_string(),
        None => "all".to_owned(),
    };
    differ("timepoints", timepoints(before), timepoints(now));
    let asked: std::collections::HashSet<&str> =
        plan.units.iter().map(|unit| unit.name.as_str()).collect();
    let lost: Vec<String> = (earlier.units.iter().map(|unit| &unit.name))
        .filter(|name| !asked.contains(name.as_str()))
        .cloned()
        .collect();
    if differences.is_empty() && !lost.is_empty() {
        differences.push(format!(
            "{} → {}, without {} of before",
            selected(before),
            selected(now),
            some_of(&lost)
        ));
    }
    differences
}

/// Wells, fields and acquisitions in words.
fn selected(selection: &Selection) -> String {
    let mut parts = Vec::new();
    let all = "all".to_owned();
    parts.push(format!("wells {}", selection.wells.as_ref().map_or(all, ToString::to_string)));
    if let Some(wells) = &selection.exclude_wells {
        parts.push(format!("but {wells}"));
    }
    if let Some(fields) = &selection.fields {
        parts.push(format!("fields {fields}"));
    }
    if !selection.acquisitions.is_empty() {
        parts.push(format!("acquisition {}", selection.acquisitions.join(", ")));
    }
    parts.join(" ")
}

/// What two steps of one name may differ in: what it is, old, new.
fn of_step(old: &Step, new: &Step) -> Vec<(String, String, String)> {
    let calls = |step: &Step| -> Vec<(String, FunctionCall)> {
        let chains = step.work().chains().into_iter();
        let calls = chains.flat_map(|(channel, chain)| {
            chain.iter().map(move |call| (channel.to_owned(), call.clone()))
        });
        calls.collect()
    };
    let functions = |calls: &[(String, FunctionCall)]| -> Vec<String> {
        let name = |(channel, call): &(String, FunctionCall)| match channel.as_str() {
            "*" => call.function.clone(),
            channel => format!("{channel}: {}", call.function),
        };
        calls.iter().map(name).collect()
    };
    let (before, now) = (calls(old), calls(new));
    let mut found = Vec::new();
    let (old_functions, new_functions) = (functions(&before), functions(&now));
    if old_functions == new_functions {
        for ((name, (_, before)), (_, now)) in old_functions.iter().zip(&before).zip(&now) {
            for (setting, value) in before.settings.iter() {
                let other = now.settings.iter().find(|(other, _)| *other == setting);
                let other = other.map_or_else(|| "none".to_owned(), |(_, value)| value.to_string());
                found.push((format!("{setting} of {name}"), value.to_string(), other));
            }
        }
    }
    found.push(("functions".to_owned(), old_functions.join(", "), new_functions.join(", ")));
    let over = |step: &Step| crate::definition::in_words(step.over());
    found.push(("over".to_owned(), over(old), over(new)));
    found.push(("input".to_owned(), old.inputs_in_words(), new.inputs_in_words()));
    let save = |step: &Step| step.save().unwrap_or("no").to_owned();
    found.push(("save".to_owned(), save(old), save(new)));
    found
}
