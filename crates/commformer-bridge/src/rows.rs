//! Rows of numbers in memory that another process writes to as well.

use memmap2::MmapRaw;
use std::ops::Range;

/// Where an array begins, and the elements of a row.
#[derive(Clone, Copy, Debug)]
pub struct Array {
    /// Bytes from the beginning.
    pub at: usize,
    /// Elements.
    pub row: usize,
}

/// Numbers of a kind that may lie in shared memory: every bit pattern is one.
pub trait Plain: Copy {}
impl Plain for f32 {}
impl Plain for i64 {}
impl Plain for u8 {}

/// The memory. Whoever calls its methods keeps to it that an environment's rows are this side's now.
#[derive(Debug)]
pub struct Rows(pub MmapRaw);

impl Rows {
    /// Reads a row of flags.
    pub fn flags(&self, array: Array, env: usize, out: &mut [bool]) {
        // Not as `bool`s: what another process writes may be another number than 0 and 1.
        const ROOM: usize = 64;
        let mut bytes = [0_u8; ROOM];
        let mut from = 0;
        for part in out.chunks_mut(ROOM) {
            let bytes = &mut bytes[..part.len()];
            self.get_part(array, env, from, bytes);
            for (flag, byte) in part.iter_mut().zip(bytes) {
                *flag = *byte != 0;
            }
            from += part.len();
        }
    }

    /// Writes a row.
    pub fn put<T: Plain>(&self, array: Array, env: usize, row: &[T]) {
        assert_eq!(row.len(), array.row, "a row of another length");
        let at = self.place(array, env, 0, size_of_val(row), size_of::<T>());
        // SAFETY: `place` has checked that the bytes lie within the map; the copy is ours now, so nobody else
        // reads or writes them; T has no padding.
        unsafe {
            let to = self.0.as_mut_ptr().add(at.start);
            to.copy_from_nonoverlapping(row.as_ptr().cast(), at.len());
        }
    }

    /// Reads a row.
    pub fn get<T: Plain>(&self, array: Array, env: usize, row: &mut [T]) {
        assert_eq!(row.len(), array.row, "a row of another length");
        self.get_part(array, env, 0, row);
    }

    /// The elements of a row from `from` on.
    fn get_part<T: Plain>(&self, array: Array, env: usize, from: usize, out: &mut [T]) {
        let at = self.place(array, env, from, size_of_val(out), size_of::<T>());
        // SAFETY: as in `put`; any bytes are a `T`.
        unsafe {
            let from = self.0.as_ptr().add(at.start);
            from.copy_to_nonoverlapping(out.as_mut_ptr().cast(), at.len());
        }
    }

    /// Where so many bytes of an environment's row lie, `from` elements on.
    fn place(
        &self,
        array: Array,
        env: usize,
        from: usize,
        bytes: usize,
        size: usize,
    ) -> Range<usize> {
        let start = array.at + (env * array.row + from) * size;
        let place = start..start + bytes;
        assert!(place.end <= self.0.len(), "no such environment");
        place
    }
}
