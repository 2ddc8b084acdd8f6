//! What is wrong with what environments write, and where.

use super::*;
use crate::rollout::buffer::scripted::Scripted;
use commformer_env::{ActionSpace, Actions, Batch, Spec};

const AGENTS: usize = 2;
const OBS: usize = 3;
const ACTIONS: usize = 4;

/// Environments 3 and 4 of five after some steps, and what was written last.
struct Seen {
    envs: VecEnv<Scripted>,
    obs: Vec<f32>,
    available: Vec<bool>,
    rewards: Vec<f32>,
    status: Vec<Status>,
}

impl Seen {
    fn after(steps: usize, last: Option<usize>) -> Self {
        let spec = Spec {
            masks_actions: true,
            ..Spec::new(AGENTS, OBS, ActionSpace::Discrete(ACTIONS))
        };
        let (active, rewards): (&[bool], &[f32]) = (&[true; AGENTS], &[0.5; AGENTS]);
        let short = |infinite| {
            let mut short = Scripted::new(&[active; 4], &[rewards; 3], Status::Truncated);
            (short.spec, short.infinite) = (spec.clone(), infinite);
            short
        };
        let all = [None, None, None, None, last].map(short);
        let mut envs = VecEnv::new(all.into(), 1).unwrap().split(3).remove(1);
        let mut obs = vec![0.0; 2 * AGENTS * OBS];
        let mut available = vec![true; 2 * AGENTS * ACTIONS];
        let mut rewards = vec![0.0; 2 * AGENTS];
        let mut status = vec![Status::Running; 2];
        for step in 0..=steps {
            let out = Batch {
                obs: &mut obs,
                available: &mut available,
                active: &mut [true; 2 * AGENTS],
            };
            match step {
                0 => envs.reset(out),
                _ => {
                    let actions = Actions::Discrete(&[0; 2 * AGENTS]);
                    envs.step(actions, out, &mut rewards, &mut status)
                }
            }
            .unwrap();
        }
        if steps == 0 {
            rewards.clear();
            status.clear();
        }
        Self {
            envs,
            obs,
            available,
            rewards,
            status,
        }
    }

    fn fault(&self) -> Option<(usize, u32, usize, FaultKind)> {
        let written = Written {
            obs: &self.obs,
            available: &self.available,
            rewards: &self.rewards,
            status: &self.status,
        };
        let found = written.fault(&self.envs)?;
        Some((found.env, found.step, found.agent, found.found))
    }
}

#[test]
fn what_is_wrong_is_found_where_it_is() {
    // Of these steps the last ends the episode: what is seen then is of the next.
    for (steps, of_the_next) in [(0, 0), (2, 2), (3, 0)] {
        let seen = || Seen::after(steps, None);
        assert_eq!(seen().fault(), None);
        for row in 0..2 * AGENTS {
            let (env, agent) = (3 + row / AGENTS, row % AGENTS);
            if steps > 0 {
                for reward in [f32::NEG_INFINITY, -1e16] {
                    let mut seen = seen();
                    seen.rewards[row] = reward;
                    // It comes first.
                    seen.obs.fill(f32::NAN);
                    let found = FaultKind::Reward(reward);
                    assert_eq!(seen.fault(), Some((env, steps as u32, agent, found)));
                }
            }
            for number in 0..OBS {
                // The square of the second is not finite.
                for value in [f32::INFINITY, -1e20] {
                    let mut seen = seen();
                    seen.obs[row * OBS + number] = value;
                    seen.available.fill(false);
                    let found = FaultKind::Observation { number, value };
                    assert_eq!(seen.fault(), Some((env, of_the_next, agent, found)));
                }
            }
            let mut seen = seen();
            seen.available[row * ACTIONS..][..ACTIONS].fill(false);
            let found = FaultKind::NoAction;
            assert_eq!(seen.fault(), Some((env, of_the_next, agent, found)));
            // One is enough.
            seen.available[row * ACTIONS + agent] = true;
            assert_eq!(seen.fault(), None);
            seen.available.clear();
            assert_eq!(seen.fault(), None);
        }
    }
}

#[test]
fn the_last_observation_of_a_truncated_episode_is_checked() {
    for at in 0..AGENTS * OBS {
        let mut seen = Seen::after(3, Some(at));
        let value = f32::INFINITY;
        let number = at % OBS;
        let found = FaultKind::LastObservation { number, value };
        assert_eq!(seen.fault(), Some((4, 3, at / OBS, found)));
        // Nobody asks what comes after the end of one that was over.
        seen.status[1] = Status::Terminated;
        assert_eq!(seen.fault(), None);
    }
}

#[test]
fn a_fault_is_told_in_a_sentence() {
    let told = |step, found| {
        let fault = EnvironmentFault {
            env: 4,
            step,
            agent: 1,
            found,
        };
        fault.to_string()
    };
    assert_eq!(
        told(2, FaultKind::Reward(f32::NAN)),
        "environment 4, step 2 of its episode: the reward of agent 1 is NaN; \
         it must be a number within 1e15 of zero, since squares are added up: correct the environment"
    );
    assert_eq!(
        told(2, FaultKind::Reward(1e30)),
        "environment 4, step 2 of its episode: the reward of agent 1 is 1e30; \
         it must be a number within 1e15 of zero, since squares are added up: correct the environment"
    );
    assert_eq!(
        told(0, FaultKind::NoAction),
        "environment 4, at the beginning of an episode: agent 1 has no available action; \
         every agent needs one, whether it is active or not: correct the environment"
    );
}

#[test]
fn one_number_among_many_is_found_wherever_it_lies() {
    let sound = [
        0.0,
        -0.0,
        1.0,
        LARGEST_NUMBER,
        -LARGEST_NUMBER,
        f32::MIN_POSITIVE,
        f32::from_bits(1), // the smallest of all
    ];
    let nan = |bits: u32| f32::from_bits(0x7f80_0000 | bits);
    let bad = [
        f32::NAN,
        -f32::NAN,
        nan(1),
        nan(0x8000_0001),
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        -LARGEST_NUMBER.next_up(),
    ];
    for length in 0..70 {
        let mut numbers: Vec<f32> = sound.into_iter().cycle().take(length).collect();
        assert_eq!(out_of_bounds(&numbers), None);
        for at in 0..length {
            for bad in bad {
                let sound = std::mem::replace(&mut numbers[at], bad);
                assert_eq!(out_of_bounds(&numbers), Some(at), "{bad} of {length}");
                numbers[at] = sound;
            }
        }
    }
}

#[test]
fn what_is_wrong_twice_is_wrong() {
    let bad = [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    for one in bad {
        for other in bad {
            assert!(!all_within(&[one, 0.5, other]), "{one} {other}");
        }
    }
}

#[test]
fn every_exponent_is_told_right() {
    for exponent in 0..=255u32 {
        for mantissa in [0, 1, 0x40_0000, 0x7f_ffff] {
            for sign in [0, 1 << 31] {
                let number = f32::from_bits(sign | exponent << 23 | mantissa);
                assert_eq!(all_within(&[number]), is_within(number), "{number:e}");
            }
        }
    }
}
