//! Counts as people say them.

/// `3 planes`, `1 plane`: a number with its noun, which takes an `s` unless there is one.
///
/// ```
/// use polystore::words::count;
///
/// assert_eq!(count(1, "image file"), "1 image file");
/// assert_eq!(count(0, "plane"), "0 planes");
/// ```
pub fn count(n: impl TryInto<u64>, noun: &str) -> String {
    // A number that is no u64 is not one.
    let n = n.try_into().unwrap_or(u64::MAX);
    let ending = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{ending}")
}

/// The verb that goes with a count: `one` for 1, otherwise `many`.
///
/// ```
/// use polystore::words::verb;
///
/// assert_eq!((verb(1, "is", "are"), verb(2, "is", "are")), ("is", "are"));
/// ```
pub fn verb<'w>(n: impl TryInto<u64>, one: &'w str, many: &'w str) -> &'w str {
    if n.try_into().is_ok_and(|n| n == 1) { one } else { many }
}
