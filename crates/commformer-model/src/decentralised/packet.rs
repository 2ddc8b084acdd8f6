//! What travels between agents: bytes, and nothing else.

use commformer_nn::inputs::check_finite;
use commformer_nn::levels::Levels;

use crate::ModelError;
use crate::config::ActionSpace;
use crate::message::index_bytes;

/// Some bytes from one agent. Numbers are f32, or rounded ones of few bits side by side, and indices have as many bytes as
/// they need, all with the lowest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packet(Vec<u8>);

/// What one agent does in a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// One of a number of actions.
    Discrete(usize),
    /// Real numbers, as the network gives them. In training the Python bridge stretched them from [-1, 1] onto the bounds of
    /// the environment's `Box` and clipped them there: a program that runs the team in such an environment does the same.
    Continuous(Vec<f32>),
}

/// What the decoder is given for one agent: a row of its table, 0 the start, or a vector (A + 1) whose first number
/// flags the start.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Given {
    Token(usize),
    Vector(Vec<f32>),
}

/// What arrived.
impl From<Vec<u8>> for Packet {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// What is to be carried.
impl AsRef<[u8]> for Packet {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Packet {
    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }

    /// Appends numbers.
    pub(super) fn numbers(&mut self, x: &[f32]) {
        Levels::pack(None, x, &mut self.0);
    }

    /// Appends what is said to an attention: numbers, as they are or at their levels.
    pub(super) fn said(&mut self, levels: Option<Levels>, x: &[f32]) {
        Levels::pack(levels, x, &mut self.0);
    }

    /// Appends an index below `count`.
    fn index(&mut self, index: usize, count: usize) {
        self.0.extend(&index.to_le_bytes()[..index_bytes(count)]);
    }

    /// Appends what the decoder was given.
    pub(super) fn given(&mut self, actions: ActionSpace, given: &Given) {
        match given {
            Given::Token(token) => self.index(*token, actions.width() + 1),
            Given::Vector(vector) => {
                self.0.push(u8::from(vector[0] > 0.5));
                self.numbers(&vector[1..]);
            }
        }
    }

    /// Appends an action.
    pub(super) fn action(&mut self, actions: ActionSpace, action: &Action) {
        match action {
            Action::Discrete(action) => self.index(*action, actions.width()),
            Action::Continuous(action) => self.numbers(action),
        }
    }

    /// Reads from the start.
    pub(super) fn read(&self) -> Reader<'_> {
        Reader(&self.0)
    }
}

impl Given {
    /// At the start.
    pub(super) fn start(actions: ActionSpace) -> Self {
        match actions {
            ActionSpace::Discrete(_) => Self::Token(0),
            ActionSpace::Continuous(width) => {
                let mut start = vec![0.0; width + 1];
                start[0] = 1.0;
                Self::Vector(start)
            }
        }
    }
}

/// Takes a packet apart, in the order in which it was written.
pub(super) struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn bytes(&mut self, count: usize) -> Result<&[u8], ModelError> {
        let Some((taken, rest)) = self.0.split_at_checked(count) else {
            let problem = format!("{} bytes left, expected {count}", self.0.len());
            return Err(unreadable(problem));
        };
        self.0 = rest;
        Ok(taken)
    }

    /// Appends the next numbers, `count` of them.
    pub(super) fn numbers(&mut self, count: usize, to: &mut Vec<f32>) -> Result<(), ModelError> {
        self.said(None, count, to)
    }

    /// What [`Packet::said`] wrote, `count` numbers.
    pub(super) fn said(
        &mut self,
        levels: Option<Levels>,
        count: usize,
        to: &mut Vec<f32>,
    ) -> Result<(), ModelError> {
        let bytes = self.bytes(Levels::bytes_of(levels, count))?;
        let before = to.len();
        Levels::unpack(levels, count, bytes, to);
        check_finite("message", &to[before..])
    }

    /// Refuses what is left.
    pub(super) fn end(&self) -> Result<(), ModelError> {
        match self.0.len() {
            0 => Ok(()),
            left => Err(unreadable(format!("{left} bytes more than expected"))),
        }
    }

    fn index(&mut self, count: usize) -> Result<usize, ModelError> {
        let mut whole = [0; 8];
        let bytes = self.bytes(index_bytes(count))?;
        whole[..bytes.len()].copy_from_slice(bytes);
        let index = u64::from_le_bytes(whole);
        if index >= count as u64 {
            return Err(unreadable(format!("index {index}, expected below {count}")));
        }
        Ok(index as usize)
    }

    /// What [`Packet::given`] wrote.
    pub(super) fn given(&mut self, actions: ActionSpace) -> Result<Given, ModelError> {
        match actions {
            ActionSpace::Discrete(count) => Ok(Given::Token(self.index(count + 1)?)),
            ActionSpace::Continuous(width) => {
                let start = match self.bytes(1)?[0] {
                    flag @ (0 | 1) => f32::from(flag),
                    other => {
                        return Err(unreadable(format!("start flag {other}, expected 0 or 1")));
                    }
                };
                let mut vector = vec![start];
                self.numbers(width, &mut vector)?;
                Ok(Given::Vector(vector))
            }
        }
    }

    /// What the decoder is given after the action that [`Packet::action`] wrote.
    pub(super) fn given_after(&mut self, actions: ActionSpace) -> Result<Given, ModelError> {
        match actions {
            ActionSpace::Discrete(count) => Ok(Given::Token(self.index(count)? + 1)),
            ActionSpace::Continuous(width) => {
                let mut vector = vec![0.0];
                self.numbers(width, &mut vector)?;
                Ok(Given::Vector(vector))
            }
        }
    }
}

/// Says whose letter it was that cannot be read.
pub(super) fn sent_by(sender: usize) -> impl Fn(ModelError) -> ModelError {
    move |error| match error {
        ModelError::Input { input, problem } => ModelError::Input {
            input,
            problem: format!("of agent {sender}: {problem}"),
        },
        other => other,
    }
}

fn unreadable(problem: String) -> ModelError {
    ModelError::Input {
        input: "message",
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discrete_packets_are_as_long_as_their_contents_need() {
        let actions = ActionSpace::Discrete(300);
        let mut packet = Packet::default();
        packet.given(actions, &Given::Token(258));
        packet.numbers(&[1.5, -2.0]);
        packet.action(actions, &Action::Discrete(7));
        assert_eq!(packet.0[..4], [2, 1, 0, 0]); // 258 = 2 + 1 * 256, then 1.5
        assert_eq!(packet.bytes(), 2 + 8 + 2);
        let mut reader = packet.read();
        assert_eq!(reader.given(actions).unwrap(), Given::Token(258));
        let mut numbers = Vec::new();
        reader.numbers(2, &mut numbers).unwrap();
        assert_eq!(numbers, [1.5, -2.0]);
        assert_eq!(reader.given_after(actions).unwrap(), Given::Token(8));
        let error = reader.numbers(1, &mut numbers).unwrap_err().to_string();
        assert!(error.contains("0 bytes left, expected 4"), "{error}");
    }

    #[test]
    fn rounded_numbers_share_bytes() {
        let levels = Levels::of_bits(3);
        // Codes 7, 0, 5 and, in the second byte, its rest: 111 000 10|1 00.
        let said = [1.0, -1.0, 3.0 / 7.0, -1.0].map(|x| levels.nearest(x));
        let levels = Some(levels);
        let mut packet = Packet::default();
        packet.numbers(&[1.5]);
        packet.said(levels, &said);
        packet.said(None, &[0.5]);
        assert_eq!(packet.bytes(), 4 + 2 + 4);
        assert_eq!(packet.0[4..6], [0b01_000_111, 0b1]);
        let (mut reader, mut found) = (packet.read(), Vec::new());
        reader.numbers(1, &mut found).unwrap();
        reader.said(levels, 4, &mut found).unwrap();
        reader.said(None, 1, &mut found).unwrap();
        assert_eq!(found[1..5], said);
        assert_eq!((found[0], found[5]), (1.5, 0.5));
        let error = reader.said(levels, 4, &mut found).unwrap_err().to_string();
        assert!(error.contains("0 bytes left, expected 2"), "{error}");
    }

    #[test]
    fn a_continuous_start_and_action_come_back() {
        let actions = ActionSpace::Continuous(2);
        let start = Given::start(actions);
        let mut packet = Packet::default();
        packet.given(actions, &start);
        packet.action(actions, &Action::Continuous(vec![0.25, -3.0]));
        assert_eq!(packet.bytes(), 9 + 8);
        let mut reader = packet.read();
        assert_eq!(reader.given(actions).unwrap(), start);
        let given = Given::Vector(vec![0.0, 0.25, -3.0]);
        assert_eq!(reader.given_after(actions).unwrap(), given);
        packet.0[0] = 2;
        let error = packet.read().given(actions).unwrap_err().to_string();
        assert!(error.contains("start flag 2, expected 0 or 1"), "{error}");
    }

    #[test]
    fn an_index_beyond_the_actions_is_refused() {
        let mut packet = Packet::default();
        packet.index(9, 10);
        let error = packet.read().given(ActionSpace::Discrete(5)).unwrap_err();
        assert!(error.to_string().contains("index 9, expected below 6"));
    }
}
