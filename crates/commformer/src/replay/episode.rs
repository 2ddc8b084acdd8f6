//! An episode as the player wants it: what was seen and what was done, put together.

use super::task::Recorded;
use super::team::{Seen, Taken};
use commformer_train::{EpisodeRecord, ValueNorm};
use commformer_view::replay::{Action, Episode, Number, Picture, Run, Step};

/// What was recorded of the episodes of C environments.
pub(super) struct Recordings<'a> {
    pub run: &'a Run,
    /// What the policy did in every step.
    pub steps: &'a [Seen],
    /// C
    pub envs: usize,
    pub value_norm: &'a ValueNorm,
}

impl Recordings<'_> {
    /// The episode of an environment that was recorded.
    pub fn episode(&self, env: usize, recorded: &Recorded, record: &EpisodeRecord) -> Episode {
        let first = recorded.frames.first();
        let pictures = recorded.frames.iter().map(|frame| Picture {
            shapes: frame.shapes.clone(),
            agents: frame.agents.clone(),
        });
        let earned = recorded.rewards.iter().zip(&recorded.active);
        let steps = self.steps.iter().skip(recorded.before).zip(earned);
        Episode {
            size: first.map_or([0.0; 2], |frame| frame.size),
            scenery: first.map_or_else(Vec::new, |frame| frame.scenery.clone()),
            pictures: pictures.collect(),
            steps: steps
                .map(|(seen, (rewards, active))| self.step(env, seen, rewards, active))
                .collect(),
            team_return: Number(record.team_return as f32),
            metrics: (record.metrics.iter())
                .map(|metric| Number(*metric as f32))
                .collect(),
        }
    }

    fn step(&self, env: usize, seen: &Seen, rewards: &[f32], active: &[bool]) -> Step {
        let open: Vec<Vec<bool>> = (self.of(env, &seen.open).chunks(self.width(&seen.open)))
            .map(|gates| gates.iter().map(|gate| *gate > 0.5).collect())
            .collect();
        let actions = match &seen.actions {
            Taken::Discrete(all) => (self.of(env, all).iter())
                .map(|action| Action::Discrete(*action))
                .collect(),
            Taken::Continuous(all) => (self.of(env, all).chunks(self.width(all)))
                .map(|vector| Action::Continuous(numbers(vector)))
                .collect(),
        };
        let values = self.of(env, &seen.values).iter();
        Step {
            actions,
            probabilities: self.by_agent(env, &seen.probabilities, Number::chance),
            values: values
                .map(|value| Number(self.value_norm.denormalize(*value)))
                .collect(),
            rewards: numbers(rewards),
            delivered: self.run.delivered(active, &open),
            open,
            opens: self.by_agent(env, &seen.opens, Number),
            weights: (seen.attention.iter())
                .map(|attention| self.weights(self.of(env, attention)))
                .collect(),
            active: active.to_vec(),
        }
    }

    /// Of each head, of (H, L).
    fn weights(&self, of_heads: &[f32]) -> Vec<Vec<Number>> {
        let heads = of_heads.chunks(self.run.links.len().max(1));
        heads.map(numbers).collect()
    }

    fn by_agent(&self, env: usize, all: &[f32], shown: fn(f32) -> Number) -> Vec<Vec<Number>> {
        let rows = self.of(env, all).chunks(self.width(all));
        rows.map(|row| row.iter().copied().map(shown).collect())
            .collect()
    }

    /// The part of an environment.
    fn of<'b, T>(&self, env: usize, all: &'b [T]) -> &'b [T] {
        let each = all.len() / self.envs.max(1);
        all.get(env * each..(env + 1) * each).unwrap_or_default()
    }

    /// Numbers of each agent of each environment; 1 where there are none.
    fn width<T>(&self, all: &[T]) -> usize {
        let rows = self.envs * self.run.agents.len();
        (all.len() / rows.max(1)).max(1)
    }
}

fn numbers(numbers: &[f32]) -> Vec<Number> {
    numbers.iter().copied().map(Number).collect()
}
