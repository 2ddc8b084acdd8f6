//! What is refused.

use super::*;

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
fn environments_for_which_there_is_no_memory_are_refused() {
    for size in [1 << 50, usize::MAX] {
        let makes: [fn(&mut Spec, usize); 3] = [
            |spec, size| spec.obs_dim = size,
            |spec, size| spec.state_dim = size,
            |spec, size| {
                spec.actions = ActionSpace::Discrete(size);
                spec.masks_actions = true;
            },
        ];
        for make in makes {
            let mut large = Counter::new(1.0, Status::Terminated);
            make(&mut large.spec, size);
            let spec = Box::new(large.spec.clone());
            let error = VecEnv::new(vec![large], 0).map(|_| ()).unwrap_err();
            assert_eq!(error, VecEnvError::Memory { envs: 1, spec });
        }
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
    let before = team.out.obs.clone();

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
    type Spoil = fn(&mut Buffers);
    let lengths: [(&str, Spoil); 5] = [
        ("obs", |out| out.obs.truncate(5)),
        ("available", |out| out.available.push(true)),
        ("active", |out| out.active.push(true)),
        ("rewards", |out| out.rewards.clear()),
        ("status", |out| out.status.push(Status::Running)),
    ];
    for (name, spoil) in lengths {
        spoil(&mut team.out);
        let error = team.step(stay).unwrap_err();
        assert!(
            matches!(error, VecEnvError::Length { buffer, .. } if buffer == name),
            "{error}"
        );
        team.out = Buffers::of(&team.envs);
    }
    team.step(stay).unwrap();
    assert_eq!(team.out.obs, before, "nobody has moved yet");
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

#[deny(clippy::missing_trait_methods)]
impl Environment for Knowing {
    forward_environment! { |this| this.counter =>
        spec reset step metrics progress global_state save restore action_names agent_names draw remote
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
