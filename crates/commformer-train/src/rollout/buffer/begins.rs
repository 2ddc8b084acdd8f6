//! Where what agents carry begins anew.

use super::Buffer;
use commformer_env::Status;
use ndarray::Array3;

impl Buffer {
    /// 1 where what an agent carries begins anew before the step, (S, N): its episode ended in the step before, or
    /// another agent has its place. 0 in a rollout's first step: what is carried into it was set to zeros already.
    pub fn begins(&self) -> Vec<f32> {
        let row = self.envs * self.spec.agents;
        let mut begins = vec![0.0; self.steps * row];
        for (begins, ended) in begins.iter_mut().skip(row).zip(&self.ended()) {
            *begins = f32::from(u8::from(*ended));
        }
        begins
    }

    /// Where an agent's episode ended after the step, or it left, (T, C, N).
    pub fn ended(&self) -> Array3<bool> {
        let agents = self.spec.agents;
        Array3::from_shape_fn((self.steps, self.envs, agents), |(t, env, agent)| {
            let sample = t * self.envs + env;
            self.status[sample] != Status::Running || self.departed[sample * agents + agent]
        })
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
                // What ended before the step.
                let ended: Vec<u8> = buffer.ended().iter().map(|flag| u8::from(*flag)).collect();
                assert_eq!(ended[..12], begins[2..]);
            }
        }
    }
}
