//! Every size and switch of the policy and of its communication graph.

use commformer_nn::layout::unfit_size;
use commformer_nn::levels::Levels;
pub use commformer_nn::links::{PreviousAction, RelationOrder, SelfLoop};
pub use commformer_nn::passes::{AttentionOver, Precision};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ModelError;

/// What one agent chooses at each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionSpace {
    /// One of this many actions.
    Discrete(usize),
    /// A vector of this many real numbers, drawn from independent normal distributions.
    Continuous(usize),
}

impl ActionSpace {
    /// The width A of the heads' output: the number of actions, or of action dimensions.
    pub fn width(self) -> usize {
        match self {
            Self::Discrete(width) | Self::Continuous(width) => width,
        }
    }
}

/// What the relation-enhanced scores are multiplied by, with d the width of one head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScoreScale {
    /// 1 / sqrt(d), as usual in attention.
    #[serde(alias = "inverse_sqrt")]
    #[default]
    InverseSqrt,
    /// 1 / d, as in the authors' release.
    Inverse,
}

/// What an observation is brought to before the first layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObsNorm {
    /// Mean 0 and variance 1 over the numbers of one agent's observation, as in the paper. What all of them have in
    /// common, an offset or a scale, is lost, and an observation of one number says nothing.
    #[default]
    Layer,
    /// Each feature to its deviation from what was seen of it so far (`CommFormer::take_in`).
    Running,
}

/// Whose layers a network has where the Multi-Agent Transformer (Wen et al., 2022) and CommFormer, which began as one,
/// differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// The encoder's feed-forward layers have a ReLU, and heads begin with a norm.
    #[default]
    CommFormer,
    /// They have a GELU, and the head, which all agents share, begins with a layer.
    Mat,
}

/// What agents remember from step to step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Recurrence {
    /// Nothing.
    #[default]
    None,
    /// The state of a gated recurrent unit.
    Gru,
}

/// How the agents of a team decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decoding {
    /// One after the other: an agent is sent what earlier agents made of their turns, as in the paper. A step takes a round
    /// of messages for each block, and one for each agent but the first.
    #[default]
    Autoregressive,
    /// All at once, by what the encoder made of their messages. A step takes a round of messages for each block.
    Parallel,
}

/// What an agent whose gate is closed goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Closed {
    /// Its own observation.
    #[default]
    Silence,
    /// Also what it took in when it last received, and how long ago that was.
    Stale,
}

/// Whether an agent may spend one of its k senders on itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SelfEdge {
    /// It may, as in the authors' release: the graph's diagonal competes with the other senders.
    #[default]
    Counted,
    /// It may not: all k senders are other agents. An agent always hears itself anyway.
    Excluded,
}

impl SelfEdge {
    /// The most senders that a row of a graph over `agents` agents can have.
    pub fn most_senders(self, agents: usize) -> usize {
        match self {
            Self::Counted => agents,
            Self::Excluded => agents.saturating_sub(1),
        }
    }
}

/// How many senders an agent hears: k = max(1, floor(sparsity * agents)).
///
/// A share such as 0.29 of 100 agents means 29, although the product of the two floating point
/// numbers lies a little below it.
pub fn senders(sparsity: f64, agents: usize) -> usize {
    ((sparsity * agents as f64 + 1e-9).floor() as usize).max(1)
}

/// Every size and switch of the policy. [`PolicyConfig::new`] gives the defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    /// The number of agents N.
    pub agents: usize,
    /// The width O of one agent's observation.
    pub obs_dim: usize,
    /// What an agent chooses.
    pub actions: ActionSpace,
    /// The embedding width E.
    pub embed_dim: usize,
    /// Numbers that each attention of a receiver is sent by a sender (M); `None`: all of E, as in the paper.
    pub message: Option<usize>,
    /// Bits of each number of such a message, at most 8; `None`: a float's 32.
    pub message_bits: Option<usize>,
    /// The number of attention heads H; it divides E.
    pub heads: usize,
    /// The number of blocks L of the encoder, and of the decoder.
    pub blocks: usize,
    /// One output head for all agents (true), or one for each (false). Under a shared head the
    /// policy takes any number of agents, since no other weight depends on it.
    pub shared_head: bool,
    /// Whose layers it has.
    pub design: Design,
    /// Whether the attention scores read the edge embedding.
    pub relation: bool,
    /// What the scores are multiplied by.
    pub score_scale: ScoreScale,
    /// Which edge a score reads.
    pub relation_order: RelationOrder,
    /// How the diagonal of the graph enters the attention.
    pub self_loop: SelfLoop,
    /// Whether the decoder gives an agent the action of the agent before it.
    pub previous_action: PreviousAction,
    /// What an observation is brought to before the first layer.
    pub obs_norm: ObsNorm,
    /// What an agent whose gate is closed goes by.
    pub closed: Closed,
    /// What agents remember. The state joins the embedding of an agent's observation, x = LN(x + GRU(x, state)), before the
    /// gate decides and before anybody is heard. It goes with [`Closed::Silence`] alone.
    pub recurrence: Recurrence,
    /// How agents decide. In parallel there is no decoder, and the head reads the encoder's representation.
    pub decoder: Decoding,
    /// Over whom the attentions compute scores.
    pub attention_over: AttentionOver,
    /// The numbers in which linear layers multiply.
    pub precision: Precision,
    /// The share of the encoder blocks' branch outputs that is dropped while training, in [0, 1).
    /// It needs a source of noise, so `CommFormer::evaluate` applies it only when given one.
    pub dropout: f64,
}

impl PolicyConfig {
    /// The default policy (E = 64, one head, one block) for an environment of this size.
    pub fn new(agents: usize, obs_dim: usize, actions: ActionSpace) -> Self {
        Self {
            agents,
            obs_dim,
            actions,
            embed_dim: 64,
            message: None,
            message_bits: None,
            heads: 1,
            blocks: 1,
            shared_head: false,
            design: Design::default(),
            relation: true,
            score_scale: ScoreScale::default(),
            relation_order: RelationOrder::default(),
            self_loop: SelfLoop::default(),
            previous_action: PreviousAction::default(),
            obs_norm: ObsNorm::default(),
            closed: Closed::default(),
            recurrence: Recurrence::default(),
            decoder: Decoding::default(),
            attention_over: AttentionOver::default(),
            precision: Precision::default(),
            dropout: 0.0,
        }
    }

    /// Checks that the settings make a policy.
    ///
    /// # Errors
    /// [`ModelError::Config`] names the first setting that does not fit.
    pub fn validate(&self) -> Result<(), ModelError> {
        let sizes = [
            ("agents", self.agents),
            ("obs_dim", self.obs_dim),
            ("actions", self.actions.width()),
            ("embed_dim", self.embed_dim),
            ("message", self.message_width()),
            ("heads", self.heads),
            ("blocks", self.blocks),
        ];
        for (setting, size) in sizes {
            if let Some(problem) = unfit_size(size) {
                return Err(ModelError::Config { setting, problem });
            }
        }
        if !self.embed_dim.is_multiple_of(self.heads) {
            return Err(ModelError::Config {
                setting: "heads",
                problem: format!(
                    "found {}, expected a divisor of `embed_dim`, which is {}",
                    self.heads, self.embed_dim
                ),
            });
        }
        if self.message_width() > self.embed_dim {
            return Err(ModelError::Config {
                setting: "message",
                problem: format!(
                    "found {}, expected at most `embed_dim`, which is {}",
                    self.message_width(),
                    self.embed_dim
                ),
            });
        }
        match self.message_bits {
            Some(bits) if !(1..=Levels::MOST_BITS).contains(&bits) => {
                return Err(ModelError::Config {
                    setting: "message_bits",
                    problem: format!("found {bits}, expected 1 to {}", Levels::MOST_BITS),
                });
            }
            Some(bits) if self.message.is_none() => {
                return Err(ModelError::Config {
                    setting: "message_bits",
                    problem: format!(
                        "found {bits} without `message`, expected both: only narrow messages are rounded"
                    ),
                });
            }
            _ => {}
        }
        if self.design == Design::Mat && !self.shared_head {
            return Err(ModelError::Config {
                setting: "shared_head",
                problem: "found false, expected true: MAT's agents share their head".to_owned(),
            });
        }
        if self.recurrence == Recurrence::Gru && self.closed == Closed::Stale {
            return Err(ModelError::Config {
                setting: "recurrence",
                problem:
                    "found `gru` with `closed` as `stale`, expected one of them: agents remember \
                          one thing or the other"
                        .to_owned(),
            });
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(ModelError::Config {
                setting: "dropout",
                problem: format!("found {}, expected a share in [0, 1)", self.dropout),
            });
        }
        Ok(())
    }

    /// Numbers that each attention is sent by a sender: M, or E.
    pub fn message_width(&self) -> usize {
        self.message.unwrap_or(self.embed_dim)
    }

    /// Bytes of those numbers.
    pub(crate) fn message_vector_bytes(&self) -> usize {
        Levels::bytes_of(self.levels(), self.message_width())
    }

    /// What the numbers of a message are rounded to.
    pub(crate) fn levels(&self) -> Option<Levels> {
        self.message_bits.map(Levels::of_bits)
    }

    /// Numbers that an agent carries from a step to the next: its recurrent state, or what it keeps of old messages.
    pub fn memory_width(&self) -> usize {
        self.recurrent_width() + self.stale_width()
    }

    /// The width of the recurrent state: E, or 0 without one.
    pub fn recurrent_width(&self) -> usize {
        match self.recurrence {
            Recurrence::None => 0,
            Recurrence::Gru => self.embed_dim,
        }
    }

    /// See `CommFormer::stale_width`.
    pub fn stale_width(&self) -> usize {
        match self.closed {
            Closed::Silence => 0,
            // A digest for each block, and their age.
            Closed::Stale => self.blocks.saturating_mul(self.embed_dim).saturating_add(1),
        }
    }

    /// Whether passes without autograd run on the native kernels where the device is the CPU.
    #[cfg(feature = "torch")]
    pub(crate) fn is_native(&self) -> bool {
        self.precision == Precision::Float32
    }

    /// What the attention scores are multiplied by.
    pub(crate) fn scale(&self) -> f64 {
        let width = (self.embed_dim / self.heads) as f64;
        match self.score_scale {
            ScoreScale::InverseSqrt => width.sqrt().recip(),
            ScoreScale::Inverse => width.recip(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_is_the_floor_and_at_least_one() {
        assert_eq!(senders(0.4, 5), 2);
        assert_eq!(senders(0.4, 3), 1);
        assert_eq!(senders(0.01, 3), 1);
        assert_eq!(senders(0.29, 100), 29);
        assert_eq!(senders(1.0, 7), 7);
    }

    #[test]
    fn each_bad_setting_is_named() {
        let good = PolicyConfig::new(3, 17, ActionSpace::Discrete(5));
        assert!(good.validate().is_ok());
        let check = |change: fn(&mut PolicyConfig), name: &str| {
            let mut config = good.clone();
            change(&mut config);
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        };
        check(|c| c.agents = 0, "`agents`");
        check(|c| c.message = Some(0), "`message`");
        check(|c| c.message = Some(65), "`message`: found 65");
        check(|c| c.message_bits = Some(4), "`message_bits`");
        for bits in [0, 9] {
            let refused = PolicyConfig {
                message: Some(4),
                message_bits: Some(bits),
                ..good.clone()
            };
            let problem = refused.validate().unwrap_err().to_string();
            assert!(
                problem.contains(&format!("found {bits}, expected 1 to 8")),
                "{problem}"
            );
        }
        check(|c| c.heads = 3, "`heads`");
        check(|c| c.heads = 0, "`heads`");
        check(|c| c.obs_dim = usize::MAX, "`obs_dim`");
        check(|c| c.dropout = 1.0, "`dropout`");
        check(|c| c.dropout = f64::NAN, "`dropout`");
        check(|c| c.actions = ActionSpace::Continuous(0), "`actions`");
        check(|c| c.design = Design::Mat, "`shared_head`");
        let both = |c: &mut PolicyConfig| {
            (c.recurrence, c.closed) = (Recurrence::Gru, Closed::Stale);
        };
        check(both, "`recurrence`");
    }
}
