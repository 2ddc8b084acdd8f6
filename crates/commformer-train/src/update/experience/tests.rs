use super::*;
use crate::Act;
use crate::rollout::buffer::Buffer;
use crate::rollout::buffer::scripted::Scripted;
use crate::rollout::exchange::Environments;
use commformer_env::{Status, VecEnv};
use tch::Kind;

const ALL: Selection = Selection::Range(0, 2);

/// Of an episode of two steps, after the first of which the second agent falls, with these values of the policy and
/// this scale of returns, which is changed.
fn of_one_that_falls(values: [[f32; 2]; 2], norm: &mut ValueNorm, fallen: Fallen) -> Experience {
    let active: [&[bool]; 3] = [&[true; 2], &[true, false], &[true, false]];
    let rewards: [&[f32]; 2] = [&[1.0, 1.0], &[3.0, 50.0]];
    let scripted = Scripted::new(&active, &rewards, Status::Terminated);
    let mut buffer = Buffer::new(scripted.spec(), 1, 2).unwrap();
    let mut env = VecEnv::new(vec![scripted], 0).unwrap();
    buffer.reset(&mut env).unwrap();
    buffer.begin().unwrap();
    let nothing = |kind| Tensor::zeros([1, 2], (kind, Device::Cpu));
    for (t, values) in values.iter().enumerate() {
        let act = Act {
            actions: nothing(Kind::Int64),
            log_probs: nothing(Kind::Float),
            values: Tensor::from_slice(values).view([1, 2]),
            gate: None,
            memory: None,
        };
        buffer.record(t, &act, None).unwrap();
        buffer.step(t, &mut env).unwrap();
    }
    buffer.finish(&nothing(Kind::Float), None).unwrap();
    let mut shards = [Shard {
        envs: 0..1,
        environments: Environments::Own(Box::new(env)),
        buffer,
    }];
    let config = PpoConfig {
        gamma: 0.5,
        gae_lambda: 1.0,
        fallen,
        ..PpoConfig::default()
    };
    Experience::new(&mut shards, norm, &config, Device::Cpu, false, None).unwrap()
}

fn part(experience: &Experience) -> Part {
    let graph = PartGraph::Given(TeamGraphs::none(Device::Cpu));
    experience.part(&ALL, graph, Rng::new(0, 0))
}

#[track_caller]
fn assert_close(found: &Tensor, expected: [f64; 4]) {
    let found = Vec::<f64>::try_from(found.flatten(0, -1)).unwrap();
    for (x, y) in found.iter().zip(expected) {
        assert!((x - y).abs() < 1e-4, "{found:?}, not {expected:?}");
    }
}

#[test]
fn only_active_agents_are_learned_from() {
    // Of mean 0 and standard deviation 2: the policy expects 2 and 6, then 4, and 200 of who has fallen.
    let before = [-2.0, 2.0];
    let mut norm = ValueNorm::default();
    norm.update(before.into_iter());
    let found = of_one_that_falls([[1.0, 3.0], [2.0, 100.0]], &mut norm, Fallen::Own);
    // 1 + 3 / 2 and 1 + 50 / 2, then 3; the 50 of who has fallen are not taken in.
    let mut expected = ValueNorm::default();
    expected.update(before.into_iter());
    expected.update([2.5, 26.0, 3.0].into_iter());
    for (found, expected) in [
        (norm.moments().0, expected.moments().0),
        (norm.moments().1, expected.moments().1),
    ] {
        assert!((found - expected).abs() < 1e-4, "{found}, not {expected}");
    }
    let part = part(&found);
    let targets = &part.targets;
    assert_close(&targets.active, [1.0, 1.0, 1.0, 0.0]);
    assert_close(&targets.valued, [1.0, 1.0, 1.0, 0.0]);
    assert_close(part.observed.active.as_ref().unwrap(), [1.0, 1.0, 1.0, 0.0]);
    assert_eq!(found.count_active(&ALL), 3);
    // What was expected is on the scale with which the policy acted, what is to be learned on the new one.
    let returns = [2.5, 26.0, 3.0, 50.0].map(|x| f64::from(norm.normalize(x)));
    assert_close(&targets.returns, returns);
    let advantages = [2.5 - 2.0, 26.0 - 6.0, 3.0 - 4.0, 50.0 - 200.0];
    let mean = (0.5 + 20.0 - 1.0) / 3.0;
    let squares = [0.5, 20.0, -1.0_f64].map(|x| (x - mean).powi(2));
    let deviation = (squares.iter().sum::<f64>() / 3.0).sqrt();
    assert_close(
        &targets.advantages,
        advantages.map(|x| (x - mean) / deviation),
    );
}

#[test]
fn values_of_the_fallen_are_trained_where_that_is_asked_for() {
    let mut norm = ValueNorm::default();
    let found = of_one_that_falls([[0.0; 2]; 2], &mut norm, Fallen::Trained);
    let part = part(&found);
    // Three of four are active: a sum over all, divided by three, comes to the mean of four.
    assert_close(&part.targets.valued, [0.75; 4]);
    assert_close(&part.targets.active, [1.0, 1.0, 1.0, 0.0]);
}

#[test]
fn inactive_agents_do_not_shift_the_mean() {
    let mut values = [1.0, 3.0, 100.0];
    standardize(&mut values, &[true, true, false]);
    assert!((values[0] + 1.0).abs() < 1e-4 && (values[1] - 1.0).abs() < 1e-4);
}
