//! Inputs made from others by small accidents and large lies.

use commformer_env::Rng;

/// Numbers that overflow something, or nearly.
const LARGE: [u64; 6] = [
    0x7f,
    0xffff,
    0x7fff_ffff,
    u32::MAX as u64,
    i64::MAX as u64,
    u64::MAX,
];

/// One of the seeds with one to four changes.
pub fn mutate(seeds: &[Vec<u8>], words: &[&[u8]], rng: &mut Rng) -> Vec<u8> {
    let mut input = pick(seeds, rng).clone();
    for _ in 0..=rng.below(4) {
        let from = below(input.len() + 1, rng);
        let to = from + below((input.len() - from).min(40) + 1, rng);
        let number = *pick(&LARGE, rng);
        match rng.below(10) {
            0 => flip(&mut input, from, rng),
            1 => input.truncate(from),
            2 => drop(input.drain(from..to)),
            3 => drop(input.splice(from..from, [rng.next_u32() as u8])),
            // The same part again, once or so often that what it costs outgrows everything else.
            4 => drop(input.splice(from..from, input[from..to].to_vec())),
            5 => drop(input.splice(from..from, input[from..to].repeat(500))),
            6 => drop(input.splice(from..to, pick(words, rng).iter().copied())),
            7 => {
                // The end of another seed.
                let other = pick(seeds, rng);
                let rest = &other[below(other.len() + 1, rng)..];
                drop(input.splice(from.., rest.iter().copied()));
            }
            8 => {
                let width = 1 << rng.below(4);
                let end = input.len().min(from + width);
                input[from..end].copy_from_slice(&number.to_le_bytes()[..end - from]);
            }
            _ => write_number(&mut input, from, number),
        }
    }
    input
}

/// One bit of the byte at a place, if one is there.
fn flip(input: &mut [u8], at: usize, rng: &mut Rng) {
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << rng.below(8);
    }
}

/// Another number in the place of the first that is written out at or after `from`.
fn write_number(input: &mut Vec<u8>, from: usize, number: u64) {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    if let Some(start) = input[from..].iter().position(is_digit) {
        let start = from + start;
        let length = input[start..].iter().take_while(|byte| is_digit(byte));
        let end = start + length.count();
        input.splice(start..end, number.to_string().into_bytes());
    }
}

fn pick<'a, T>(items: &'a [T], rng: &mut Rng) -> &'a T {
    &items[below(items.len(), rng)]
}

/// 0 to below `bound`.
fn below(bound: usize, rng: &mut Rng) -> usize {
    rng.below(bound as u32) as usize
}
