//! The folder of its own that each writer keeps unfinished files in.
//!
//! It is locked as long as the writer lives. So what a writer that was killed left is known
//! for that, and the next writer removes it.

use std::{
    fs::{self, File},
    io,
    path::PathBuf,
    sync::{MutexGuard, PoisonError},
};

use rustix::{
    fs::{AtFlags, Mode},
    io::Errno,
};

use super::{
    directory::{Directory, failure},
    staging::{STAGING, remove, unique},
};
use crate::{Error, Result, atomic};

/// A writer's folder for unfinished files.
#[derive(Debug)]
pub(super) struct Lease {
    /// Below the store's root.
    name: String,
    /// Holds the lock.
    _lock: File,
}

impl Directory {
    /// The name of this writer's folder for unfinished files, which is made if it is not there.
    pub(super) fn unfinished_folder(&self) -> Result<String> {
        let mut lease = self.locked_lease();
        if let Some(lease) = &*lease {
            return Ok(lease.name.clone());
        }
        loop {
            self.make_staging()?;
            let name = format!("{STAGING}/{}", unique());
            match rustix::fs::mkdirat(self.root(), &name, Mode::from_raw_mode(0o777)) {
                Ok(()) => {}
                // Another writer removed the folder above just now.
                Err(Errno::EXIST | Errno::NOENT) => continue,
                Err(error) => return Err(failure(error, "create the directory", &name)),
            }
            match File::open(self.path().join(&name)) {
                Ok(lock) if atomic::hold(&lock) => {
                    *lease = Some(Lease { name: name.clone(), _lock: lock });
                    return Ok(name);
                }
                // Another writer took it for a leftover before it was locked.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io(error, "open the directory", name)),
            }
        }
    }

    /// Notes that this writer's folder is gone, so that another is made.
    pub(super) fn lost_unfinished_folder(&self, name: &str) {
        self.locked_lease().take_if(|lease| lease.name == name);
    }

    /// A new directory in this writer's folder.
    pub(super) fn make_unfinished_directory(&self) -> Result<PathBuf> {
        loop {
            let above = self.unfinished_folder()?;
            let name = format!("{above}/{}", unique());
            match rustix::fs::mkdirat(self.root(), &name, Mode::from_raw_mode(0o777)) {
                Ok(()) => return Ok(self.path().join(name)),
                Err(Errno::NOENT) => self.lost_unfinished_folder(&above),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(failure(error, "create the directory", &name)),
            }
        }
    }

    /// Removes what writers that are gone left unfinished, and the folder when it is empty.
    pub(in super::super) fn clean_up(&self) {
        for entry in fs::read_dir(self.path().join(STAGING)).into_iter().flatten().flatten() {
            if atomic::is_stale(&entry.path()) {
                remove(&entry.path());
            }
        }
        self.leave_staging();
    }

    /// Removes this writer's folder for unfinished files, and the one above, if they are empty.
    pub(in super::super) fn leave_staging(&self) {
        let mut lease = self.locked_lease();
        if let Some(held) = &*lease {
            match rustix::fs::unlinkat(self.root(), &held.name, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => *lease = None,
                Err(_) => return,
            }
        }
        let _ = rustix::fs::unlinkat(self.root(), STAGING, AtFlags::REMOVEDIR);
    }

    fn locked_lease(&self) -> MutexGuard<'_, Option<Lease>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WriteMode;

    #[test]
    fn what_nobody_holds_is_removed_and_what_is_held_stays() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Directory::open(folder.path()).unwrap();
        let staged = writer.stage(b"in its hands", false).unwrap();
        let killed = folder.path().join(STAGING).join("killed");
        fs::create_dir(&killed).unwrap();
        fs::write(killed.join("half"), "half").unwrap();
        let other = Directory::open(folder.path()).unwrap();
        other.clean_up();
        assert!(!killed.exists());
        staged.publish("a", WriteMode::CreateNew, &mut Vec::new()).unwrap();
        assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"in its hands");
        writer.leave_staging();
        assert!(!folder.path().join(STAGING).exists());
        // And again, in a new folder.
        drop(writer.stage(b"x", false).unwrap());
        writer.leave_staging();
        assert!(!folder.path().join(STAGING).exists());
    }

    #[test]
    fn a_folder_that_was_taken_away_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Directory::open(folder.path()).unwrap();
        drop(writer.stage(b"x", false).unwrap());
        fs::remove_dir_all(folder.path().join(STAGING)).unwrap();
        let staged = writer.stage(b"y", false).unwrap();
        staged.publish("a", WriteMode::CreateNew, &mut Vec::new()).unwrap();
        fs::remove_dir_all(folder.path().join(STAGING)).unwrap();
        assert!(writer.make_unfinished_directory().unwrap().is_dir());
    }
}
