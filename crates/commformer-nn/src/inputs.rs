//! Whether inputs fit a network.
//!
//! The checks that several networks share say what is wrong as a [`Misfit`], of which a crate makes its own error.

use crate::layout::not_finite;

/// What is wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It has the wrong shape.
    Shape {
        /// The argument's name.
        input: &'static str,
        /// The shape that was expected, in words such as `(B, 3, 17)`.
        expected: String,
        /// The shape that was given.
        found: Vec<i64>,
    },

    /// Its numbers are of the wrong kind, lie elsewhere, or are none that can be used.
    Input {
        /// The argument's name.
        input: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
}

/// Refuses an input of `found` numbers, where there should be `expected`.
///
/// # Errors
/// [`Misfit::Shape`].
pub fn check_width(input: &'static str, found: usize, expected: usize) -> Result<(), Misfit> {
    if found == expected {
        return Ok(());
    }
    Err(Misfit::Shape {
        input,
        expected: format!("[{expected}]"),
        found: vec![found as i64],
    })
}

/// Refuses an input whose numbers are not all finite.
///
/// # Errors
/// [`Misfit::Input`].
pub fn check_finite(input: &'static str, numbers: &[f32]) -> Result<(), Misfit> {
    match not_finite(numbers) {
        None => Ok(()),
        Some(problem) => Err(Misfit::Input { input, problem }),
    }
}
