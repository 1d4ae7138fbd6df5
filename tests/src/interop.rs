//! What the tests with outside readers and writers share: pixels that both sides compute,
//! and the Python that runs the other side.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use std::{path::Path, process::Command};

use polystore::{Element, PixelType, Plane, PlaneShape, dispatch};

use crate::{interop_python, repository};

/// Values over the whole range of 23 bits, cut off by the type; `pattern` of
/// `tests/interop/tiff_interop.py` is the same.
///
/// # Panics
/// For a plane that does not fit memory.
pub fn pattern<T: Element>(shape: PlaneShape, seed: u32) -> Plane {
    let pixels = (0..shape.n_pixels() as u32)
        .map(|at| T::from_f64(f64::from((at ^ seed).wrapping_mul(2_654_435_761) >> 9)))
        .collect();
    Plane::from_vec::<T>(shape, pixels).unwrap()
}

/// [`pattern`] of a type that is known at run time.
pub fn any_pattern(pixel_type: PixelType, shape: PlaneShape, seed: u32) -> Plane {
    dispatch!(pixel_type, T => pattern::<T>(shape, seed))
}

/// Runs `tests/interop/SCRIPT COMMAND FOLDER`; `None` where there is no Python for it.
///
/// # Panics
/// When the script fails, with what it said.
pub fn run_python(script: &str, command: &str, folder: &Path) -> Option<()> {
    let python = interop_python()?;
    let script = repository("tests/interop").join(script);
    let output = Command::new(python).arg(script).arg(command).arg(folder).output().unwrap();
    if !output.status.success() {
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Some(())
}
