//! What a buffer takes of memory, before there is one.

use super::Buffer;
use crate::Needs;
use commformer_env::{ActionSpace, Spec, Status};

impl Buffer {
    /// Bytes of a buffer for `steps` steps of `envs` environments, in which there is room for what an actor needs
    /// ([`Buffer::with_needs`]). What truncated episodes leave comes on top. A sum of `f64`, which no size
    /// overflows.
    pub fn bytes(spec: &Spec, [envs, steps]: [usize; 2], needs: Needs) -> f64 {
        let of = |count: f64, bytes: usize| count * bytes as f64;
        let real = |count: f64| of(count, size_of::<f32>());
        let [envs, steps] = [envs, steps].map(|size| size as f64);
        let agents = envs * spec.agents as f64;
        let (acted, observed) = (steps * agents, (steps + 1.0) * agents);
        let available = match spec.actions {
            ActionSpace::Discrete(actions) if spec.masks_actions => actions as f64,
            _ => 0.0,
        };
        let actions = match spec.actions {
            ActionSpace::Discrete(_) => of(acted, size_of::<i64>()),
            ActionSpace::Continuous(width) => real(acted * width as f64),
        };
        // Log-probabilities, rewards, penalties.
        let results = real(3.0 * acted);
        let values = real(observed);
        let gates = match needs.gate {
            0 => 0.0,
            // Gates, scores and noise; values and log-probabilities.
            width => real(acted * (3.0 * width as f64 + 2.0)),
        };
        let state = match needs.state {
            true => real((steps + 1.0) * envs * spec.state_dim as f64),
            false => 0.0,
        };
        real(observed * spec.obs_dim as f64)
            + of(observed * (available + 1.0), size_of::<bool>())
            + actions
            + results
            + values
            + gates
            + real(observed * needs.memory as f64)
            + state
            + of(acted, size_of::<bool>())
            + of(steps * envs, size_of::<Status>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::taken::Taken;

    fn spec(actions: ActionSpace, masks_actions: bool) -> Spec {
        Spec {
            agents: 3,
            obs_dim: 7,
            actions,
            obs_version: 1,
            state_dim: 6,
            masks_actions,
            metrics: Vec::new(),
        }
    }

    /// Of what a buffer holds.
    fn held(buffer: &Buffer) -> usize {
        let actions = match &buffer.actions {
            Taken::Discrete(actions) => size_of_val(actions.slice().unwrap()),
            Taken::Continuous(actions) => size_of_val(actions.slice().unwrap()),
        };
        let available = buffer.available.as_ref();
        let available = available.map_or(0, |available| available.slice().unwrap().len());
        let gates = buffer.gates.as_ref().map_or(0, |gates| {
            let [scores, values] = [gates.scores(), gates.values()].map(Result::unwrap);
            3 * size_of_val(scores) + 2 * size_of_val(values)
        });
        let recurrent = buffer.recurrent.as_ref().map_or(0, |recurrent| {
            let rows = recurrent.samples().unwrap().numel() / buffer.steps;
            rows * (buffer.steps + 1) * size_of::<f32>()
        });
        let state = buffer.state.as_ref();
        let state = state.map_or(0, |state| size_of_val(state.rows.slice().unwrap()));
        actions
            + available
            + state
            + gates
            + recurrent
            + size_of_val(buffer.obs.slice().unwrap())
            + size_of_val(buffer.values.slice().unwrap())
            + size_of_val(&buffer.active[..])
            + size_of_val(&buffer.status[..])
            + size_of_val(&buffer.departed[..])
            + buffer.log_probs.numel() * size_of::<f32>()
            + (buffer.rewards.len() + buffer.penalties.len()) * size_of::<f32>()
    }

    #[test]
    fn a_buffer_holds_what_was_said_before() {
        for (actions, masks_actions, (gate, memory, state)) in [
            (ActionSpace::Discrete(5), false, (0, 0, false)),
            (ActionSpace::Discrete(5), true, (1, 0, false)),
            (ActionSpace::Discrete(5), false, (3, 9, true)),
            (ActionSpace::Continuous(2), false, (0, 4, false)),
            (ActionSpace::Continuous(2), false, (0, 0, true)),
        ] {
            let spec = spec(actions, masks_actions);
            let needs = Needs {
                gate,
                memory,
                state,
            };
            let buffer = Buffer::new(&spec, 11, 4).unwrap();
            let buffer = buffer.with_needs(needs).unwrap();
            let said = Buffer::bytes(&spec, [11, 4], needs);
            assert_eq!(said, held(&buffer) as f64, "{spec:?}, {needs:?}");
        }
    }

    #[test]
    fn by_hand() {
        // 2 environments, 1 step: 6 agents act, 12 perceive. Observations 12 x 7 x 4, active 12, actions 6 x 8,
        // log-probabilities, rewards and penalties 3 x 6 x 4, values 12 x 4, who left 6, status 2.
        let of = |needs| Buffer::bytes(&spec(ActionSpace::Discrete(5), false), [2, 1], needs);
        let said = 336.0 + 12.0 + 48.0 + 72.0 + 48.0 + 6.0 + 2.0;
        assert_eq!(of(Needs::default()), said);
        // States of 4 observations, 6 x 4 each.
        let state = Needs {
            state: true,
            ..Needs::default()
        };
        assert_eq!(of(state), said + 96.0);
    }
}
