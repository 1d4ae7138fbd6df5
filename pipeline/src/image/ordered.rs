//! Pixel types as totally ordered unsigned integers, and their extremes.

use polystore::Element;

/// A pixel type whose values can be ranked.
pub(crate) trait Ordered: Element {
    /// An unsigned integer of the same width.
    type Rank: Copy + Ord + Default + Into<u64>;

    /// Digits of 16 bits in a rank.
    const DIGITS: u32;
    /// The smallest value.
    const LOWEST: Self;
    /// The largest value.
    const HIGHEST: Self;

    /// Order-preserving: a smaller value has a smaller rank; NaN ranks last.
    fn rank(self) -> Self::Rank;

    /// The value of a rank that [`rank`](Self::rank) gave.
    fn from_rank(rank: u64) -> Self;

    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;

    /// The smaller of two values; the second when one is NaN.
    fn lesser(self, other: Self) -> Self;

    /// The larger of two values; the second when one is NaN.
    fn greater(self, other: Self) -> Self;

    /// `self - other` where `self` is not smaller; saturates.
    fn above(self, other: Self) -> Self;
}

macro_rules! ordered_integer {
    ($($type:ty as $rank:ty, $digits:literal, $flip:expr);*) => {$(
        impl Ordered for $type {
            type Rank = $rank;

            const DIGITS: u32 = $digits;
            const LOWEST: Self = <$type>::MIN;
            const HIGHEST: Self = <$type>::MAX;

            #[inline]
            fn rank(self) -> $rank {
                self as $rank ^ $flip
            }

            #[inline]
            fn from_rank(rank: u64) -> Self {
                (rank as $rank ^ $flip) as $type
            }

            #[inline]
            fn is_finite(self) -> bool {
                true
            }

            #[inline]
            fn lesser(self, other: Self) -> Self {
                self.min(other)
            }

            #[inline]
            fn greater(self, other: Self) -> Self {
                self.max(other)
            }

            #[inline]
            fn above(self, other: Self) -> Self {
                self.saturating_sub(other)
            }
        }
    )*};
}

ordered_integer!(
    u8 as u8, 1, 0; u16 as u16, 1, 0; u32 as u32, 2, 0;
    i8 as u8, 1, 1 << 7; i16 as u16, 1, 1 << 15; i32 as u32, 2, 1 << 31
);

macro_rules! ordered_float {
    ($($type:ty as $rank:ty, $digits:literal);*) => {$(
        impl Ordered for $type {
            type Rank = $rank;

            const DIGITS: u32 = $digits;
            const LOWEST: Self = <$type>::NEG_INFINITY;
            const HIGHEST: Self = <$type>::INFINITY;

            /// IEEE 754 numbers order like their bits once negative ones are turned over.
            #[inline]
            fn rank(self) -> $rank {
                const SIGN: $rank = 1 << (<$rank>::BITS - 1);
                if self.is_nan() {
                    return <$rank>::MAX;
                }
                let bits = self.to_bits();
                if bits & SIGN == 0 { bits | SIGN } else { !bits }
            }

            #[inline]
            fn from_rank(rank: u64) -> Self {
                const SIGN: $rank = 1 << (<$rank>::BITS - 1);
                let rank = rank as $rank;
                Self::from_bits(if rank & SIGN == 0 { !rank } else { rank & !SIGN })
            }

            #[inline]
            fn is_finite(self) -> bool {
                <$type>::is_finite(self)
            }

            #[inline]
            fn lesser(self, other: Self) -> Self {
                if self < other { self } else { other }
            }

            #[inline]
            fn greater(self, other: Self) -> Self {
                if self > other { self } else { other }
            }

            #[inline]
            fn above(self, other: Self) -> Self {
                self - other
            }
        }
    )*};
}

ordered_float!(f32 as u32, 2; f64 as u64, 4);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keeps_order<T: Ordered>(a: T, b: T) {
        assert_eq!(a.partial_cmp(&b), Some(a.rank().cmp(&b.rank())), "{a:?} {b:?}");
        assert_eq!(T::from_rank(a.rank().into()), a);
    }

    proptest! {
        #[test]
        fn ranks_order_as_values(a: i16, b: i16, c: i32, d: i32, e in -1e30f32..1e30, f in -1e3f32..1e3) {
            keeps_order(a, b);
            keeps_order(c, d);
            keeps_order(e, f);
            keeps_order(f64::from(e), f64::from(f));
        }
    }

    #[test]
    fn nan_ranks_last() {
        assert!(f32::NAN.rank() > f32::INFINITY.rank());
        assert!((-f64::NAN).rank() > f64::INFINITY.rank());
        assert!(f32::from_rank(f32::NAN.rank().into()).is_nan());
    }
}
