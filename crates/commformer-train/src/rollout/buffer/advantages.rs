//! From what a rollout earned to what is learned from it.

use super::Buffer;
use super::fallen::Outlook;
use crate::{Fallen, PpoConfig, TrainError, ValueNorm, gae};
use commformer_env::Status;
use ndarray::{Array3, s};

impl Buffer {
    /// Advantages and returns, (T, C, N), in units of reward; `norm` has the scale of the policy's values.
    pub fn advantages(
        &self,
        norm: &ValueNorm,
        config: &PpoConfig,
    ) -> Result<(Array3<f32>, Array3<f32>), TrainError> {
        let earned = &self.rewards - &self.penalties;
        let mut outlook = self.outlook(norm)?;
        if config.fallen == Fallen::Team && !self.is_complete() {
            self.value_fallen(&mut outlook, &earned, config.gamma);
        }
        Ok(gae(
            earned.view(),
            outlook.values.slice(s![..-1, .., ..]),
            outlook.next_values.view(),
            outlook.ended.view(),
            config.gamma,
            config.gae_lambda,
        ))
    }

    /// The network's values, and where they do not count.
    fn outlook(&self, norm: &ValueNorm) -> Result<Outlook, TrainError> {
        let shape = (self.steps + 1, self.envs, self.spec.agents);
        let values: Vec<f32> = self
            .values
            .slice()?
            .iter()
            .map(|value| norm.denormalize(*value))
            .collect();
        // The memory has exactly this shape.
        let values = Array3::from_shape_vec(shape, values).unwrap_or_default();
        let mut next_values = values.slice(s![1.., .., ..]).to_owned();
        let mut ended = Array3::zeros(next_values.raw_dim());
        for (at, status) in self.status.iter().enumerate() {
            if *status != Status::Running {
                let (t, env) = (at / self.envs, at % self.envs);
                ended.slice_mut(s![t, env, ..]).fill(1.0);
                next_values.slice_mut(s![t, env, ..]).fill(0.0);
            }
        }
        let final_values = self.final_values.chunks(self.spec.agents);
        for (&(t, env), values) in self.final_at.iter().zip(final_values) {
            for (next, value) in next_values.slice_mut(s![t, env, ..]).iter_mut().zip(values) {
                *next = norm.denormalize(*value);
            }
        }
        // Who left earns nothing more, whatever awaits the next in its place.
        let flows = ended.iter_mut().zip(&mut next_values);
        for ((ended, next), _) in flows.zip(&self.departed).filter(|(_, left)| **left) {
            *ended = 1.0;
            *next = 0.0;
        }
        Ok(Outlook {
            values,
            next_values,
            ended,
        })
    }

    /// Whether everybody was active in every state.
    fn is_complete(&self) -> bool {
        let mut active = self.active.iter().chain(&self.final_active);
        active.all(|active| *active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Needs;
    use crate::rollout::buffer::scripted::Scripted;
    use commformer_env::{Environment, VecEnv};
    use tch::{Device, Kind, Tensor};

    /// Two agents, paid 1 in each of four steps. The second leaves in the second step, the first in the
    /// last one, in which a limit ends the episode; both places have others at once.
    fn leaving() -> Scripted {
        let (active, rewards): (&[bool], &[f32]) = (&[true; 2], &[1.0; 2]);
        let mut scripted = Scripted::new(&[active; 5], &[rewards; 4], Status::Truncated);
        scripted.departed[1][1] = true;
        scripted.departed[3][0] = true;
        scripted
    }

    #[test]
    fn who_leaves_earns_nothing_more_and_carries_nothing_on() {
        let scripted = leaving();
        let buffer = Buffer::new(scripted.spec(), 1, 4).unwrap();
        let mut buffer = buffer
            .with_needs(Needs {
                memory: 1,
                ..Needs::default()
            })
            .unwrap();
        let mut env = VecEnv::new(vec![scripted], 0).unwrap();
        buffer.reset(&mut env).unwrap();
        buffer.begin().unwrap();
        let full = |value: f64| Tensor::full([1, 2], value, (Kind::Float, Device::Cpu));
        for t in 0..4 {
            buffer.values.write(t, &full(4.0)).unwrap();
            let recurrent = buffer.recurrent.as_mut().unwrap();
            recurrent.record(t, &full(1.0).unsqueeze(-1)).unwrap();
            buffer.step(t, &mut env).unwrap();
        }
        buffer.finish(&full(4.0), Some(&full(8.0))).unwrap();

        // Of mean 0 and standard deviation 1, so that values stay what they are.
        let mut norm = ValueNorm::default();
        norm.update([-1.0, 1.0].into_iter());
        let config = PpoConfig {
            gamma: 0.5,
            gae_lambda: 1.0,
            ..PpoConfig::default()
        };
        let (advantages, _) = buffer.advantages(&norm, &config).unwrap();
        // Each step by itself: 1 + 0.5 * 4 - 4 = -1, the truncated one 1 + 0.5 * 8 - 4 = 1, who leaves
        // 1 - 4 = -3; half of what comes later on top.
        let expected = [[-2.125, -2.5], [-2.25, -3.0], [-2.5, -0.5], [-3.0, 1.0]];
        for (found, expected) in advantages.iter().zip(expected.as_flattened()) {
            assert!((found - expected).abs() < 1e-4, "{advantages}");
        }
        let recurrent = buffer.recurrent.as_ref().unwrap();
        let recurrent: Vec<f32> =
            Vec::try_from(recurrent.samples().unwrap().flatten(0, -1)).unwrap();
        assert_eq!(recurrent, [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
        assert_eq!(buffer.recurrent().unwrap(), [0.0, 0.0]);
    }

    #[test]
    fn ends_are_each_agent_s_own() {
        // Both are paid 1 in each of three steps. Then the first is truncated, with 10 ahead, and the second terminates.
        let (active, rewards): (&[bool], &[f32]) = (&[true; 2], &[1.0; 2]);
        let active = [active, active, active, &[true, false]];
        let mut scripted = Scripted::new(&active, &[rewards; 3], Status::Truncated);
        scripted.departed[2][1] = true;
        let mut buffer = Buffer::new(scripted.spec(), 1, 3).unwrap();
        let mut env = VecEnv::new(vec![scripted], 0).unwrap();
        buffer.reset(&mut env).unwrap();
        buffer.begin().unwrap();
        let full = |value: f64| Tensor::full([1, 2], value, (Kind::Float, Device::Cpu));
        for t in 0..3 {
            buffer.values.write(t, &full(4.0)).unwrap();
            buffer.step(t, &mut env).unwrap();
        }
        buffer.finish(&full(100.0), Some(&full(10.0))).unwrap();
        let mut norm = ValueNorm::default();
        norm.update([-1.0, 1.0].into_iter());
        let config = PpoConfig {
            gamma: 0.9,
            gae_lambda: 1.0,
            ..PpoConfig::default()
        };
        let (_, returns) = buffer.advantages(&norm, &config).unwrap();
        // 1 + 0.9 * 10 is 10 again; 1 + 0.9 + 0.81, 1 + 0.9, 1.
        let expected = [[10.0, 2.71], [10.0, 1.9], [10.0, 1.0]];
        for (found, expected) in returns.iter().zip(expected.as_flattened()) {
            assert!((found - expected).abs() < 1e-4, "{returns}");
        }
    }
}
