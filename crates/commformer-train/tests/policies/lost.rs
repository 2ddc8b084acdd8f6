//! An episode that was lost with the place it was played in is in no statistics.

use crate::bent::{ENVS, prey};
use crate::common::{one_round, settings};
use crate::plain::Plain;
use commformer_env::{
    Actions, Environment, Observation, PredatorPrey, Remote, Rng, Status, VecEnv,
    forward_environment,
};
use commformer_train::{GraphPlan, Trainer, evaluate};
use tch::{Device, Kind, Tensor};

/// Lives elsewhere, and loses its first two episodes in their third step.
struct Lossy {
    task: PredatorPrey,
    episodes: u32,
    steps: u32,
}

#[deny(clippy::missing_trait_methods)]
impl Environment for Lossy {
    forward_environment! { |this| this.task =>
        spec metrics progress global_state save restore sources must_receive departed action_names agent_names draw
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        (self.episodes, self.steps) = (self.episodes + 1, 0);
        self.task.reset(rng, out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        self.steps += 1;
        let status = self.task.step(actions, rng, out, rewards);
        if self.lost() {
            Status::Truncated
        } else {
            status
        }
    }

    fn remote(&mut self) -> Option<&mut dyn Remote> {
        Some(self)
    }
}

impl Remote for Lossy {
    fn begin(&mut self, _actions: Option<Actions<'_>>, _rng: &mut Rng) {}

    fn send(&mut self) {}

    fn lost(&self) -> bool {
        self.episodes <= 2 && self.steps == 3
    }

    fn failure(&self) -> Option<&str> {
        None
    }
}

fn lossy() -> VecEnv<Lossy> {
    let lossy = |_| Lossy {
        task: prey(3),
        episodes: 0,
        steps: 0,
    };
    VecEnv::new((0..ENVS).map(lossy).collect(), 1).unwrap()
}

#[test]
fn an_evaluation_plays_another_in_its_place() {
    let mut envs = lossy();
    let plain = Plain::new(envs.spec(), 1);
    let graph = Tensor::zeros([0, 0], (Kind::Float, Device::Cpu));
    let report = evaluate(&plain, &graph, &mut envs, &one_round()).unwrap();
    assert_eq!(report.episodes.len(), ENVS);
    for episode in report.episodes {
        assert!(episode.steps > 3, "{episode:?}");
        // Two of three steps each.
        assert_eq!(episode.lost_steps, 6);
        // Nor do its messages count.
        assert_eq!(episode.traffic.agent_steps, 3.0 * f64::from(episode.steps));
    }
}

#[test]
fn a_rollout_tells_of_the_others_alone() {
    let envs = lossy();
    let policy = Plain::new(envs.spec(), 1);
    let mut trainer = Trainer::new(settings(ENVS, 6), GraphPlan::None, policy, envs).unwrap();
    // In these six steps two episodes of each environment are lost, and none is over.
    assert_eq!(trainer.iterate().unwrap().episodes, 0);
}
