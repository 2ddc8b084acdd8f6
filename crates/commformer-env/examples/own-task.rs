//! A task of its own: each agent must say how many of the others were there in the step before.
//!
//! ```sh
//! cargo run -p commformer-env --example own-task
//! ```

use commformer_env::{
    ActionSpace, Actions, Buffers, Environment, Observation, Rng, Spec, Status, VecEnv,
};
use std::error::Error;

/// Three agents; each step, each one is there with probability 1/2 and sees only whether it is.
#[derive(Clone)]
struct Roll {
    spec: Spec,
    there: Vec<bool>,
    steps: u32,
}

impl Roll {
    const AGENTS: usize = 3;

    fn new() -> Self {
        let actions = ActionSpace::Discrete(Self::AGENTS);
        Self {
            spec: Spec {
                metrics: vec!["there".into()],
                ..Spec::new(Self::AGENTS, 1, actions)
            },
            there: vec![false; Self::AGENTS],
            steps: 0,
        }
    }

    fn call(&mut self, rng: &mut Rng, out: Observation<'_>) {
        for (there, seen) in self.there.iter_mut().zip(out.obs) {
            *there = rng.below(2) == 1;
            *seen = f32::from(u8::from(*there));
        }
        out.active.fill(true);
    }
}

impl Environment for Roll {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        self.steps = 0;
        self.call(rng, out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let all = self.there.iter().filter(|there| **there).count() as i64;
        let said = actions.indices().iter().zip(&self.there);
        for ((said, there), reward) in said.zip(rewards) {
            *reward = f32::from(u8::from(*said == all - i64::from(*there)));
        }
        self.steps += 1;
        self.call(rng, out);
        match self.steps {
            10 => Status::Truncated,
            _ => Status::Running,
        }
    }

    fn metrics(&self, out: &mut [f32]) {
        let there = self.there.iter().filter(|there| **there).count();
        out[0] = there as f32 / Self::AGENTS as f32;
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut envs = VecEnv::new(vec![Roll::new(); 100], 1)?;
    let mut out = Buffers::of(&envs);
    let mut earned = [0.0; 2];
    for (answer, earned) in [0, 1].into_iter().zip(&mut earned) {
        out.reset(&mut envs)?;
        for _ in 0..10 {
            let actions = [answer; 100 * Roll::AGENTS];
            out.step(&mut envs, Actions::Discrete(&actions))?;
        }
        let episodes = envs.episodes().iter();
        *earned = episodes.map(|episode| episode.team_return).sum::<f32>() / envs.num_envs() as f32;
        println!("always {answer}: mean return {earned:.2} of 10");
    }
    // One of two others is there in half of the steps, none in a quarter.
    assert!((earned[0] - 2.5).abs() < 0.4 && (earned[1] - 5.0).abs() < 0.4);
    Ok(())
}

#[test]
fn it_runs() -> Result<(), Box<dyn Error>> {
    main()
}

#[test]
fn it_keeps_to_the_contract() -> Result<(), Box<dyn Error>> {
    let episodes = commformer_env::check(Roll::new, 1, 10)?;
    assert_eq!(episodes, [(10, Status::Truncated); 10]);
    Ok(())
}
