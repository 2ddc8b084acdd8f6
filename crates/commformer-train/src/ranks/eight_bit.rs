//! Gradients in eight bits, with error feedback (Seide et al., 2014; Karimireddy et al., 2019): what rounding takes away from one
//! step is added to the next.
//!
//! A block of numbers has one scale, its largest magnitude by 127.

use super::wire::Wire;
use crate::TrainError;

/// Numbers with one scale.
const BLOCK: usize = 256;

/// What the steps before have left over.
#[derive(Debug, Default)]
pub struct Residue(Vec<f32>);

impl Residue {
    /// Writes bytes that stand for these numbers and what was left over; what they do not say is left over.
    pub fn encode(&mut self, numbers: &[f32], wire: &mut Wire<'_>) -> Result<(), TrainError> {
        self.0.resize(numbers.len(), 0.0);
        for (numbers, left) in numbers.chunks(BLOCK).zip(self.0.chunks_mut(BLOCK)) {
            for (left, number) in left.iter_mut().zip(numbers) {
                *left += number;
            }
            let sound = left.iter().all(|number| number.is_finite());
            let largest = left
                .iter()
                .fold(0.0_f32, |most, number| most.max(number.abs()));
            // Whoever decodes them must see that they are not finite.
            let scale = if sound { largest / 127.0 } else { f32::NAN };
            let mut steps: Vec<u8> = left
                .iter()
                .map(|number| {
                    let step = if scale > 0.0 {
                        (number / scale).round()
                    } else {
                        0.0
                    };
                    (step as i8).cast_unsigned()
                })
                .collect();
            wire.slice(&mut [scale])?;
            wire.slice(&mut steps)?;
            for (left, step) in left.iter_mut().zip(steps) {
                *left -= decoded(scale, step);
            }
        }
        Ok(())
    }
}

/// Adds what another process has encoded, the last of what it sent.
pub fn add(mut wire: Wire<'_>, sum: &mut [f32]) -> Result<(), TrainError> {
    for sum in sum.chunks_mut(BLOCK) {
        let (mut scale, mut steps) = ([0.0_f32], vec![0_u8; sum.len()]);
        wire.slice(&mut scale)?;
        wire.slice(&mut steps)?;
        for (sum, step) in sum.iter_mut().zip(steps) {
            *sum += decoded(scale[0], step);
        }
    }
    wire.end()
}

fn decoded(scale: f32, step: u8) -> f32 {
    scale * f32::from(step.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(residue: &mut Residue, numbers: &[f32]) -> Vec<u8> {
        let mut wire = Wire::Out(Vec::new());
        residue.encode(numbers, &mut wire).unwrap();
        wire.into_bytes()
    }

    /// Sums over many steps come out, though a single step is rounded; a large number does not drown the blocks beside it.
    #[test]
    fn nothing_is_lost_for_ever() {
        let mut numbers: Vec<f32> = (0..600).map(|at| (at as f32 * 0.37).sin() * 1e-3).collect();
        numbers[3] = 50.0;
        let (mut residue, mut sum) = (Residue::default(), vec![0.0; 600]);
        let steps = 4000;
        for step in 0..steps {
            let bytes = encoded(&mut residue, &numbers);
            // A byte each, and for each block a scale and two lengths.
            assert_eq!(bytes.len(), 600 + 3 * (4 + 2 * 8));
            add(Wire::from(1, &bytes), &mut sum).unwrap();
            if step == 0 {
                // The small ones beside the large one are too small for its steps.
                assert_eq!(sum[4], 0.0);
                assert!((sum[400] - numbers[400]).abs() < 1e-5);
            }
        }
        for (sum, number) in sum.iter().zip(&numbers) {
            let mean = sum / steps as f32;
            assert!(
                (mean - number).abs() < 2e-4 + 1e-4 * number.abs(),
                "{mean} {number}"
            );
        }
    }

    #[test]
    fn what_is_not_finite_is_seen() {
        for wrong in [f32::NAN, f32::INFINITY] {
            let mut sum = vec![0.0; 3];
            let bytes = encoded(&mut Residue::default(), &[1.0, wrong, 2.0]);
            add(Wire::from(1, &bytes), &mut sum).unwrap();
            assert!(sum.iter().any(|number| number.is_nan()));
        }
        assert!(add(Wire::from(1, &[0; 5]), &mut [0.0; 3]).is_err());
    }
}
