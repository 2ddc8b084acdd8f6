//! What a policy returns is looked at before anybody learns from it.
//!
//! libtorch would repeat a tensor of a smaller shape, or round one of another kind, without a word. Only shapes and
//! kinds are looked at, which costs nothing beside a policy's arithmetic.

use crate::{Act, Evaluation, GateEvaluation, Gating, Needs, TrainError};
use commformer_env::{ActionSpace, Spec};
use tch::{Kind, Tensor};

/// Refuses what a policy with these `needs` did in a step of so many environments, unless it is as [`Act`] says.
pub fn act(act: &Act, envs: usize, spec: &Spec, needs: Needs) -> Result<(), TrainError> {
    let team = [envs as i64, spec.agents as i64];
    let [envs, agents] = team;
    match spec.actions {
        ActionSpace::Discrete(_) => {
            shape("Act::actions", &act.actions, &team)?;
            kind("Act::actions", &act.actions, Kind::Int64)?;
        }
        ActionSpace::Continuous(width) => {
            shape("Act::actions", &act.actions, &[envs, agents, width as i64])?;
            kind("Act::actions", &act.actions, Kind::Float)?;
        }
    }
    reals("Act::log_probs", &act.log_probs, &team)?;
    reals("Act::values", &act.values, &team)?;
    if needs.memory > 0 {
        let memory = [envs, agents, needs.memory as i64];
        reals("Act::memory", there("Act::memory", &act.memory)?, &memory)?;
    }
    if needs.gate > 0 {
        let gates = [envs, agents, needs.gate as i64];
        let Gating {
            open,
            log_probs,
            values,
            scores,
        } = there("Act::gate", &act.gate)?;
        reals("Gating::open", open, &gates)?;
        reals("Gating::log_probs", log_probs, &team)?;
        reals("Gating::values", values, &team)?;
        reals("Gating::scores", scores, &gates)?;
    }
    Ok(())
}

/// Refuses values of anything but this shape, (B, N).
pub fn values(values: &Tensor, expected: &[i64]) -> Result<(), TrainError> {
    reals("Policy::values", values, expected)
}

/// Refuses an evaluation of anything but samples of this shape, (B, N).
pub fn evaluation(evaluation: &Evaluation, expected: &[i64]) -> Result<(), TrainError> {
    reals("Evaluation::log_probs", &evaluation.log_probs, expected)?;
    reals("Evaluation::entropy", &evaluation.entropy, expected)?;
    reals("Evaluation::values", &evaluation.values, expected)?;
    match &evaluation.gate {
        None => Ok(()),
        Some(GateEvaluation::Action {
            log_probs,
            entropy,
            values,
            excess,
        }) => {
            reals("GateEvaluation::Action::log_probs", log_probs, expected)?;
            reals("GateEvaluation::Action::entropy", entropy, expected)?;
            reals("GateEvaluation::Action::values", values, expected)?;
            reals("GateEvaluation::Action::excess", excess, expected)
        }
        Some(GateEvaluation::StraightThrough { messages, share }) => {
            let of_messages = "GateEvaluation::StraightThrough::messages";
            reals(of_messages, messages, expected)?;
            reals("GateEvaluation::StraightThrough::share", share, expected)
        }
    }
}

/// Refuses gradients that are not those of leaves with these shapes.
pub fn gradients(gradients: &[Tensor], leaves: &[Vec<i64>]) -> Result<(), TrainError> {
    let what = "Policy::gradients";
    if gradients.len() != leaves.len() {
        let found = format!("of {} tensors", gradients.len());
        let expected = format!("{}, one for each leaf of the level", leaves.len());
        return Err(refused(what, found, expected));
    }
    (gradients.iter().zip(leaves)).try_for_each(|(gradient, leaf)| shape(what, gradient, leaf))
}

/// Refuses a policy's state unless it has the numbers of those that it was given: one that took them into copies of its weights
/// would go on with others. Tensors of another shape it has made fit, and what it made of them is its own matter.
pub fn state(state: &[(String, Tensor)], given: &[(String, Tensor)]) -> Result<(), TrainError> {
    for (name, own) in state {
        let Some((_, given)) = given.iter().find(|(of, _)| of == name) else {
            continue;
        };
        let given = given.f_to_device(own.device())?.f_to_kind(own.kind())?;
        if given.size() == own.size() && !given.f_allclose(own, 0.0, 0.0, true)? {
            return Err(refused(
                "Policy::state",
                format!("other numbers in `{name}` after `Policy::load_state`"),
                "those that it took: as long as `state` returns copies of weights, `load_state` is to \
                 write the weights themselves"
                    .into(),
            ));
        }
    }
    Ok(())
}

/// Refuses the first action that was not available to an active agent, for rows of `width` flags.
pub fn available(
    actions: &[i64],
    available: &[bool],
    active: &[bool],
    agents: usize,
) -> Result<(), TrainError> {
    let width = available.len() / actions.len().max(1);
    let rows = available.chunks_exact(width.max(1)).zip(active);
    for (row, (&action, (available, active))) in actions.iter().zip(rows).enumerate() {
        // One that does not exist is refused by the environments, which know their number.
        let allowed = usize::try_from(action).map_or(Some(&true), |at| available.get(at));
        if *active && allowed == Some(&false) {
            let of_agent: Vec<usize> = (available.iter().enumerate())
                .filter_map(|(action, available)| available.then_some(action))
                .collect();
            return Err(refused(
                "Act::actions",
                format!("{action} for agent {}", row % agents.max(1)),
                format!("one that `ObsBatch::available` allows: of {of_agent:?}"),
            ));
        }
    }
    Ok(())
}

/// Refuses what is neither of this shape nor of real numbers.
pub fn reals(what: &'static str, tensor: &Tensor, expected: &[i64]) -> Result<(), TrainError> {
    shape(what, tensor, expected)?;
    match tensor.kind() {
        Kind::Float | Kind::Double | Kind::Half | Kind::BFloat16 => Ok(()),
        other => Err(of_kind(what, other, Kind::Float)),
    }
}

fn shape(what: &'static str, tensor: &Tensor, expected: &[i64]) -> Result<(), TrainError> {
    let found = tensor.size();
    match found == expected {
        true => Ok(()),
        false => Err(refused(what, format!("{found:?}"), format!("{expected:?}"))),
    }
}

fn kind(what: &'static str, tensor: &Tensor, expected: Kind) -> Result<(), TrainError> {
    match tensor.kind() {
        found if found == expected => Ok(()),
        other => Err(of_kind(what, other, expected)),
    }
}

fn there<'a, T>(what: &'static str, part: &'a Option<T>) -> Result<&'a T, TrainError> {
    let missing = || {
        let expected = "what `Actor::needs` asks to be kept".to_owned();
        refused(what, "None".to_owned(), expected)
    };
    part.as_ref().ok_or_else(missing)
}

fn of_kind(what: &'static str, found: Kind, expected: Kind) -> TrainError {
    refused(
        what,
        format!("of kind {found:?}"),
        format!("kind {expected:?}"),
    )
}

fn refused(what: &'static str, found: String, expected: String) -> TrainError {
    TrainError::Returned {
        what,
        found,
        expected,
    }
}
