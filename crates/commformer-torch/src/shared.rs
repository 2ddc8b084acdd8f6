//! Memory that Rust and tensors use in turn, without copies.
//!
//! An environment writes observations as `&mut [f32]`; the policy reads the same bytes as a
//! [`Tensor`]. A tensor laid over a borrowed slice (`Tensor::from_blob`) could not be made safe:
//! every tch tensor can be cloned shallowly, indexed into a view or kept by an autograd graph,
//! and any of those may outlive the slice. So it is the other way round here: libtorch owns the
//! memory and counts its handles, and a slice is lent only while no other handle exists, as
//! [`std::sync::Arc::get_mut`] does. Memory is never freed under a tensor, and never changes
//! under a graph that still needs it; a forgotten tensor is an error that says so.

use crate::error::During;
use crate::{TorchError, ffi};
use std::ffi::c_void;
use std::marker::PhantomData;
use tch::{Device, Tensor};

/// The types that [`Shared`] memory can hold: `f32`, `i64` and `bool`.
pub trait Element: sealed::Sealed + Copy {}

impl Element for f32 {}
impl Element for i64 {}
impl Element for bool {}

mod sealed {
    use tch::Kind;

    pub trait Sealed: Sized {
        const KIND: Kind;
        /// Whether these bytes, which libtorch wrote, are those of valid elements.
        fn valid(bytes: &[u8]) -> bool;
    }

    impl Sealed for f32 {
        const KIND: Kind = Kind::Float;
        fn valid(_: &[u8]) -> bool {
            true
        }
    }

    impl Sealed for i64 {
        const KIND: Kind = Kind::Int64;
        fn valid(_: &[u8]) -> bool {
            true
        }
    }

    impl Sealed for bool {
        const KIND: Kind = Kind::Bool;
        fn valid(bytes: &[u8]) -> bool {
            bytes.iter().all(|&byte| byte <= 1)
        }
    }
}

/// A dense array on the CPU, seen as a slice or as a tensor, not both at once.
///
/// ```
/// use commformer_torch::Shared;
///
/// let mut rewards = Shared::<f32>::zeros(&[2, 3])?;
/// rewards.slice_mut()?[4] = 7.0;
/// {
///     let tensor = rewards.tensor()?;
///     assert_eq!(tensor.double_value(&[1, 1]), 7.0);
///     assert!(rewards.slice().is_err(), "the tensor is alive");
/// }
/// assert_eq!(rewards.slice()?, [0.0, 0.0, 0.0, 0.0, 7.0, 0.0]);
/// # Ok::<(), commformer_torch::TorchError>(())
/// ```
#[derive(Debug)]
pub struct Shared<T: Element> {
    /// Never lent nor cloned: what others get is a tensor of its own on the same storage, so
    /// that nobody can change this one's shape, kind or storage.
    owner: Tensor,
    shape: Vec<i64>,
    element: PhantomData<T>,
}

impl<T: Element> Shared<T> {
    /// An array of zeros (`false` for `bool`) of this shape.
    ///
    /// # Errors
    ///
    /// [`TorchError::Tch`] if libtorch cannot make it: a negative size, or not enough memory.
    pub fn zeros(shape: &[i64]) -> Result<Self, TorchError> {
        let owner = Tensor::f_zeros(shape, (T::KIND, Device::Cpu)).during("make shared memory")?;
        Ok(Self {
            owner,
            shape: shape.to_vec(),
            element: PhantomData,
        })
    }

    /// The array's shape.
    pub fn shape(&self) -> &[i64] {
        &self.shape
    }

    /// A tensor on this memory. While it, or anything that shares its memory, is alive, no
    /// slice can be had. (`&mut self` ends all slices that are lent.)
    ///
    /// # Errors
    ///
    /// [`TorchError::Tch`] if libtorch refuses.
    pub fn tensor(&mut self) -> Result<Tensor, TorchError> {
        self.owner.f_detach().during("share memory")
    }

    /// The elements, row by row.
    ///
    /// # Errors
    ///
    /// [`TorchError::Aliased`] while a tensor on this memory is alive.
    pub fn slice(&self) -> Result<&[T], TorchError> {
        let (data, count) = self.elements()?;
        // SAFETY: `elements` gives `count` valid elements that no tensor but `owner` reaches. A
        // new tensor needs `&mut self`, and `owner` lives and stays as it is while `&self` does.
        Ok(unsafe { std::slice::from_raw_parts(data, count) })
    }

    /// The elements, row by row, to be written.
    ///
    /// # Errors
    ///
    /// [`TorchError::Aliased`] while a tensor on this memory is alive.
    pub fn slice_mut(&mut self) -> Result<&mut [T], TorchError> {
        let (data, count) = self.elements()?;
        // SAFETY: as in `slice`; besides, `&mut self` rules out any other slice.
        Ok(unsafe { std::slice::from_raw_parts_mut(data, count) })
    }

    /// Where the elements lie and how many there are, if no other handle on them exists.
    fn elements(&self) -> Result<(*mut T, usize), TorchError> {
        let mut data: *mut c_void = std::ptr::null_mut();
        let (mut bytes, mut aliases) = (0, 0);
        // SAFETY: the handle is valid, and the shim writes one value to each of three places.
        unsafe {
            ffi::check(
                "lend shared memory",
                ffi::commformer_memory(self.owner.as_ptr(), &mut data, &mut bytes, &mut aliases),
            )?;
        }
        if aliases != 0 {
            return Err(TorchError::Aliased { aliases });
        }
        if bytes == 0 {
            // libtorch may give null for no elements, which a slice must not have.
            return Ok((std::ptr::NonNull::dangling().as_ptr(), 0));
        }
        // SAFETY: libtorch says that `bytes` bytes lie at `data`; they were zeroed when they were
        // made, and nobody else reaches them while this slice of bytes is alive, in this line.
        let valid = T::valid(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), bytes) });
        if !valid {
            return Err(TorchError::Mismatch {
                tensor: "shared memory".into(),
                expected: "elements that are true or false".into(),
                found: "other bytes, written through a tensor of another kind".into(),
            });
        }
        Ok((data.cast(), bytes / size_of::<T>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn each_side_sees_what_the_other_wrote() {
        let mut reals = Shared::<f32>::zeros(&[2, 2]).unwrap();
        reals
            .slice_mut()
            .unwrap()
            .copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
        let place = reals.slice().unwrap().as_ptr();
        {
            let mut tensor = reals.tensor().unwrap();
            assert_eq!(tensor.size(), [2, 2]);
            assert_eq!(tensor.data_ptr() as usize, place as usize);
            assert_eq!(tensor.double_value(&[1, 0]), 3.0);
            let _ = tensor.fill_(5.0);
        }
        assert_eq!(reals.slice().unwrap(), [5.0; 4]);

        let mut integers = Shared::<i64>::zeros(&[3]).unwrap();
        integers.slice_mut().unwrap()[1] = i64::MIN;
        assert_eq!(integers.tensor().unwrap().int64_value(&[1]), i64::MIN);
        let _ = integers.tensor().unwrap().fill_(-2);
        assert_eq!(integers.slice().unwrap(), [-2; 3]);

        let mut truths = Shared::<bool>::zeros(&[2, 1]).unwrap();
        truths.slice_mut().unwrap()[1] = true;
        let not = truths.tensor().unwrap().logical_not();
        truths.tensor().unwrap().copy_(&not);
        assert_eq!(truths.slice().unwrap(), [true, false]);
    }

    #[test]
    fn every_kind_of_alias_holds_slices_back() {
        let mut memory = Shared::<f32>::zeros(&[4]).unwrap();
        let makers: [fn(&Tensor) -> Tensor; 5] = [
            Tensor::shallow_clone,
            Tensor::detach,
            |tensor| tensor.narrow(0, 1, 2),
            |tensor| tensor.view([2, 2]),
            // The graph keeps its input for the backward pass.
            |tensor| {
                let weight = Tensor::ones([4], (Kind::Float, Device::Cpu)).set_requires_grad(true);
                (tensor * weight).sum(None)
            },
        ];
        for make in makers {
            let alias = make(&memory.tensor().unwrap());
            let message = memory.slice_mut().unwrap_err().to_string();
            assert!(message.contains("alive"), "{message}");
            assert!(memory.slice().is_err());
            drop(alias);
            assert_eq!(memory.slice_mut().unwrap().len(), 4);
        }
        let copy = memory.tensor().unwrap() + 1.0;
        assert!(memory.slice().is_ok(), "a new tensor is no alias");
        assert_eq!(copy.double_value(&[0]), 1.0);
    }

    #[test]
    fn an_alias_outlives_the_owner() {
        let mut memory = Shared::<i64>::zeros(&[2]).unwrap();
        memory.slice_mut().unwrap()[0] = 9;
        let alias = memory.tensor().unwrap();
        drop(memory);
        assert_eq!(alias.int64_value(&[0]), 9);
    }

    #[test]
    fn what_an_alias_does_to_itself_does_not_touch_the_owner() {
        let mut memory = Shared::<f32>::zeros(&[3]).unwrap();
        memory.slice_mut().unwrap()[2] = 6.0;
        for size in [0, 1, 100_000] {
            let _ = memory.tensor().unwrap().resize_([size]);
            assert_eq!(memory.slice().unwrap(), [0.0, 0.0, 6.0]);
        }
        memory
            .tensor()
            .unwrap()
            .set_data(&Tensor::from_slice(&[1.0_f32]));
        assert_eq!(memory.slice().unwrap(), [0.0, 0.0, 6.0]);
    }

    #[test]
    fn bytes_that_are_no_bool_are_never_seen_as_one() {
        let mut memory = Shared::<bool>::zeros(&[3]).unwrap();
        let mut bytes = memory.tensor().unwrap().view_dtype(Kind::Uint8);
        let _ = bytes.fill_(7);
        drop(bytes);
        let message = memory.slice().unwrap_err().to_string();
        assert!(message.contains("true or false"), "{message}");
        let _ = memory.tensor().unwrap().fill_(1);
        assert_eq!(memory.slice().unwrap(), [true; 3]);
    }

    #[test]
    fn odd_shapes_work_or_say_why_not() {
        let mut scalar = Shared::<f32>::zeros(&[]).unwrap();
        assert_eq!(scalar.slice_mut().unwrap(), [0.0]);
        let mut empty = Shared::<i64>::zeros(&[3, 0]).unwrap();
        assert!(empty.slice_mut().unwrap().is_empty());
        assert_eq!(empty.shape(), [3, 0]);
        assert!(Shared::<bool>::zeros(&[-1]).is_err());
        assert!(Shared::<bool>::zeros(&[i64::MAX, 2]).is_err());
    }
}
