//! Units of length that NGFF names (those of UDUNITS-2), in µm.

/// How many µm one of `unit` is; `None` for what is no length or not known.
pub(super) fn micrometers(unit: &str) -> Option<f64> {
    let power = match unit {
        "angstrom" => -4,
        "attometer" => -12,
        "centimeter" => 4,
        "decimeter" => 5,
        "exameter" => 24,
        "femtometer" => -9,
        "gigameter" => 15,
        "hectometer" => 8,
        "kilometer" => 9,
        "megameter" => 12,
        "meter" => 6,
        "micrometer" | "micron" | "µm" | "um" => 0,
        "millimeter" | "mm" => 3,
        "nanometer" | "nm" => -3,
        "petameter" => 21,
        "picometer" => -6,
        "terameter" => 18,
        "yoctometer" => -18,
        "yottameter" => 30,
        "zeptometer" => -15,
        "zettameter" => 27,
        "foot" => return Some(304_800.0),
        "inch" => return Some(25_400.0),
        "mile" => return Some(1_609_344_000.0),
        "parsec" => return Some(3.085_677_581_491_367e22),
        "yard" => return Some(914_400.0),
        _ => return None,
    };
    Some(10f64.powi(power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_converted() {
        assert_eq!(micrometers("nanometer"), Some(1e-3));
        assert_eq!(micrometers("millimeter"), Some(1e3));
        assert_eq!(micrometers("micrometer"), Some(1.0));
        assert_eq!(micrometers("second"), None);
    }
}
