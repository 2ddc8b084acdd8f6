//! A picture that a task in Python has drawn.

use commformer_env::{Form, Frame, Role, Shape};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// What a task's `draw` gives.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub struct Picture {
    #[serde(deserialize_with = "size")]
    size: [f32; 2],
    scenery: Vec<Drawn>,
    shapes: Vec<Drawn>,
    agents: Vec<Option<[f32; 2]>>,
}

impl Default for Picture {
    fn default() -> Self {
        Self {
            size: [1.0; 2],
            scenery: Vec::new(),
            shapes: Vec::new(),
            agents: Vec::new(),
        }
    }
}

/// The size of a world, or zeros: no replay can show another.
fn size<'de, D: Deserializer<'de>>(from: D) -> Result<[f32; 2], D::Error> {
    let size = <[f32; 2]>::deserialize(from)?;
    let is_one = size.iter().all(|side| *side > 0.0 && side.is_finite());
    match is_one || size == [0.0; 2] {
        true => Ok(size),
        false => Err(D::Error::custom(
            "two numbers above 0, or two zeros, are a size",
        )),
    }
}

#[derive(Debug, Deserialize)]
struct Drawn {
    role: Role,
    #[serde(flatten)]
    outline: Outline,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outline {
    Rectangle([f32; 4]),
    Circle([f32; 3]),
    Line([f32; 4]),
    Polygon(Vec<[f32; 2]>),
    Text(f32, f32, f32, String),
}

impl Drawn {
    fn shape(self) -> Shape {
        let form = match self.outline {
            Outline::Rectangle(numbers) => Form::Rectangle(numbers),
            Outline::Circle(numbers) => Form::Circle(numbers),
            Outline::Line(numbers) => Form::Line(numbers),
            Outline::Polygon(corners) => Form::Polygon(corners),
            Outline::Text(x, y, height, words) => Form::Text([x, y, height], words),
        };
        Shape {
            role: self.role,
            form,
        }
    }
}

impl Picture {
    /// The same as a frame.
    pub fn frame(self) -> Frame {
        Frame {
            size: self.size,
            scenery: self.scenery.into_iter().map(Drawn::shape).collect(),
            shapes: self.shapes.into_iter().map(Drawn::shape).collect(),
            agents: self.agents,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_and_role_is_read() {
        let text = r#"{
            "size": [4, 2],
            "scenery": [{"role": "ground", "rectangle": [0, 0, 4, 2]}],
            "shapes": [
                {"role": {"agent": 1}, "circle": [1, 1, 0.5]},
                {"role": "note", "text": [1, 1, 0.5, "b"]},
                {"role": "target", "polygon": [[0, 0], [1, 0], [0, 1]]},
                {"role": "grid", "line": [0, 0, 1, 1]}
            ],
            "agents": [null, [1, 1]]
        }"#;
        let frame = serde_json::from_str::<Picture>(text).unwrap().frame();
        assert_eq!(frame.size, [4.0, 2.0]);
        assert_eq!(frame.scenery.len(), 1);
        assert_eq!(frame.shapes[0].role, Role::Agent(1));
        assert_eq!(
            frame.shapes[1].form,
            Form::Text([1.0, 1.0, 0.5], "b".into())
        );
        assert_eq!(frame.agents, [None, Some([1.0, 1.0])]);
        assert!(serde_json::from_str::<Picture>(r#"{"shapes": [{"role": "grid"}]}"#).is_err());
    }

    #[test]
    fn a_world_has_two_sides_or_none() {
        for (size, fits) in [
            ("[0.5, 640]", true),
            ("[0, 0]", true),
            ("[0, 1]", false),
            ("[1, 0]", false),
            ("[-1, -1]", false),
            ("[1, 1e39]", false),
        ] {
            let read = serde_json::from_str::<Picture>(&format!(r#"{{"size": {size}}}"#));
            assert_eq!(read.is_ok(), fits, "{size}: {read:?}");
        }
    }
}
