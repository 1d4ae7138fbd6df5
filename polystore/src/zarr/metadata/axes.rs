//! Which dimension of an array is which axis of an image.

use crate::{Error, PlaneIndex, Result, model::Sizes};

/// The dimensions of t, c, z, y and x.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Axes {
    pub(in super::super) n_dims: usize,
    pub(in super::super) t: Option<usize>,
    pub(in super::super) c: Option<usize>,
    pub(in super::super) z: Option<usize>,
    pub(in super::super) y: usize,
    pub(in super::super) x: usize,
}

impl Axes {
    /// Five dimensions, `[t, c, z, y, x]`, as this crate writes images.
    #[cfg(test)]
    pub(in super::super) const ALL: Self =
        Self { n_dims: 5, t: Some(0), c: Some(1), z: Some(2), y: 3, x: 4 };

    /// The axes of an array that does not say: the last of t, c, z, y, x.
    ///
    /// # Errors
    /// `Unsupported` for fewer than 2 or more than 5 dimensions.
    pub(in super::super) fn trailing(n_dims: usize) -> Result<Self> {
        let skipped = 5usize.checked_sub(n_dims).ok_or_else(|| wrong_number(n_dims))?;
        Self::from_names(&["t", "c", "z", "y", "x"][skipped..])
    }

    /// Axes by their names, each once, in any order; y and x must be there.
    ///
    /// # Errors
    /// `Unsupported` for other axes, `InvalidData` for one that is named twice.
    pub(in super::super) fn from_names<S: AsRef<str>>(names: &[S]) -> Result<Self> {
        let n_dims = names.len();
        if !(2..=5).contains(&n_dims) {
            return Err(wrong_number(n_dims));
        }
        let mut found = [None; 5];
        for (dim, name) in names.iter().enumerate() {
            let name = name.as_ref();
            let at = ["t", "c", "z", "y", "x"].iter().position(|known| *known == name);
            let at = at.ok_or_else(|| {
                Error::unsupported(format!("axis `{name}` is none of t, c, z, y and x"))
            })?;
            if found[at].replace(dim).is_some() {
                return Err(Error::invalid_data(format!("axis `{name}` is there twice")));
            }
        }
        let [t, c, z, y, x] = found;
        match (y, x) {
            (Some(y), Some(x)) => Ok(Self { n_dims, t, c, z, y, x }),
            _ => Err(Error::unsupported("images without a y and an x axis")),
        }
    }

    /// Sizes of an image whose array has `shape`.
    ///
    /// # Errors
    /// `InvalidData` for another number of dimensions, `Unsupported` for a size past 32 bits.
    pub(in super::super) fn sizes(&self, shape: &[u64]) -> Result<Sizes> {
        if shape.len() != self.n_dims {
            return Err(Error::invalid_data(format!(
                "array has {} dimensions, but the image has {} axes",
                shape.len(),
                self.n_dims
            )));
        }
        let size = |dim: Option<usize>| {
            let size = dim.map_or(1, |dim| shape[dim]);
            u32::try_from(size)
                .map_err(|_| Error::unsupported(format!("{size} along one axis is too much")))
        };
        let (y, x) = (size(Some(self.y))?, size(Some(self.x))?);
        Ok(Sizes::new(size(self.t)?, size(self.c)?, size(self.z)?, y, x))
    }

    /// Where plane `index` is along each dimension, 0 along y and x.
    pub(in super::super) fn place(&self, index: PlaneIndex) -> Vec<u64> {
        let mut place = vec![0; self.n_dims];
        for (dim, number) in [(self.t, index.t), (self.c, index.c), (self.z, index.z)] {
            if let Some(dim) = dim {
                place[dim] = u64::from(number);
            }
        }
        place
    }

    /// The dimensions that choose a plane.
    pub(in super::super) fn plane_dims(&self) -> impl Iterator<Item = usize> {
        [self.t, self.c, self.z].into_iter().flatten()
    }
}

fn wrong_number(n_dims: usize) -> Error {
    Error::unsupported(format!("images of {n_dims} dimensions; 2 to 5 are read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_found_in_any_order() {
        let axes = Axes::from_names(&["c", "y", "x"]).unwrap();
        assert_eq!(axes.sizes(&[3, 10, 20]).unwrap(), Sizes::new(1, 3, 1, 10, 20));
        assert_eq!(axes.place(PlaneIndex::new(0, 2, 0)), [2, 0, 0]);
        let axes = Axes::from_names(&["x", "y", "z"]).unwrap();
        assert_eq!(axes.sizes(&[20, 10, 4]).unwrap(), Sizes::new(1, 1, 4, 10, 20));
        assert_eq!(Axes::trailing(5).unwrap(), Axes::ALL);
        assert_eq!(Axes::trailing(2).unwrap(), Axes::from_names(&["y", "x"]).unwrap());
    }

    #[test]
    fn other_axes_are_refused() {
        for names in [&["y"][..], &["y", "y", "x"], &["z", "x"], &["l", "y", "x"]] {
            assert!(Axes::from_names(names).is_err(), "{names:?}");
        }
        assert!(Axes::trailing(6).is_err() && Axes::trailing(1).is_err());
        assert!(Axes::ALL.sizes(&[1, 1, 1, 1]).is_err());
        assert!(Axes::ALL.sizes(&[1 << 33, 1, 1, 1, 1]).is_err());
    }
}
