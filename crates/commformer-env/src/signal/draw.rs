//! Signal as a picture: agents on a ring, two and a half units apart. Beside each stands the symbol that it
//! sees; an agent that is asked for its source's symbol has a line from there.

use super::Signal;
use crate::frame::{Form, Frame, Role};

impl Signal {
    pub(super) fn picture(&self, frame: &mut Frame) {
        let points = frame.ring(self.sources.len());
        let [width, height] = frame.size;
        frame.scenery(Role::Ground, Form::Rectangle([0.0, 0.0, width, height]));
        for (agent, &[x, y]) in points.iter().enumerate() {
            if self.state.cues[agent] {
                let [from_x, from_y] = points[self.sources[agent]];
                frame.shape(Role::Target, Form::Line([from_x, from_y, x, y]));
            }
        }
        for (agent, &at) in points.iter().enumerate() {
            let (cue, seen) = (self.state.cues[agent], self.state.symbols[agent]);
            let asked = if cue { self.sources[agent] } else { agent };
            frame.agent(agent, at, 0.5, &agent.to_string());
            let mut note = |y: f32, role, text: String| {
                frame.shape(role, Form::Text([at[0], at[1] + y, 0.34], text));
            };
            note(-0.75, Role::Note, format!("sees {}", name(seen)));
            let say = name(self.state.symbols[asked]);
            let role = if cue { Role::Target } else { Role::Note };
            note(0.8, role, format!("must say {say}"));
        }
    }
}

/// A letter for each symbol, as far as letters go.
pub(super) fn name(symbol: u32) -> String {
    match u8::try_from(symbol) {
        Ok(letter @ 0..26) => char::from(b'A' + letter).to_string(),
        _ => symbol.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Environment, Observation, Rng, SignalConfig};

    #[test]
    fn the_picture_says_what_every_agent_sees_and_must_say() {
        let mut task = Signal::new(SignalConfig::default()).unwrap();
        let (mut obs, mut active) = ([0.0; 24], [false; 3]);
        let out = Observation {
            obs: &mut obs,
            available: &mut [],
            active: &mut active,
        };
        task.reset(&mut Rng::new(1, 0), out);
        let mut frame = Frame::default();
        task.draw(&mut frame);
        let texts: Vec<_> = (frame.shapes.iter())
            .filter_map(|shape| match &shape.form {
                Form::Text(_, text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        for agent in 0..3 {
            let [number, sees, says] = texts[3 * agent..3 * agent + 3] else {
                panic!("{texts:?}");
            };
            assert_eq!(number, agent.to_string());
            let seen = |agent: usize| name(task.state.symbols[agent]);
            assert_eq!(sees, format!("sees {}", seen(agent)));
            // The cue is always 1 by default.
            assert_eq!(says, format!("must say {}", seen(task.sources[agent])));
        }
        assert_eq!(frame.agents.len(), 3);
    }

    #[test]
    fn symbols_beyond_the_alphabet_are_numbers() {
        assert_eq!([0, 25, 26].map(name), ["A", "Z", "26"]);
    }
}
