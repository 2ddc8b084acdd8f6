//! A task that must be remembered, and a policy that can: the smallest with a recurrent state.

use crate::common::{Weights, of_taken};
use commformer_env::{
    ActionSpace, Actions, Environment, Observation, Rng, Spec, StateError, Status,
};
use commformer_train::{
    Act, Actor, Evaluation, Gates, Needs, ObsBatch, Policy, PolicyResult, Samples,
};
use std::sync::{Arc, Mutex};
use tch::{Kind, Tensor};

/// Two agents are each shown a cue in their first step, and are paid for naming it in every later one. In the second
/// step of an episode the second agent leaves, and another has its place. Episodes last three to six steps; those
/// of even length are truncated.
#[derive(Clone, Debug)]
pub struct Remembering {
    spec: Spec,
    cues: [u8; 2],
    /// Whether the cue is shown now.
    shown: [bool; 2],
    departed: [bool; 2],
    step: u8,
    limit: u8,
    /// Answers that had to be remembered, and those of them that were right.
    answers: [u8; 2],
}

impl Remembering {
    pub fn new() -> Self {
        Self {
            spec: Spec {
                metrics: vec!["right".into()],
                ..Spec::new(2, 3, ActionSpace::Discrete(2))
            },
            cues: [0; 2],
            shown: [true; 2],
            departed: [false; 2],
            step: 0,
            limit: 0,
            answers: [0; 2],
        }
    }

    fn observe(&self, out: Observation<'_>) {
        out.obs.fill(0.0);
        out.active.fill(true);
        let rows = out.obs.chunks_exact_mut(3).zip(self.cues).zip(self.shown);
        for ((row, cue), _) in rows.filter(|(_, shown)| *shown) {
            row[0] = 1.0;
            row[1 + usize::from(cue)] = 1.0;
        }
    }
}

impl Environment for Remembering {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        self.cues = [(); 2].map(|()| rng.below(2) as u8);
        self.limit = 3 + rng.below(4) as u8;
        (self.shown, self.departed) = ([true; 2], [false; 2]);
        (self.step, self.answers) = (0, [0; 2]);
        self.observe(out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let answers = actions.indices().iter().zip(self.cues).zip(self.shown);
        for (reward, ((action, cue), shown)) in rewards.iter_mut().zip(answers) {
            let right = *action == i64::from(cue);
            *reward = match (shown, right) {
                (true, _) => 0.0,
                (false, true) => 1.0,
                (false, false) => -1.0,
            };
            self.answers[0] += u8::from(!shown);
            self.answers[1] += u8::from(!shown && right);
        }
        self.step += 1;
        (self.shown, self.departed) = ([false; 2], [false; 2]);
        if self.step == 2 {
            self.cues[1] = rng.below(2) as u8;
            (self.shown[1], self.departed[1]) = (true, true);
        }
        self.observe(out);
        match (self.step == self.limit, self.limit % 2) {
            (false, _) => Status::Running,
            (true, 0) => Status::Truncated,
            (true, _) => Status::Terminated,
        }
    }

    fn metrics(&self, out: &mut [f32]) {
        out[0] = f32::from(self.answers[1]) / f32::from(self.answers[0]);
    }

    fn departed(&self) -> &[bool] {
        &self.departed
    }

    fn save(&self) -> Option<Vec<u8>> {
        let flags = [self.shown, self.departed].map(|flags| flags.map(u8::from));
        let numbers = [
            self.cues,
            flags[0],
            flags[1],
            [self.step, self.limit],
            self.answers,
        ];
        Some(numbers.as_flattened().to_vec())
    }

    fn restore(&mut self, state: &[u8], out: Observation<'_>) -> Result<(), StateError> {
        let [c, d, s, t, l, m, step, limit, a, b] = *state else {
            return Err(StateError::new("ten numbers"));
        };
        (self.cues, self.answers) = ([c, d], [a, b]);
        (self.shown, self.departed) = ([s > 0, t > 0], [l > 0, m > 0]);
        (self.step, self.limit) = (step, limit);
        self.observe(out);
        Ok(())
    }
}

/// Numbers that an agent remembers.
pub const WIDTH: i64 = 12;

/// What a policy saw and did.
#[derive(Debug, Default)]
pub struct Seen {
    /// Of each step of acting, (C, N, O).
    pub obs: Vec<Tensor>,
    /// (C, N).
    pub log_probs: Vec<Tensor>,
    pub evaluated: Vec<Evaluated>,
}

/// An evaluation of B sequences of L steps.
#[derive(Debug)]
pub struct Evaluated {
    /// (L, B, N).
    pub log_probs: Tensor,
    /// The same if no memory began anew.
    pub without_begins: Tensor,
    pub begins: Tensor,
    /// (B, N, M).
    pub memory: Tensor,
}

/// A GRU cell, one head for actions and one for values.
#[derive(Debug)]
pub struct Gru {
    weights: Weights<5>,
    pub seen: Arc<Mutex<Seen>>,
}

impl Gru {
    pub fn new(spec: &Spec, seed: u64) -> Self {
        let width = WIDTH as usize;
        let layer = |name, outputs, inputs| (name, [outputs, inputs], inputs);
        Self {
            weights: Weights::new(
                seed,
                [
                    layer("input", 3 * width, spec.obs_dim),
                    layer("memory", 3 * width, width),
                    layer("bias", 1, 3 * width),
                    layer("actions", spec.actions.size(), width),
                    layer("value", 1, width),
                ],
            ),
            seen: Arc::default(),
        }
    }

    /// What is carried on, (B, N, M), log-probabilities of all actions, (B, N, A), and values, (B, N).
    fn step(&self, obs: &Tensor, memory: &Tensor) -> [Tensor; 3] {
        let [input, own, bias, actions, value] = &self.weights.layers;
        let bias = bias.view(-1);
        let rows = |x: &Tensor| x.flatten(0, 1);
        let memory = rows(obs)
            .gru_cell(&rows(memory), input, own, Some(&bias), Some(&bias))
            .view_as(memory);
        let logits = memory.matmul(&actions.tr());
        let values = memory.matmul(&value.tr()).squeeze_dim(-1);
        [memory, logits.log_softmax(-1, Kind::Float), values]
    }

    /// Log-probabilities of all actions and values of sequences, (L, B, N, ..).
    fn unroll(&self, obs: &Tensor, memory: &Tensor, begins: &Tensor) -> [Tensor; 2] {
        let mut memory = memory.shallow_clone();
        let (mut log_probs, mut values) = (Vec::new(), Vec::new());
        for step in 0..begins.size()[0] {
            let goes_on: Tensor = 1.0 - begins.get(step).unsqueeze(-1);
            let [next, log_probs_of_step, values_of_step] =
                self.step(&obs.get(step), &(memory * goes_on));
            memory = next;
            log_probs.push(log_probs_of_step);
            values.push(values_of_step);
        }
        [Tensor::stack(&log_probs, 0), Tensor::stack(&values, 0)]
    }
}

fn memory_of<'a>(batch: &ObsBatch<'a>) -> PolicyResult<&'a Tensor> {
    Ok(batch.memory.ok_or("nothing is carried")?)
}

impl Actor for Gru {
    fn needs(&self) -> Needs {
        Needs {
            memory: WIDTH as usize,
            ..Needs::default()
        }
    }

    fn act(&self, batch: &ObsBatch<'_>, _: Gates<'_>, noise: Option<&Tensor>) -> PolicyResult<Act> {
        let [memory, all, values] = self.step(batch.obs, memory_of(batch)?);
        let scores = noise.map_or_else(|| all.shallow_clone(), |noise| &all + noise);
        let actions = scores.argmax(-1, false);
        let log_probs = of_taken(&all, &actions);
        let mut seen = self.seen.lock().unwrap();
        seen.obs.push(batch.obs.copy());
        seen.log_probs.push(log_probs.copy());
        Ok(Act {
            actions,
            log_probs,
            values,
            gate: None,
            memory: Some(memory),
        })
    }
}

impl Policy for Gru {
    unsafe fn replica(&self) -> PolicyResult<Box<dyn Policy>> {
        Ok(Box::new(Self {
            weights: self.weights.replica(),
            seen: Arc::clone(&self.seen),
        }))
    }

    fn sequence(&self) -> Option<usize> {
        Some(10)
    }

    fn parameters(&self) -> Vec<(String, Tensor)> {
        self.weights.named()
    }

    fn evaluate(
        &self,
        samples: &Samples<'_>,
        _: &mut dyn FnMut(&[i64]) -> Tensor,
    ) -> PolicyResult<Evaluation> {
        let sequence = samples.sequence.ok_or("samples by themselves")?;
        let steps = sequence.steps as i64;
        let memory = memory_of(&samples.batch)?;
        let obs = samples.batch.obs.unflatten(0, [steps, -1]);
        let [all, values] = self.unroll(&obs, memory, sequence.begins);
        let log_probs = of_taken(&all.flatten(0, 1), samples.actions);
        let nowhere = sequence.begins.zeros_like();
        let [others, _] = tch::no_grad(|| self.unroll(&obs, memory, &nowhere));
        let by_step = |x: &Tensor| x.detach().copy().unflatten(0, [steps, -1]);
        self.seen.lock().unwrap().evaluated.push(Evaluated {
            log_probs: by_step(&log_probs),
            without_begins: by_step(&of_taken(&others.flatten(0, 1), samples.actions)),
            begins: sequence.begins.copy(),
            memory: memory.copy(),
        });
        let entropy = -(all.exp() * &all).sum_dim_intlist(-1, false, Kind::Float);
        Ok(Evaluation {
            log_probs,
            entropy: entropy.flatten(0, 1),
            values: values.flatten(0, 1),
            gate: None,
        })
    }

    fn values(&self, batch: &ObsBatch<'_>, _: Gates<'_>) -> PolicyResult<Tensor> {
        let [_, _, values] = self.step(batch.obs, memory_of(batch)?);
        Ok(values)
    }
}
