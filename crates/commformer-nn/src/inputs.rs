//! Whether inputs fit a network.

use crate::NetworkError;
use crate::layout::not_finite;

/// Refuses an input of `found` numbers, where there should be `expected`.
///
/// # Errors
/// [`NetworkError::Shape`].
pub fn check_width(input: &'static str, found: usize, expected: usize) -> Result<(), NetworkError> {
    if found == expected {
        return Ok(());
    }
    Err(NetworkError::Shape {
        input,
        expected: format!("[{expected}]"),
        found: vec![found as i64],
    })
}

/// Refuses an input whose numbers are not all finite.
///
/// # Errors
/// [`NetworkError::Input`].
pub fn check_finite(input: &'static str, numbers: &[f32]) -> Result<(), NetworkError> {
    match not_finite(numbers) {
        None => Ok(()),
        Some(problem) => Err(NetworkError::Input { input, problem }),
    }
}
