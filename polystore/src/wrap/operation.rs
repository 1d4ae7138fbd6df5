//! What is asked of a backend, as data.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Error, Result, VirtualPath, suggest};

/// One kind of call to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "the variants are the trait's methods")]
pub enum Operation {
    Stat,
    List,
    Plate,
    Inventory,
    Describe,
    Labels,
    ReadPlanes,
    CreatePlate,
    ExtendPlate,
    CreateImage,
    FinishPlate,
    WritePlanes,
    ReadBlob,
    WriteBlob,
    CreateDirectory,
    Delete,
    Rename,
    WriteTable,
    ReadTable,
    ListTables,
    WriteRois,
    ReadRois,
    Annotate,
    Annotations,
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 24] = [
        Self::Stat,
        Self::List,
        Self::Plate,
        Self::Inventory,
        Self::Describe,
        Self::Labels,
        Self::ReadPlanes,
        Self::CreatePlate,
        Self::ExtendPlate,
        Self::CreateImage,
        Self::FinishPlate,
        Self::WritePlanes,
        Self::ReadBlob,
        Self::WriteBlob,
        Self::CreateDirectory,
        Self::Delete,
        Self::Rename,
        Self::WriteTable,
        Self::ReadTable,
        Self::ListTables,
        Self::WriteRois,
        Self::ReadRois,
        Self::Annotate,
        Self::Annotations,
    ];

    /// The method's name (`read_planes`).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::List => "list",
            Self::Plate => "plate",
            Self::Inventory => "inventory",
            Self::Describe => "describe",
            Self::Labels => "labels",
            Self::ReadPlanes => "read_planes",
            Self::CreatePlate => "create_plate",
            Self::ExtendPlate => "extend_plate",
            Self::CreateImage => "create_image",
            Self::FinishPlate => "finish_plate",
            Self::WritePlanes => "write_planes",
            Self::ReadBlob => "read_blob",
            Self::WriteBlob => "write_blob",
            Self::CreateDirectory => "create_directory",
            Self::Delete => "delete",
            Self::Rename => "rename",
            Self::WriteTable => "write_table",
            Self::ReadTable => "read_table",
            Self::ListTables => "list_tables",
            Self::WriteRois => "write_rois",
            Self::ReadRois => "read_rois",
            Self::Annotate => "annotate",
            Self::Annotations => "annotations",
        }
    }

    /// Whether it changes what the backend stores.
    pub fn is_change(self) -> bool {
        matches!(
            self,
            Self::CreatePlate
                | Self::ExtendPlate
                | Self::CreateImage
                | Self::FinishPlate
                | Self::WritePlanes
                | Self::WriteBlob
                | Self::CreateDirectory
                | Self::Delete
                | Self::Rename
                | Self::WriteTable
                | Self::WriteRois
                | Self::Annotate
        )
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Operation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Self::ALL.map(Self::as_str);
        Self::ALL.into_iter().find(|operation| operation.as_str() == text).ok_or_else(|| {
            Error::invalid_input(format!("no operation is called `{text}`"))
                .with_hint(suggest::hint(text, &known))
        })
    }
}

/// One call: what is asked, and about which path.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What is asked.
    pub operation: Operation,
    /// About what; the source, for a rename.
    pub path: &'a VirtualPath,
}

impl<'a> Call<'a> {
    /// `operation` on `path`.
    pub fn new(operation: Operation, path: &'a VirtualPath) -> Self {
        Self { operation, path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_text_and_json() {
        for operation in Operation::ALL {
            assert_eq!(operation.as_str().parse::<Operation>().unwrap(), operation);
            assert_eq!(serde_json::to_value(operation).unwrap(), operation.as_str());
        }
        let error = "read_plane".parse::<Operation>().unwrap_err();
        assert!(error.to_string().contains("read_planes"), "{error}");
    }
}
