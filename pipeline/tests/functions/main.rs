//! The image functions against scikit-image, scipy, numpy and CellProfiler, through the
//! public interface.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod call;
mod cellprofiler;
mod golden;
mod measured;
mod pixel_types;
mod repeatable;
