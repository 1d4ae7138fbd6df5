//! Names in folders on disk that have no virtual path, or lead nowhere.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, path::Path};

use rustix::io::Errno;

use crate::{VirtualPath, atomic};

/// A name in a folder that is not listed, since it cannot be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlisted {
    /// The folder that it is in.
    pub folder: VirtualPath,
    /// Its name; bytes that are not UTF-8 as `\xff`.
    pub name: String,
    /// Whether it is a folder, or a link to one.
    pub is_folder: bool,
    /// Whether it is a link.
    pub is_link: bool,
    /// Why it is not listed.
    pub reason: UnlistedReason,
}

/// Why a name is not listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnlistedReason {
    /// It is not UTF-8.
    NameNotUtf8,
    /// It has a backslash, or is too long for a path.
    NameNoPath,
    /// A link that leads nowhere.
    DanglingLink,
    /// A link to a folder above it, or through itself.
    LoopingLink,
}

impl UnlistedReason {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NameNotUtf8 => "name is not UTF-8",
            Self::NameNoPath => "name cannot be part of a path",
            Self::DanglingLink => "link that leads nowhere",
            Self::LoopingLink => "link that leads around",
        }
    }
}

/// What a listing of `folder` leaves out, but for files being written. The folder's path is
/// for the caller to enter.
pub(super) fn look(folder: &Path) -> Vec<Unlisted> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Ok(kind) = entry.file_type() else { continue };
        let leads_to = fs::metadata(entry.path());
        let reason = match name.to_str() {
            None => Some(UnlistedReason::NameNotUtf8),
            Some(name) if atomic::is_temporary(name) => None,
            Some(name) if VirtualPath::root().join(name).is_err() => {
                Some(UnlistedReason::NameNoPath)
            }
            Some(_) if kind.is_symlink() => match &leads_to {
                Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                    Some(UnlistedReason::LoopingLink)
                }
                Err(_) => Some(UnlistedReason::DanglingLink),
                Ok(target) if target.is_dir() && leads_around(&entry.path(), folder) => {
                    Some(UnlistedReason::LoopingLink)
                }
                Ok(_) => None,
            },
            Some(_) => None,
        };
        found.extend(reason.map(|reason| Unlisted {
            folder: VirtualPath::root(),
            name: escaped(&name),
            is_folder: leads_to.is_ok_and(|metadata| metadata.is_dir()),
            is_link: kind.is_symlink(),
            reason,
        }));
    }
    found
}

/// Whether a link in `folder` leads to it or to a folder above.
fn leads_around(link: &Path, folder: &Path) -> bool {
    let Ok(target) = link.canonicalize() else { return false };
    folder.ancestors().any(|above| above.canonicalize().is_ok_and(|above| above == target))
}

/// A name as text: what is not UTF-8 as the shell's `$'...'` takes it.
fn escaped(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}
