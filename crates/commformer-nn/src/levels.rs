//! Numbers from -1 to 1 in few bits.

/// Evenly spaced numbers from -1 to 1, both among them, as many as some bits can tell apart: with one bit -1 and 1, with
/// two -1, -1/3, 1/3 and 1.
///
/// ```
/// use commformer_nn::levels::Levels;
///
/// let levels = Levels::of_bits(2);
/// assert_eq!(levels.code(0.4), 2);
/// assert_eq!(levels.number(2), levels.nearest(0.4)); // 1/3
/// assert_eq!(levels.bytes(5), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels(u8);

impl Levels {
    /// The most bits of a number.
    pub const MOST_BITS: usize = 8;

    /// Those of so many bits, at least 1 and at most [`Self::MOST_BITS`].
    pub fn of_bits(bits: usize) -> Self {
        Self(bits.clamp(1, Self::MOST_BITS) as u8)
    }

    /// Bits of a number.
    pub fn bits(self) -> usize {
        self.0.into()
    }

    /// Whole bytes of so many numbers.
    pub fn bytes(self, numbers: usize) -> usize {
        (numbers * self.bits()).div_ceil(8)
    }

    /// Whole bytes of so many numbers that are rounded so, or of floats.
    pub fn bytes_of(levels: Option<Self>, numbers: usize) -> usize {
        levels.map_or(size_of::<f32>() * numbers, |levels| levels.bytes(numbers))
    }

    /// Appends numbers as they are sent: at their levels, side by side, or as floats; the lowest bits and bytes first.
    pub fn pack(levels: Option<Self>, numbers: &[f32], to: &mut Vec<u8>) {
        let Some(levels) = levels else {
            return to.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        };
        let first = to.len();
        to.resize(first + levels.bytes(numbers.len()), 0);
        for (at, number) in numbers.iter().enumerate() {
            let bit = at * levels.bits();
            let code = u16::from(levels.code(*number)) << (bit % 8);
            for (byte, part) in to[first + bit / 8..].iter_mut().zip(code.to_le_bytes()) {
                *byte |= part;
            }
        }
    }

    /// Appends the `count` numbers that [`pack`](Self::pack) made [`bytes_of`](Self::bytes_of) of.
    ///
    /// # Panics
    /// If there are fewer bytes.
    pub fn unpack(levels: Option<Self>, count: usize, bytes: &[u8], to: &mut Vec<f32>) {
        let Some(levels) = levels else {
            let (numbers, _) = bytes.as_chunks();
            return to.extend(numbers[..count].iter().map(|one| f32::from_le_bytes(*one)));
        };
        to.extend((0..count).map(|at| {
            let bit = at * levels.bits();
            let next = bytes.get(bit / 8 + 1).copied().unwrap_or(0);
            let code = u16::from_le_bytes([bytes[bit / 8], next]) >> (bit % 8);
            levels.number(code as u8 & levels.last())
        }));
    }

    /// Half of the last level, counted from 0: what a number's distance from -1 is multiplied by.
    pub(crate) fn half(self) -> f32 {
        f32::from(self.last()) / 2.0
    }

    /// The code of 1, the last.
    pub fn last(self) -> u8 {
        u8::MAX >> (8 - self.0)
    }

    /// The nearest level; of two, the even one.
    pub fn nearest(self, x: f32) -> f32 {
        ((x + 1.0) * self.half()).round_ties_even() / self.half() - 1.0
    }

    /// Which level is the nearest, counted from 0.
    pub fn code(self, x: f32) -> u8 {
        (((x + 1.0) * self.half()).round_ties_even() as u8).min(self.last())
    }

    /// The level of a code.
    pub fn number(self, code: u8) -> f32 {
        f32::from(code) / self.half() - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_code_says_the_nearest_level(bits in 1..=8usize, x in -1.0..=1.0f32) {
            let levels = Levels::of_bits(bits);
            let near = levels.nearest(x);
            prop_assert_eq!(levels.number(levels.code(x)), near);
            prop_assert_eq!(levels.nearest(near), near);
            prop_assert_eq!(levels.code(near), levels.code(x));
            let apart = 2.0 / f32::from(u8::MAX >> (8 - bits));
            prop_assert!((x - near).abs() <= apart / 2.0 + 1e-6);
        }
    }

    #[test]
    fn both_ends_are_levels() {
        for bits in 1..=8 {
            let levels = Levels::of_bits(bits);
            assert_eq!([-1.0, 1.0].map(|x| levels.nearest(x)), [-1.0, 1.0]);
        }
    }
}
