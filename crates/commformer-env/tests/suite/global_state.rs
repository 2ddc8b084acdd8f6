//! The global state: environments that are stepped together give what each of them gives by itself.

use commformer_env::smac::{Smac, SmacConfig};
use commformer_env::{
    Actions, Buffers, EnvState, Environment, PredatorPrey, PredatorPreyConfig, Rng, Status, VecEnv,
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
    let mut state = vec![f32::NAN; battle.spec().state_dim];
    battle.global_state(&mut state);
    state
}

/// Environments and what they write.
struct Team {
    envs: VecEnv<Smac>,
    out: Buffers,
}

impl Team {
    fn new() -> Self {
        let envs = VecEnv::new(vec![battle(); ENVS], SEED).unwrap();
        let out = Buffers::of(&envs);
        Self { envs, out }
    }

    fn step(&mut self, actions: &[i64]) {
        let actions = Actions::Discrete(actions);
        self.out.step(&mut self.envs, actions).unwrap();
    }

    fn restore(&mut self, states: &[EnvState]) {
        self.envs.restore(states, self.out.batch()).unwrap();
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
    let missing = team.envs.global_states(&mut vec![0.0; ENVS * width]);
    assert!(matches!(missing, Err(VecEnvError::NotReset)));
    team.envs.keep_final_states();
    team.out.reset(&mut team.envs).unwrap();
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
            assert_eq!(status, team.out.status[env]);
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
    Buffers::of(&envs).reset(&mut envs).unwrap();
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
