//! Matrix products over slices, by the `gemm` crates.
//!
//! libtorch's own products on a CPU that is not Intel's use half of its vector width; these use all of
//! it (docs/src/performance.md has the measurements).

use gemm_common::Parallelism;
use gemm_f32::gemm::f32::get_gemm_fn;
use std::ops::Range;

/// A matrix in a slice: the element of row r and column c lies at `r * steps[0] + c * steps[1]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    data: &'a [f32],
    size: [usize; 2],
    steps: [usize; 2],
}

/// A dense matrix, or some columns of one, to be written.
#[derive(Debug)]
pub(crate) struct ViewMut<'a> {
    data: &'a mut [f32],
    size: [usize; 2],
    steps: [usize; 2],
}

impl<'a> View<'a> {
    /// All of `data`, in rows of `columns`.
    pub fn new(data: &'a [f32], columns: usize) -> Self {
        Self {
            data,
            size: [data.len() / columns, columns],
            steps: [columns, 1],
        }
    }

    /// Every `nth` row, from row `first` on.
    pub fn every(self, nth: usize, first: usize) -> Self {
        let [rows, columns] = self.size;
        Self {
            data: &self.data[first * self.steps[0]..],
            size: [rows / nth, columns],
            steps: [nth * self.steps[0], self.steps[1]],
        }
    }

    /// Some of its columns.
    pub fn columns(self, range: Range<usize>) -> Self {
        Self {
            data: &self.data[range.start * self.steps[1]..],
            size: [self.size[0], range.len()],
            ..self
        }
    }

    /// Rows and columns exchanged.
    pub fn t(self) -> Self {
        let ([rows, columns], [down, right]) = (self.size, self.steps);
        Self {
            size: [columns, rows],
            steps: [right, down],
            ..self
        }
    }
}

impl<'a> ViewMut<'a> {
    /// All of `data`, in rows of `columns`.
    pub fn new(data: &'a mut [f32], columns: usize) -> Self {
        Self {
            size: [data.len() / columns, columns],
            steps: [columns, 1],
            data,
        }
    }

    /// Some of its columns.
    pub fn columns(self, range: Range<usize>) -> Self {
        Self {
            data: &mut self.data[range.start * self.steps[1]..],
            size: [self.size[0], range.len()],
            steps: self.steps,
        }
    }

    /// Every `nth` row, from row `first` on.
    pub fn every(self, nth: usize, first: usize) -> Self {
        let ([rows, columns], [down, right]) = (self.size, self.steps);
        Self {
            data: &mut self.data[first * down..],
            size: [rows / nth, columns],
            steps: [nth * down, right],
        }
    }
}

/// Whether the last element of a matrix lies in `length` elements.
fn fits([rows, columns]: [usize; 2], [down, right]: [usize; 2], length: usize) -> bool {
    rows == 0 || columns == 0 || (rows - 1) * down + (columns - 1) * right < length
}

/// `left` x `right`, written over `out`, or added to it.
///
/// # Panics
///
/// If sizes do not match: whoever calls has checked the inputs.
pub(crate) fn product(out: ViewMut<'_>, left: View<'_>, right: View<'_>, add: bool) {
    let ([rows, inner], columns) = (left.size, right.size[1]);
    assert!(out.size == [rows, columns] && right.size[0] == inner);
    assert!(fits(left.size, left.steps, left.data.len()));
    assert!(fits(right.size, right.steps, right.data.len()));
    assert!(fits(out.size, out.steps, out.data.len()));
    // SAFETY: the last element of each of the three matrices, and so every one, lies in its slice;
    // `out` is borrowed for writing, so it overlaps neither of the others.
    unsafe {
        get_gemm_fn()(
            rows,
            columns,
            inner,
            out.data.as_mut_ptr(),
            out.steps[1] as isize,
            out.steps[0] as isize,
            add,
            left.data.as_ptr(),
            left.steps[1] as isize,
            left.steps[0] as isize,
            right.data.as_ptr(),
            right.steps[1] as isize,
            right.steps[0] as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_views_by_hand() {
        let left = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]; // 3 x 2
        let right = [1.0, 0.5, 2.0, 1.0]; // 2 x 2
        let mut out = [1.0; 6];
        product(
            ViewMut::new(&mut out, 2),
            View::new(&left, 2),
            View::new(&right, 2),
            false,
        );
        assert_eq!(out, [5.0, 2.5, 11.0, 5.5, 17.0, 8.5]);
        // left^T left, added to ones.
        let mut gram = [1.0; 4];
        product(
            ViewMut::new(&mut gram, 2),
            View::new(&left, 2).t(),
            View::new(&left, 2),
            true,
        );
        assert_eq!(gram, [36.0, 45.0, 45.0, 57.0]);
        // The second column of rows 0 and 2 of a 4 x 2 matrix, tenfold.
        let tall = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let mut picked = [0.0; 4];
        let one = [0.0, 10.0];
        product(
            ViewMut::new(&mut picked, 1).every(2, 1),
            View::new(&tall, 2).every(2, 0),
            View::new(&one, 1),
            false,
        );
        assert_eq!(picked, [0.0, 20.0, 0.0, 60.0]);
    }

    #[test]
    fn random_sizes_equal_the_plain_sum() {
        for (rows, columns, inner) in [(1, 1, 1), (3, 17, 5), (33, 64, 64), (7, 3, 129), (0, 4, 4)]
        {
            let number = |i: usize| ((i * 7919 % 101) as f32 - 50.0) / 25.0;
            let left: Vec<f32> = (0..rows * inner).map(number).collect();
            let right: Vec<f32> = (0..inner * columns).map(number).collect();
            let mut out = vec![f32::NAN; rows * columns];
            product(
                ViewMut::new(&mut out, columns),
                View::new(&left, inner),
                View::new(&right, columns),
                false,
            );
            for row in 0..rows {
                for column in 0..columns {
                    let sum: f32 = (0..inner)
                        .map(|i| left[row * inner + i] * right[i * columns + column])
                        .sum();
                    assert!((sum - out[row * columns + column]).abs() < 1e-3);
                }
            }
        }
    }

    #[test]
    #[should_panic]
    fn a_matrix_beyond_its_slice_is_refused() {
        let short = [1.0; 3];
        let mut out = [0.0; 4];
        let left = View {
            data: &short,
            size: [2, 2],
            steps: [2, 1],
        };
        product(
            ViewMut::new(&mut out, 2),
            left,
            View::new(&[1.0; 4], 2),
            false,
        );
    }
}
