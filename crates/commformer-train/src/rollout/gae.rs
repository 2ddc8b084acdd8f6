//! Generalised advantage estimation (Schulman et al., 2016, equation 16), with episodes that
//! terminate and episodes that are truncated told apart.

use ndarray::{Array2, Array3, ArrayView3, Axis, azip};

/// Advantages and returns, (T, C, N).
///
/// `rewards` (T, C, N); `values` (T, C, N) of the observations acted in; `next_values` (T, C, N) of
/// the observations after the step: zero where the episode terminated, the value of its last
/// observation where it was truncated, else the next row of `values`. `ended` is 1 where an
/// episode ended either way: no later advantage counts. `gamma` and `lambda` lie in [0, 1].
///
/// # Panics
/// If the arrays differ in shape.
pub fn gae(
    rewards: ArrayView3<'_, f32>,
    values: ArrayView3<'_, f32>,
    next_values: ArrayView3<'_, f32>,
    ended: ArrayView3<'_, f32>,
    gamma: f64,
    lambda: f64,
) -> (Array3<f32>, Array3<f32>) {
    let (gamma, decay) = (gamma as f32, (gamma * lambda) as f32);
    let mut advantages = Array3::zeros(rewards.raw_dim());
    let mut later = Array2::<f32>::zeros((rewards.shape()[1], rewards.shape()[2]));
    for t in (0..rewards.shape()[0]).rev() {
        azip!((
            advantage in advantages.index_axis_mut(Axis(0), t),
            later in &mut later,
            &reward in rewards.index_axis(Axis(0), t),
            &value in values.index_axis(Axis(0), t),
            &next in next_values.index_axis(Axis(0), t),
            &ended in ended.index_axis(Axis(0), t),
        ) {
            *later = reward + gamma * next - value + decay * (1.0 - ended) * *later;
            *advantage = *later;
        });
    }
    let returns = &advantages + &values;
    (advantages, returns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    #[test]
    fn hand_computed() {
        // One agent, three steps: the episode terminates after the second.
        let rewards = array![[[1.0]], [[2.0]], [[4.0]]];
        let values = array![[[0.5]], [[1.0]], [[2.0]]];
        let next = array![[[1.0]], [[0.0]], [[3.0]]];
        let ended = array![[[0.0]], [[1.0]], [[0.0]]];
        let (advantages, returns) = gae(
            rewards.view(),
            values.view(),
            next.view(),
            ended.view(),
            0.5,
            0.5,
        );
        // 4 + 0.5 * 3 - 2; 2 - 1, terminated; 1 + 0.5 * 1 - 0.5 + 0.25 * 1.
        assert_eq!(advantages, array![[[1.25]], [[1.0]], [[3.5]]]);
        assert_eq!(returns, array![[[1.75]], [[2.0]], [[5.5]]]);
    }

    proptest! {
        /// Equation 16 as it stands: the sum of (gamma lambda)^l delta_{t+l} up to the episode's end.
        #[test]
        fn equals_the_naive_sum(
            steps in 1_usize..12,
            gamma in 0.0..1.0_f64,
            lambda in 0.0..1.0_f64,
            noise in prop::collection::vec((-2.0..2.0_f32, -2.0..2.0_f32, -2.0..2.0_f32, prop::bool::ANY), 12),
        ) {
            let column = |values: Vec<f32>| Array3::from_shape_vec((steps, 1, 1), values).unwrap();
            let noise = &noise[..steps];
            let rewards = column(noise.iter().map(|x| x.0).collect());
            let values = column(noise.iter().map(|x| x.1).collect());
            let next = column(noise.iter().map(|x| x.2).collect());
            let ended = column(noise.iter().map(|x| f32::from(u8::from(x.3))).collect());
            let (advantages, returns) = gae(rewards.view(), values.view(), next.view(), ended.view(), gamma, lambda);
            for t in 0..steps {
                let mut sum = 0.0;
                for (l, &(r, v, n, end)) in noise[t..].iter().enumerate() {
                    let delta = f64::from(r) + gamma * f64::from(n) - f64::from(v);
                    sum += (gamma * lambda).powi(l as i32) * delta;
                    if end {
                        break;
                    }
                }
                prop_assert!((f64::from(advantages[[t, 0, 0]]) - sum).abs() < 1e-4);
                prop_assert!((f64::from(returns[[t, 0, 0]] - values[[t, 0, 0]]) - sum).abs() < 1e-4);
            }
        }
    }
}
