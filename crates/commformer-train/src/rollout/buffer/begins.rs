//! Where what agents carry begins anew.

use super::Buffer;
use commformer_env::Status;
use ndarray::{Array3, Axis};

impl Buffer {
    /// 1 where what an agent carries begins anew before the step, (S, N): its episode ended in the step before, or
    /// another agent has its place. 0 in a rollout's first step: what is carried into it was set to zeros already.
    pub fn begins(&self) -> Vec<f32> {
        let row = self.envs * self.spec.agents;
        let mut begins = vec![0.0; self.steps * row];
        let agents = self.spec.agents;
        for (at, begins) in begins.iter_mut().skip(row).enumerate() {
            let over = self.status[at / agents] != Status::Running || self.departed[at];
            *begins = f32::from(u8::from(over));
        }
        begins
    }

    /// Where an agent's episode ended after the step, or it left, (T, C, N). A place that an agent has left, and nobody has
    /// taken since, has no episode that could end. Where agents leave, nor has one in which nobody was active since the
    /// rollout began: whether it was left before is not known.
    pub fn ended(&self) -> Array3<bool> {
        let agents = self.spec.agents;
        let mut ended = Array3::from_elem((self.steps, self.envs, agents), false);
        let all_stay = !self.departed.contains(&true);
        for ((env, agent), mut of_place) in (0..self.envs)
            .flat_map(|env| (0..agents).map(move |agent| (env, agent)))
            .zip(ended.lanes_mut(Axis(0)))
        {
            let mut taken = all_stay;
            for (t, ended) in of_place.iter_mut().enumerate() {
                let sample = t * self.envs + env;
                let place = sample * agents + agent;
                taken |= self.active[place];
                let over = self.status[sample] != Status::Running;
                *ended = self.departed[place] || (over && taken);
                if *ended || over {
                    taken = all_stay;
                }
            }
        }
        ended
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

    #[test]
    fn a_place_that_was_left_has_no_episode_that_ends() {
        // Episodes of three steps. The second agent leaves in the first and nobody comes; the third place is taken after the
        // first step; the fourth never.
        let active = [
            &[true, true, false, false][..],
            &[true, false, true, false],
            &[true, false, true, false],
            &[true, false, true, false],
        ];
        let mut scripted = Scripted::new(&active, &[&[0.0; 4][..]; 3], Status::Truncated);
        scripted.departed[0][1] = true;
        let mut buffer = Buffer::new(scripted.spec(), 1, 4).unwrap();
        let mut env = VecEnv::new(vec![scripted], 0).unwrap();
        buffer.reset(&mut env).unwrap();
        for expected in [
            [[0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 1, 0, 0]],
            // It begins after the first step of an episode.
            [[0, 0, 0, 0], [1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]],
        ] {
            buffer.begin().unwrap();
            for t in 0..4 {
                buffer.step(t, &mut env).unwrap();
            }
            let ended: Vec<u8> = buffer.ended().iter().map(|flag| u8::from(*flag)).collect();
            assert_eq!(ended, expected.as_flattened());
        }
    }

    /// The fallen stay in an episode that nobody leaves: what their team earns is theirs.
    #[test]
    fn the_episode_of_the_fallen_ends_with_that_of_their_team() {
        let active = [&[true, true][..], &[true, false], &[true, false]];
        let scripted = Scripted::new(&active, &[&[0.0; 2][..]; 2], Status::Terminated);
        let mut buffer = Buffer::new(scripted.spec(), 1, 3).unwrap();
        let mut env = VecEnv::new(vec![scripted], 0).unwrap();
        buffer.reset(&mut env).unwrap();
        for expected in [[0, 0, 1, 1, 0, 0], [1, 1, 0, 0, 1, 1]] {
            buffer.begin().unwrap();
            for t in 0..3 {
                buffer.step(t, &mut env).unwrap();
            }
            let ended: Vec<u8> = buffer.ended().iter().map(|flag| u8::from(*flag)).collect();
            assert_eq!(ended, expected);
        }
    }
}
