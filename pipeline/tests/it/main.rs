//! The pipeline from its document to its results, through the public interface.

mod compile;
mod documents;
mod plates;
