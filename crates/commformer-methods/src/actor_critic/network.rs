//! The networks of IPPO and MAPPO, written once over [`Ops`].
//!
//! After Yu et al., "The Surprising Effectiveness of PPO in Cooperative Multi-Agent Games" (2022), appendix, and its
//! code. With f an activation and LN a layer norm, a *tower* is
//!
//! ```text
//! first layer     h = LN(f(W LN(x)))
//! others          h = LN(f(W h))
//! recurrent       s = GRU(h, s);  h = LN(s)
//! head            W h
//! ```
//!
//! One tower, of all agents, makes actions of what an agent sees; another makes values. They share nothing.

use super::{Activation, ActorCriticConfig, Recurrence};
use commformer_env::ActionSpace;
use commformer_nn::Ops;
use commformer_nn::layers::{Gru, Linear, Norm};
use commformer_nn::layout::{Init, Layout, Slot};
use commformer_nn::recurrent::{Hidden, unroll};

/// Both towers of a team.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub layout: Layout,
    pub actor: Tower,
    pub critic: Tower,
    /// (A), for continuous actions.
    pub log_std: Option<Slot>,
}

/// From rows of inputs to rows of outputs, for each agent by itself.
#[derive(Clone, Debug)]
pub(super) struct Tower {
    /// Width of an input.
    pub inputs: usize,
    /// Width of an output.
    pub outputs: usize,
    activation: commformer_nn::layers::Activation,
    input_norm: Norm,
    layers: Vec<(Linear, Norm)>,
    cell: Option<(Gru, Norm)>,
    head: Linear,
}

impl Network {
    /// Of a team whose actor and critic see so many numbers.
    pub fn new(config: &ActorCriticConfig, inputs: [usize; 2], actions: ActionSpace) -> Self {
        let mut layout = Layout::new();
        let [seen, critic_width] = inputs;
        let head = Init::SMALL;
        let actor = Tower::new(&mut layout, "actor", [seen, actions.size()], head, config);
        let head = Init::Orthogonal(1.0);
        let critic = Tower::new(&mut layout, "critic", [critic_width, 1], head, config);
        let log_std = match actions {
            ActionSpace::Discrete(_) => None,
            ActionSpace::Continuous(width) => {
                Some(layout.whole("actor.log_std", &[width], Init::Ones))
            }
        };
        Self {
            layout,
            actor,
            critic,
            log_std,
        }
    }
}

impl Tower {
    fn new(
        layout: &mut Layout,
        name: &str,
        [inputs, outputs]: [usize; 2],
        head: Init,
        config: &ActorCriticConfig,
    ) -> Self {
        let width = config.hidden;
        let input_norm = Norm::new(layout, &format!("{name}.input_norm"), inputs);
        let layers = (0..config.layers)
            .map(|index| {
                let inputs = if index == 0 { inputs } else { width };
                let name = format!("{name}.layers.{index}");
                let linear = Linear::new(layout, &name, [inputs, width], Init::ACTIVATED);
                (linear, Norm::new(layout, &format!("{name}.norm"), width))
            })
            .collect();
        let cell = match config.recurrence {
            Recurrence::None => None,
            Recurrence::Gru => {
                let (gru, norm) = (format!("{name}.gru"), format!("{name}.gru.norm"));
                let cell = Gru::new(layout, &gru, [width, width], Init::Orthogonal(1.0));
                Some((cell, Norm::new(layout, &norm, width)))
            }
        };
        Self {
            inputs,
            outputs,
            activation: match config.activation {
                Activation::Relu => commformer_nn::layers::Activation::Relu,
                Activation::Tanh => commformer_nn::layers::Activation::Tanh,
            },
            input_norm,
            layers,
            cell,
            head: Linear::new(layout, &format!("{name}.head"), [width, outputs], head),
        }
    }

    /// Outputs (.., outputs) of inputs (.., inputs); of a recurrent tower, which needs `hidden`, also what it remembers
    /// after the last step, (.., H). Inputs of several steps are one step after the other.
    pub fn run<O: Ops>(
        &self,
        ops: &mut O,
        inputs: &O::Value,
        hidden: Option<Hidden<O::Value>>,
    ) -> (O::Value, Option<O::Value>) {
        let mut x = ops.same(inputs);
        for (index, (layer, norm)) in self.layers.iter().enumerate() {
            x = match index {
                0 => ops.observe(None, &self.input_norm, layer, self.activation, &x),
                _ => ops.activated(layer, self.activation, &x),
            };
            x = ops.norm(norm, &x, None);
        }
        let mut after = None;
        if let (Some((cell, norm)), Some(hidden)) = (&self.cell, hidden) {
            let (states, last) = unroll(ops, cell, &x, hidden);
            x = ops.norm(norm, &states, None);
            after = Some(last);
        }
        (ops.exact_linear(&self.head, &x), after)
    }
}
