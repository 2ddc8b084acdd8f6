//! `[policy]`: sizes and switches of the network.

use commformer_model::{Decoding, Design, Recurrence, RelationOrder, ScoreScale, SelfLoop};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

/// Sizes and switches of the network; the task's sizes come from `[env]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySettings {
    /// Width of an embedding (E).
    #[default = 64]
    #[schemars(range(min = 1))]
    pub embed_dim: usize,
    /// Numbers that each attention is sent by a sender. Left out: all of `embed_dim`, as in the paper.
    #[schemars(range(min = 1, max = 65536))]
    pub message: Option<usize>,
    /// Bits of each number of such a message: it is rounded to one of 2 to the power of so many. Left out: a float's 32.
    #[schemars(range(min = 1, max = 8))]
    pub message_bits: Option<usize>,
    /// Attention heads (H); they divide `embed_dim`.
    #[default = 1]
    #[schemars(range(min = 1))]
    pub heads: usize,
    /// Blocks of the encoder, and of the decoder (L).
    #[default = 1]
    #[schemars(range(min = 1))]
    pub blocks: usize,
    /// Whether all agents share one output head. Weights then serve any number of agents (`train --weights`, `eval
    /// --set env.agents=5`); a learned graph keeps its logits among those who were there, and new agents begin with
    /// 1.
    pub shared_head: bool,
    /// Whose layers it has; a method's own matter, and no setting.
    #[default(Design::CommFormer)]
    #[serde(skip)]
    pub design: Design,
    /// Whether attention scores read the edge embedding.
    #[default = true]
    pub relation: bool,
    /// What attention scores are multiplied by, with d the width of a head.
    #[default(ScoreScale::InverseSqrt)]
    pub score_scale: ScoreScale,
    /// Which edge the score of receiver i and sender j reads.
    #[default(RelationOrder::ReceiverSender)]
    pub relation_order: RelationOrder,
    /// How an agent's own entry of the graph enters the attention.
    #[default(SelfLoop::Keep)]
    pub self_loop: SelfLoop,
    /// When the decoder gives an agent the action of the agent before it.
    #[default(PreviousActionName::Auto)]
    pub previous_action: PreviousActionName,
    /// How observations are normalised before the first layer.
    #[default(ObsNormName::Auto)]
    pub obs_norm: ObsNormName,
    /// What agents remember from step to step; `gru` goes with `gate.closed = "silence"`.
    #[default(Recurrence::None)]
    pub recurrence: Recurrence,
    /// Steps through which a recurrent network's gradient flows: the largest number up to it that divides
    /// `rollout.steps`.
    #[default = 10]
    #[schemars(range(min = 1, max = 1048576))]
    pub sequence: usize,
    /// How agents decide.
    #[default(Decoding::Autoregressive)]
    pub decoder: Decoding,
    /// Share of the activations in the encoder's blocks that updates drop.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1.0))]
    pub dropout: f64,
}

/// When an agent is given the action of the agent before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PreviousActionName {
    /// `heard` with a gate, so that a closed one means silence; `always` without, as in the paper.
    Auto,
    /// In any case.
    Always,
    /// Along an open edge.
    Heard,
}

/// What an observation is brought to before the first layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ObsNormName {
    /// `layer` for the built-in tasks, `running` for others: of them nobody knows what their numbers are like.
    Auto,
    /// Mean 0 and variance 1 over the numbers of one agent's observation.
    Layer,
    /// Each feature to its deviation from what was seen of it so far.
    Running,
}
