//! The safetensors format: a file written out byte by byte, round trips, and hostile bytes.

use commformer_torch::TorchError;
use commformer_torch::weights::{Weights, decode, encode};
use proptest::prelude::*;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use tch::{Device, Kind, Tensor};

/// A file with this header, its length and this data.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length, header.as_bytes(), data].concat()
}

fn refused(bytes: &[u8]) -> String {
    match decode(bytes) {
        Err(TorchError::Format { reason }) => reason,
        other => panic!("expected a format error, found {other:?}"),
    }
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    let values = Vec::<f32>::try_from(tensor.reshape([-1])).unwrap();
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn the_bytes_are_those_written_by_hand() {
    let tensors = [
        ("b".to_owned(), Tensor::from_slice(&[1.0_f32, -2.0])),
        ("a".to_owned(), Tensor::from(0.5_f32)),
        ("count".to_owned(), Tensor::from_slice2(&[[3_i64]])),
    ];
    let metadata = [("z", "last"), ("a", "first"), ("m", "\"quoted\"")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    let header = concat!(
        r#"{"__metadata__":{"a":"first","m":"\"quoted\"","z":"last"},"#,
        r#""count":{"dtype":"I64","shape":[1,1],"data_offsets":[0,8]},"#,
        r#""a":{"dtype":"F32","shape":[],"data_offsets":[8,12]},"#,
        r#""b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]}}"#,
    );
    let padded = format!("{header:<width$}", width = header.len().next_multiple_of(8));
    let data = [
        3, 0, 0, 0, 0, 0, 0, 0, // 3
        0, 0, 0, 0x3f, // 0.5
        0, 0, 0x80, 0x3f, // 1
        0, 0, 0, 0xc0, // -2
    ];
    let bytes = encode(&tensors, &metadata).unwrap();
    assert_eq!(bytes, file(&padded, &data));

    let Weights { tensors, metadata } = decode(&bytes).unwrap();
    let names: Vec<_> = tensors.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b", "count"]);
    assert_eq!(tensors[0].1.size(), [0_i64; 0]);
    assert_eq!(tensors[1].1.double_value(&[1]), -2.0);
    assert_eq!(tensors[2].1.kind(), Kind::Int64);
    assert_eq!(tensors[2].1.size(), [1, 1]);
    assert_eq!(tensors[2].1.int64_value(&[0, 0]), 3);
    assert_eq!(metadata[1], ("m".to_owned(), "\"quoted\"".to_owned()));
    assert_eq!(metadata.len(), 3);
}

#[test]
fn the_format_is_the_safetensors_crates() {
    let data: Vec<u8> = (0..6_u8).flat_map(|i| f32::from(i).to_le_bytes()).collect();
    let view = |range| TensorView::new(Dtype::F32, vec![1, 3], range).unwrap();
    let views = [("y", view(&data[12..])), ("x", view(&data[..12]))];
    let theirs = safetensors::serialize(views, &None).unwrap();
    let whole = Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]);
    let rows = [("y", 1), ("x", 0)].map(|(name, row)| (name.into(), whole.narrow(0, row, 1)));
    let ours = encode(&rows, &[]).unwrap();
    assert_eq!(ours, theirs);
    let read = SafeTensors::deserialize(&ours).unwrap();
    assert_eq!(read.tensor("y").unwrap().data(), &data[12..]);
}

#[test]
fn layout_and_gradients_do_not_matter() {
    let leaf = Tensor::from_slice2(&[[1.0_f32, 2.0], [3.0, 4.0]]).set_requires_grad(true);
    let bytes = encode(&[("t".into(), leaf.tr())], &[]).unwrap();
    let found = decode(&bytes).unwrap().tensors.remove(0).1;
    assert_eq!(bits(&found), bits(&leaf.tr().contiguous()));
    assert_eq!(found.double_value(&[0, 1]), 3.0);
    assert!(!found.requires_grad());
}

#[test]
fn what_cannot_be_written_is_refused_by_name() {
    let one = || Tensor::from(1.0_f32);
    let named = |names: &[&str]| -> Vec<_> {
        let each = names.iter().map(|&name| (name.to_owned(), one()));
        each.collect()
    };
    let message = |tensors: &[(String, Tensor)], metadata: &[(String, String)]| {
        encode(tensors, metadata).unwrap_err().to_string()
    };
    assert!(message(&named(&["a", "b", "a"]), &[]).contains("\"a\" cannot be written"));
    assert!(message(&named(&["__metadata__"]), &[]).contains("__metadata__"));
    let key = ("k".to_owned(), String::new());
    assert!(message(&[], &[key.clone(), key]).contains("\"k\""));
    for (bad, part) in [
        (one().to_kind(Kind::Half), "found Half"),
        (Tensor::new(), "an undefined one"),
        (one().view([1; 17].as_slice()), "found 17"),
    ] {
        let message = message(&[("t".to_owned(), bad)], &[]);
        assert!(
            message.contains("\"t\"") && message.contains(part),
            "{message}"
        );
    }
    let long = ("k".to_owned(), "x".repeat(16 << 20));
    assert!(message(&[], &[long]).contains("longer than"));
}

#[test]
fn hostile_headers_are_refused_with_the_reason() {
    let header = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"t":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let cases = [
        (header("F16", "[2]", "[0,4]"), "only F32 and I64"),
        (header("F8", "[4]", "[0,4]"), "cannot be read"),
        (header("F32", "[-1]", "[0,4]"), "cannot be read"),
        (header("F32", "[2]", "[0,8]"), "claims bytes 0 to 8 of 4"),
        (header("F32", "[2]", "[0,4]"), "should have 8 bytes"),
        (header("F32", "[1]", "[4,0]"), "claims bytes 4 to 0"),
        (header("F32", "[0]", "[4,4]"), "from byte 0 on"),
        (header("F32", "[0]", "[0,0]"), "end at byte 0 of 4"),
        // The end of the data, the header and the eight bytes together overflow 64 bits.
        (
            header("F32", "[4611686018427387903]", "[0,18446744073709551612]"),
            "impossible shape",
        ),
        (
            header("F32", "[4294967296,4294967296]", "[0,4]"),
            "impossible shape",
        ),
        // Without elements, but strides would overflow.
        (
            header("F32", "[0,4294967296,4294967296]", "[0,0]"),
            "impossible shape",
        ),
        (
            header("F32", &format!("{:?}", [1; 17]), "[0,4]"),
            "17 dimensions",
        ),
        ("[]".to_owned(), "cannot be read"),
        ("[".repeat(10_000), "cannot be read"),
        (String::new(), "cannot be read"),
        ("{}".to_owned(), "end at byte 0 of 4"),
        (r#"{"__metadata__":{"a":1}}"#.to_owned(), "cannot be read"),
    ];
    for (header, part) in cases {
        let reason = refused(&file(&header, &[0; 4]));
        assert!(reason.contains(part), "{header:.80}: {reason}");
    }
    assert!(refused(&[]).contains("0 bytes"));
    assert!(refused(&[0xff; 8]).contains("longer than"));
    assert!(refused(&[1, 0, 0, 1, 0, 0, 0, 0]).contains("longer than"));
    assert!(refused(&[9, 0, 0, 0, 0, 0, 0, 0, b'{']).contains("cut off"));
    let overlapping = concat!(
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"#,
        r#""b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
    );
    assert!(refused(&file(overlapping, &[0; 4])).contains("\"b\""));
}

/// Tensors of up to three dimensions, zeros among the sizes, and any bits as values.
fn tensors() -> impl Strategy<Value = Vec<(String, Vec<i64>, Vec<u32>)>> {
    let shape = prop::collection::vec(0..4_i64, 0..4);
    let tensor = ("\\PC{0,6}", shape).prop_flat_map(|(name, shape)| {
        let count = shape.iter().product::<i64>() as usize;
        let values = prop::collection::vec(any::<u32>(), count);
        (Just(name), Just(shape), values)
    });
    prop::collection::vec(tensor, 0..5).prop_map(|mut all| {
        all.sort();
        all.dedup_by(|(a, ..), (b, ..)| a == b);
        all
    })
}

fn encoded(tensors: &[(String, Vec<i64>, Vec<u32>)], metadata: &[(String, String)]) -> Vec<u8> {
    let each = tensors.iter().map(|(name, shape, bits)| {
        let values: Vec<f32> = bits.iter().map(|&bits| f32::from_bits(bits)).collect();
        (name.clone(), Tensor::from_slice(&values).reshape(shape))
    });
    encode(&each.collect::<Vec<_>>(), metadata).unwrap()
}

proptest! {
    #[test]
    fn a_round_trip_gives_everything_back(
        given in tensors(),
        metadata in prop::collection::btree_map(".{0,6}", ".{0,6}", 0..4),
    ) {
        let metadata: Vec<(String, String)> = metadata.into_iter().collect();
        let bytes = encoded(&given, &metadata);
        let reversed: Vec<_> = given.iter().rev().cloned().collect();
        let backwards: Vec<_> = metadata.iter().rev().cloned().collect();
        prop_assert_eq!(&encoded(&reversed, &backwards), &bytes);
        prop_assert!(SafeTensors::deserialize(&bytes).is_ok());

        let found = decode(&bytes).unwrap();
        prop_assert_eq!(found.metadata, metadata);
        let found: Vec<_> = found.tensors.iter()
            .map(|(name, tensor)| (name.clone(), tensor.size(), bits(tensor)))
            .collect();
        prop_assert_eq!(found, given);
    }

    #[test]
    fn a_file_cut_short_is_an_error(given in tensors(), keep in 0.0..1.0_f64) {
        let bytes = encoded(&given, &[]);
        let keep = (bytes.len() as f64 * keep) as usize;
        prop_assert!(decode(&bytes[..keep]).is_err());
    }

    #[test]
    fn a_flipped_bit_never_panics(
        given in tensors(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..4),
    ) {
        let mut bytes = encoded(&given, &[]);
        for (place, bit) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
        }
        if let Ok(found) = decode(&bytes) {
            let size: usize = found.tensors.iter()
                .map(|(_, t)| t.numel() * t.kind().elt_size_in_bytes())
                .sum();
            prop_assert!(size < bytes.len());
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        // Random lengths alone would end nearly every case at the first check.
        let mut short = bytes.clone();
        short.splice(..short.len().min(8), (bytes.len() as u64 / 2).to_le_bytes());
        for bytes in [bytes, short] {
            prop_assert!(decode(&bytes).is_err());
        }
    }
}
