//! The team's receive gate: from `[gate]` to decisions.

use crate::config::{GateConfig, GateEstimator, GateExecution, GateMode};
use commformer_env::Rng;
use commformer_gate::{
    GateError, Per, TemporalGate, TemporalGateConfig, decision, fixed, quantile_threshold,
    spread_threshold,
};
use commformer_train::{
    GateEvaluation, GateSamples, Gates, Gating, PolicyResult, Purpose, ReceiveGates, TeamGraphs,
    seed_for,
};
use tch::{Device, Kind, Tensor};

/// The stream of the gate's starting weights, apart from the policy's, which a gate does not change.
const STREAM: u64 = 1;

/// A gate of any kind.
#[derive(Debug)]
pub struct TeamGate {
    kind: Kinds,
    /// Of straight-through gradients.
    temperature: f64,
    estimator: GateEstimator,
    execution: GateExecution,
}

#[derive(Debug)]
enum Kinds {
    Open,
    Learned(Box<TemporalGate>),
    Random(f64),
    Periodic(f64),
    /// Open where the entropy lies above this threshold, (1), shared by all replicas.
    Uncertainty(Tensor),
}

/// What a gate goes by: B teams of N agents.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Embeddings of their own observations, (B, N, E).
    pub embedding: &'a Tensor,
    /// Whom they can hear.
    pub graph: &'a TeamGraphs,
    /// What each agent's gate carries from the step before, (B, N, [`TeamGate::carried_width`]);
    /// `None`: nothing, as in the first step of an episode.
    pub carried: Option<&'a Tensor>,
    /// The entropy of each agent's distribution if it heard nobody, (B, N).
    pub entropy_alone: Option<&'a Tensor>,
}

/// What it decided.
#[derive(Debug)]
pub struct Decision {
    /// For the rollout's memory.
    pub gating: Gating,
    /// What each agent's gate carries to the next step.
    pub carried: Option<Tensor>,
}

impl TeamGate {
    /// The gate of a team of `agents` whose policy embeds observations in `width` numbers; `None` if
    /// it has none.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the settings make no gate or the device refuses it.
    pub fn new(
        config: &GateConfig,
        [agents, width]: [usize; 2],
        seed: u64,
        device: Device,
    ) -> Result<Option<Self>, GateError> {
        let kind = match config.mode {
            GateMode::Off => return Ok(None),
            GateMode::Open => Kinds::Open,
            GateMode::Random => Kinds::Random(config.target_rate),
            GateMode::Periodic => Kinds::Periodic(config.target_rate),
            GateMode::Uncertainty => Kinds::Uncertainty(Tensor::from_slice(&[0.0f32])),
            GateMode::Learned => {
                let mut rng = Rng::new(seed_for(seed, Purpose::Weights), STREAM);
                let sizes = TemporalGateConfig {
                    per: config.per,
                    ..TemporalGateConfig::new(agents, width)
                };
                Kinds::Learned(Box::new(TemporalGate::new(&sizes, device, &mut || {
                    rng.normal()
                })?))
            }
        };
        Ok(Some(Self {
            kind,
            temperature: config.temperature,
            estimator: config.estimator,
            execution: config.execution,
        }))
    }

    /// The same gate with gradients of its own.
    ///
    /// # Errors
    ///
    /// [`GateError::Torch`].
    ///
    /// # Safety
    ///
    /// As for [`TemporalGate::replica`].
    pub unsafe fn replica(&self) -> Result<Self, GateError> {
        Ok(Self {
            kind: match &self.kind {
                Kinds::Open => Kinds::Open,
                // SAFETY: the caller keeps to it.
                Kinds::Learned(gate) => Kinds::Learned(Box::new(unsafe { gate.replica() }?)),
                Kinds::Random(rate) => Kinds::Random(*rate),
                Kinds::Periodic(rate) => Kinds::Periodic(*rate),
                Kinds::Uncertainty(threshold) => Kinds::Uncertainty(threshold.shallow_clone()),
            },
            ..*self
        })
    }

    /// Decisions of each agent (W).
    pub fn width(&self) -> usize {
        match &self.kind {
            Kinds::Learned(gate) => gate.config().decisions(),
            _ => 1,
        }
    }

    /// Numbers that each agent's gate carries from step to step: a clock, or the openings it is owed.
    pub fn carried_width(&self) -> usize {
        match &self.kind {
            Kinds::Periodic(_) => 1,
            Kinds::Learned(gate) if self.execution == GateExecution::Spread => {
                gate.config().decisions()
            }
            _ => 0,
        }
    }

    /// Whether it learns when to open.
    pub fn is_learned(&self) -> bool {
        matches!(self.kind, Kinds::Learned(_))
    }

    /// Whether it goes by the policy's own entropy.
    pub fn needs_entropy(&self) -> bool {
        matches!(self.kind, Kinds::Uncertainty(_))
    }

    /// Whether the action's loss flows through its decisions.
    pub fn is_straight_through(&self) -> bool {
        matches!(self.kind, Kinds::Learned(_)) && self.estimator == GateEstimator::StraightThrough
    }

    /// Whether it looks at who is heard by whom.
    pub fn reads_graph(&self) -> bool {
        match &self.kind {
            Kinds::Learned(gate) => gate.config().per == Per::Edge || self.is_straight_through(),
            _ => false,
        }
    }

    /// What is trained.
    pub fn parameters(&self) -> Vec<(String, Tensor)> {
        match &self.kind {
            Kinds::Learned(gate) => gate.parameters(),
            _ => Vec::new(),
        }
    }

    /// What is saved.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        match &self.kind {
            Kinds::Learned(gate) => gate.state(),
            Kinds::Uncertainty(threshold) => vec![(THRESHOLD.to_owned(), threshold.copy())],
            _ => Vec::new(),
        }
    }

    /// Takes what was saved.
    ///
    /// # Errors
    ///
    /// [`GateError::State`].
    pub fn load_state(&mut self, state: &[(String, Tensor)]) -> Result<(), GateError> {
        match &mut self.kind {
            Kinds::Learned(gate) => gate.load_state(state),
            Kinds::Uncertainty(threshold) => {
                let own = [(THRESHOLD.to_owned(), threshold.shallow_clone())];
                Ok(commformer_torch::named::copy_into(&own, state)?)
            }
            _ => Ok(commformer_torch::named::copy_into(&[], state)?),
        }
    }

    /// Sets the gates of B teams.
    ///
    /// # Errors
    ///
    /// [`GateError`] if a tensor has the wrong shape.
    pub fn decide(&self, evidence: &Evidence<'_>, gates: Gates<'_>) -> Result<Decision, GateError> {
        let per_agent = evidence.embedding.narrow(-1, 0, 1); // (B, N, 1)
        let none = || per_agent.zeros_like();
        let simple = |open: Tensor, scores: Tensor| Gating {
            open,
            log_probs: none().squeeze_dim(-1),
            values: none().squeeze_dim(-1),
            scores,
        };
        let nothing = || per_agent.full_like(f64::NAN);
        let mut carried = match (self.carried_width(), evidence.carried) {
            (0, _) => None,
            (_, Some(carried)) => Some(carried.shallow_clone()),
            (width, None) => Some(per_agent.zeros_like().repeat([1, 1, width as i64])),
        };
        let gating = match (&self.kind, gates) {
            (Kinds::Learned(gate), gates) => {
                self.by_network(gate, evidence, gates, &mut carried)?
            }
            (_, Gates::Open) | (Kinds::Open, _) => simple(per_agent.ones_like(), nothing()),
            (Kinds::Random(rate), Gates::Drawn(noise) | Gates::Decided(noise)) => {
                simple(fixed::random(noise, *rate), nothing())
            }
            (Kinds::Periodic(rate), Gates::Drawn(noise) | Gates::Decided(noise)) => {
                let phase = carried.unwrap_or_else(none);
                let (open, phase) = fixed::periodic(&phase, noise, *rate);
                carried = Some(phase);
                simple(open, nothing())
            }
            (Kinds::Uncertainty(threshold), Gates::Drawn(_) | Gates::Decided(_)) => {
                let entropy = match evidence.entropy_alone {
                    Some(entropy) => entropy.unsqueeze(-1),
                    None => none(),
                };
                let threshold = threshold.double_value(&[0]);
                simple(decision::execute(&entropy, threshold), entropy)
            }
        };
        Ok(Decision { gating, carried })
    }

    fn by_network(
        &self,
        gate: &TemporalGate,
        evidence: &Evidence<'_>,
        gates: Gates<'_>,
        carried: &mut Option<Tensor>,
    ) -> Result<Gating, GateError> {
        let found = gate.forward(evidence.embedding)?;
        let logits = found.logits;
        let open = match gates {
            Gates::Open => logits.ones_like(),
            Gates::Drawn(noise) => decision::draw(&logits, noise),
            Gates::Decided(_) => match carried {
                None => decision::execute(&logits, gate.threshold()),
                Some(owed) => {
                    let (open, after) = decision::spread(&logits, gate.threshold(), owed);
                    *owed = after;
                    open
                }
            },
        };
        let scores = match gate.config().per {
            Per::Receiver => logits.shallow_clone(),
            Per::Edge => {
                let no_edge = others(evidence.graph).le(0.5);
                logits.masked_fill(&no_edge, f64::NAN)
            }
        };
        Ok(Gating {
            log_probs: self.joint(gate, &decision::log_prob(&logits, &open), evidence.graph),
            values: found.values,
            open,
            scores,
        })
    }

    /// The sum over each agent's decisions that matter: (B, N, W) -> (B, N).
    fn joint(&self, gate: &TemporalGate, of_decisions: &Tensor, graph: &TeamGraphs) -> Tensor {
        match gate.config().per {
            Per::Receiver => of_decisions.squeeze_dim(-1),
            Per::Edge => sum_last(&(of_decisions * others(graph))),
        }
    }

    /// Scores gates that were set, or all open ones; and gives the gates through which the action's
    /// loss is to flow, (B, N, W). `None` for gates that do not learn.
    ///
    /// # Errors
    ///
    /// [`GateError`] if a tensor has the wrong shape.
    pub fn evaluate(
        &self,
        embedding: &Tensor,
        graph: &TeamGraphs,
        samples: Option<&GateSamples>,
    ) -> Result<(Option<GateEvaluation>, Option<Tensor>), GateError> {
        let set = samples.map(|samples| samples.open.shallow_clone());
        let Kinds::Learned(gate) = &self.kind else {
            return Ok((None, set));
        };
        match (self.estimator, samples) {
            (GateEstimator::Action, _) => {
                let found = gate.forward(embedding)?;
                let open = match &set {
                    Some(open) => open.shallow_clone(),
                    None => found.logits.ones_like(),
                };
                let log_probs = decision::log_prob(&found.logits, &open);
                let entropy = decision::entropy(&found.logits);
                let evaluation = GateEvaluation::Action {
                    log_probs: self.joint(gate, &log_probs, graph),
                    entropy: self.joint(gate, &entropy, graph),
                    excess: self.joint(gate, &decision::excess(&found.logits), graph),
                    values: found.values,
                };
                Ok((Some(evaluation), set))
            }
            (GateEstimator::StraightThrough, None) => Ok((None, None)),
            (GateEstimator::StraightThrough, Some(samples)) => {
                let logits = gate.logits(embedding)?;
                let open = decision::straight_through(&logits, &samples.noise, self.temperature);
                let edges = others(graph);
                let possible = sum_last(&edges); // (1 or B, N)
                let messages = sum_last(&(&open * &edges)); // (B, N)
                let evaluation = GateEvaluation::StraightThrough {
                    share: &messages / possible.clamp_min(1.0),
                    messages,
                };
                Ok((Some(evaluation), Some(open)))
            }
        }
    }
}

impl ReceiveGates for TeamGate {
    fn draws_by_threshold(&self) -> bool {
        matches!(self.kind, Kinds::Uncertainty(_))
    }

    fn calibrate(&mut self, scores: &[f32], target: f64, found: Option<f64>) -> PolicyResult<()> {
        match &mut self.kind {
            Kinds::Learned(gate) => {
                let now = gate.threshold();
                let threshold = match self.execution {
                    GateExecution::Spread => spread_threshold(scores, target, found, now),
                    GateExecution::Threshold => quantile_threshold(scores, target),
                };
                if let Some(threshold) = threshold {
                    gate.set_threshold(threshold)?;
                }
            }
            Kinds::Uncertainty(own) => {
                if let Some(threshold) = quantile_threshold(scores, target) {
                    let _ = own.f_fill_(threshold)?;
                }
            }
            Kinds::Open | Kinds::Random(_) | Kinds::Periodic(_) => {}
        }
        Ok(())
    }
}

const THRESHOLD: &str = "gate.threshold";

/// Gates (B, N, W) as the policy takes them: (B, N) for receivers, (B, N, N) for edges.
pub fn for_policy(open: &Tensor) -> Tensor {
    match open.size().last() {
        Some(1) => open.squeeze_dim(-1),
        _ => open.shallow_clone(),
    }
}

/// The teams' graphs without their diagonals, (1 or B, N, N).
fn others(graph: &TeamGraphs) -> Tensor {
    let graph = graph.of_each().detach();
    let agents = graph.size().last().copied().unwrap_or(0);
    let own = Tensor::eye(agents, (Kind::Float, graph.device()));
    &graph * own.ones_like().subtract(&own)
}

fn sum_last(x: &Tensor) -> Tensor {
    x.sum_dim_intlist([-1i64].as_slice(), false, Kind::Float)
}
