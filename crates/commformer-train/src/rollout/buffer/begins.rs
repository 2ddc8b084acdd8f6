//! Where what agents carry begins anew.

use super::Buffer;
use commformer_env::Status;
use ndarray::Array3;

impl Buffer {
    /// 1 where what an agent carries begins anew before the step, (S, N): its episode ended in the step before, or
    /// another agent has its place. 0 in a rollout's first step: what is carried into it was set to zeros already.
    pub fn begins(&self) -> Vec<f32> {
        let agents = self.spec.agents;
        let mut begins = vec![0.0; self.steps * self.envs * agents];
        let places = begins.iter_mut().skip(self.envs * agents);
        for (place, (begins, departed)) in places.zip(&self.departed).enumerate() {
            let ended = self.status[place / agents] != Status::Running;
            *begins = f32::from(u8::from(ended || *departed));
        }
        begins
    }

    /// Where an agent takes part for the first time in an episode, or in what the rollout has of it, (T, C, N); an agent that
    /// comes in another's place begins anew.
    pub fn first(&self) -> Array3<bool> {
        let row = self.envs * self.spec.agents;
        let (begins, mut taken) = (self.begins(), vec![false; row]);
        let mut first = Array3::default((self.steps, self.envs, self.spec.agents));
        let samples = self.active_samples().iter().zip(&begins).zip(&mut first);
        for (sample, ((active, begins), first)) in samples.enumerate() {
            let taken = &mut taken[sample % row];
            *taken &= *begins == 0.0;
            *first = *active && !*taken;
            *taken |= *active;
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::buffer::scripted::Scripted;
    use commformer_env::{Environment, VecEnv};

    #[test]
    fn by_hand() {
        // Episodes of three steps; the second agent leaves in the first of each, the first in the last.
        for end in [Status::Terminated, Status::Truncated] {
            let mut scripted = Scripted::new(&[&[true; 2][..]; 4], &[&[0.0; 2][..]; 3], end);
            scripted.departed[0][1] = true;
            scripted.departed[2][0] = true;
            let mut buffer = Buffer::new(scripted.spec(), 1, 7).unwrap();
            let mut env = VecEnv::new(vec![scripted], 0).unwrap();
            buffer.reset(&mut env).unwrap();
            // The second rollout begins in the middle of an episode. Its first step is 0 in any case.
            for expected in [
                [[0, 0], [0, 1], [0, 0], [1, 1], [0, 1], [0, 0], [1, 1]],
                [[0, 0], [0, 0], [1, 1], [0, 1], [0, 0], [1, 1], [0, 1]],
            ] {
                buffer.begin().unwrap();
                for t in 0..7 {
                    buffer.step(t, &mut env).unwrap();
                }
                let begins: Vec<u8> = buffer.begins().iter().map(|flag| *flag as u8).collect();
                assert_eq!(begins, expected.as_flattened());
                // Everybody is active.
                let first: Vec<u8> = buffer.first().iter().map(|flag| u8::from(*flag)).collect();
                assert_eq!(first, [&[1, 1], &begins[2..]].concat());
            }
        }
    }

    #[test]
    fn an_agent_takes_part_once_in_an_episode() {
        // Episodes of four steps: the second agent comes late and pauses.
        let active = [
            [true, false],
            [true, true],
            [true, false],
            [true, true],
            [true; 2],
        ];
        let active = active.each_ref().map(|scene| &scene[..]);
        let scripted = Scripted::new(&active, &[&[0.0; 2][..]; 4], Status::Terminated);
        let mut buffer = Buffer::new(scripted.spec(), 1, 6).unwrap();
        let mut env = VecEnv::new(vec![scripted], 0).unwrap();
        buffer.reset(&mut env).unwrap();
        buffer.begin().unwrap();
        for t in 0..6 {
            buffer.step(t, &mut env).unwrap();
        }
        let first: Vec<u8> = buffer.first().iter().map(|flag| u8::from(*flag)).collect();
        assert_eq!(first, [1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1]);
    }
}
