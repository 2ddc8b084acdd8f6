//! Event files for TensorBoard.
//!
//! A file is a sequence of TFRecords, each holding one `Event` message of Protocol Buffers (more of
//! its fields in `message.rs`). It begins with the format's version, the configuration as text and the same as
//! settings by which runs are compared (`hparams.rs`); scalars and pictures of the graph follow. The last event of a run
//! that has ended says how, one step after all others: a run that goes on takes it away.
//!
//! ```text
//! record: length u64 | masked CRC-32C of the length u32 | event | masked CRC-32C of it u32
//! Event:  1 wall_time double | 2 step int64 | 3 file_version string | 5 summary message
//! ```
//!
//! Formats: tensorflow/core/lib/io/record_writer.h and tensorflow/core/util/event.proto of TensorFlow.

mod hparams;
mod message;

pub use hparams::Ending;

use crate::links;
use commformer_view::chart::Picture;
use message::Message;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is in the name of an event file before the second in which it was begun, and before the process that did.
const NAME: [&str; 2] = ["events.out.tfevents.", ".commformer."];

/// Whether a file of this name is one of ours, and no copy of one.
fn is_own(name: &str) -> bool {
    let numbers = name
        .strip_prefix(NAME[0])
        .and_then(|rest| rest.split_once(NAME[1]));
    let is_number =
        |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    numbers.is_some_and(|(second, process)| is_number(second) && is_number(process))
}

/// Writes to an event file.
#[derive(Debug)]
pub struct EventWriter<W: Write = BufWriter<File>> {
    out: W,
}

impl EventWriter {
    /// Begins an event file in `folder`, which is made if it is not there, with the configuration; or goes
    /// on with the one that is there after its events of the first `steps` environment steps; those after
    /// them are cut off.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or written.
    pub fn open(folder: &Path, steps: u64, config: &str) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let newest = std::fs::read_dir(folder)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.file_name().and_then(OsStr::to_str).is_some_and(is_own))
            .max();
        let now = now();
        let path = newest.unwrap_or_else(|| {
            // TensorBoard looks for `tfevents` and reads files in the order of their names.
            let (second, process) = (now as u64, std::process::id());
            folder.join(format!("{}{second:010}{}{process}", NAME[0], NAME[1]))
        });
        let mut file = links::append(&path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let kept = match steps {
            // Not even its beginning: a kill may have cut it before the configuration.
            0 => 0,
            _ => length_upto(&bytes, steps),
        };
        file.set_len(kept as u64)?;
        let out = BufWriter::new(file);
        match kept {
            0 => Self::new(out, now, config),
            _ => Ok(Self { out }),
        }
    }

    /// Waits until every event is on the disk.
    ///
    /// # Errors
    ///
    /// If the disk refuses.
    pub fn sync(&self) -> io::Result<()> {
        self.out.get_ref().sync_data()
    }
}

/// How many bytes of a file the whole records of the first `steps` steps have.
fn length_upto(file: &[u8], steps: u64) -> usize {
    let (mut rest, mut kept) = (file, 0);
    while let Some((event, after)) = split_record(rest) {
        if event.and_then(step_of).is_some_and(|step| step > steps) {
            break;
        }
        rest = after;
        kept = file.len() - rest.len();
    }
    kept
}

/// The event of the first record, unless that is damaged, and what follows it; `None` if the record is not whole.
fn split_record(file: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = file.split_first_chunk::<8>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*crc) != masked_crc(length) {
        return None;
    }
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (event, rest) = rest.split_at_checked(length)?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let is_whole = u32::from_le_bytes(*crc) == masked_crc(event);
    Some((is_whole.then_some(event), rest))
}

/// The step of an event as [`EventWriter`] writes it: after the time.
fn step_of(event: &[u8]) -> Option<u64> {
    let varint = event.get(9..)?.strip_prefix(&[0x10])?;
    let mut step = 0;
    for (at, byte) in varint.iter().take(10).enumerate() {
        step |= u64::from(byte & 0x7f) << (7 * at as u32);
        if byte & 0x80 == 0 {
            return Some(step);
        }
    }
    None
}

impl<W: Write> EventWriter<W> {
    /// Begins the file with the version that TensorBoard expects and the configuration, a TOML text;
    /// `now` is in seconds since 1970.
    fn new(out: W, now: f64, config: &str) -> io::Result<Self> {
        let mut writer = Self { out };
        let mut event = Message::default();
        event.double(1, now);
        event.bytes(3, b"brain.Event:2");
        writer.record(&event.0)?;
        // A text is shown as Markdown, in which a code block is what stands four spaces in, whatever it holds.
        let block: String = config.lines().map(|line| format!("    {line}\n")).collect();
        let values = [
            message::text("config", &block),
            hparams::start(now, config)?,
        ];
        writer.event(now, 0, &values)?;
        Ok(writer)
    }

    /// Writes scalars that belong to one step, and hands them to the system at once so that a
    /// TensorBoard that looks on sees them.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn scalars(&mut self, step: u64, values: &[(String, f64)]) -> io::Result<()> {
        let scalars: Vec<Message> = values
            .iter()
            .map(|(tag, value)| message::scalar(tag, *value))
            .collect();
        self.event(now(), step, &scalars)
    }

    /// Writes a picture of a graph, (N, N) in rows of receivers: 1 where the sender of the column is heard.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, or there are more agents than a picture has room for.
    pub fn graph(&mut self, step: u64, graph: &[f32]) -> io::Result<()> {
        let picture = Picture::of(graph)?;
        self.event(now(), step, &[message::image("graph", &picture)])
    }

    /// Writes how a run of `steps` steps ended, with the scalars of its last evaluation, if there was one.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn end(&mut self, steps: u64, ending: Ending, values: &[(String, f64)]) -> io::Result<()> {
        let now = now();
        let scalars = (values.iter()).map(|(tag, value)| message::scalar(tag, *value));
        let values: Vec<Message> = scalars.chain([hparams::end(now, ending)]).collect();
        self.event(now, steps.saturating_add(1), &values)
    }

    /// Writes what happened at one step, and hands it to the system.
    fn event(&mut self, now: f64, step: u64, values: &[Message]) -> io::Result<()> {
        let mut summary = Message::default();
        for value in values {
            summary.bytes(1, &value.0);
        }
        let mut event = Message::default();
        event.double(1, now);
        event.number(2, step);
        event.bytes(5, &summary.0);
        self.record(&event.0)?;
        self.out.flush()
    }

    fn record(&mut self, data: &[u8]) -> io::Result<()> {
        let length = (data.len() as u64).to_le_bytes();
        self.out.write_all(&length)?;
        self.out.write_all(&masked_crc(&length).to_le_bytes())?;
        self.out.write_all(data)?;
        self.out.write_all(&masked_crc(data).to_le_bytes())
    }
}

/// A checksum of data that holds checksums itself would be weak, hence the mask.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

fn now() -> f64 {
    // A clock before 1970 spoils the time axis, which is no reason to end a run.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of a file, all of whose records must be whole.
    fn records(mut file: &[u8]) -> Vec<&[u8]> {
        let mut records = Vec::new();
        while !file.is_empty() {
            let length = file.first_chunk::<8>().unwrap();
            assert_eq!(file[8..12], masked_crc(length).to_le_bytes());
            let (event, rest) = split_record(file).unwrap();
            records.push(event.unwrap());
            file = rest;
        }
        records
    }

    #[test]
    fn a_file_goes_on_after_the_steps_that_count() {
        let folder = tempfile::tempdir().unwrap();
        let write = |writer: &mut EventWriter, step| {
            writer.scalars(step, &[("a".into(), 1.0)]).unwrap();
        };
        let steps = || -> Vec<Option<u64>> {
            let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            records(&bytes).into_iter().map(step_of).collect()
        };
        let count = |tag: &str| {
            let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            let same = |part: &&[u8]| *part == tag.as_bytes();
            bytes.windows(tag.len()).filter(same).count()
        };
        let mut writer = EventWriter::open(folder.path(), 0, "a = 1").unwrap();
        for step in [7, 300] {
            write(&mut writer, step);
        }
        writer.graph(300, &[1.0]).unwrap();
        write(&mut writer, 100_000);
        writer.graph(100_000, &[1.0]).unwrap();
        // A record that a kill has cut.
        writer.out.write_all(&[9, 0, 0]).unwrap();
        drop(writer);
        let mut writer = EventWriter::open(folder.path(), 300, "a = 1").unwrap();
        // The version, the configuration, scalars, and a picture.
        assert_eq!(steps(), [None, Some(0), Some(7), Some(300), Some(300)]);
        write(&mut writer, u64::MAX);
        assert_eq!(steps()[5], Some(u64::MAX));
        // How it ended is taken away where it goes on, even from its last step.
        for _ in 0..2 {
            let mut writer = EventWriter::open(folder.path(), 300, "a = 1").unwrap();
            writer
                .end(300, Ending::Success, &[("final/a".into(), 1.0)])
                .unwrap();
            assert_eq!(steps()[3..], [Some(300), Some(300), Some(301)]);
        }
        assert_eq!(count("_hparams_/session_start_info"), 1);
        assert_eq!(count("_hparams_/session_end_info"), 1);
        assert_eq!(count("final/a"), 1);
        // From its beginning, with another configuration, even.
        drop(EventWriter::open(folder.path(), 0, "a = 2").unwrap());
        assert_eq!(steps(), [None, Some(0)]);
        let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(bytes.windows(10).any(|text| text == b"    a = 2\n"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_event_takes_none_of_the_others_along() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::open(folder.path(), 0, "a = 1").unwrap();
        for step in [7, 8, 9] {
            writer.scalars(step, &[("a".into(), 1.0)]).unwrap();
        }
        let file = std::fs::read_dir(folder.path()).unwrap().next();
        let file = file.unwrap().unwrap().path();
        let mut bytes = std::fs::read(&file).unwrap();
        let at = length_upto(&bytes, 7) + 20;
        bytes[at] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        drop(EventWriter::open(folder.path(), 9, "a = 1").unwrap());
        assert_eq!(std::fs::read(&file).unwrap(), bytes);
    }

    #[test]
    fn a_copy_of_the_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::open(folder.path(), 0, "a = 1").unwrap();
        writer.scalars(7, &[("a".into(), 1.0)]).unwrap();
        let own = std::fs::read_dir(folder.path()).unwrap().next();
        let own = own.unwrap().unwrap().path();
        let before = std::fs::read(&own).unwrap();
        let name = own.file_name().unwrap().to_str().unwrap();
        let others = [
            format!("{name}.bak"),
            format!("{name} (copy)"),
            format!("z{name}"),
            "events.out.tfevents.9999999999.tensorflow.1".into(),
        ];
        for other in &others {
            std::fs::copy(&own, folder.path().join(other)).unwrap();
        }
        let mut writer = EventWriter::open(folder.path(), 7, "a = 1").unwrap();
        writer.scalars(8, &[("a".into(), 2.0)]).unwrap();
        assert!(std::fs::read(&own).unwrap().len() > before.len());
        for other in &others {
            assert_eq!(std::fs::read(folder.path().join(other)).unwrap(), before);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 5);
    }

    #[test]
    fn checksums_are_those_of_the_format() {
        // The check value of CRC-32C, masked by hand: e3069283 rotated by 15 is 2507c60d.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(
            masked_crc(b"123456789"),
            0x2507_c60du32.wrapping_add(0xa282_ead8)
        );
    }

    #[test]
    fn an_event_has_the_bytes_worked_out_by_hand() {
        let mut file = Vec::new();
        let mut writer = EventWriter::new(&mut file, 1.0, "").unwrap();
        let scalar = message::scalar("a/b", 0.5);
        writer.event(2.0, 300, &[scalar]).unwrap();
        let records = records(&file);

        let one = [0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
        let version = [&[0x09], &one[..], &[0x1a, 13], b"brain.Event:2"].concat();
        assert_eq!(records[0], version);

        // Field 1 of 5 bytes `a/b`, field 2 the float 0.5.
        let value = [&[0x0a, 3][..], b"a/b", &[0x15, 0, 0, 0, 0x3f]].concat();
        let summary = [&[0x0a, value.len() as u8], &value[..]].concat();
        let two = [0, 0, 0, 0, 0, 0, 0, 0x40];
        // 300 = 0b10_0101100: 0xac, then 2.
        let event = [
            &[0x09],
            &two[..],
            &[0x10, 0xac, 2, 0x2a, summary.len() as u8],
            &summary,
        ]
        .concat();
        assert_eq!(records[2], event);
        assert_eq!(records.len(), 3);
    }
}
