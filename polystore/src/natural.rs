//! Natural ordering of names: digits compare as numbers, so `s2` comes before `s10`.

use std::cmp::Ordering;

/// Compares two names the way a reader counts: runs of ASCII digits by their value, all
/// else by code point.
///
/// A total order that agrees with equality of `str`: names that differ only in leading
/// zeros (`s1`, `s01`) compare equal by value and are then ordered by their bytes. Digit
/// runs may have any length; nothing is allocated.
///
/// ```
/// use polystore::natural;
///
/// let mut names = ["A01_s10.tif", "A01_s2.tif", "A01_s1.tif"];
/// names.sort_by(|a, b| natural::compare(a, b));
/// assert_eq!(names, ["A01_s1.tif", "A01_s2.tif", "A01_s10.tif"]);
/// ```
pub fn compare(a: &str, b: &str) -> Ordering {
    by_value(a.as_bytes(), b.as_bytes()).then_with(|| a.cmp(b))
}

/// Compares token by token, where a token is a whole digit run or one other byte. A digit
/// run against another byte goes by bytes, since every other byte lies below `0` or above
/// `9`; this keeps the order transitive.
fn by_value(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while let (Some(&first_a), Some(&first_b)) = (a.first(), b.first()) {
        let token = if first_a.is_ascii_digit() && first_b.is_ascii_digit() {
            let (run_a, rest_a) = split_digits(a);
            let (run_b, rest_b) = split_digits(b);
            (a, b) = (rest_a, rest_b);
            numbers(run_a, run_b)
        } else {
            (a, b) = (&a[1..], &b[1..]);
            first_a.cmp(&first_b)
        };
        if token.is_ne() {
            return token;
        }
    }
    a.len().cmp(&b.len())
}

/// The leading digits, and what follows them.
fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// Compares two digit runs by value: without leading zeros, the longer is the larger.
fn numbers(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (significant(a), significant(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn significant(digits: &[u8]) -> &[u8] {
    let start = digits.iter().position(|&digit| digit != b'0').unwrap_or(digits.len());
    &digits[start..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Names close to each other: few letters, digits, zeros, and one multi-byte letter.
    fn name() -> impl Strategy<Value = String> {
        "[a0-3_ä]{0,8}"
    }

    #[test]
    fn digits_count_and_zeros_only_break_ties() {
        let expected = [
            "", "-1", "0", "00", "001", "01", "1", "2", "010", "10", "A1", "A02", "A2b", "A10",
            "a1", "s01_w1", "s1_w2", "s2", "s10", "ä",
        ];
        let mut names = expected;
        names.reverse();
        names.sort_by(|a, b| compare(a, b));
        assert_eq!(names, expected);
    }

    #[test]
    fn runs_longer_than_any_integer_compare() {
        let (small, large) =
            ("x".to_owned() + &"9".repeat(400), "x1".to_owned() + &"0".repeat(400));
        assert_eq!(compare(&small, &large), Ordering::Less);
        assert_eq!(compare("18446744073709551616", "18446744073709551615"), Ordering::Greater);
    }

    proptest! {
        #[test]
        fn equal_exactly_when_the_same(a in name(), b in name()) {
            prop_assert_eq!(compare(&a, &b).is_eq(), a == b);
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        }

        #[test]
        fn transitive(a in name(), b in name(), c in name()) {
            let mut sorted = [a, b, c];
            sorted.sort_by(|a, b| compare(a, b));
            prop_assert!(compare(&sorted[0], &sorted[2]).is_le());
            if compare(&sorted[0], &sorted[1]).is_lt() || compare(&sorted[1], &sorted[2]).is_lt() {
                prop_assert!(compare(&sorted[0], &sorted[2]).is_lt());
            }
        }

        #[test]
        fn numbers_follow_their_values(a in any::<u64>(), b in any::<u64>(), zeros in 0usize..4) {
            let padded = format!("f{}{a}.tif", "0".repeat(zeros));
            let plain = format!("f{b}.tif");
            prop_assert_eq!(by_value(padded.as_bytes(), plain.as_bytes()), a.cmp(&b));
        }

        #[test]
        fn any_text_compares(a in any::<String>(), b in any::<String>()) {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        }
    }
}
