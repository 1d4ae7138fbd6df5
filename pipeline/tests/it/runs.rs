//! Runs of pipelines into memory, and what they leave there.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{Arc, atomic::AtomicBool},
};

use polystore::{
    EntryKind, MemoryBackend, PlaneRequest, Plate, VirtualBackend, VirtualBackendExt, VirtualPath,
};
use polystore_pipeline::{
    Event, ExecutionPlan, Executor, ExecutorOptions, Result, ResultStore, RunReport,
};

pub(crate) fn path(text: &str) -> VirtualPath {
    VirtualPath::parse(text).unwrap()
}

pub(crate) fn options(threads: usize) -> ExecutorOptions {
    ExecutorOptions::default().with_cpu_threads(NonZeroUsize::new(threads).unwrap())
}

/// Results in a memory backend of their own.
pub(crate) struct Results {
    pub(crate) memory: Arc<MemoryBackend>,
    pub(crate) store: ResultStore,
}

impl Results {
    pub(crate) fn new() -> Self {
        let memory = Arc::new(MemoryBackend::new());
        let store = ResultStore::in_backend(Arc::clone(&memory) as _, path("/out"));
        Self { memory, store }
    }

    pub(crate) fn run(&self, plan: &ExecutionPlan, plate: &Plate, threads: usize) -> RunReport {
        self.try_run(plan, plate, options(threads)).unwrap()
    }

    pub(crate) fn try_run(
        &self,
        plan: &ExecutionPlan,
        plate: &Plate,
        options: ExecutorOptions,
    ) -> Result<RunReport> {
        self.run_with(plan, plate, options, &AtomicBool::new(false), &|_| {})
    }

    pub(crate) fn run_with(
        &self,
        plan: &ExecutionPlan,
        plate: &Plate,
        options: ExecutorOptions,
        cancel: &AtomicBool,
        events: &(dyn Fn(Event) + Sync),
    ) -> Result<RunReport> {
        Executor::new(options).run(plan, plate, &self.store, cancel, events)
    }

    pub(crate) fn text(&self, below: &str) -> String {
        self.memory.read_text(&path("/out").join(below).unwrap()).unwrap()
    }

    pub(crate) fn exists(&self, below: &str) -> bool {
        self.memory.exists(&path("/out").join(below).unwrap()).unwrap()
    }

    /// Everything that a run leaves but its records, manifest and report, which name the
    /// run: files, and planes of images as text.
    pub(crate) fn content(&self) -> BTreeMap<String, Vec<u8>> {
        let mut content = BTreeMap::new();
        let names_run = |at: &VirtualPath| {
            let at = at.as_str();
            at.starts_with("/out/units/") || at == "/out/run.json" || at == "/out/report.html"
        };
        for entry in self.memory.walk(&path("/out")).unwrap() {
            if names_run(&entry.path) {
                continue;
            }
            match entry.kind {
                EntryKind::Directory => {}
                EntryKind::Blob => {
                    let blob = self.memory.read_blob(&entry.path, None).unwrap();
                    content.insert(entry.path.to_string(), blob.to_vec());
                }
                _ => self.image(&entry.path, &mut content),
            }
        }
        content
    }

    fn image(&self, at: &VirtualPath, content: &mut BTreeMap<String, Vec<u8>>) {
        for index in self.memory.describe(at).unwrap().sizes.indices() {
            let plane = self.memory.read_plane(&PlaneRequest::new(at.clone(), index));
            let bytes = match plane {
                Ok(plane) => plane.bytes().to_vec(),
                Err(error) => error.kind().to_string().into_bytes(),
            };
            content.insert(format!("{at} {index}"), bytes);
        }
        // Labels are not listed with their image.
        let labels = at.join("labels/objects").unwrap();
        if self.memory.exists(&labels).unwrap() {
            self.image(&labels, content);
        }
    }
}
