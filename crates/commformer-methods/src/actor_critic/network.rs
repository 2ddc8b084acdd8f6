//! The networks of actor-critics, written once over [`Ops`].
//!
//! After Yu et al., "The Surprising Effectiveness of PPO in Cooperative Multi-Agent Games" (2022), appendix, and its
//! code. With f an activation and LN a layer norm, a *tower* is
//!
//! ```text
//! first layer     h = LN(f(W LN(x)))
//! others          h = LN(f(W h))
//! talk            what agents remember and tell each other; of IPPO and MAPPO nothing, or
//!                 s = GRU(h, s);  h = LN(s)
//! heads           W h
//! ```
//!
//! Where nobody knows the scales of observations, x has each of their numbers as its deviation from the mean of all that were
//! seen, in standard deviations, at most 10.
//!
//! One tower, of all agents, makes actions of what an agent sees. Another makes values, and they share nothing; or
//! values are a head of the first.

use super::decides::Decides;
use super::talk::{Heard, Mind, Silent, Talk};
use super::{Activation, ActorCriticConfig};
use commformer_model::ActionSpace;
use commformer_nn::Ops;
use commformer_nn::layers::{Linear, Norm};
use commformer_nn::layout::{Init, Layout, Slot};
use commformer_nn::recurrent::Hidden;

/// How a head starts that values are made of.
const VALUE: Init = Init::Orthogonal(1.0);

/// What the names of tensors begin with that no gradient reaches: moments of the observations.
pub(super) const MOMENTS: &str = "actor.obs.";

/// The towers of a team.
#[derive(Clone, Debug)]
pub(super) struct Network<T> {
    pub layout: Layout,
    pub actor: Tower<T>,
    /// `None`: the actor makes values, too, or nothing does.
    pub critic: Option<Tower<Silent>>,
    /// (A), for continuous actions.
    pub log_std: Option<Slot>,
    /// Mean and variance of each number of an observation, (O), and how many observations there were, (1).
    pub moments: Option<[Slot; 3]>,
}

/// From rows of inputs to rows of outputs, for each agent by itself but for what it hears.
#[derive(Clone, Debug)]
pub(super) struct Tower<T> {
    /// Numbers that a whole team sees (S).
    pub shared: usize,
    /// Numbers that an agent sees by itself.
    pub inputs: usize,
    activation: commformer_nn::layers::Activation,
    pub input_norm: Option<Norm>,
    layers: Vec<(Linear, Norm)>,
    pub talk: T,
    /// Of an actor: actions and, without a critic, values. Of a critic: values.
    pub heads: Vec<Linear>,
    /// What agents decide before they exchange messages.
    pub gate: Option<Gate>,
}

/// What agents decide on, of what they have in mind when a step begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    pub decides: Decides,
    /// Logits of the decisions, and what an agent's state is worth before it decides.
    pub layers: [Linear; 2],
}

/// What a tower goes on from, through one step or several.
pub(super) struct Carried<O: Ops> {
    /// What agents remember before the first step, (.., M), and who begins anew in which.
    pub memory: Hidden<O::Value>,
    /// Whom they hear in each step, or in all; empty if they say nothing.
    pub heard: Vec<Heard<O>>,
}

/// What comes of a pass.
pub(super) struct Ran<V> {
    /// Of each head.
    pub outputs: Vec<V>,
    /// Logits and values of the gate.
    pub gate: Option<[V; 2]>,
    /// What is remembered after the last step, (.., M).
    pub memory: Option<V>,
}

/// What makes values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Values {
    /// A critic, which sees so many numbers of the whole team before those of an agent.
    Critic(usize),
    /// A head of the actor.
    Head,
    /// Nothing: agents that do not learn need none.
    Nothing,
}

/// What a network is made of.
pub(super) struct Sizes<'a> {
    pub config: &'a ActorCriticConfig,
    /// Numbers that an agent sees.
    pub seen: usize,
    pub values: Values,
    pub actions: ActionSpace,
    /// What agents decide on.
    pub decides: Option<Decides>,
    /// N
    pub agents: usize,
    /// Numbers of an observation whose scales nobody knows, so that they are learned; else `None`.
    pub unscaled: Option<usize>,
}

impl<T: Talk> Network<T> {
    /// The network of these sizes, whose actors talk as `talk` makes it.
    pub fn new(sizes: &Sizes<'_>, talk: impl FnOnce(&mut Layout, &str) -> T) -> Self {
        let mut layout = Layout::new();
        let (config, seen) = (sizes.config, sizes.seen);
        let mut heads = vec![("head", sizes.actions.width(), Init::SMALL)];
        if sizes.values == Values::Head {
            heads.push(("value", 1, VALUE));
        }
        let scaled = sizes.unscaled.is_none();
        let inputs = ([0, seen], scaled);
        let mut actor = Tower::new(&mut layout, "actor", inputs, &heads, config, talk);
        actor.gate = sizes.decides.map(|decides| {
            let seen = match decides {
                Decides::Send => 0,
                Decides::Hear(_) => actor.talk.prepared(),
            };
            let (width, decisions) = (actor.talk.width() + seen, decides.width(sizes.agents));
            let mut layer =
                |name: &str, outputs, init| Linear::new(&mut layout, name, [width, outputs], init);
            Gate {
                decides,
                layers: [
                    layer("actor.gate", decisions, Init::SMALL),
                    layer("actor.gate.value", 1, VALUE),
                ],
            }
        });
        let critic = match sizes.values {
            Values::Critic(shared) => {
                let talk = |layout: &mut Layout, name: &str| config.silent(layout, name);
                let (inputs, heads) = (([shared, seen], scaled), [("head", 1, VALUE)]);
                Some(Tower::new(
                    &mut layout,
                    "critic",
                    inputs,
                    &heads,
                    config,
                    talk,
                ))
            }
            Values::Head | Values::Nothing => None,
        };
        let log_std = match sizes.actions {
            ActionSpace::Discrete(_) => None,
            ActionSpace::Continuous(width) => {
                Some(layout.whole("actor.log_std", &[width], Init::Ones))
            }
        };
        // Last, so that the leaves that are trained are the first ones.
        let moments = sizes.unscaled.map(|width| {
            let mut moment =
                |name: &str, width, init| layout.whole(&format!("{MOMENTS}{name}"), &[width], init);
            [
                moment("mean", width, Init::Zeros),
                moment("variance", width, Init::Ones),
                moment("count", 1, Init::Zeros),
            ]
        });
        Self {
            layout,
            actor,
            critic,
            log_std,
            moments,
        }
    }

    /// How many of the leaves are trained: the first ones.
    pub fn trained(&self) -> usize {
        self.layout.leaves().len() - self.moments.map_or(0, |moments| moments.len())
    }

    /// Numbers that an agent carries from step to step, the actor's and the critic's.
    pub fn memory(&self) -> [usize; 2] {
        let critic = self
            .critic
            .as_ref()
            .map_or(0, |critic| critic.talk.memory());
        [self.actor.talk.memory(), critic]
    }
}

impl<T: Talk> Tower<T> {
    fn new(
        layout: &mut Layout,
        name: &str,
        ([shared, own], scaled): ([usize; 2], bool),
        heads: &[(&str, usize, Init)],
        config: &ActorCriticConfig,
        talk: impl FnOnce(&mut Layout, &str) -> T,
    ) -> Self {
        let width = config.hidden;
        let inputs = shared.saturating_add(own);
        // Of a single number it would leave nothing.
        let input_norm = (inputs > 1 || scaled)
            .then(|| Norm::new(layout, &format!("{name}.input_norm"), inputs));
        let layers = (0..config.layers)
            .map(|index| {
                let inputs = if index == 0 { inputs } else { width };
                let name = format!("{name}.layers.{index}");
                let linear = Linear::new(layout, &name, [inputs, width], Init::ACTIVATED);
                (linear, Norm::new(layout, &format!("{name}.norm"), width))
            })
            .collect();
        let talk = talk(layout, name);
        let width = talk.width();
        let head = |&(head, outputs, init): &(&str, usize, Init)| {
            Linear::new(layout, &format!("{name}.{head}"), [width, outputs], init)
        };
        Self {
            shared,
            inputs: own,
            activation: match config.activation {
                Activation::Relu => commformer_nn::layers::Activation::Relu,
                Activation::Tanh => commformer_nn::layers::Activation::Tanh,
            },
            input_norm,
            layers,
            talk,
            heads: heads.iter().map(head).collect(),
            gate: None,
        }
    }

    /// What an agent sees, of the whole team (teams, shared) and by itself (.., inputs), as it is talked about.
    pub fn encode<O: Ops>(
        &self,
        ops: &mut O,
        (shared, inputs): (Option<&O::Value>, &O::Value),
    ) -> O::Value {
        let mut x = ops.same(inputs);
        for (index, (layer, norm)) in self.layers.iter().enumerate() {
            let f = self.activation;
            x = match (index, &self.input_norm, shared) {
                (0, Some(norm), None) => ops.observe(None, norm, layer, f, &x),
                (0, Some(norm), Some(shared)) => ops.observe_shared(norm, layer, f, shared, &x),
                _ => ops.activated(layer, f, &x),
            };
            x = ops.norm(norm, &x, None);
        }
        x
    }

    /// Outputs of what [`encode`](Self::encode) takes; where agents remember, which needs `carried`, also what they
    /// remember after the last step. Inputs of several steps are one step after the other.
    pub fn run<O: Ops>(
        &self,
        ops: &mut O,
        inputs: (Option<&O::Value>, &O::Value),
        carried: Option<Carried<O>>,
    ) -> Ran<O::Value> {
        let x = self.encode(ops, inputs);
        let Some(carried) = carried else {
            return Ran {
                outputs: self.outputs(ops, &x),
                gate: None,
                memory: None,
            };
        };
        let x = self.talk.prepare(ops, &x);
        let Hidden {
            state: mut memory,
            goes_on,
        } = carried.memory;
        let steps = goes_on.len();
        let (mut before, mut features) = (Vec::new(), Vec::new());
        for (step, goes_on) in goes_on.iter().enumerate() {
            if let Some(goes_on) = goes_on {
                memory = ops.scale_rows(&memory, goes_on);
            }
            let x = match steps {
                1 => ops.same(&x),
                _ => ops.step(&x, step, steps),
            };
            let mut mind = self.talk.begin(ops, x, memory);
            before.extend(self.decides_on(ops, &mind));
            if let Some(heard) = carried.heard.get(step).or(carried.heard.first()) {
                self.exchange(ops, &mut mind, heard);
            }
            self.talk.close(ops, &mut mind);
            features.push(mind.h);
            memory = mind.memory;
        }
        let features = joined(ops, features);
        let features = self.talk.finish(ops, &features);
        let gate = self.gate.as_ref().map(|gate| {
            let before = joined(ops, before);
            gate.layers
                .each_ref()
                .map(|layer| ops.exact_linear(layer, &before))
        });
        Ran {
            outputs: self.outputs(ops, &features),
            gate,
            memory: Some(memory),
        }
    }

    /// What the gate decides on, if there is one.
    pub fn decides_on<O: Ops>(&self, ops: &mut O, mind: &Mind<O::Value>) -> Option<O::Value> {
        Some(match self.gate.as_ref()?.decides {
            Decides::Send => ops.same(&mind.h),
            Decides::Hear(_) => ops.concat(&mind.h, &mind.x),
        })
    }

    /// Whether those who are silent count in what is heard.
    pub fn counts_silence(&self) -> bool {
        (self.gate.as_ref()).is_some_and(|gate| gate.decides == Decides::Send)
    }

    /// All rounds of a step.
    fn exchange<O: Ops>(&self, ops: &mut O, mind: &mut Mind<O::Value>, heard: &Heard<O>) {
        for round in 0..self.talk.rounds() {
            let said = self.talk.say(ops, round, mind);
            self.talk.hear(ops, round, mind, &said, heard);
        }
    }

    /// What the heads make of features.
    pub fn outputs<O: Ops>(&self, ops: &mut O, features: &O::Value) -> Vec<O::Value> {
        let head = |head| ops.exact_linear(head, features);
        self.heads.iter().map(head).collect()
    }
}

/// The rows of all steps.
fn joined<O: Ops>(ops: &mut O, steps: Vec<O::Value>) -> O::Value {
    match &steps[..] {
        [only] => ops.same(only),
        several => ops.join_steps(several),
    }
}
