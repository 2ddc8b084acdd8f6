//! The vector environment: the same on any number of threads, and what it refuses.

use commformer_env::{
    ActionSpace, Actions, Batch, EnvState, Environment, Episode, Observation, PredatorPrey,
    PredatorPreyConfig, Rng, Signal, SignalConfig, Spec, Status, TrafficJunction, VecEnv,
    VecEnvError,
};

/// A vector environment with its buffers.
struct Team<E> {
    envs: VecEnv<E>,
    obs: Vec<f32>,
    available: Vec<bool>,
    active: Vec<bool>,
    rewards: Vec<f32>,
    status: Vec<Status>,
}

impl<E: Environment> Team<E> {
    fn new(envs: VecEnv<E>) -> Self {
        let (num_envs, spec) = (envs.num_envs(), envs.spec());
        let rows = num_envs * spec.agents;
        Self {
            obs: vec![f32::NAN; rows * spec.obs_dim],
            available: vec![false; num_envs * spec.available_len()],
            active: vec![false; rows],
            rewards: vec![f32::NAN; rows],
            status: vec![Status::Running; num_envs],
            envs,
        }
    }

    fn reset(&mut self) -> Result<(), VecEnvError> {
        let out = Batch {
            obs: &mut self.obs,
            available: &mut self.available,
            active: &mut self.active,
        };
        self.envs.reset(out)
    }

    fn restore(&mut self, states: &[EnvState]) -> Result<(), VecEnvError> {
        let out = Batch {
            obs: &mut self.obs,
            available: &mut self.available,
            active: &mut self.active,
        };
        self.envs.restore(states, out)
    }

    fn step(&mut self, actions: Actions<'_>) -> Result<(), VecEnvError> {
        let out = Batch {
            obs: &mut self.obs,
            available: &mut self.available,
            active: &mut self.active,
        };
        self.envs
            .step(actions, out, &mut self.rewards, &mut self.status)
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
                let obs = team.obs[env * agents * obs_dim..][..agents * obs_dim].to_vec();
                let rewards = team.rewards[env * agents..][..agents].to_vec();
                trace.push((
                    obs,
                    rewards,
                    team.status[env],
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
fn the_number_of_threads_and_the_other_environments_change_nothing() {
    let config = SignalConfig {
        cue_probability: 0.5,
        ..Default::default()
    };
    same_on_any_threads(|| Signal::new(config.clone()).unwrap());
}

#[test]
fn environments_that_are_dealt_out_go_on_as_before() {
    let signal = || Signal::new(SignalConfig::default()).unwrap();
    let whole = || VecEnv::new((0..5).map(|_| signal()).collect::<Vec<_>>(), 3).unwrap();
    let observed = |mut teams: Vec<Team<Signal>>| -> Vec<f32> {
        let mut all = Vec::new();
        for team in &mut teams {
            team.reset().unwrap();
            all.extend_from_slice(&team.obs);
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
    assert_eq!(restored.obs, original.obs);
    assert_eq!(restored.active, original.active);
    let mut episodes = 0;
    for step in 30..80 {
        for team in [&mut original, &mut restored] {
            team.step(Actions::Discrete(&joint(step))).unwrap();
        }
        assert_eq!(restored.obs, original.obs);
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

/// Counts its steps and shows their number and the number of its episode; ends at its limit. One
/// continuous action of two numbers, one of which is its reward; one mask.
struct Counter {
    spec: Spec,
    steps: f32,
    episode: f32,
    limit: f32,
    end: Status,
}

impl Counter {
    fn new(limit: f32, end: Status) -> Self {
        let spec = Spec {
            agents: 2,
            obs_dim: 2,
            actions: ActionSpace::Continuous(2),
            obs_version: 1,
            state_dim: 0,
            masks_actions: false,
            metrics: vec!["episode".into()],
        };
        Self {
            spec,
            steps: 0.0,
            episode: 0.0,
            limit,
            end,
        }
    }

    fn observe(&self, out: Observation<'_>) {
        out.obs
            .copy_from_slice(&[self.steps, self.episode, self.steps, self.episode]);
        out.active.copy_from_slice(&[true, self.steps == 0.0]);
    }
}

impl Environment for Counter {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, _rng: &mut Rng, out: Observation<'_>) {
        self.steps = 0.0;
        self.episode += 1.0;
        self.observe(out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        _rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        self.steps += 1.0;
        self.observe(out);
        rewards.copy_from_slice(&[actions.vectors()[0], actions.vectors()[2]]);
        if self.steps == self.limit {
            self.end
        } else {
            Status::Running
        }
    }

    fn metrics(&self, out: &mut [f32]) {
        out[0] = self.episode;
    }
}

#[test]
fn an_ended_episode_leaves_its_last_observation_and_the_next_one_begins() {
    let envs = vec![
        Counter::new(2.0, Status::Terminated),
        Counter::new(3.0, Status::Truncated),
    ];
    let mut team = Team::new(VecEnv::new(envs, 0).unwrap());
    team.reset().unwrap();
    assert_eq!(team.obs, [0., 1., 0., 1., 0., 1., 0., 1.]);
    // Rewards of 1 and 3 in environment 0, 5 and 8 in environment 1.
    let actions = Actions::Continuous(&[1., 0., 3., 0., 5., 0., 8., 0.]);

    team.step(actions).unwrap();
    assert_eq!(team.rewards, [1., 3., 5., 8.]);
    assert_eq!(team.active, [true, false, true, false]);
    assert_eq!(team.status, [Status::Running; 2]);
    assert!(team.envs.episodes().is_empty());
    assert!(team.envs.final_obs(0).is_empty());

    team.step(actions).unwrap();
    assert_eq!(team.status, [Status::Terminated, Status::Running]);
    assert_eq!(team.obs, [0., 2., 0., 2., 2., 1., 2., 1.]);
    assert_eq!(team.active, [true, true, true, false]);
    assert_eq!(team.envs.final_obs(0), [2., 1., 2., 1.]);
    assert!(team.envs.final_obs(1).is_empty());
    assert!(
        team.envs.final_obs(2).is_empty(),
        "there is no such environment"
    );
    assert_eq!(
        team.envs.episodes(),
        [Episode {
            env: 0,
            steps: 2,
            team_return: 4.0,
            metrics: vec![1.0]
        }]
    );

    team.step(actions).unwrap();
    assert_eq!(team.status, [Status::Running, Status::Truncated]);
    assert!(team.envs.final_obs(0).is_empty());
    assert_eq!(team.envs.final_obs(1), [3., 1., 3., 1.]);
    assert_eq!(
        team.envs.episodes(),
        [Episode {
            env: 1,
            steps: 3,
            team_return: 19.5,
            metrics: vec![1.0]
        }]
    );

    for _ in 0..3 {
        team.step(actions).unwrap();
    }
    assert_eq!(
        team.envs
            .episodes()
            .iter()
            .map(|e| (e.env, e.metrics[0]))
            .collect::<Vec<_>>(),
        [(0, 3.0), (1, 2.0)]
    );

    team.reset().unwrap();
    assert!(team.envs.episodes().is_empty());
    assert!(team.envs.final_obs(0).is_empty());
    assert_eq!(team.obs, [0., 5., 0., 5., 0., 4., 0., 4.]);
}

#[test]
fn environments_of_different_tasks_and_no_environments_are_refused() {
    assert_eq!(
        VecEnv::<PredatorPrey>::new(Vec::new(), 0).unwrap_err(),
        VecEnvError::NoEnvs
    );
    let of = |vision| {
        PredatorPrey::new(PredatorPreyConfig {
            vision,
            ..Default::default()
        })
        .unwrap()
    };
    let error = VecEnv::new(vec![of(1), of(1), of(0)], 0).unwrap_err();
    assert!(
        matches!(error, VecEnvError::SpecsDiffer { env: 2, .. }),
        "{error}"
    );
    let mut empty = Counter::new(1.0, Status::Terminated);
    empty.spec.obs_dim = 0;
    let error = VecEnv::new(vec![empty], 0).map(|_| ()).unwrap_err();
    assert!(matches!(error, VecEnvError::EmptySpec { .. }), "{error}");
}

#[test]
fn observations_for_which_there_is_no_memory_are_refused() {
    for obs_dim in [1 << 50, usize::MAX] {
        let mut large = Counter::new(1.0, Status::Terminated);
        large.spec.obs_dim = obs_dim;
        let error = VecEnv::new(vec![large], 0).map(|_| ()).unwrap_err();
        let expected = VecEnvError::Memory {
            envs: 1,
            agents: 2,
            obs_dim,
        };
        assert_eq!(error, expected);
    }
}

#[test]
fn a_step_that_is_refused_changes_nothing() {
    let task = PredatorPrey::new(Default::default()).unwrap();
    let mut team = Team::new(VecEnv::new(vec![task; 2], 0).unwrap());
    let stay = [4; 6];
    assert_eq!(
        team.step(Actions::Discrete(&stay)),
        Err(VecEnvError::NotReset)
    );
    team.reset().unwrap();
    let before = team.obs.clone();

    let error = team
        .step(Actions::Discrete(&[0, 1, 2, 3, 5, 0]))
        .unwrap_err();
    assert_eq!(
        error,
        VecEnvError::NoSuchAction {
            env: 1,
            agent: 1,
            found: 5,
            count: 5
        }
    );
    assert_eq!(
        error.to_string(),
        "agent 1 of environment 1 takes action 5, but there are only actions 0 to 4"
    );
    let error = team
        .step(Actions::Discrete(&[-1, 1, 2, 3, 4, 0]))
        .unwrap_err();
    assert_eq!(
        error,
        VecEnvError::NoSuchAction {
            env: 0,
            agent: 0,
            found: -1,
            count: 5
        }
    );
    let error = team.step(Actions::Discrete(&[0; 5])).unwrap_err();
    assert_eq!(error.to_string(), "`actions` has 5 elements, but needs 6");
    let error = team.step(Actions::Continuous(&[0.0; 6])).unwrap_err();
    assert_eq!(
        error,
        VecEnvError::ActionKind {
            expected: ActionSpace::Discrete(5)
        }
    );

    let stay = Actions::Discrete(&stay);
    type Spoil = fn(&mut Team<PredatorPrey>);
    let lengths: [(&str, Spoil); 5] = [
        ("obs", |team| team.obs.truncate(5)),
        ("available", |team| team.available.push(true)),
        ("active", |team| team.active.push(true)),
        ("rewards", |team| team.rewards.clear()),
        ("status", |team| team.status.push(Status::Running)),
    ];
    for (name, spoil) in lengths {
        spoil(&mut team);
        let error = team.step(stay).unwrap_err();
        assert!(
            matches!(error, VecEnvError::Length { buffer, .. } if buffer == name),
            "{error}"
        );
        team = Team {
            envs: team.envs,
            ..Team::new(
                VecEnv::new(vec![PredatorPrey::new(Default::default()).unwrap(); 2], 0).unwrap(),
            )
        };
    }
    team.step(stay).unwrap();
    assert_eq!(team.obs, before, "nobody has moved yet");
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let mut team = Team::new(VecEnv::new(vec![Counter::new(9.0, Status::Terminated)], 0).unwrap());
    team.reset().unwrap();
    let error = team
        .step(Actions::Continuous(&[0.0, 0.0, 0.0, f32::INFINITY]))
        .unwrap_err();
    assert_eq!(
        error,
        VecEnvError::NotFinite {
            env: 0,
            agent: 1,
            found: f32::INFINITY
        }
    );
}

/// A team of two that knows these answers.
struct Knowing {
    counter: Counter,
    sources: Vec<usize>,
    must_receive: Vec<bool>,
    departed: Vec<bool>,
}

impl Knowing {
    fn new(sources: &[usize], must_receive: &[bool]) -> Self {
        Self {
            counter: Counter::new(2.0, Status::Truncated),
            sources: sources.to_vec(),
            must_receive: must_receive.to_vec(),
            departed: must_receive.to_vec(),
        }
    }
}

impl Environment for Knowing {
    fn spec(&self) -> &Spec {
        self.counter.spec()
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        self.counter.reset(rng, out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        self.counter.step(actions, rng, out, rewards)
    }

    fn metrics(&self, out: &mut [f32]) {
        self.counter.metrics(out);
    }

    fn sources(&self) -> Option<&[usize]> {
        Some(&self.sources)
    }

    fn must_receive(&self) -> Option<&[bool]> {
        Some(&self.must_receive)
    }

    fn departed(&self) -> &[bool] {
        &self.departed
    }
}

#[test]
fn answers_that_do_not_fit_the_team_are_refused() {
    let new = |sources: &[usize], must_receive: &[bool]| {
        VecEnv::new(vec![Knowing::new(sources, must_receive)], 0)
    };
    for (sources, message) in [
        (&[1][..], "`sources` has 1 elements, but needs 2"),
        (&[1, 0, 1], "`sources` has 3 elements, but needs 2"),
        (
            &[1, 2],
            "`sources` lets agent 1 receive from agent 2, but there are only agents 0 to 1",
        ),
    ] {
        assert_eq!(new(sources, &[]).err().unwrap().to_string(), message);
    }
    let envs = new(&[1, 0], &[true]).unwrap();
    assert_eq!(envs.sources(), Ok(Some(&[1, 0][..])));
    assert_eq!(
        envs.must_receive(0).unwrap_err().to_string(),
        "`must_receive` has 1 elements, but needs 2"
    );
    assert_eq!(
        envs.departed(0).unwrap_err().to_string(),
        "`departed` has 1 elements, but needs 2"
    );
    let envs = new(&[1, 0], &[true, false]).unwrap();
    assert_eq!(envs.must_receive(0), Ok(Some(&[true, false][..])));
    assert_eq!(envs.departed(0), Ok(&[true, false][..]));
}

#[test]
fn an_error_after_a_split_names_the_environment_among_all() {
    let envs = (0..5).map(|_| Counter::new(9.0, Status::Terminated));
    let parts = VecEnv::new(envs.collect(), 0).unwrap().split(2);
    let firsts: Vec<usize> = parts.iter().map(VecEnv::first_env).collect();
    assert_eq!(firsts, [0, 2, 4]);
    let part = parts.into_iter().nth(1).unwrap().split(1).remove(1);
    assert_eq!(part.first_env(), 3);
    let mut team = Team::new(part);
    team.reset().unwrap();
    let error = team
        .step(Actions::Continuous(&[0.0, 0.0, f32::NAN, 0.0]))
        .unwrap_err();
    assert!(
        error.to_string().starts_with("agent 1 of environment 3 "),
        "{error}"
    );
}

#[test]
fn the_steps_of_an_episode_are_counted_until_the_next_has_begun() {
    let mut team = Team::new(VecEnv::new(vec![Counter::new(3.0, Status::Truncated)], 0).unwrap());
    team.reset().unwrap();
    let mut counted = vec![team.envs.episode_steps(0)];
    for _ in 0..5 {
        team.step(Actions::Continuous(&[0.0; 4])).unwrap();
        counted.push(team.envs.episode_steps(0));
    }
    assert_eq!(counted, [0, 1, 2, 3, 1, 2]);
    assert_eq!(
        team.envs.episode_steps(1),
        0,
        "there is no such environment"
    );
}

#[test]
fn who_was_active_at_an_end_is_known_beside_the_last_observation() {
    let task = TrafficJunction::new(Default::default()).unwrap();
    let mut team = Team::new(VecEnv::new(vec![task; 2], 1).unwrap());
    team.reset().unwrap();
    for step in 1..=20 {
        assert!(team.envs.final_active(0).is_empty());
        let before = team.active.clone();
        team.step(Actions::Discrete(&[1; 10])).unwrap();
        if step < 20 {
            continue;
        }
        // Nobody leaves who brakes; the new episodes begin without cars.
        assert_eq!(team.active, [false; 10]);
        for (env, before) in before.chunks(5).enumerate() {
            let last = team.envs.final_active(env);
            assert!(last.contains(&true));
            assert!(before.iter().zip(last).all(|(before, last)| before <= last));
            let seen = team.envs.final_obs(env).chunks(137);
            let seen: Vec<bool> = seen.map(|obs| obs.iter().any(|&x| x != 0.0)).collect();
            assert_eq!(seen, last);
        }
    }
    assert!(team.envs.final_active(2).is_empty());
}

/// One agent with four actions, of which the step's own number cannot be taken.
#[derive(Clone)]
struct Masked {
    spec: Spec,
    steps: usize,
}

impl Masked {
    fn observe(&self, out: Observation<'_>) {
        out.obs.fill(self.steps as f32);
        out.active.fill(true);
        for (action, available) in out.available.iter_mut().enumerate() {
            *available = action != self.steps;
        }
    }
}

impl Environment for Masked {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, _rng: &mut Rng, out: Observation<'_>) {
        self.steps = 0;
        self.observe(out);
    }

    fn step(
        &mut self,
        _actions: Actions<'_>,
        _rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        self.steps += 1;
        self.observe(out);
        rewards.fill(0.0);
        match self.steps {
            3 => Status::Truncated,
            _ => Status::Running,
        }
    }

    fn metrics(&self, _out: &mut [f32]) {}
}

#[test]
fn the_mask_of_an_end_is_known_beside_the_last_observation() {
    let task = Masked {
        spec: Spec {
            agents: 1,
            obs_dim: 1,
            actions: ActionSpace::Discrete(4),
            obs_version: 1,
            state_dim: 0,
            masks_actions: true,
            metrics: Vec::new(),
        },
        steps: 0,
    };
    let mut team = Team::new(VecEnv::new(vec![task; 2], 1).unwrap());
    team.reset().unwrap();
    for step in 1..=6 {
        team.step(Actions::Discrete(&[0; 2])).unwrap();
        for env in 0..2 {
            let expected: &[bool] = match step % 3 {
                0 => &[true, true, true, false],
                _ => &[],
            };
            assert_eq!(team.envs.final_available(env), expected, "step {step}");
        }
        // The next episode's own mask stands in the caller's memory.
        assert_eq!(team.available[..4].iter().position(|&x| !x), Some(step % 3));
    }
    assert!(team.envs.final_available(2).is_empty());
}
