//! What agents decide before they exchange messages, of what they know themselves. Decisions are part of the joint action.
//! The trainer has them as receive gates (B, N, N): 1 where receiver i (row) takes in what sender j (column) says.

use super::decides::Decides;
use super::inputs::parts;
use super::policy::ActorCritic;
use super::talk::Talk;
use commformer_gate::decision;
use commformer_nn::Ops;
use commformer_nn::torch::Torch;
use commformer_train::{GateEvaluation, Gates, Gating, ObsBatch, PolicyResult, ReceiveGates};
use tch::{Kind, Tensor};

/// Points of the integral in [`log_prob_of_set`].
const POINTS: i64 = 128;
/// Between these y its integrand is not 0.
const FROM: f64 = -16.0;
const TO: f64 = 5.5;
/// The largest difference of log-weights in it.
const LARGEST: f64 = 12.0;

impl Decides {
    /// Decisions of agents with these logits (B, n, ..), who could hear `others` (1 or B, n, N), of 1 and 0: (B, n, 1)
    /// of those who send, (B, n, N) of those who hear.
    fn draw(self, logits: &Tensor, gates: Gates<'_>, others: &Tensor) -> Tensor {
        match (self, gates) {
            (_, Gates::Open) => logits.ones_like(),
            // In execution as in training, as IC3Net's authors do: an agent that says nothing where that is a little more
            // likely might never say anything.
            (Self::Send, Gates::Drawn(noise) | Gates::Decided(noise)) => {
                decision::draw(logits, &of_senders(noise))
            }
            (Self::Hear(count), Gates::Decided(_)) => largest(logits, count, others),
            (Self::Hear(count), Gates::Drawn(noise)) => {
                let gumbel = -(-noise.log()).log();
                largest(&(logits + gumbel), count, others)
            }
        }
    }

    /// Log-probabilities of decisions and their entropies, (B, n); of those who hear that of the first choice.
    fn score(self, logits: &Tensor, open: Option<&Tensor>, others: &Tensor) -> [Tensor; 2] {
        match (self, open) {
            (Self::Send, open) => {
                let open = open.map_or_else(|| logits.ones_like(), Tensor::shallow_clone);
                let scores = [decision::log_prob(logits, &open), decision::entropy(logits)];
                scores.map(|score| score.squeeze_dim(-1))
            }
            (Self::Hear(count), open) => {
                let log_probs = among(logits, others).log_softmax(-1, Kind::Float);
                let entropy = -sum_last(&(log_probs.exp() * &log_probs * others));
                // All open is no choice.
                let chosen = match open {
                    Some(open) => log_prob_of_set(logits, open, count as i64, others),
                    None => &entropy * 0.0,
                };
                [chosen, entropy]
            }
        }
    }
}

/// The logits of others, and very small ones elsewhere.
pub(super) fn among(logits: &Tensor, others: &Tensor) -> Tensor {
    logits.masked_fill(&others.le(0.5), -1e10)
}

/// 1 for the `count` others with the largest scores, or for all if they are fewer, (B, n, N).
fn largest(scores: &Tensor, count: usize, others: &Tensor) -> Tensor {
    tch::no_grad(|| {
        let scores = among(scores, others);
        let count = (count as i64).min(scores.size()[2]);
        let (_, best) = scores.topk(count, -1, true, false);
        let open = scores.zeros_like().scatter_value(-1, &best, 1.0);
        open * others
    })
}

/// The log-probability that `count` draws without replacement, by the softmax of logits, are the set `open`, in
/// whichever order, (B, n); 0 where there was nothing to choose.
///
/// With w the weights of the set's members, and W the sum of those of all other candidates, it is the integral of the
/// product of 1 - v^(w / W) over v from 0 to 1 (Kool et al., "Estimating Gradients for Discrete Random Variables by
/// Sampling without Replacement", 2020, appendix). With v = exp(-e^y) its integrand is a smooth hill over y, about
/// 1 / sqrt(k) wide for k members, which few points at equal distances sum up.
fn log_prob_of_set(logits: &Tensor, open: &Tensor, count: i64, others: &Tensor) -> Tensor {
    let count = count.min(logits.size()[2]);
    let others = others.expand_as(logits);
    let rest = among(logits, &(&others - open)).logsumexp([-1i64].as_slice(), true);
    let (_, members) = open.detach().topk(count, -1, true, false);
    let weights = logits.gather(-1, &members, false) - rest; // (B, n, k)
    let weights = weights.clamp(-LARGEST, LARGEST).exp().unsqueeze(-1);
    let step = (TO - FROM) / POINTS as f64;
    let y = (Tensor::arange(POINTS, (Kind::Float, logits.device())) + 0.5) * step + FROM;
    let minus_log_v = y.exp();
    let members = (-(weights * -&minus_log_v).expm1()).log(); // (B, n, k, points)
    let product = members.sum_dim_intlist([-2i64].as_slice(), false, Kind::Float);
    let log_dv = y - minus_log_v + step.ln();
    let log_prob = (product + log_dv).logsumexp([-1i64].as_slice(), false);
    let chose = sum_last(&others).gt(count as f64);
    log_prob.where_self(&chose, &log_prob.zeros_like())
}

fn sum_last(x: &Tensor) -> Tensor {
    x.sum_dim_intlist([-1i64].as_slice(), false, Kind::Float)
}

impl<T: Talk> ActorCritic<T> {
    /// What the agents of B teams decide; `None` if they decide nothing.
    pub(super) fn decide(&self, batch: &ObsBatch<'_>, gates: Gates<'_>) -> Option<Gating> {
        let gate = self.network.actor.gate.as_ref()?;
        let (own, others) = (self.own(batch.obs), batch.graph.others());
        self.decide_among(batch.memory, &own, &others, gates)
            .map(|gating| match gate.decides {
                Decides::Send => Gating {
                    open: to_receivers(&gating.open),
                    ..gating
                },
                Decides::Hear(_) => gating,
            })
    }

    /// The decisions of some agents of each team, with what they remember, see and could hear.
    pub(super) fn decide_among(
        &self,
        memory: Option<&Tensor>,
        own: &Tensor,
        others: &Tensor,
        gates: Gates<'_>,
    ) -> Option<Gating> {
        let tower = &self.network.actor;
        let gate = tower.gate.as_ref()?;
        let [memory, _] = parts(memory, self.network.memory(), own);
        let mut ops = Torch::new(self.parameters.leaves(), own.size()[1], self.precision);
        // The actor encodes this again: on a CPU by the kernels, whose numbers differ by rounding.
        let x = tower.encode(&mut ops, (None, own));
        let x = tower.talk.prepare(&mut ops, &x);
        let mind = tower.talk.begin(&mut ops, x, memory?);
        let before = tower.decides_on(&mut ops, &mind)?;
        let [logits, values] =
            (gate.layers.each_ref()).map(|layer| ops.exact_linear(layer, &before));
        let open = gate.decides.draw(&logits, gates, others);
        let set = match gates {
            Gates::Open => None,
            Gates::Drawn(_) | Gates::Decided(_) => Some(&open),
        };
        let [log_probs, _] = gate.decides.score(&logits, set, others);
        Some(Gating {
            log_probs,
            values: values.squeeze_dim(-1),
            // There is no threshold to compare anything with.
            scores: Tensor::full_like(&others.expand([own.size()[0], -1, -1], false), f64::NAN),
            open,
        })
    }

    /// Scores decisions, from logits (B, N, ..) and values (B, N, 1).
    pub(super) fn evaluate_gate(
        &self,
        batch: &ObsBatch<'_>,
        logits: &Tensor,
        values: &Tensor,
        open: Option<&Tensor>,
    ) -> Option<GateEvaluation> {
        let decides = self.network.actor.gate.as_ref()?.decides;
        let open = open.map(|open| match decides {
            Decides::Send => of_senders(open),
            Decides::Hear(_) => open.shallow_clone(),
        });
        let others = batch.graph.others();
        let [log_probs, entropy] = decides.score(logits, open.as_ref(), &others);
        Some(GateEvaluation::Action {
            excess: log_probs.zeros_like(),
            log_probs,
            entropy,
            values: values.squeeze_dim(-1),
        })
    }
}

/// (B, N, N) -> (B, N, 1): what each agent decides itself.
fn of_senders(open: &Tensor) -> Tensor {
    open.diagonal(0, -2, -1).unsqueeze(-1)
}

/// What each agent decides, (B, N, 1), as its receivers have it, (B, N, N).
pub(super) fn to_receivers(own: &Tensor) -> Tensor {
    let agents = own.size()[1];
    let rows = own.transpose(-2, -1).expand([-1, agents, -1], false);
    rows.contiguous()
}

/// The gates as the network takes them; `None`: all are open.
pub(super) fn in_force<'a>(gating: Option<&'a Gating>, gates: Gates<'_>) -> Option<&'a Tensor> {
    match gates {
        Gates::Open => None,
        Gates::Drawn(_) | Gates::Decided(_) => gating.map(|gating| &gating.open),
    }
}

impl<T: Talk> ReceiveGates for ActorCritic<T> {
    fn draws_by_threshold(&self) -> bool {
        false
    }

    /// Execution draws, or takes what is most likely.
    fn has_threshold(&self) -> bool {
        false
    }

    fn calibrate(&mut self, _: &[f32], _: f64, _: Option<f64>) -> PolicyResult<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum over all orders of a set's members.
    fn by_orders(weights: &[f64], set: &[usize]) -> f64 {
        let total: f64 = weights.iter().sum();
        if set.is_empty() {
            return 1.0;
        }
        let first = |at: usize| {
            let mut rest = weights.to_vec();
            let weight = std::mem::replace(&mut rest[set[at]], 0.0);
            let others: Vec<usize> = set.iter().copied().filter(|one| *one != set[at]).collect();
            weight / total * by_orders(&rest, &others)
        };
        (0..set.len()).map(first).sum()
    }

    #[test]
    fn a_set_is_as_likely_as_all_its_orders() {
        let logits = [0.3f32, -1.0, 2.5, 0.0, -4.0, 1.0];
        let others = [1.0f32, 1.0, 1.0, 0.0, 1.0, 1.0];
        let row = |x: &[f32]| Tensor::from_slice(x).view([1, 1, 6]);
        let weights: Vec<f64> = (logits.iter().zip(others))
            .map(|(logit, other)| f64::from(*logit).exp() * f64::from(other))
            .collect();
        for set in [
            &[2][..],
            &[4],
            &[0, 2],
            &[1, 4],
            &[0, 1, 5],
            &[1, 2, 4],
            &[0, 1, 4, 5],
        ] {
            let open: Vec<f32> = (0..6)
                .map(|at| f32::from(u8::from(set.contains(&at))))
                .collect();
            let count = set.len() as i64;
            let found = log_prob_of_set(&row(&logits), &row(&open), count, &row(&others));
            let (found, expected) = (found.double_value(&[0, 0]), by_orders(&weights, set).ln());
            assert!(
                (found - expected).abs() < 2e-3,
                "{set:?}: {found}, {expected}"
            );
        }
        // All five: there was nothing to choose.
        let all = log_prob_of_set(&row(&logits), &row(&others), 5, &row(&others));
        assert_eq!(all.double_value(&[0, 0]), 0.0);
    }

    /// The same of a set of `chosen` members of each of two weights.
    fn of_two_weights(weights: [f64; 2], agents: [usize; 2], chosen: [usize; 2]) -> f64 {
        let total: f64 = weights[0] * agents[0] as f64 + weights[1] * agents[1] as f64;
        // What remains to be drawn once i and j members are.
        let mut drawn = vec![vec![0.0f64; chosen[1] + 2]; chosen[0] + 2];
        for i in (0..=chosen[0]).rev() {
            for j in (0..=chosen[1]).rev() {
                let rest = total - weights[0] * i as f64 - weights[1] * j as f64;
                let first = (chosen[0] - i) as f64 * weights[0] * drawn[i + 1][j];
                let second = (chosen[1] - j) as f64 * weights[1] * drawn[i][j + 1];
                drawn[i][j] = if [i, j] == chosen {
                    1.0
                } else {
                    (first + second) / rest
                };
            }
        }
        drawn[0][0].ln()
    }

    #[test]
    fn sets_of_large_teams_are_as_likely_as_all_their_orders() {
        for (agents, chosen, logits) in [
            ([20, 10], [8, 4], [0.0f32, 0.0]),
            ([60, 40], [30, 10], [0.0, 0.0]),
            ([60, 40], [10, 30], [1.0, -1.0]),
            ([60, 40], [40, 0], [-2.0, 1.0]),
            ([100, 100], [50, 30], [0.5, -0.5]),
        ] {
            let members = |class: usize, of: usize| {
                (0..agents[class]).map(move |at| (class, f32::from(u8::from(at < of))))
            };
            let (classes, open): (Vec<usize>, Vec<f32>) =
                members(0, chosen[0]).chain(members(1, chosen[1])).unzip();
            let of_agents: Vec<f32> = classes.iter().map(|class| logits[*class]).collect();
            let row = |x: &[f32]| Tensor::from_slice(x).view([1, 1, -1]);
            let others = row(&open).ones_like();
            let count = (chosen[0] + chosen[1]) as i64;
            let found = log_prob_of_set(&row(&of_agents), &row(&open), count, &others);
            let found = found.double_value(&[0, 0]);
            let expected = of_two_weights(logits.map(|x| f64::from(x).exp()), agents, chosen);
            assert!(
                (found - expected).abs() < 1e-2,
                "{agents:?}, {chosen:?}: {found}, {expected}"
            );
        }
    }

    #[test]
    fn agents_hear_the_best_of_those_whom_they_could_hear() {
        let scores = Tensor::from_slice(&[3f32, 1.0, 2.0, 9.0]).view([1, 1, 4]);
        let others = Tensor::from_slice(&[1f32, 1.0, 1.0, 0.0]).view([1, 1, 4]);
        let open = |count| Vec::<f32>::try_from(largest(&scores, count, &others).view(-1)).unwrap();
        assert_eq!(open(2), [1.0, 0.0, 1.0, 0.0]);
        assert_eq!(open(4), [1.0, 1.0, 1.0, 0.0]);
        assert_eq!(open(9), [1.0, 1.0, 1.0, 0.0]);
    }
}
