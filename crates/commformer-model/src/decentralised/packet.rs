//! What travels between agents: bytes, and nothing else.

use tch::{Device, Kind, Tensor};

use crate::ModelError;
use crate::config::ActionSpace;
use crate::message::index_bytes;

/// Some bytes from one agent. Numbers are f32 and indices have as many bytes as they need, both with
/// the lowest byte first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packet(Vec<u8>);

impl Packet {
    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }

    /// Appends a tensor's numbers.
    pub(super) fn numbers(&mut self, x: &Tensor) -> Result<(), ModelError> {
        let x = x.to_device(Device::Cpu).to_kind(Kind::Float);
        let numbers = Vec::<f32>::try_from(x.contiguous().view([-1]))?;
        self.0.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
        Ok(())
    }

    /// Appends an index below `count`.
    fn index(&mut self, index: i64, count: usize) {
        self.0.extend(&index.to_le_bytes()[..index_bytes(count)]);
    }

    /// Appends what the decoder was given: a token (1), 0 the start; or a vector (1, A + 1) whose
    /// first number flags the start.
    pub(super) fn given(&mut self, actions: ActionSpace, given: &Tensor) -> Result<(), ModelError> {
        match actions {
            ActionSpace::Discrete(count) => self.index(given.int64_value(&[0]), count + 1),
            ActionSpace::Continuous(width) => {
                self.0.push(u8::from(given.double_value(&[0, 0]) > 0.5));
                self.numbers(&given.narrow(1, 1, width as i64))?;
            }
        }
        Ok(())
    }

    /// Appends an action: (1), or (1, A) if continuous.
    pub(super) fn action(
        &mut self,
        actions: ActionSpace,
        action: &Tensor,
    ) -> Result<(), ModelError> {
        match actions {
            ActionSpace::Discrete(count) => self.index(action.int64_value(&[0]), count),
            ActionSpace::Continuous(_) => self.numbers(action)?,
        }
        Ok(())
    }

    /// Reads from the start.
    pub(super) fn read(&self) -> Reader<'_> {
        Reader(&self.0)
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

    /// The next numbers, (1, `count`).
    pub(super) fn numbers(&mut self, count: usize) -> Result<Tensor, ModelError> {
        let bytes = self.bytes(count * size_of::<f32>())?;
        let (numbers, _) = bytes.as_chunks();
        let numbers: Vec<f32> = numbers.iter().map(|x| f32::from_le_bytes(*x)).collect();
        Ok(Tensor::from_slice(&numbers).unsqueeze(0))
    }

    fn index(&mut self, count: usize) -> Result<Tensor, ModelError> {
        let mut whole = [0; 8];
        let bytes = self.bytes(index_bytes(count))?;
        whole[..bytes.len()].copy_from_slice(bytes);
        let index = i64::from_le_bytes(whole);
        if index >= count as i64 {
            return Err(unreadable(format!("index {index}, expected below {count}")));
        }
        Ok(Tensor::from_slice(&[index]))
    }

    /// What [`Packet::given`] wrote.
    pub(super) fn given(&mut self, actions: ActionSpace) -> Result<Tensor, ModelError> {
        match actions {
            ActionSpace::Discrete(count) => self.index(count + 1),
            ActionSpace::Continuous(width) => {
                let flag = f32::from(self.bytes(1)?[0]);
                let flag = Tensor::from_slice(&[flag]).view([1, 1]);
                Ok(Tensor::cat(&[flag, self.numbers(width)?], 1))
            }
        }
    }

    /// What the decoder is given after the action that [`Packet::action`] wrote.
    pub(super) fn given_after(&mut self, actions: ActionSpace) -> Result<Tensor, ModelError> {
        match actions {
            ActionSpace::Discrete(count) => Ok(self.index(count)? + 1),
            ActionSpace::Continuous(width) => {
                let action = self.numbers(width)?;
                Ok(Tensor::cat(
                    &[action.new_zeros([1, 1], (Kind::Float, Device::Cpu)), action],
                    1,
                ))
            }
        }
    }
}

/// What the decoder is given at the start.
pub(super) fn start(actions: ActionSpace) -> Tensor {
    match actions {
        ActionSpace::Discrete(_) => Tensor::from_slice(&[0i64]),
        ActionSpace::Continuous(width) => {
            let start = Tensor::zeros([1, width as i64 + 1], (Kind::Float, Device::Cpu));
            let _ = start.narrow(1, 0, 1).fill_(1.0);
            start
        }
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
        packet
            .given(actions, &Tensor::from_slice(&[258i64]))
            .unwrap();
        packet
            .numbers(&Tensor::from_slice(&[1.5f32, -2.0]))
            .unwrap();
        packet
            .action(actions, &Tensor::from_slice(&[7i64]))
            .unwrap();
        assert_eq!(packet.0[..4], [2, 1, 0, 0]); // 258 = 2 + 1 * 256, then 1.5
        assert_eq!(packet.bytes(), 2 + 8 + 2);
        let mut reader = packet.read();
        assert_eq!(
            reader.given(actions).unwrap(),
            Tensor::from_slice(&[258i64])
        );
        let numbers = Tensor::from_slice(&[1.5f32, -2.0]).unsqueeze(0);
        assert_eq!(reader.numbers(2).unwrap(), numbers);
        assert_eq!(
            reader.given_after(actions).unwrap(),
            Tensor::from_slice(&[8i64])
        );
        let error = reader.numbers(1).unwrap_err().to_string();
        assert!(error.contains("0 bytes left, expected 4"), "{error}");
    }

    #[test]
    fn a_continuous_start_and_action_come_back() {
        let actions = ActionSpace::Continuous(2);
        let action = Tensor::from_slice(&[0.25f32, -3.0]).unsqueeze(0);
        let mut packet = Packet::default();
        packet.given(actions, &start(actions)).unwrap();
        packet.action(actions, &action).unwrap();
        assert_eq!(packet.bytes(), 9 + 8);
        let mut reader = packet.read();
        assert_eq!(reader.given(actions).unwrap(), start(actions));
        let given = Tensor::from_slice(&[0f32, 0.25, -3.0]).unsqueeze(0);
        assert_eq!(reader.given_after(actions).unwrap(), given);
    }

    #[test]
    fn an_index_beyond_the_actions_is_refused() {
        let mut packet = Packet::default();
        packet.index(9, 10);
        let error = packet.read().given(ActionSpace::Discrete(5)).unwrap_err();
        assert!(error.to_string().contains("index 9, expected below 6"));
    }
}
