//! A test case as data, and what it needs of a backend.

use std::{any::Any, panic::AssertUnwindSafe};

use crate::{
    Capabilities,
    conformance::{CaseResult, Context, Place, Subject},
};

/// One promise of the contract, with the test that it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Group and name: `region/out_of_bounds`.
    pub name: &'static str,
    /// What the backend must be able to do for the case to make sense.
    pub needs: &'static [Need],
    /// The test.
    pub run: fn(&Context<'_>) -> CaseResult,
}

/// Something that a case needs of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// The fixture plate can be read.
    Plate,
    /// Images of the case's own can be read.
    Images,
    /// Files can be read.
    Blobs,
    /// Planes can be written.
    Write,
    /// Files can be written.
    WriteBlobs,
    /// Plates can be declared.
    CreatePlates,
    /// Images can be declared.
    CreateImages,
    /// Regions can be written.
    RegionWrite,
    /// Images can have pyramid levels.
    Levels,
    /// Entries can be deleted.
    Delete,
    /// Entries can be renamed.
    Rename,
    /// Single planes can be written without a declaration.
    PlaneFiles,
    /// Tables can be written.
    Tables,
    /// Regions of interest can be written.
    Rois,
    /// Annotations can be written.
    Annotations,
}

impl Need {
    /// Why the need is not met, or `None` when it is.
    pub fn unmet(self, subject: &dyn Subject, place: &Place) -> Option<&'static str> {
        let can = place.backend.capabilities();
        let filler = place.writer.as_ref().map_or(Capabilities::default(), |w| w.capabilities());
        let (met, reason) = match self {
            Self::Plate => (
                place.plate.is_some() || filler.write && filler.create_plates,
                "no plate can be put there",
            ),
            Self::Images => {
                (filler.write && filler.create_images, "no image of one's own can be put there")
            }
            Self::Blobs => (can.blobs && filler.blobs && filler.write, "the backend has no files"),
            Self::Write => (can.write, "the backend cannot write"),
            Self::WriteBlobs => (can.write && can.blobs, "the backend cannot write files"),
            Self::CreatePlates => (can.create_plates, "the backend cannot declare plates"),
            Self::CreateImages => {
                (can.write && can.create_images, "the backend cannot declare images")
            }
            Self::RegionWrite => (can.region_write, "the backend cannot write regions"),
            Self::Levels => (can.levels, "the backend has no pyramid levels"),
            Self::Delete => (can.delete, "the backend cannot delete"),
            Self::Rename => (can.rename, "the backend cannot rename"),
            Self::PlaneFiles => (
                can.write && !subject.plane_extensions().is_empty(),
                "the backend has no files of single planes",
            ),
            Self::Tables => {
                (can.write && place.backend.as_tables().is_some(), "the backend has no tables")
            }
            Self::Rois => (
                can.write && place.backend.as_rois().is_some(),
                "the backend has no regions of interest",
            ),
            Self::Annotations => (
                can.write && place.backend.as_annotations().is_some(),
                "the backend has no annotations",
            ),
        };
        (!met).then_some(reason)
    }
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The promise is kept.
    Passed,
    /// It was not tested, for this reason.
    Ignored(String),
    /// The subject cannot be tested here, for this reason.
    Unavailable(String),
    /// The promise is not kept: what was expected, and what was found.
    Failed(String),
}

impl Case {
    /// Runs the case on a fresh place of `subject`. A panic is a failure.
    pub fn run(&self, subject: &dyn Subject) -> Outcome {
        if let Err(reason) = subject.available() {
            return Outcome::Unavailable(reason);
        }
        let known = subject.exceptions().into_iter().find(|(name, _)| *name == self.name);
        if let Some((_, reason)) = known {
            return Outcome::Ignored(reason.to_owned());
        }
        let answer = std::panic::catch_unwind(AssertUnwindSafe(|| self.run_now(subject)));
        answer.unwrap_or_else(|panic| Outcome::Failed(format!("panicked: {}", message(&*panic))))
    }

    fn run_now(&self, subject: &dyn Subject) -> Outcome {
        let place = match subject.open() {
            Ok(place) => place,
            Err(error) => return Outcome::Failed(format!("no fresh place: {}", error.chain())),
        };
        if let Some(reason) = self.needs.iter().find_map(|need| need.unmet(subject, &place)) {
            return Outcome::Ignored(reason.to_owned());
        }
        match (self.run)(&Context::new(subject, &place)) {
            Ok(()) => Outcome::Passed,
            Err(failure) => Outcome::Failed(failure.to_string()),
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{MemoryBackend, Result, VirtualPath, conformance::Failure, wrap};

    /// Memory that cannot be written through, with one known exception.
    struct ReadOnlyMemory {
        is_running: bool,
    }

    impl Subject for ReadOnlyMemory {
        fn name(&self) -> &str {
            "readonly"
        }

        fn available(&self) -> Result<(), String> {
            if self.is_running { Ok(()) } else { Err("is not running".to_owned()) }
        }

        fn open(&self) -> Result<Place> {
            let memory = Arc::new(MemoryBackend::new());
            let backend = Arc::new(wrap::readonly(Arc::clone(&memory) as _));
            Ok(Place::filled_by(memory, backend, VirtualPath::root()))
        }

        fn exceptions(&self) -> Vec<(&'static str, &'static str)> {
            vec![("test/known", "known not to hold")]
        }
    }

    const RUNNING: ReadOnlyMemory = ReadOnlyMemory { is_running: true };

    fn case(name: &'static str, run: fn(&Context<'_>) -> CaseResult) -> Case {
        Case { name, needs: &[Need::Plate], run }
    }

    #[test]
    fn ends_are_told_apart() {
        let ends = |run| case("test/any", run).run(&RUNNING);
        assert_eq!(ends(|_| Ok(())), Outcome::Passed);
        assert_eq!(ends(|_| Err(Failure::new("no"))), Outcome::Failed("no".to_owned()));
        let panicked = ends(|_| panic!("out of {}", "order"));
        assert_eq!(panicked, Outcome::Failed("panicked: out of order".to_owned()));
    }

    #[test]
    fn what_cannot_be_tested_is_never_passed() {
        let known = case("test/known", |_| Err(Failure::new("no")));
        assert_eq!(known.run(&RUNNING), Outcome::Ignored("known not to hold".to_owned()));
        let absent = ReadOnlyMemory { is_running: false };
        let outcome = case("test/any", |_| Ok(())).run(&absent);
        assert_eq!(outcome, Outcome::Unavailable("is not running".to_owned()));
        let needy = Case { needs: &[Need::Plate, Need::Delete], ..case("test/any", |_| Ok(())) };
        let reason = "the backend cannot delete".to_owned();
        assert_eq!(needy.run(&RUNNING), Outcome::Ignored(reason));
    }
}
