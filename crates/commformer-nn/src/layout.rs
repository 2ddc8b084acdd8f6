//! A network's parameters: what they are called, how they start, how they lie in memory.
//!
//! Several tensors on disk may share one *leaf* in memory. The three projections of an attention are stacked into
//! one matrix, so that one product computes them all, and so are the heads of a team's agents. A [`Layout`] lists
//! the leaves; a backend has numbers for each of them, and layers name them by [`Slot`].

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

/// The largest size that a part of a network may have: with it no count of weights or bytes overflows.
pub const LARGEST: usize = 1 << 20;

/// What is wrong with a size, such as a width or a number of agents, that no network can have.
pub fn unfit_size(size: usize) -> Option<String> {
    (!(1..=LARGEST).contains(&size)).then(|| format!("found {size}, expected 1 to {LARGEST}"))
}

/// What is wrong with numbers that are not all finite.
pub fn not_finite(numbers: &[f32]) -> Option<String> {
    let at = numbers.iter().position(|number| !number.is_finite())?;
    let found = numbers[at];
    Some(format!("found {found} at {at}, expected finite numbers"))
}

/// A saved tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// Its shape, where the file says it. Without it the count of the numbers alone is checked.
    pub shape: Option<Vec<usize>>,
    /// Its numbers, row by row.
    pub numbers: Vec<f32>,
}

impl From<Vec<f32>> for Saved {
    fn from(numbers: Vec<f32>) -> Self {
        let shape = None;
        Self { shape, numbers }
    }
}

impl Saved {
    /// Its numbers, if it has this shape.
    ///
    /// # Errors
    /// A sentence with its name, and the shapes that were found and expected.
    pub fn of_shape(self, name: &str, expected: &[usize]) -> Result<Vec<f32>, String> {
        let Self { shape, numbers } = self;
        let found = match shape {
            Some(shape) if shape != expected => format!("the shape {shape:?}"),
            _ if numbers.len() != expected.iter().product::<usize>() => {
                format!("{} numbers", numbers.len())
            }
            _ => return Ok(numbers),
        };
        Err(format!(
            "`{name}` has {found}, expected the shape {expected:?}"
        ))
    }
}

/// Saved tensors by name, those alone whose names are a network's `own`: a file may have others.
///
/// # Errors
/// A sentence that names a tensor that is there twice.
pub fn collect(
    parts: impl IntoIterator<Item = (String, impl Into<Saved>)>,
    own: impl Fn(&str) -> bool,
) -> Result<HashMap<String, Saved>, String> {
    let mut saved = HashMap::new();
    for (name, part) in parts.into_iter().filter(|(name, _)| own(name)) {
        match saved.entry(name) {
            Entry::Vacant(entry) => drop(entry.insert(part.into())),
            Entry::Occupied(entry) => {
                return Err(format!(
                    "`{}` is there twice; keep one of them",
                    entry.key()
                ));
            }
        }
    }
    Ok(saved)
}

/// A leaf of a layout, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub(crate) usize);

impl Slot {
    /// Its place among [`Layout::leaves`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// How a tensor starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// A matrix with orthonormal rows or columns, whichever are fewer, times a gain.
    Orthogonal(f64),
    /// Zeros.
    Zeros,
    /// Ones.
    Ones,
    /// Independent standard normal numbers.
    Normal,
}

impl Init {
    /// For a layer whose output goes through an activation.
    pub const ACTIVATED: Self = Self::Orthogonal(std::f64::consts::SQRT_2);
    /// For a layer whose output is used as it is, as the Multi-Agent Transformer starts them.
    pub const SMALL: Self = Self::Orthogonal(0.01);
}

/// One tensor on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// How it starts.
    pub init: Init,
}

impl Part {
    /// A tensor of this name and shape.
    pub fn new(name: impl Into<String>, shape: &[usize], init: Init) -> Self {
        Self {
            name: name.into(),
            shape: shape.to_vec(),
            init,
        }
    }

    /// How many numbers it has.
    pub fn numel(&self) -> usize {
        self.shape.iter().product()
    }
}

/// How parts lie in their leaf. Either way their numbers follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// One below the other, along the first dimension.
    Rows,
    /// Along a new first dimension.
    Stack,
}

/// What an optimiser sees as one tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The tensors on disk, in the order of their numbers.
    pub parts: Vec<Part>,
    /// How they lie.
    pub packing: Packing,
}

impl Leaf {
    /// How many numbers it has.
    pub fn numel(&self) -> usize {
        self.shape.iter().product()
    }

    /// Each part and where its numbers lie among the leaf's.
    pub fn ranges(&self) -> impl Iterator<Item = (&Part, Range<usize>)> {
        let mut start = 0;
        self.parts.iter().map(move |part| {
            let range = start..start + part.numel();
            start = range.end;
            (part, range)
        })
    }
}

/// The leaves of a network, in the order in which its definition asks for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    leaves: Vec<Leaf>,
}

impl Layout {
    /// No leaf yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// All leaves; a [`Slot`] counts them.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// A leaf with one part of the same name.
    pub fn whole(&mut self, name: &str, shape: &[usize], init: Init) -> Slot {
        self.packed(name, Packing::Rows, vec![Part::new(name, shape, init)])
    }

    /// A leaf of several parts, of one shape if they are stacked and of one number of columns if they are rows.
    pub fn packed(&mut self, name: &str, packing: Packing, parts: Vec<Part>) -> Slot {
        let first = parts.first().map_or(&[] as &[usize], |part| &part.shape);
        let shape = match packing {
            Packing::Stack => std::iter::once(parts.len())
                .chain(first.iter().copied())
                .collect(),
            Packing::Rows => {
                let rows = parts.iter().filter_map(|part| part.shape.first()).sum();
                std::iter::once(rows)
                    .chain(first.iter().skip(1).copied())
                    .collect()
            }
        };
        self.leaves.push(Leaf {
            name: name.to_owned(),
            shape,
            parts,
            packing,
        });
        Slot(self.leaves.len() - 1)
    }
}

impl Layout {
    /// The numbers of each leaf from those of saved tensors.
    ///
    /// # Errors
    /// A sentence that names the missing, misshapen or unexpected tensor, or one whose numbers are not finite.
    pub fn take(&self, mut saved: HashMap<String, Saved>) -> Result<Vec<Vec<f32>>, String> {
        let mut part = |part: &Part| {
            let Part { name, shape, .. } = part;
            let found = (saved.remove(name)).ok_or_else(|| format!("`{name}` is missing"))?;
            let found = found.of_shape(name, shape)?;
            match not_finite(&found) {
                Some(problem) => Err(format!("`{name}`: {problem}")),
                None => Ok(found),
            }
        };
        let leaf = |leaf: &Leaf| {
            let parts = leaf.parts.iter().map(&mut part);
            Ok(parts.collect::<Result<Vec<_>, String>>()?.concat())
        };
        let numbers = self
            .leaves
            .iter()
            .map(leaf)
            .collect::<Result<_, String>>()?;
        match saved.keys().next() {
            Some(name) => Err(format!("`{name}` is not known to this network")),
            None => Ok(numbers),
        }
    }

    /// The first numbers of each leaf; `normal` yields independent standard normal numbers.
    pub fn fresh(&self, normal: &mut dyn FnMut() -> f32) -> Vec<Vec<f32>> {
        let leaf = |leaf: &Leaf| {
            leaf.parts
                .iter()
                .flat_map(|part| part.start(normal))
                .collect()
        };
        self.leaves.iter().map(leaf).collect()
    }
}

impl Part {
    fn start(&self, normal: &mut dyn FnMut() -> f32) -> Vec<f32> {
        match self.init {
            Init::Zeros => vec![0.0; self.numel()],
            Init::Ones => vec![1.0; self.numel()],
            Init::Normal => (0..self.numel()).map(|_| normal()).collect(),
            Init::Orthogonal(gain) => {
                let rows = self.shape.first().copied().unwrap_or(0);
                let columns = self.numel() / rows.max(1);
                let numbers = orthonormal([rows, columns], normal);
                numbers.into_iter().map(|x| (x * gain) as f32).collect()
            }
        }
    }
}

/// A random matrix whose rows, or columns if they are fewer, are orthonormal, evenly spread over all of them: normal
/// numbers, each vector less what it has of those before it (Gram and Schmidt, twice, for rounding).
fn orthonormal([rows, columns]: [usize; 2], normal: &mut dyn FnMut() -> f32) -> Vec<f64> {
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    while vectors.len() < count {
        let mut vector: Vec<f64> = (0..length).map(|_| f64::from(normal())).collect();
        for _ in 0..2 {
            for other in &vectors {
                let along: f64 = vector.iter().zip(other).map(|(x, y)| x * y).sum();
                vector
                    .iter_mut()
                    .zip(other)
                    .for_each(|(x, y)| *x -= along * y);
            }
        }
        let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
        vector
            .iter_mut()
            .for_each(|x| *x /= norm.max(f64::MIN_POSITIVE));
        vectors.push(vector);
    }
    if rows <= columns {
        return vectors.concat();
    }
    let at = |row: usize| vectors.iter().map(move |vector| vector[row]);
    (0..rows).flat_map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_one_after_the_other() {
        let mut layout = Layout::new();
        let parts = |rows: [usize; 2]| {
            let part = |(name, rows): (&str, usize)| Part::new(name, &[rows, 3], Init::Zeros);
            ["a", "b"].into_iter().zip(rows).map(part).collect()
        };
        let rows = layout.packed("rows", Packing::Rows, parts([2, 1]));
        let stack = layout.packed("stack", Packing::Stack, parts([2, 2]));
        let leaf = &layout.leaves()[rows.index()];
        assert_eq!(leaf.shape, [3, 3]);
        let ranges: Vec<_> = leaf.ranges().map(|(_, range)| range).collect();
        assert_eq!(ranges, [0..6, 6..9]);
        assert_eq!(layout.leaves()[stack.index()].shape, [2, 2, 3]);
    }

    #[test]
    fn orthogonal_rows_or_columns_are_orthonormal() {
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            state as f32 / u32::MAX as f32 - 0.5
        };
        for [rows, columns] in [[3, 8], [8, 3], [5, 5]] {
            let q = orthonormal([rows, columns], &mut noise);
            let at = |vector: usize, place: usize| match rows <= columns {
                true => q[vector * columns + place],
                false => q[place * columns + vector],
            };
            let (count, length) = (rows.min(columns), rows.max(columns));
            for one in 0..count {
                for other in 0..count {
                    let dot: f64 = (0..length).map(|i| at(one, i) * at(other, i)).sum();
                    let expected = f64::from(u8::from(one == other));
                    assert!((dot - expected).abs() < 1e-12, "{rows} {columns} {dot}");
                }
            }
        }
    }
}
