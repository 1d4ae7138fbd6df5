//! Tables, regions of interest and annotations in memory.

use std::mem::discriminant;

use crate::{
    Error, Result, VirtualPath,
    backend::{Annotation, AnnotationStore, Roi, RoiStore, Table, TableStore},
    memory::{
        MemoryBackend,
        tree::{Content, Node},
    },
};

impl TableStore for MemoryBackend {
    fn write_table(&self, target: &VirtualPath, name: &str, table: &Table) -> Result<()> {
        self.told(target, || {
            table.check()?;
            let mut state = self.state_mut();
            let tables = &mut state.node_mut(target)?.attached.tables;
            tables.insert(name.to_owned(), table.clone());
            Ok(())
        })
    }

    fn read_table(&self, target: &VirtualPath, name: &str) -> Result<Table> {
        self.told(target, || {
            let state = self.state();
            let tables = &state.node(target)?.attached.tables;
            tables.get(name).cloned().ok_or_else(|| {
                let known: Vec<_> = tables.keys().map(String::as_str).collect();
                Error::not_found(format!("has no table `{name}`"))
                    .with_hint(crate::suggest::hint(name, &known))
            })
        })
    }

    fn list_tables(&self, target: &VirtualPath) -> Result<Vec<String>> {
        self.told(target, || {
            Ok(self.state().node(target)?.attached.tables.keys().cloned().collect())
        })
    }
}

impl RoiStore for MemoryBackend {
    fn write_rois(&self, image: &VirtualPath, rois: &[Roi]) -> Result<()> {
        self.told(image, || {
            let mut state = self.state_mut();
            let node = state.node_mut(image)?;
            check_image(node)?;
            node.attached.rois = rois.to_vec();
            Ok(())
        })
    }

    fn read_rois(&self, image: &VirtualPath) -> Result<Vec<Roi>> {
        self.told(image, || {
            let state = self.state();
            let node = state.node(image)?;
            check_image(node)?;
            Ok(node.attached.rois.clone())
        })
    }
}

fn check_image(node: &Node) -> Result<()> {
    match node.content {
        Content::Image(_) => Ok(()),
        _ => Err(Error::invalid_data("is not an image")),
    }
}

impl AnnotationStore for MemoryBackend {
    fn annotate(&self, target: &VirtualPath, annotation: &Annotation) -> Result<()> {
        self.told(target, || {
            let mut state = self.state_mut();
            let annotations = &mut state.node_mut(target)?.attached.annotations;
            let is_same = |other: &Annotation| {
                other.namespace == annotation.namespace
                    && discriminant(&other.value) == discriminant(&annotation.value)
            };
            annotations.retain(|other| !is_same(other));
            let at = annotations.partition_point(|other| other.namespace <= annotation.namespace);
            annotations.insert(at, annotation.clone());
            Ok(())
        })
    }

    fn annotations(&self, target: &VirtualPath) -> Result<Vec<Annotation>> {
        self.told(target, || Ok(self.state().node(target)?.attached.annotations.clone()))
    }
}
