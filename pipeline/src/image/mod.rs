//! Image algorithms on the pixels of one plane. The functions of a pipeline wrap them.
//!
//! Everything here is single-threaded: planes are what runs in parallel, so results are the
//! same bytes whatever the number of threads.

pub(crate) mod components;
pub(crate) mod cut;
pub(crate) mod distance;
pub(crate) mod flood;
pub(crate) mod footprint;
pub(crate) mod histogram;
pub(crate) mod holes;
pub(crate) mod hull;
pub(crate) mod intensity;
pub(crate) mod median;
pub(crate) mod morphology;
pub(crate) mod objects;
pub(crate) mod ordered;
pub(crate) mod outline;
pub(crate) mod peaks;
pub(crate) mod percentile;
pub(crate) mod perimeter;
pub(crate) mod projection;
pub(crate) mod raster;
pub(crate) mod separable;
pub(crate) mod shape;
pub(crate) mod sharpness;
pub(crate) mod split;
pub(crate) mod sums;
pub(crate) mod thresholds;
