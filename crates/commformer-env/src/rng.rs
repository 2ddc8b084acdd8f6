//! Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy
//! as 1, 2, 3", SC 2011).
//!
//! A stream is named by a seed and a stream number; its n-th number is a pure function of the two
//! and n. Streams are therefore independent of threads and of each other, and the whole state is
//! three integers.
//!
//! ```
//! use commformer_env::Rng;
//! let (mut a, mut b) = (Rng::new(7, 1), Rng::new(7, 1));
//! assert_eq!(a.below(100), b.below(100));
//! ```

use serde::{Deserialize, Serialize};

/// One stream of random numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rng {
    seed: u64,
    stream: u64,
    /// How many 32-bit words have been drawn.
    position: u64,
    /// The four words around `position`, kept so that they are computed once. Missing after
    /// deserialising: they follow from the other three.
    #[serde(skip)]
    block: Option<[u32; 4]>,
}

impl PartialEq for Rng {
    fn eq(&self, other: &Self) -> bool {
        (self.seed, self.stream, self.position) == (other.seed, other.stream, other.position)
    }
}

impl Eq for Rng {}

impl Rng {
    /// The stream `stream` of the seed `seed`, at its beginning.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self {
            seed,
            stream,
            position: 0,
            block: None,
        }
    }

    /// The next 32 random bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        let word = (self.position & 3) as usize;
        let block = match self.block {
            Some(block) if word != 0 => block,
            _ => *self
                .block
                .insert(philox(self.seed, self.stream, self.position >> 2)),
        };
        // Wraps: a restored stream may begin anywhere.
        self.position = self.position.wrapping_add(1);
        block[word]
    }

    /// A number drawn evenly from `0..bound`, by Lemire's multiplication with rejection.
    /// `bound` of 0 counts as 1.
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        let bound = bound.max(1);
        let mut product = u64::from(self.next_u32()) * u64::from(bound);
        // The threshold lies below the bound, so the division is needed only here, which is rare.
        if (product as u32) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u32) < threshold {
                product = u64::from(self.next_u32()) * u64::from(bound);
            }
        }
        (product >> 32) as u32
    }

    /// A number drawn evenly from the open interval (0, 1), with 23 random bits.
    ///
    /// One bit more would not leave room for the half: the largest number would round to 1.
    #[inline]
    pub fn uniform(&mut self) -> f32 {
        open_unit(self.next_u32())
    }

    /// Standard Gumbel noise: `-ln(-ln u)`.
    #[inline]
    pub fn gumbel(&mut self) -> f32 {
        -(-self.uniform().ln()).ln()
    }

    /// Standard normal noise, by Box and Muller.
    #[inline]
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f32::consts::TAU * self.uniform()).cos()
    }

    /// Permutes `items` evenly (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u32 + 1) as usize);
        }
    }
}

/// The middle of one of 2^23 equal parts of (0, 1); every one is an `f32`.
#[inline]
fn open_unit(bits: u32) -> f32 {
    ((bits >> 9) as f32 + 0.5) * (1.0 / (1 << 23) as f32)
}

/// Ten rounds of Philox4x32 over the counter (index, stream) under the key `seed`.
#[inline]
fn philox(seed: u64, stream: u64, index: u64) -> [u32; 4] {
    let mut key = [seed as u32, (seed >> 32) as u32];
    let mut x = [
        index as u32,
        (index >> 32) as u32,
        stream as u32,
        (stream >> 32) as u32,
    ];
    for _ in 0..10 {
        let a = u64::from(x[0]) * 0xD251_1F53;
        let b = u64::from(x[2]) * 0xCD9E_8D57;
        x = [
            (b >> 32) as u32 ^ x[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ x[3] ^ key[1],
            a as u32,
        ];
        key = [
            key[0].wrapping_add(0x9E37_79B9),
            key[1].wrapping_add(0xBB67_AE85),
        ];
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers published with Random123.
    #[test]
    fn philox_gives_the_published_numbers() {
        assert_eq!(
            philox(0, 0, 0),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox(u64::MAX, u64::MAX, u64::MAX),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
    }

    #[test]
    fn a_stream_restored_in_the_middle_of_a_block_goes_on() {
        let mut rng = Rng::new(3, 4);
        for _ in 0..9 {
            rng.next_u32();
            let saved = serde_json::to_string(&rng).unwrap();
            let mut restored: Rng = serde_json::from_str(&saved).unwrap();
            assert_eq!(restored, rng);
            assert_eq!(restored.next_u32(), rng.clone().next_u32());
        }
    }

    #[test]
    fn the_ends_of_the_unit_interval_are_never_drawn() {
        assert!(open_unit(0) > 0.0);
        assert!(open_unit(u32::MAX) < 1.0);
    }

    #[test]
    fn a_bound_that_rejects_half_of_all_words_is_kept() {
        let mut rng = Rng::new(5, 6);
        let bound = (1 << 31) + 1;
        assert!((0..1000).all(|_| rng.below(bound) < bound));
        assert_eq!(rng.below(0), 0);
        // About half of the words were thrown away.
        assert!((1900..2200).contains(&rng.position), "{}", rng.position);
    }

    #[test]
    fn noise_has_the_moments_of_its_distribution() {
        let mut rng = Rng::new(1, 2);
        let n = 100_000;
        let mean = |draw: &mut dyn FnMut() -> f32| {
            (0..n).map(|_| f64::from(draw())).sum::<f64>() / f64::from(n)
        };
        assert!((mean(&mut || rng.uniform()) - 0.5).abs() < 0.01);
        assert!((mean(&mut || rng.gumbel()) - 0.5772).abs() < 0.02);
        assert!(mean(&mut || rng.normal()).abs() < 0.02);
        assert!((mean(&mut || rng.normal().powi(2)) - 1.0).abs() < 0.03);
        assert!((mean(&mut || rng.below(10) as f32) - 4.5).abs() < 0.05);
    }
}
