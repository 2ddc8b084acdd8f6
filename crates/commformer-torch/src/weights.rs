//! Named tensors as bytes, in the safetensors format, without a file.
//!
//! [`encode`] gives the same bytes for the same tensors and metadata, always: tensors are sorted
//! by kind and name, metadata by key. [`decode`] trusts nothing: every offset, shape and kind is
//! checked before a tensor is made, and tensors take no more memory than the bytes given.
//!
//! Format: eight bytes of the header's length (little endian), a JSON header that names each
//! tensor's `dtype`, `shape` and `data_offsets`, then the data, little endian and row by row.

use crate::TorchError;
use crate::error::During;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, HashSet};
use tch::{Device, Kind, Tensor};

/// What [`decode`] found.
#[derive(Debug)]
pub struct Weights {
    /// The tensors with their names, sorted by name, on the CPU.
    pub tensors: Vec<(String, Tensor)>,
    /// The metadata, sorted by key.
    pub metadata: Vec<(String, String)>,
}

/// The longest header that is written or read. It has room for a hundred thousand tensors, and
/// bounds what parsing a hostile one can cost.
const MAX_HEADER: usize = 16 << 20;

/// The most dimensions that a tensor may have: far more than any model's.
const MAX_RANK: usize = 16;

/// The header's key for metadata, which no tensor may have as its name.
const METADATA: &str = "__metadata__";

/// The kinds that are written and read, with the format's name and the size of an element.
const KINDS: [(Kind, Dtype, usize); 2] =
    [(Kind::Int64, Dtype::I64, 8), (Kind::Float, Dtype::F32, 4)];

/// Writes tensors of `f32` or `i64`, of any device and layout, and metadata.
///
/// # Errors
///
/// [`TorchError::Name`] for a name (or a metadata key) that is there twice or is
/// `__metadata__`, [`TorchError::Mismatch`] for a tensor that is undefined, of another kind or of
/// more than 16 dimensions, [`TorchError::Format`] for a header beyond 16 MiB,
/// [`TorchError::Tch`] if a tensor cannot be copied to the CPU.
pub fn encode(
    tensors: &[(String, Tensor)],
    metadata: &[(String, String)],
) -> Result<Vec<u8>, TorchError> {
    let mut seen = HashSet::from([METADATA]);
    let mut keys = HashSet::new();
    let names = tensors.iter().map(|(name, _)| (seen.insert(name), name));
    let keys = metadata.iter().map(|(key, _)| (keys.insert(key), key));
    for (new, name) in names.chain(keys) {
        if !new {
            return Err(TorchError::Name {
                name: name.clone(),
                problem: "cannot be written: the name is taken",
            });
        }
    }

    let mut entries = tensors
        .iter()
        .map(|(name, tensor)| check_writable(name, tensor).map(|kind| (kind, name, tensor)))
        .collect::<Result<Vec<_>, _>>()?;
    // Wide kinds come first so that all data is aligned, as the format recommends.
    entries.sort_by_key(|&(kind, name, _)| (kind, name));

    let mut header = Header {
        metadata: metadata
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect(),
        tensors: Vec::with_capacity(entries.len()),
    };
    let mut end = 0;
    for &(kind, name, tensor) in &entries {
        let (_, dtype, width) = KINDS[kind];
        let start = end;
        end += tensor.numel() * width;
        // Sizes of tensors are never negative.
        let shape = tensor.size().iter().map(|&size| size as usize).collect();
        let data_offsets = (start, end);
        let info = TensorInfo {
            dtype,
            shape,
            data_offsets,
        };
        header.tensors.push((name, info));
    }
    let mut json = serde_json::to_vec(&header).map_err(|error| format(error.to_string()))?;
    json.resize(json.len().next_multiple_of(8), b' ');
    if json.len() > MAX_HEADER {
        return Err(too_long(json.len()));
    }

    let mut bytes = Vec::with_capacity(8 + json.len() + end);
    bytes.extend((json.len() as u64).to_le_bytes());
    bytes.extend(json);
    for (kind, _, tensor) in entries {
        let flat = tensor
            .f_to_device(Device::Cpu)
            .and_then(|tensor| tensor.f_reshape([-1]))
            .during("copy a tensor to be written")?;
        match KINDS[kind].0 {
            Kind::Int64 => {
                let values = Vec::<i64>::try_from(flat).during("copy a tensor to be written")?;
                bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }
            _ => {
                let values = Vec::<f32>::try_from(flat).during("copy a tensor to be written")?;
                bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }
        }
    }
    Ok(bytes)
}

/// Reads what [`encode`], or any other writer of the format, wrote: tensors of `f32` and `i64`.
///
/// # Errors
///
/// [`TorchError::Format`], naming the tensor where there is one, for anything that is not a
/// whole and valid file, and for other kinds of numbers.
pub fn decode(bytes: &[u8]) -> Result<Weights, TorchError> {
    let (length, rest) = bytes
        .split_first_chunk::<8>()
        .ok_or_else(|| format(format!("{} bytes are less than a length", bytes.len())))?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > MAX_HEADER {
        return Err(too_long(length));
    }
    let (header, data) = rest.split_at_checked(length).ok_or_else(|| {
        format(format!(
            "the header should have {length} bytes, but {} are there; is the file cut off?",
            rest.len()
        ))
    })?;
    let header: Metadata = serde_json::from_slice(header)
        .map_err(|error| format(format!("the header cannot be read: {error}")))?;

    let mut infos: Vec<_> = header.tensors().into_iter().collect();
    infos.sort_by(|(a, left), (b, right)| {
        (left.data_offsets, a.as_str()).cmp(&(right.data_offsets, b.as_str()))
    });
    let mut tensors = Vec::with_capacity(infos.len());
    let mut end = 0;
    for (name, info) in infos {
        let tensor = read(&name, info, end, data)?;
        end = info.data_offsets.1;
        tensors.push((name, tensor));
    }
    if end != data.len() {
        return Err(format(format!(
            "the tensors end at byte {end} of {} bytes of data",
            data.len()
        )));
    }
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    let metadata: BTreeMap<_, _> = header.metadata().iter().flatten().collect();
    let metadata = metadata
        .into_iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Ok(Weights { tensors, metadata })
}

/// One tensor, whose data must begin where the one before ended.
fn read(name: &str, info: &TensorInfo, begin: usize, data: &[u8]) -> Result<Tensor, TorchError> {
    let bad = |problem: String| format(format!("the tensor {name:?} {problem}"));
    let &(kind, _, width) = KINDS
        .iter()
        .find(|(_, dtype, _)| *dtype == info.dtype)
        .ok_or_else(|| bad(format!("is of {:?}; only F32 and I64 are read", info.dtype)))?;
    if info.shape.len() > MAX_RANK {
        let rank = info.shape.len();
        return Err(bad(format!(
            "has {rank} dimensions; at most {MAX_RANK} are read"
        )));
    }
    // libtorch multiplies sizes to get strides, counting 0 as 1; that must not overflow either.
    let padded = info
        .shape
        .iter()
        .try_fold(width, |size, &next| size.checked_mul(next.max(1)))
        .filter(|&size| isize::try_from(size).is_ok())
        .ok_or_else(|| bad(format!("has the impossible shape {:?}", info.shape)))?;
    let size = if info.shape.contains(&0) { 0 } else { padded };
    let (start, end) = info.data_offsets;
    let found = data
        .get(start..end)
        .filter(|found| start == begin && found.len() == size)
        .ok_or_else(|| {
            bad(format!(
                "should have {size} bytes from byte {begin} on, but claims bytes {start} to {end} \
                 of {}",
                data.len()
            ))
        })?;
    let shape: Vec<i64> = info.shape.iter().map(|&size| size as i64).collect();
    let flat = match kind {
        Kind::Int64 => Tensor::f_from_slice(&numbers(found, i64::from_le_bytes)),
        _ => Tensor::f_from_slice(&numbers(found, f32::from_le_bytes)),
    };
    flat.and_then(|flat| flat.f_reshape(shape))
        .during("make a tensor from the bytes read")
}

fn numbers<T, const WIDTH: usize>(bytes: &[u8], number: fn([u8; WIDTH]) -> T) -> Vec<T> {
    let (chunks, _) = bytes.as_chunks::<WIDTH>();
    chunks.iter().map(|&chunk| number(chunk)).collect()
}

/// The kind's place in [`KINDS`].
fn check_writable(name: &str, tensor: &Tensor) -> Result<usize, TorchError> {
    let mismatch = |expected: String, found: String| TorchError::Mismatch {
        tensor: format!("tensor {name:?}"),
        expected,
        found,
    };
    if !tensor.defined() {
        let found = "an undefined one".into();
        return Err(mismatch("a tensor".into(), found));
    }
    let rank = tensor.dim();
    if rank > MAX_RANK {
        let expected = format!("at most {MAX_RANK} dimensions");
        return Err(mismatch(expected, rank.to_string()));
    }
    KINDS
        .iter()
        .position(|(kind, _, _)| *kind == tensor.kind())
        .ok_or_else(|| mismatch("Float or Int64".into(), format!("{:?}", tensor.kind())))
}

fn format(reason: impl Into<String>) -> TorchError {
    TorchError::Format {
        reason: reason.into(),
    }
}

fn too_long(length: usize) -> TorchError {
    format(format!(
        "a header of {length} bytes is longer than {MAX_HEADER}"
    ))
}

/// The header in a fixed order; the `safetensors` crate's own has metadata in a hash map's.
struct Header<'a> {
    metadata: BTreeMap<&'a str, &'a str>,
    tensors: Vec<(&'a String, TensorInfo)>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Metadata(&'a BTreeMap<&'a str, &'a str>),
    Tensor(&'a TensorInfo),
}

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let metadata = (!self.metadata.is_empty()).then_some(&self.metadata);
        let tensors = self.tensors.iter();
        serializer.collect_map(
            metadata
                .map(|metadata| (METADATA, Entry::Metadata(metadata)))
                .into_iter()
                .chain(tensors.map(|(name, info)| (name.as_str(), Entry::Tensor(info)))),
        )
    }
}
