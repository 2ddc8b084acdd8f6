//! The vector environment: the same on any number of threads, and what it refuses.

mod counter;
mod endings;
mod refusals;

use commformer_env::{
    ActionSpace, Actions, Buffers, EnvState, Environment, Episode, Observation, PredatorPrey,
    PredatorPreyConfig, Remote, Rng, Signal, SignalConfig, Spec, Status, TrafficJunction, VecEnv,
    VecEnvError, forward_environment,
};
use counter::Counter;

/// A vector environment with its buffers.
struct Team<E> {
    envs: VecEnv<E>,
    out: Buffers,
}

impl<E: Environment> Team<E> {
    fn new(envs: VecEnv<E>) -> Self {
        let out = Buffers::of(&envs);
        Self { envs, out }
    }

    fn reset(&mut self) -> Result<(), VecEnvError> {
        self.out.reset(&mut self.envs)
    }

    fn restore(&mut self, states: &[EnvState]) -> Result<(), VecEnvError> {
        self.envs.restore(states, self.out.batch())
    }

    fn step(&mut self, actions: Actions<'_>) -> Result<(), VecEnvError> {
        self.out.step(&mut self.envs, actions)
    }
}

/// Everything one environment gave in a step.
type Trace = Vec<(Vec<f32>, Vec<f32>, Status, Vec<f32>)>;

/// Random actions of one agent in one environment, whatever else there is.
fn action(env: usize, step: usize, agent: usize, count: u32) -> i64 {
    let mut rng = Rng::new(77, (env * 1_000_000 + step * 1_000 + agent) as u64);
    rng.below(count).into()
}

fn trace<E: Environment>(envs: Vec<E>, threads: usize) -> (Vec<Trace>, Vec<Episode>) {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(|| {
        let mut team = Team::new(VecEnv::new(envs, 3).unwrap().with_envs_per_thread(1));
        let (envs, agents, obs_dim) = (
            team.envs.num_envs(),
            team.envs.spec().agents,
            team.envs.spec().obs_dim,
        );
        let ActionSpace::Discrete(count) = team.envs.spec().actions else {
            panic!("discrete")
        };
        let mut traces: Vec<Trace> = vec![Vec::new(); envs];
        let mut episodes = Vec::new();
        team.reset().unwrap();
        for step in 0..50 {
            let joint = (0..envs).flat_map(|env| (0..agents).map(move |agent| (env, agent)));
            let joint: Vec<i64> = joint
                .map(|(env, agent)| action(env, step, agent, count as u32))
                .collect();
            team.step(Actions::Discrete(&joint)).unwrap();
            for (env, trace) in traces.iter_mut().enumerate() {
                let obs = team.out.obs[env * agents * obs_dim..][..agents * obs_dim].to_vec();
                let rewards = team.out.rewards[env * agents..][..agents].to_vec();
                trace.push((
                    obs,
                    rewards,
                    team.out.status[env],
                    team.envs.final_obs(env).to_vec(),
                ));
            }
            episodes.extend_from_slice(team.envs.episodes());
        }
        (traces, episodes)
    })
}

/// Plays environments of a task on one thread and on several.
pub fn same_on_any_threads<E: Environment>(task: impl Fn() -> E) {
    let envs = |count| (0..count).map(|_| task()).collect::<Vec<E>>();
    let (traces, episodes) = trace(envs(7), 1);
    assert!(episodes.len() >= 14, "some episodes end");
    for threads in [2, 5] {
        assert_eq!(
            trace(envs(7), threads),
            (traces.clone(), episodes.clone()),
            "{threads} threads"
        );
    }
    // The first environments do the same when there are fewer of them, and no two environments do the same.
    assert_eq!(trace(envs(3), 2).0, traces[..3]);
    assert!((1..7).all(|env| traces[env] != traces[0]));
}

#[test]
fn environments_that_are_dealt_out_go_on_as_before() {
    let signal = || Signal::new(SignalConfig::default()).unwrap();
    let whole = || VecEnv::new((0..5).map(|_| signal()).collect::<Vec<_>>(), 3).unwrap();
    let observed = |mut teams: Vec<Team<Signal>>| -> Vec<f32> {
        let mut all = Vec::new();
        for team in &mut teams {
            team.reset().unwrap();
            all.extend_from_slice(&team.out.obs);
        }
        all
    };
    let expected = observed(vec![Team::new(whole())]);
    for (size, lengths) in [(2, &[2, 2, 1][..]), (9, &[5]), (0, &[1; 5])] {
        let parts = whole().split(size);
        let found: Vec<usize> = parts.iter().map(VecEnv::num_envs).collect();
        assert_eq!(found, lengths);
        assert_eq!(
            observed(parts.into_iter().map(Team::new).collect()),
            expected
        );
    }
}

#[test]
fn saved_environments_go_on_elsewhere_as_if_nothing_had_happened() {
    let task = |agents| {
        let config = PredatorPreyConfig {
            agents,
            ..Default::default()
        };
        PredatorPrey::new(config).unwrap()
    };
    let team = |envs, seed| Team::new(VecEnv::new(vec![task(3); envs], seed).unwrap());
    let mut original = team(4, 3);
    original.reset().unwrap();
    let joint = |step| {
        let agents = (0..4).flat_map(|env| (0..3).map(move |agent| action(env, step, agent, 5)));
        agents.collect::<Vec<_>>()
    };
    for step in 0..30 {
        original.step(Actions::Discrete(&joint(step))).unwrap();
    }
    let saved = original.envs.save().unwrap();
    let mut restored = team(4, 8);
    restored.restore(&saved).unwrap();
    assert_eq!(restored.out.obs, original.out.obs);
    assert_eq!(restored.out.active, original.out.active);
    let mut episodes = 0;
    for step in 30..80 {
        for team in [&mut original, &mut restored] {
            team.step(Actions::Discrete(&joint(step))).unwrap();
        }
        assert_eq!(restored.out.obs, original.out.obs);
        assert_eq!(restored.envs.episodes(), original.envs.episodes());
        episodes += original.envs.episodes().len();
    }
    assert!(episodes > 4);

    let error = team(3, 8).restore(&saved).unwrap_err();
    assert!(error.to_string().contains("`states` has 4"), "{error}");
    let mut four = Team::new(VecEnv::new(vec![task(4); 4], 3).unwrap());
    let error = four.restore(&saved).unwrap_err().to_string();
    assert!(
        error.contains("environment 0") && error.contains("other settings"),
        "{error}"
    );
    let counters = VecEnv::new(vec![Counter::new(3.0, Status::Terminated)], 0);
    assert_eq!(counters.unwrap().save(), None);
}

#[test]
fn boxes_are_environments_too() {
    let task = PredatorPrey::new(Default::default()).unwrap();
    let boxed = || Box::new(task.clone()) as Box<dyn Environment>;
    assert_eq!(
        trace((0..3).map(|_| boxed()).collect(), 2),
        trace(vec![task.clone(); 3], 2)
    );
    let signal: Box<dyn Environment> = Box::new(Signal::new(Default::default()).unwrap());
    let envs = VecEnv::new(vec![signal], 0).unwrap();
    assert_eq!(
        envs.sources().unwrap(),
        Signal::new(Default::default()).unwrap().sources()
    );
    assert_eq!(VecEnv::new(vec![task], 0).unwrap().sources(), Ok(None));
}
