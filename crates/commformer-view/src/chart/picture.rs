//! A graph as a small PNG: its matrix, a square for each pair of agents.

use super::pair::Pair;
use crate::theme::{GRID, PAPER, SERIES};
use std::io;

/// A square picture.
#[derive(Debug)]
pub struct Picture {
    /// Pixels on each side.
    pub size: u32,
    /// The file.
    pub png: Vec<u8>,
}

/// Pixels that a side should have about.
const SIDE: usize = 256;
/// The largest square: a team of two needs no poster.
const LARGEST: usize = 32;
/// Squares from this size on are set apart by a line.
const LINED: usize = 6;

/// What a pixel is, by its number in [`PALETTE`]: that of a [`Pair`], or a line.
const LINE: u8 = 3;
/// The colours of pairs as they are numbered (an agent with itself is grey), and of lines.
const PALETTE: [[u8; 3]; 4] = [PAPER.light, SERIES[0].light, [187; 3], GRID.light];

impl Picture {
    /// Of the graph, (N, N): receivers from above, senders from the left, both by their number; blue where
    /// the receiver hears the sender.
    ///
    /// # Errors
    ///
    /// If the picture is larger than a PNG can be.
    pub fn of(graph: &[f32]) -> io::Result<Self> {
        let agents = graph.len().isqrt();
        let square = (SIDE / agents.max(1)).clamp(1, LARGEST);
        let size = agents.max(1) * square;
        let pixel = |x: usize, y: usize| {
            let (receiver, sender) = (y / square, x / square);
            let line = square >= LINED && (x % square == square - 1 || y % square == square - 1);
            match line {
                true => LINE,
                false => Pair::of(graph.get(receiver * agents + sender), receiver, sender) as u8,
            }
        };
        // Two bits a pixel, the first in the highest; a row begins with a byte of its own.
        let mut pixels = Vec::with_capacity(size * size.div_ceil(4));
        for y in 0..size {
            for x in (0..size).step_by(4) {
                let four = (x..x + 4).map(|x| if x < size { pixel(x, y) } else { 0 });
                pixels.push(four.fold(0, |byte, pixel| byte << 2 | pixel));
            }
        }
        let size = u32::try_from(size).map_err(io::Error::other)?;
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, size, size);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Two);
        encoder.set_palette(PALETTE.as_flattened());
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&pixels)?;
        writer.finish()?;
        Ok(Self { size, png })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The colours of a picture's pixels, in rows.
    fn decoded(picture: &Picture) -> Vec<[u8; 3]> {
        let mut decoder = png::Decoder::new(io::Cursor::new(&picture.png));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        assert_eq!(reader.info().size(), (picture.size, picture.size));
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        pixels.as_chunks().0.to_vec()
    }

    #[test]
    fn a_square_is_blue_where_its_row_hears_its_column() {
        let graph = [1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, f32::NAN, 0.0];
        let picture = Picture::of(&graph).unwrap();
        assert_eq!(picture.size, 96);
        let pixels = decoded(&picture);
        let square = |row: usize, column: usize| {
            let at = |x, y| pixels[(row * 32 + y) * 96 + column * 32 + x];
            assert_eq!([at(31, 0), at(0, 31)], [PALETTE[usize::from(LINE)]; 2]);
            // Crisp to the edge.
            assert_eq!(at(0, 0), at(30, 30));
            at(16, 16)
        };
        let rows: Vec<[u8; 3]> = (0..9).map(|cell| square(cell / 3, cell % 3)).collect();
        let [apart, hears, itself] =
            [Pair::Apart, Pair::Hears, Pair::Itself].map(|pair| PALETTE[pair as usize]);
        let expected = [
            itself, hears, apart, apart, itself, apart, apart, apart, itself,
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn the_squares_of_large_teams_are_small() {
        for (agents, size) in [(0, 32), (1, 32), (27, 243), (51, 255), (300, 300)] {
            let picture = Picture::of(&vec![1.0; agents * agents]).unwrap();
            assert_eq!(picture.size, size);
            assert_eq!(decoded(&picture).len(), (size * size) as usize);
            assert!(picture.png.len() < 2000, "{}", picture.png.len());
        }
    }
}
