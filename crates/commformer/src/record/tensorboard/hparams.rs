//! What TensorBoard's plugin HParams compares runs by: the settings of each, and how it ended.
//!
//! ```text
//! HParamsPluginData: 1 version int32 | 3 session_start_info message | 4 session_end_info message
//! SessionStartInfo:  1 hparams map of string to Value | 5 start_time_secs double
//! SessionEndInfo:    1 status enum | 2 end_time_secs double
//! Entry of a map:    1 key | 2 value
//! Value:             2 number_value double | 3 string_value string | 4 bool_value bool
//! ```
//!
//! There is no `experiment` message. TensorBoard takes the first one that it finds for all runs, and hides the settings that
//! only other runs have. Without one it unites the settings of all runs, and every scalar is a metric.
//!
//! Formats: tensorboard/plugins/hparams/plugin_data.proto of TensorBoard, struct.proto of Protocol Buffers.

use super::message::{self, Message};
use std::io;
use toml::{Table, Value};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All its steps are made, and the best checkpoint is evaluated.
    Success,
    /// An error ended it.
    Failure,
}

/// The settings of a run, from its configuration as TOML; `now` is in seconds since 1970.
///
/// # Errors
///
/// If `config` is no TOML.
pub(super) fn start(now: f64, config: &str) -> io::Result<Message> {
    let config: Table = toml::from_str(config).map_err(io::Error::other)?;
    let mut settings = Vec::new();
    flatten("", config, &mut settings);
    let mut info = Message::default();
    for (path, value) in settings {
        let mut setting = Message::default();
        setting.bytes(1, path.as_bytes());
        setting.bytes(2, &encode(value).0);
        info.bytes(1, &setting.0);
    }
    info.double(5, now);
    Ok(plugin("_hparams_/session_start_info", 3, &info))
}

/// How the run ended; `now` is in seconds since 1970.
pub(super) fn end(now: f64, ending: Ending) -> Message {
    let mut info = Message::default();
    let status = match ending {
        Ending::Success => 1,
        Ending::Failure => 2,
    };
    info.number(1, status);
    info.double(2, now);
    plugin("_hparams_/session_end_info", 4, &info)
}

/// The settings of a table under their paths, such as `ppo.lr`.
fn flatten(within: &str, table: Table, settings: &mut Vec<(String, Value)>) {
    for (key, value) in table {
        let path = match within {
            "" => key,
            _ => format!("{within}.{key}"),
        };
        match value {
            Value::Table(table) => flatten(&path, table, settings),
            value => settings.push((path, value)),
        }
    }
}

/// A setting. A list is a text, since the plugin knows numbers, texts and truths.
fn encode(value: Value) -> Message {
    let mut encoded = Message::default();
    match value {
        Value::Integer(number) => encoded.double(2, number as f64),
        Value::Float(number) => encoded.double(2, number),
        Value::Boolean(truth) => encoded.number(4, truth.into()),
        Value::String(text) => encoded.bytes(3, text.as_bytes()),
        value => encoded.bytes(3, value.to_string().as_bytes()),
    }
    encoded
}

/// A value of the plugin. What it says is in the metadata; the tensor is there because a value has one.
fn plugin(tag: &str, field: u64, info: &Message) -> Message {
    /// `DT_FLOAT`.
    const FLOAT: u64 = 1;
    let mut shape = Message::default();
    // One dimension, of length 0.
    shape.bytes(2, &[]);
    let mut tensor = Message::default();
    tensor.number(1, FLOAT);
    tensor.bytes(2, &shape.0);
    let mut content = Message::default();
    content.bytes(field, &info.0);
    message::of_plugin(tag, &tensor, "hparams", &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value of the plugin around what the metadata holds.
    fn value(tag: &str, content: &[u8]) -> Vec<u8> {
        let plugin = [
            &[0x0a, 7][..],
            b"hparams",
            &[0x12, content.len() as u8],
            content,
        ]
        .concat();
        let metadata = [&[0x0a, plugin.len() as u8], &plugin[..]].concat();
        [
            &[0x0a, tag.len() as u8],
            tag.as_bytes(),
            &[0x42, 6, 0x08, 1, 0x12, 2, 0x12, 0],
            &[0x4a, metadata.len() as u8],
            &metadata,
        ]
        .concat()
    }

    const ONE: [u8; 8] = [0, 0, 0, 0, 0, 0, 0xf0, 0x3f];

    #[test]
    fn a_start_has_the_bytes_worked_out_by_hand() {
        let config = "s = 'x'\n[a]\nb = true\n[a.c]\nd = 0.5\n";
        let half = [0, 0, 0, 0, 0, 0, 0xe0, 0x3f];
        let settings = [
            // The key, and the value: a bool, a double, a string.
            &[0x0a, 9, 0x0a, 3][..],
            b"a.b",
            &[0x12, 2, 0x20, 1],
            &[0x0a, 18, 0x0a, 5],
            b"a.c.d",
            &[0x12, 9, 0x11],
            &half,
            &[0x0a, 8, 0x0a, 1],
            b"s",
            &[0x12, 3, 0x1a, 1, b'x'],
        ]
        .concat();
        let info = [&settings[..], &[0x29], &ONE].concat();
        let content = [&[0x1a, info.len() as u8], &info[..]].concat();
        assert_eq!(
            start(1.0, config).unwrap().0,
            value("_hparams_/session_start_info", &content)
        );
    }

    #[test]
    fn an_end_has_the_bytes_worked_out_by_hand() {
        for (ending, status) in [(Ending::Success, 1), (Ending::Failure, 2)] {
            let content = [&[0x22, 11, 0x08, status, 0x11], &ONE[..]].concat();
            assert_eq!(
                end(1.0, ending).0,
                value("_hparams_/session_end_info", &content)
            );
        }
    }

    #[test]
    fn settings_have_their_paths_and_lists_are_texts() {
        let config = "[b]\nedges = [[0, 1]]\n[a]\nsteps = 300\n[a.options]\nn = -1\n";
        let mut settings = Vec::new();
        flatten("", toml::from_str(config).unwrap(), &mut settings);
        let paths: Vec<&str> = settings.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["a.options.n", "a.steps", "b.edges"]);
        let text = encode(settings[2].1.clone());
        assert_eq!(text.0, [&[0x1a, 8][..], b"[[0, 1]]"].concat());
        assert!(start(1.0, "no toml").is_err());
    }
}
