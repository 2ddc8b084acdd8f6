//! The global state: environments that are stepped together give what each of them gives by itself.

use commformer_env::smac::{Smac, SmacConfig};
use commformer_env::{
    Actions, Batch, EnvState, PredatorPrey, PredatorPreyConfig, Rng, Spec, Status, VecEnv,
    VecEnvError,
};

use crate::single::Single;

const ENVS: usize = 3;
const SEED: u64 = 5;
const STEPS: usize = 40;

/// Episodes of seven steps at the most: they are truncated.
fn battle() -> Smac {
    let config = SmacConfig {
        map: "3m".into(),
        episode_limit: Some(7),
        ..SmacConfig::default()
    };
    Smac::new(config).unwrap()
}

/// The state of a battle by itself.
fn own(battle: &Smac) -> Vec<f32> {
    let mut state = vec![f32::NAN; battle.state_len()];
    battle.state(&mut state);
    state
}

/// Environments and what they write.
struct Team {
    envs: VecEnv<Smac>,
    obs: Vec<f32>,
    available: Vec<bool>,
    active: Vec<bool>,
    status: [Status; ENVS],
}

impl Team {
    fn new() -> Self {
        let envs = VecEnv::new(vec![battle(); ENVS], SEED).unwrap();
        let Spec {
            agents, obs_dim, ..
        } = *envs.spec();
        let rows = ENVS * agents;
        Self {
            obs: vec![0.0; rows * obs_dim],
            available: vec![false; ENVS * envs.spec().available_len()],
            active: vec![false; rows],
            status: [Status::Running; ENVS],
            envs,
        }
    }

    fn write(&mut self, write: impl FnOnce(&mut VecEnv<Smac>, Batch<'_>, &mut [Status])) {
        let out = Batch {
            obs: &mut self.obs,
            available: &mut self.available,
            active: &mut self.active,
        };
        write(&mut self.envs, out, &mut self.status);
    }

    fn step(&mut self, actions: &[i64]) {
        let mut rewards = vec![0.0; actions.len()];
        self.write(|envs, out, status| {
            let actions = Actions::Discrete(actions);
            envs.step(actions, out, &mut rewards, status).unwrap();
        });
    }

    fn restore(&mut self, states: &[EnvState]) {
        self.write(|envs, out, _| envs.restore(states, out).unwrap());
    }

    fn states(&self) -> Vec<f32> {
        let mut states = vec![f32::NAN; ENVS * self.envs.spec().state_dim];
        self.envs.global_states(&mut states).unwrap();
        states
    }
}

#[test]
fn environments_give_what_each_gives_by_itself() {
    let mut team = Team::new();
    let width = team.envs.spec().state_dim;
    assert_eq!(width, battle().state_len());
    let missing = team.envs.global_states(&mut vec![0.0; ENVS * width]);
    assert!(matches!(missing, Err(VecEnvError::NotReset)));
    team.envs.keep_final_states();
    team.write(|envs, out, _| envs.reset(out).unwrap());
    let mut alone: Vec<_> = (0..ENVS as u64)
        .map(|env| {
            let mut single = Single::new(battle(), 0);
            single.rng = Rng::new(SEED, env);
            single.reset();
            single
        })
        .collect();
    let (agents, count) = {
        let spec = team.envs.spec();
        (spec.agents, spec.actions.size() as u32)
    };
    let (mut policy, mut ends) = (Rng::new(8, 0), 0);
    for _ in 0..STEPS {
        let actions: Vec<i64> = (0..ENVS * agents)
            .map(|_| policy.below(count).into())
            .collect();
        team.step(&actions);
        for (env, single) in alone.iter_mut().enumerate() {
            let status = single.step(&actions[env * agents..][..agents]);
            assert_eq!(status, team.status[env]);
            let last = match status {
                Status::Running => Vec::new(),
                _ => own(&single.env),
            };
            assert_eq!(team.envs.final_state(env), last);
            if status != Status::Running {
                ends += 1;
                single.reset();
            }
            assert_eq!(team.states()[env * width..][..width], own(&single.env));
        }
    }
    assert!(ends > ENVS, "{ends} episodes ended");

    let mut restored = Team::new();
    restored.restore(&team.envs.save().unwrap());
    assert_eq!(restored.states(), team.states());
    // Nobody asked for the states in which its episodes end.
    for _ in 0..7 {
        restored.step(&vec![1; ENVS * agents]);
        assert_eq!(restored.envs.final_state(0), [0.0; 0]);
    }
}

#[test]
fn a_task_without_one_gives_none() {
    let task = PredatorPrey::new(PredatorPreyConfig::default()).unwrap();
    let mut envs = VecEnv::new(vec![task], 1).unwrap();
    let (rows, obs_dim) = (envs.spec().agents, envs.spec().obs_dim);
    let out = Batch {
        obs: &mut vec![0.0; rows * obs_dim],
        available: &mut [],
        active: &mut vec![false; rows],
    };
    envs.reset(out).unwrap();
    assert_eq!(envs.spec().state_dim, 0);
    envs.global_states(&mut []).unwrap();
    let wrong = envs.global_states(&mut [0.0]);
    assert!(matches!(
        wrong,
        Err(VecEnvError::Length {
            buffer: "state",
            found: 1,
            expected: 0
        })
    ));
}
