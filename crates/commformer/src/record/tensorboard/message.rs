//! Protocol Buffers: as much of them as the events need.
//!
//! ```text
//! Summary:           1 value message, repeated
//! Summary.Value:     1 tag string | 2 simple_value float | 4 image message | 8 tensor message | 9 metadata message
//! Summary.Image:     1 height int32 | 2 width int32 | 3 colorspace int32 | 4 encoded_image_string bytes
//! SummaryMetadata:   1 plugin_data message
//! PluginData:        1 plugin_name string | 2 content bytes
//! TensorProto:       1 dtype enum | 2 tensor_shape message | 8 string_val bytes, repeated
//! TensorShapeProto:  2 dim message, repeated
//! Dim:               1 size int64
//! ```
//!
//! Formats: summary.proto, tensor.proto and tensor_shape.proto in tensorflow/core/framework of TensorFlow.

use commformer_view::chart::Picture;

/// Fields of a message, encoded one after the other.
#[derive(Default)]
pub(super) struct Message(pub Vec<u8>);

impl Message {
    const VARINT: u64 = 0;
    const FIXED_64: u64 = 1;
    const LENGTH_DELIMITED: u64 = 2;
    const FIXED_32: u64 = 5;

    pub fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3 | Self::VARINT);
        self.varint(value);
    }

    pub fn double(&mut self, field: u64, value: f64) {
        self.varint(field << 3 | Self::FIXED_64);
        self.0.extend(value.to_le_bytes());
    }

    pub fn float(&mut self, field: u64, value: f32) {
        self.varint(field << 3 | Self::FIXED_32);
        self.0.extend(value.to_le_bytes());
    }

    pub fn bytes(&mut self, field: u64, value: &[u8]) {
        self.varint(field << 3 | Self::LENGTH_DELIMITED);
        self.varint(value.len() as u64);
        self.0.extend(value);
    }

    /// Seven bits a byte, the lowest first; the eighth bit says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// A number.
pub(super) fn scalar(tag: &str, number: f64) -> Message {
    let mut value = tagged(tag);
    value.float(2, number as f32);
    value
}

/// A picture.
pub(super) fn image(tag: &str, picture: &Picture) -> Message {
    /// Red, green, blue: the palette's.
    const COLOURS: u64 = 3;
    let mut image = Message::default();
    image.number(1, picture.size.into());
    image.number(2, picture.size.into());
    image.number(3, COLOURS);
    image.bytes(4, &picture.png);
    let mut value = tagged(tag);
    value.bytes(4, &image.0);
    value
}

/// A text in Markdown, for the plugin that shows texts: a tensor of one string.
pub(super) fn text(tag: &str, markdown: &str) -> Message {
    /// `DT_STRING`.
    const STRING: u64 = 7;
    let mut one = Message::default();
    one.number(1, 1);
    let mut shape = Message::default();
    shape.bytes(2, &one.0);
    let mut tensor = Message::default();
    tensor.number(1, STRING);
    tensor.bytes(2, &shape.0);
    tensor.bytes(8, markdown.as_bytes());
    of_plugin(tag, &tensor, "text", &Message::default())
}

/// A tensor that a plugin shows, with what the plugin wants to know of it.
pub(super) fn of_plugin(tag: &str, tensor: &Message, plugin: &str, content: &Message) -> Message {
    let mut data = Message::default();
    data.bytes(1, plugin.as_bytes());
    if !content.0.is_empty() {
        data.bytes(2, &content.0);
    }
    let mut metadata = Message::default();
    metadata.bytes(1, &data.0);
    let mut value = tagged(tag);
    value.bytes(8, &tensor.0);
    value.bytes(9, &metadata.0);
    value
}

fn tagged(tag: &str) -> Message {
    let mut value = Message::default();
    value.bytes(1, tag.as_bytes());
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_the_bytes_worked_out_by_hand() {
        let tensor = [0x08, 7, 0x12, 4, 0x12, 2, 0x08, 1, 0x42, 2, b'h', b'i'];
        let metadata = [0x0a, 6, 0x0a, 4, b't', b'e', b'x', b't'];
        let value = [
            &[0x0a, 1, b'c', 0x42, tensor.len() as u8][..],
            &tensor,
            &[0x4a, metadata.len() as u8],
            &metadata,
        ]
        .concat();
        assert_eq!(text("c", "hi").0, value);
    }

    #[test]
    fn an_image_has_the_bytes_worked_out_by_hand() {
        let picture = Picture {
            size: 300,
            png: vec![9, 8],
        };
        // 300 = 0b10_0101100: 0xac, then 2.
        let image = [0x08, 0xac, 2, 0x10, 0xac, 2, 0x18, 3, 0x22, 2, 9, 8];
        let value = [&[0x0a, 1, b'g', 0x22, image.len() as u8][..], &image].concat();
        assert_eq!(super::image("g", &picture).0, value);
    }
}
