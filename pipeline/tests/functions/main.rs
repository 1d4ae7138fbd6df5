//! The image functions against scikit-image, scipy, numpy and CellProfiler, through the
//! public interface.

mod call;
mod cellprofiler;
mod golden;
mod measured;
mod pixel_types;
mod repeatable;
