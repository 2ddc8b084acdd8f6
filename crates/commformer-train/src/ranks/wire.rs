//! What ranks tell each other, as bytes. A value is named once for both ways: on the way out it is written, on the way in
//! overwritten.

use crate::TrainError;
use tch::{Device, Tensor};

/// A number with a size of its own, little-endian.
pub trait Number: Copy + Default {
    /// Its bytes.
    const SIZE: usize;
    /// Writes it.
    fn put(self, out: &mut Vec<u8>);
    /// Reads it from so many bytes; `None` if they mean nothing.
    fn read(bytes: &[u8]) -> Option<Self>;
}

macro_rules! number {
    ($($number:ty),*) => {$(
        impl Number for $number {
            const SIZE: usize = size_of::<Self>();
            fn put(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn read(bytes: &[u8]) -> Option<Self> {
                Some(Self::from_le_bytes(bytes.try_into().ok()?))
            }
        }
    )*};
}

number!(u8, i64, u64, f32);

impl Number for bool {
    const SIZE: usize = 1;
    fn put(self, out: &mut Vec<u8>) {
        out.push(u8::from(self));
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }
}

/// The bytes on their way.
#[derive(Debug)]
pub enum Wire<'a> {
    /// To the others.
    Out(Vec<u8>),
    /// From `rank`; `left` is yet to be read.
    In {
        /// Who wrote it.
        rank: usize,
        /// What is left of it.
        left: &'a [u8],
    },
}

impl<'a> Wire<'a> {
    /// What `rank` has written.
    pub fn from(rank: usize, left: &'a [u8]) -> Self {
        Self::In { rank, left }
    }

    /// Whether values are read.
    pub fn reads(&self) -> bool {
        matches!(self, Self::In { .. })
    }

    /// The bytes to be sent.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Out(bytes) => bytes,
            Self::In { .. } => Vec::new(),
        }
    }

    /// Refuses bytes that nobody has asked for.
    pub fn end(self) -> Result<(), TrainError> {
        match self {
            Self::In { rank, left } if !left.is_empty() => {
                Err(unreadable(rank, format!("{} bytes too many", left.len())))
            }
            _ => Ok(()),
        }
    }

    /// The error that what was read is `what`, which cannot be used.
    pub fn refused(&self, what: impl Into<String>) -> TrainError {
        let rank = match self {
            Self::In { rank, .. } => *rank,
            Self::Out(_) => 0,
        };
        unreadable(rank, what.into())
    }

    /// Numbers of which both sides know how many there are.
    pub fn slice<T: Number>(&mut self, numbers: &mut [T]) -> Result<(), TrainError> {
        let (found, expected) = (self.count(numbers.len())?, numbers.len());
        if found != expected {
            return Err(self.refused(format!("{found} numbers, not {expected}")));
        }
        self.numbers(numbers)
    }

    /// Numbers, however many there are.
    pub fn list<T: Number>(&mut self, numbers: &mut Vec<T>) -> Result<(), TrainError> {
        let count = self.count(numbers.len())?;
        if let Self::In { rank, left } = self {
            // No memory is taken for numbers that are not there.
            cut(*rank, left, count, T::SIZE)?;
            numbers.clear();
            numbers.resize(count, T::default());
        }
        self.numbers(numbers)
    }

    /// The numbers of a tensor of `f32`, whose shape both sides know.
    pub fn tensor(&mut self, tensor: &mut Tensor) -> Result<(), TrainError> {
        let mut numbers = match self {
            Self::Out(_) => Vec::try_from(tensor.f_to_device(Device::Cpu)?.f_flatten(0, -1)?)?,
            Self::In { .. } => vec![0.0_f32; tensor.numel()],
        };
        self.slice(&mut numbers)?;
        if self.reads() {
            tensor.f_copy_(&Tensor::f_from_slice(&numbers)?.f_view(&tensor.size()[..])?)?;
        }
        Ok(())
    }

    /// Tensors of `f32` that only the writer knows; the reader has them on `device`. The order in which their numbers lie in
    /// memory is kept: sums over them depend on it.
    pub fn tensors(&mut self, tensors: &mut Vec<Tensor>, device: Device) -> Result<(), TrainError> {
        let count = self.count(tensors.len())?;
        let reads = self.reads();
        if reads {
            tensors.clear();
        }
        for at in 0..count {
            // Dimensions as they lie in memory, the outermost first: their numbers, then their sizes.
            let (mut layout, mut numbers) = (Vec::<i64>::new(), Vec::<f32>::new());
            if !reads {
                let tensor = tensors[at].f_to_device(Device::Cpu)?;
                let strides = tensor.stride();
                let mut order: Vec<i64> = (0..strides.len() as i64).collect();
                order.sort_by_key(|dim| -strides[*dim as usize]);
                let laid_out = tensor.f_permute(&order[..])?;
                layout = [order, laid_out.size()].concat();
                numbers = Vec::try_from(laid_out.f_contiguous()?.f_view(-1)?)?;
            }
            self.list(&mut layout)?;
            self.list(&mut numbers)?;
            if let Self::In { rank, .. } = self {
                let (order, sizes) = layout.split_at(layout.len() / 2);
                let mut back = vec![-1; order.len()];
                for (at, dim) in order.iter().enumerate() {
                    let place = usize::try_from(*dim).ok().and_then(|dim| back.get_mut(dim));
                    *place.ok_or_else(|| unreadable(*rank, "no such shape".into()))? = at as i64;
                }
                let laid_out = Tensor::f_from_slice(&numbers)?.f_view(sizes)?;
                tensors.push(laid_out.f_permute(&back[..])?.f_to_device(device)?);
            }
        }
        Ok(())
    }

    /// Writes, or reads, how many numbers follow.
    fn count(&mut self, count: usize) -> Result<usize, TrainError> {
        let mut count = [count as u64];
        self.numbers(&mut count)?;
        Ok(usize::try_from(count[0]).unwrap_or(usize::MAX))
    }

    /// The numbers, and nothing else.
    fn numbers<T: Number>(&mut self, numbers: &mut [T]) -> Result<(), TrainError> {
        match self {
            Self::Out(bytes) => {
                bytes.reserve(numbers.len() * T::SIZE);
                numbers.iter().for_each(|number| number.put(bytes));
            }
            Self::In { rank, left } => {
                let (own, rest) = cut(*rank, left, numbers.len(), T::SIZE)?;
                *left = rest;
                for (number, bytes) in numbers.iter_mut().zip(own.chunks_exact(T::SIZE)) {
                    *number =
                        T::read(bytes).ok_or_else(|| unreadable(*rank, "no such value".into()))?;
                }
            }
        }
        Ok(())
    }
}

/// The first `count` numbers of `size` bytes, and what follows them.
fn cut(rank: usize, left: &[u8], count: usize, size: usize) -> Result<(&[u8], &[u8]), TrainError> {
    let bytes = count.checked_mul(size);
    let parts = bytes.and_then(|bytes| left.split_at_checked(bytes));
    parts.ok_or_else(|| {
        unreadable(
            rank,
            format!(
                "only {} bytes where {count} numbers were to come",
                left.len()
            ),
        )
    })
}

fn unreadable(rank: usize, what: String) -> TrainError {
    TrainError::Ranks {
        rank,
        what: format!("sent {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn what_goes_out_comes_in() {
        let mut out = Wire::Out(Vec::new());
        out.slice(&mut [1.5_f32, f32::NAN, -0.0]).unwrap();
        out.list(&mut vec![7_i64, -1]).unwrap();
        out.slice(&mut [true, false]).unwrap();
        let mut whole = Tensor::arange(4, (Kind::Float, Device::Cpu)).view([2, 2]);
        out.tensor(&mut whole).unwrap();
        let laid_out = Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]);
        let mut tensors = vec![laid_out.transpose(0, 1), Tensor::from(3.0_f32), laid_out];
        out.tensors(&mut tensors, Device::Cpu).unwrap();
        let bytes = out.into_bytes();

        let mut from = Wire::from(1, &bytes);
        let mut reals = [0.0_f32; 3];
        from.slice(&mut reals).unwrap();
        let bits = reals.map(f32::to_bits);
        assert_eq!(bits, [1.5, f32::NAN, -0.0].map(f32::to_bits));
        let mut list = vec![1_i64, 2, 3];
        from.list(&mut list).unwrap();
        assert_eq!(list, [7, -1]);
        let mut flags = [false; 2];
        from.slice(&mut flags).unwrap();
        assert_eq!(flags, [true, false]);
        let mut read = Tensor::zeros([2, 2], (Kind::Float, Device::Cpu));
        from.tensor(&mut read).unwrap();
        assert_eq!(read, whole);
        let mut others = Vec::new();
        from.tensors(&mut others, Device::Cpu).unwrap();
        assert_eq!(others, tensors);
        let strides = |tensors: &[Tensor]| tensors.iter().map(Tensor::stride).collect::<Vec<_>>();
        assert_eq!(strides(&others), strides(&tensors));
        from.end().unwrap();
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_rank_that_sent_it() {
        let mut out = Wire::Out(Vec::new());
        out.slice(&mut [1.0_f32, 2.0]).unwrap();
        let bytes = out.into_bytes();
        let refused = |found: Result<(), TrainError>, words: &str| {
            let said = found.unwrap_err().to_string();
            assert!(said.contains("rank 3") && said.contains(words), "{said}");
        };
        refused(
            Wire::from(3, &bytes).slice(&mut [0.0_f32; 3]),
            "2 numbers, not 3",
        );
        refused(
            Wire::from(3, &bytes[..9]).slice(&mut [0.0_f32; 2]),
            "only 1 bytes",
        );
        let many = u64::MAX.to_le_bytes();
        refused(
            Wire::from(3, &many).list(&mut Vec::<f32>::new()),
            "only 0 bytes",
        );
        let flags = [1, 0, 0, 0, 0, 0, 0, 0, 2];
        refused(Wire::from(3, &flags).slice(&mut [true]), "no such value");
        refused(Wire::from(3, &bytes).end(), "16 bytes too many");
    }
}
