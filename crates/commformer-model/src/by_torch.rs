//! CommFormer's passes by libtorch, on any device.

mod stale;

pub(crate) use stale::StaleState;

use commformer_nn::torch::{Links, Torch, hidden};
use tch::{Kind, Tensor};

use crate::config::{ActionSpace, Decoding};
use crate::input::Input;
use crate::network::Given;
use crate::{Act, CommFormer, ModelError, Observations};
use commformer_nn::torch::Distribution;

impl CommFormer {
    /// A pass by libtorch over teams of so many agents.
    pub(crate) fn torch(&self, agents: i64) -> Torch<'_> {
        Torch::new(self.leaves(), agents, self.config().precision)
    }

    /// The deviations 0.5 * sigmoid(log_std) of continuous actions: (A).
    pub(crate) fn std(&self) -> Option<Tensor> {
        let slot = self.network.decoder.log_std?;
        Some(self.leaves()[slot.index()].sigmoid() * 0.5)
    }

    /// [`CommFormer::embed`], and what agents remember after it.
    pub(crate) fn embed_by_torch(
        &self,
        obs: &Observations<'_>,
    ) -> Result<(Tensor, Option<Tensor>), ModelError> {
        let teams = self.check_observations(obs)?;
        let hidden = (obs.state(self.config(), teams)).map(|state| hidden(&state, obs.goes_on));
        Ok((self.network).embed(&mut self.torch(teams[1]), obs.obs, hidden))
    }

    /// All agents at once by libtorch: the decoder's outputs (B, N, A) and the values (B, N).
    pub(crate) fn whole(
        &self,
        ops: &mut Torch<'_>,
        input: &Input<'_>,
        links: &Links,
        actions: &Tensor,
    ) -> (Tensor, Tensor) {
        let network = &self.network;
        let stale = StaleState::new(input, links, self.config());
        let stale = stale.as_ref().map(StaleState::inputs);
        let ready = network.ready(ops, true);
        let (representation, _) =
            network.encode(ops, &ready, input.embedding, links, stale.as_ref());
        let values = network.values(ops, &representation).squeeze_dim(-1);
        let given = self.given(actions, links);
        let output = network.decode(
            ops,
            &ready,
            (&given, None),
            &representation,
            (links, true),
            &mut |_, x| x.shallow_clone(),
        );
        (output, values)
    }

    /// What the decoder is given when all agents took these actions.
    fn given(&self, actions: &Tensor, links: &Links) -> Given<Tensor, Tensor> {
        if self.config().decoder == Decoding::Parallel {
            return Given::Nothing;
        }
        let agents = actions.size()[1];
        let previous = actions.narrow(1, 0, agents - 1);
        let mut first = actions.size();
        first[1] = 1;
        let first = Tensor::zeros(first, (actions.kind(), actions.device()));
        match self.config().actions {
            ActionSpace::Discrete(_) => {
                let given = match links.passes() {
                    Some(passes) => (previous + 1) * passes,
                    None => previous + 1,
                };
                Given::Tokens(Tensor::cat(&[first, given], 1)) // (B, N)
            }
            ActionSpace::Continuous(_) => {
                let none = first.new_zeros([1, 1], (Kind::Int64, first.device()));
                let given = flagged(&previous, links.passes());
                Given::Vectors(Tensor::cat(&[flagged(&first, Some(&none)), given], 1))
            }
        }
    }

    /// The same for agent `agent` alone, (B, 1), after the agent before it took `previous`, (B) or (B, A).
    fn given_one(
        &self,
        [batch, agent]: [i64; 2],
        previous: Option<&Tensor>,
        links: &Links,
    ) -> Given<Tensor, Tensor> {
        let passes = links.passes().filter(|_| agent > 0);
        let passes = passes.map(|passes| passes.narrow(-1, agent - 1, 1)); // (1 or B, 1)
        match (self.config().actions, previous) {
            (ActionSpace::Discrete(_), None) => {
                Given::Tokens(Tensor::zeros([batch, 1], (Kind::Int64, self.device())))
            }
            (ActionSpace::Discrete(_), Some(action)) => {
                let token = action.unsqueeze(1) + 1;
                Given::Tokens(match passes {
                    Some(passes) => token * passes,
                    None => token,
                })
            }
            (ActionSpace::Continuous(width), None) => {
                let start =
                    Tensor::zeros([batch, 1, width as i64 + 1], (Kind::Float, self.device()));
                let _ = start.narrow(2, 0, 1).fill_(1.0);
                Given::Vectors(start)
            }
            (ActionSpace::Continuous(_), Some(action)) => {
                Given::Vectors(flagged(&action.unsqueeze(1), passes.as_ref()))
            }
        }
    }

    /// [`CommFormer::act`] by libtorch. The inputs have been checked.
    pub(crate) fn act_by_torch(
        &self,
        input: &Input<'_>,
        noise: Option<&Tensor>,
        [batch, agents]: [i64; 2],
    ) -> Act {
        let _guard = tch::no_grad_guard();
        let network = &self.network;
        let (mut ops, links) = (self.torch(agents), input.links(self.config()));
        let stale = StaleState::new(input, &links, self.config());
        let inputs = stale.as_ref().map(StaleState::inputs);
        let ready = network.ready(&mut ops, true);
        let embedding = input.embedding;
        let (representation, others) =
            network.encode(&mut ops, &ready, embedding, &links, inputs.as_ref());
        let values = network.values(&mut ops, &representation).squeeze_dim(-1);
        if self.config().decoder == Decoding::Parallel {
            let output = network.head(&mut ops, &representation);
            let distribution = Distribution::new(output, input.available, self.std());
            let (actions, log_probs) = distribution.choose(noise);
            return Act {
                actions,
                log_probs,
                values,
                stale: stale.map(|stale| stale.next(&others)),
            };
        }
        let mut actions: Vec<Tensor> = Vec::new();
        let mut log_probs = Vec::new();
        for agent in 0..agents {
            let own = |x: &Tensor| x.select(1, agent);
            ops.turn(agent);
            let given = self.given_one([batch, agent], actions.last(), &links);
            let output = network.decode(
                &mut ops,
                &ready,
                (&given, None),
                &representation.narrow(1, agent, 1),
                (&links, true),
                &mut |_, x| x.shallow_clone(),
            );
            let available = input.available.map(own);
            let output = output.squeeze_dim(1);
            let distribution = Distribution::new(output, available.as_ref(), self.std());
            let (action, log_prob) = distribution.choose(noise.map(own).as_ref());
            actions.push(action);
            log_probs.push(log_prob);
        }
        Act {
            actions: Tensor::stack(&actions, 1),
            log_probs: Tensor::stack(&log_probs, 1),
            values,
            stale: stale.map(|stale| stale.next(&others)),
        }
    }
}

/// Continuous actions (B, M, A) with the start token's flag in front, (B, M, A + 1); where `passes`
/// (1 or B, M) is 0, the flag alone.
fn flagged(actions: &Tensor, passes: Option<&Tensor>) -> Tensor {
    let given = match passes {
        Some(passes) => passes.unsqueeze(-1).to_kind(actions.kind()),
        None => actions.new_ones([1, 1, 1], (actions.kind(), actions.device())),
    };
    let size = actions.size();
    let start: Tensor = 1.0 - &given;
    let start = start.expand([size[0], size[1], 1], false);
    Tensor::cat(&[start, actions * given], 2)
}
