//! What happened to teams in some steps, for tests of policies that act step by step and learn from sequences.

use commformer_env::{ActionSpace, Rng, Spec};
use commformer_methods::Team;
use commformer_train::{
    Evaluation, GateEvaluation, GateSamples, Gates, Level, ObsBatch, Samples, Sequence, TeamGraphs,
    by_autograd,
};
use tch::{Device, Kind, Tensor};

/// Teams, and steps of each in a sequence.
pub const TEAMS: i64 = 4;
pub const STEPS: i64 = 5;
pub const AGENTS: i64 = 3;

/// A task of three agents.
pub fn spec(actions: ActionSpace, state_dim: usize) -> Spec {
    Spec {
        state_dim,
        masks_actions: true,
        ..Spec::new(AGENTS as usize, 7, actions)
    }
}

/// What happened to teams in a sequence of steps, step by step.
pub struct Happened {
    pub obs: Tensor,
    pub state: Option<Tensor>,
    pub available: Option<Tensor>,
    pub active: Option<Tensor>,
    pub begins: Tensor,
    pub memory: Option<Tensor>,
    pub graph: TeamGraphs,
    /// Noise of gates that are drawn; `None`: all are open.
    pub gate_noise: Option<Tensor>,
    /// Of the scores in a loss.
    weights: [Tensor; 6],
    pub noise: Tensor,
}

impl Happened {
    /// Of a policy that carries so many numbers, and hears nobody.
    pub fn new(spec: &Spec, memory: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed, 0);
        let rows = TEAMS * STEPS;
        let mut normals = |shape: &[i64]| {
            let count = shape.iter().product::<i64>();
            let numbers: Vec<f32> = (0..count).map(|_| rng.normal()).collect();
            Tensor::from_slice(&numbers).view(shape)
        };
        let width = spec.actions.size() as i64;
        let state = normals(&[rows, spec.state_dim.max(1) as i64]);
        // One agent or more is not there in about every second step; who is gone comes back later.
        let active = normals(&[rows, AGENTS]).gt(-1.0).to_kind(Kind::Float);
        let begins = normals(&[STEPS, TEAMS, AGENTS])
            .gt(0.7)
            .to_kind(Kind::Float);
        let available = normals(&[rows, AGENTS, width]).gt(-0.5);
        let _ = available.select(-1, 0).fill_(1); // something can always be done
        Self {
            obs: normals(&[rows, AGENTS, spec.obs_dim as i64]),
            state: (spec.state_dim > 0).then_some(state),
            available: matches!(spec.actions, ActionSpace::Discrete(_)).then_some(available),
            active: Some(active),
            begins,
            memory: (memory > 0).then(|| normals(&[TEAMS, AGENTS, memory as i64])),
            weights: [(); 6].map(|()| normals(&[rows, AGENTS])),
            graph: TeamGraphs::none(Device::Cpu),
            gate_noise: None,
            noise: normals(&[rows, AGENTS, width]),
        }
    }

    /// What each step's teams go on with: the rows of one step.
    pub fn step(&self, x: &Tensor, step: i64) -> Tensor {
        x.narrow(0, step * TEAMS, TEAMS)
    }

    /// The graphs of one step.
    pub fn graph(&self, step: i64) -> TeamGraphs {
        TeamGraphs {
            graphs: self.graph.graphs.shallow_clone(),
            of: self.graph.of.as_ref().map(|of| self.step(of, step)),
        }
    }

    /// Calls `each` with every step's observations, gates and noise, in which what agents carry is set to zeros where
    /// somebody begins anew. It returns what they carry on.
    pub fn walk(&self, mut each: impl FnMut(&ObsBatch<'_>, Gates<'_>, &Tensor) -> Option<Tensor>) {
        let mut memory = self.memory.as_ref().map(Tensor::copy);
        for step in 0..STEPS {
            let goes_on: Tensor = 1.0 - self.begins.get(step).unsqueeze(-1);
            memory = memory.map(|memory| memory * goes_on);
            let of = |x: &Option<Tensor>| x.as_ref().map(|x| self.step(x, step));
            let (available, active, state) =
                (of(&self.available), of(&self.active), of(&self.state));
            let batch = ObsBatch {
                obs: &self.step(&self.obs, step),
                available: available.as_ref(),
                graph: &self.graph(step),
                active: active.as_ref(),
                state: state.as_ref(),
                memory: memory.as_ref(),
            };
            let gates = of(&self.gate_noise);
            let gates = gates.as_ref().map_or(Gates::Open, Gates::Drawn);
            memory = each(&batch, gates, &self.step(&self.noise, step));
        }
    }

    /// Acts step by step: actions, log-probabilities and values, and of gates, if there are any, whether they are open,
    /// log-probabilities and values.
    pub fn act(&self, policy: &dyn Team) -> Vec<Tensor> {
        let mut acts: Vec<Vec<Tensor>> = Vec::new();
        self.walk(|batch, gates, noise| {
            let act = policy.act(batch, gates, Some(noise)).unwrap();
            let gate = act
                .gate
                .map(|gate| [gate.open, gate.log_probs, gate.values]);
            let of_act = [act.actions, act.log_probs, act.values];
            acts.push(
                of_act
                    .into_iter()
                    .chain(gate.into_iter().flatten())
                    .collect(),
            );
            act.memory
        });
        let joined =
            |of: usize| Tensor::cat(&acts.iter().map(|act| &act[of]).collect::<Vec<_>>(), 0);
        (0..acts[0].len()).map(joined).collect()
    }

    /// Scores of the actions and gates of [`act`](Self::act), and gradients of a loss of all scores, by autograd or by
    /// the kernels.
    pub fn evaluate(
        &self,
        policy: &dyn Team,
        acts: &[Tensor],
        autograd: bool,
    ) -> (Vec<Tensor>, Vec<Tensor>) {
        let gate = self.gate_noise.as_ref().map(|noise| GateSamples {
            open: acts[3].shallow_clone(),
            noise: noise.shallow_clone(),
        });
        let samples = Samples {
            sequence: policy.sequence().map(|_| Sequence {
                steps: STEPS as usize,
                begins: &self.begins,
            }),
            batch: ObsBatch {
                obs: &self.obs,
                available: self.available.as_ref(),
                graph: &self.graph,
                active: self.active.as_ref(),
                state: self.state.as_ref(),
                memory: self.memory.as_ref(),
            },
            actions: &acts[0],
            gate: gate.as_ref(),
        };
        let mut scores = Vec::new();
        let mut loss = |found: &Evaluation| {
            let mut all = vec![&found.log_probs, &found.entropy, &found.values];
            if let Some(GateEvaluation::Action {
                log_probs,
                entropy,
                values,
                ..
            }) = &found.gate
            {
                all.extend([log_probs, entropy, values]);
            }
            scores = all.iter().map(|score| score.detach()).collect();
            let terms = all.into_iter().zip(&self.weights);
            terms.map(|(x, weight)| (x * weight).sum(Kind::Float)).sum()
        };
        let mut noise = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
        let gradients = match autograd {
            true => by_autograd(policy, Level::Lower, &samples, &mut noise, &mut loss),
            false => policy.gradients(Level::Lower, &samples, &mut noise, &mut loss),
        };
        (scores, gradients.unwrap())
    }
}

/// The largest difference, as a share of the largest number.
pub fn off(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    let most = |x: &Tensor| x.detach().abs().max().double_value(&[]);
    most(&(found - expected)) / most(expected).max(1.0)
}
