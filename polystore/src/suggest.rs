//! "Did you mean": the nearest known name to a mistyped one.

/// Most names that a hint lists.
const MAX_LISTED: usize = 24;

/// How much less like the wanted name than the nearest another may be to be told too.
const TOLERANCE: f64 = 0.08;

/// The known names nearest to `wanted`, best first, at most three: none that is much further
/// than the nearest.
pub fn nearest<'a>(wanted: &str, known: &[&'a str]) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut scored: Vec<_> = known
        .iter()
        .map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), *name))
        .filter(|(score, _)| *score > 0.75)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let least = scored.first().map_or(0.0, |(score, _)| score - TOLERANCE);
    scored
        .into_iter()
        .take_while(|(score, _)| *score >= least)
        .take(3)
        .map(|(_, name)| name)
        .collect()
}

/// A hint for a name that is not known: the nearest ones, or else all there are.
pub fn hint(wanted: &str, known: &[&str]) -> String {
    let near = nearest(wanted, known);
    let quoted = |names: &[&str]| {
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
    };
    match (near.is_empty(), known.is_empty()) {
        (false, _) => format!("did you mean {}?", quoted(&near)),
        (true, false) if known.len() > MAX_LISTED => {
            let n_more = known.len() - MAX_LISTED;
            format!("known: {} and {n_more} more", known[..MAX_LISTED].join(", "))
        }
        (true, false) => format!("known: {}", known.join(", ")),
        (true, true) => "there are none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_listed() {
        let known = ["gaussian", "otsu", "label"];
        assert_eq!(hint("gausian", &known), "did you mean `gaussian`?");
        let columns = ["nuclei_count", "nuclei_eccentricity_std", "nuclei_area"];
        assert_eq!(hint("nuclei_cuont", &columns), "did you mean `nuclei_count`?");
        assert_eq!(hint("zzz", &known), "known: gaussian, otsu, label");
        assert!(hint("zzz", &["a"; 1536]).ends_with(", a and 1512 more"));
    }
}
