//! `[policy]`: sizes and switches of the network.

use commformer_model::{Design, RelationOrder, ScoreScale, SelfLoop};
use serde::{Deserialize, Serialize};

/// Sizes and switches of the network; the task's sizes come from `[env]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySettings {
    /// Width of an embedding (E).
    pub embed_dim: usize,
    /// Attention heads (H); they divide `embed_dim`.
    pub heads: usize,
    /// Blocks of the encoder, and of the decoder (L).
    pub blocks: usize,
    /// One output head for all agents instead of one each.
    pub shared_head: bool,
    /// Whose layers it has; a method's own matter, and no setting.
    #[serde(skip)]
    pub design: Design,
    /// Whether attention reads the edge embedding.
    pub relation: bool,
    /// What scores are multiplied by: 1/sqrt(d), or 1/d as in the authors' release.
    #[serde(with = "ScoreScaleName")]
    pub score_scale: ScoreScale,
    /// Whether the score of receiver i and sender j reads e(i, j), or e(j, i) as in the release.
    #[serde(with = "RelationOrderName")]
    pub relation_order: RelationOrder,
    /// Whether an agent's own message counts once, or A(i, i) + 1 times as in the release.
    #[serde(with = "SelfLoopName")]
    pub self_loop: SelfLoop,
    /// Whether the decoder gives an agent the action of the agent before it in any case, or only along
    /// an open edge.
    pub previous_action: PreviousActionName,
    /// What an observation is brought to before the first layer.
    pub obs_norm: ObsNormName,
    /// Share of the encoder's activations dropped in updates.
    pub dropout: f64,
}

/// When an agent is given the action of the agent before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObsNormName {
    /// `layer` for the built-in tasks, `running` for others: of them nobody knows what their numbers are like.
    Auto,
    /// Mean 0 and variance 1 over the numbers of one agent's observation.
    Layer,
    /// Each feature to its deviation from what was seen of it so far.
    Running,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            embed_dim: 64,
            heads: 1,
            blocks: 1,
            shared_head: false,
            design: Design::CommFormer,
            relation: true,
            score_scale: ScoreScale::InverseSqrt,
            relation_order: RelationOrder::ReceiverSender,
            self_loop: SelfLoop::Keep,
            previous_action: PreviousActionName::Auto,
            obs_norm: ObsNormName::Auto,
            dropout: 0.0,
        }
    }
}

/// How the model's choice is written here.
#[derive(Serialize, Deserialize)]
#[serde(remote = "ScoreScale", rename_all = "kebab-case")]
enum ScoreScaleName {
    InverseSqrt,
    Inverse,
}

/// How the model's choice is written here.
#[derive(Serialize, Deserialize)]
#[serde(remote = "RelationOrder", rename_all = "kebab-case")]
enum RelationOrderName {
    ReceiverSender,
    SenderReceiver,
}

/// How the model's choice is written here.
#[derive(Serialize, Deserialize)]
#[serde(remote = "SelfLoop", rename_all = "kebab-case")]
enum SelfLoopName {
    Keep,
    Add,
}
