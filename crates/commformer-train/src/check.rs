//! Settings that cannot work are refused before any work.

use crate::rollout::graphs::entries;
use crate::{GatePlan, GraphPlan, RolloutConfig, Settings, TrainError, UpperData};
use schemars::JsonSchema;
use serde::Serialize;
use tch::{Kind, Tensor};

/// Refuses the first setting that cannot work with `envs` environments, for a policy that evaluates
/// sequences of this `length`, or samples by themselves (1).
pub fn settings(
    settings: &Settings,
    plan: &GraphPlan,
    envs: usize,
    length: usize,
) -> Result<(), TrainError> {
    let (ppo, rollout) = (&settings.ppo, &settings.rollout);
    check(
        "rollout.num_envs",
        rollout.num_envs,
        envs == rollout.num_envs && envs > 0,
        "as many as there are environments",
    )?;
    ranges("rollout", rollout)?;
    ranges("ppo", ppo)?;
    episodes(settings.run.eval_episodes)?;
    if let GraphPlan::Learned(graph) = plan {
        ranges("graph", graph)?;
        // A schedule that leaves one level as it is has its uses: `BilevelConfig::conflict` is for who wants both to learn.
        let kept = graph.upper_envs(envs).len();
        let both = graph.upper_data == UpperData::Same || (kept > 0 && kept < envs);
        let expected =
            format!("a share that leaves each level at least one of the {envs} environments");
        check("graph.held_out", graph.held_out, both, &expected)?;
    }
    // After the share held out, on which the number of samples depends.
    let lower_envs = crate::update::bilevel::lower_envs(plan, envs);
    let samples = lower_envs.saturating_mul(rollout.steps) / length;
    let what = match length {
        1 => "the samples of an iteration".to_owned(),
        _ => format!("the sequences of {length} steps of an iteration"),
    };
    check(
        "ppo.minibatches",
        ppo.minibatches,
        (1..=samples.max(1)).contains(&ppo.minibatches),
        &format!("from 1 to {samples}, {what}"),
    )
}

/// Refuses to learn a graph where the policy offers none, to train without a graph where the policy learns one, and a
/// fixed graph that is not one of `agents` x `agents` zeros and ones.
pub fn graph(plan: &GraphPlan, offered: bool, agents: usize) -> Result<(), TrainError> {
    let (found, expected, holds) = match plan {
        GraphPlan::Learned(_) => (
            "learned, by a policy that learns none",
            "a fixed graph or none at all",
            offered,
        ),
        GraphPlan::None => (
            "none at all, for a policy that learns one",
            "a learned or a fixed graph",
            !offered,
        ),
        GraphPlan::Fixed(graph) => return adjacency(graph, agents, false).map(drop),
    };
    check("graph.mode", found, holds, expected)
}

/// Refuses more processes than there are shards to share out.
pub fn ranks(ranks: usize, shards: usize, rollout: &RolloutConfig) -> Result<(), TrainError> {
    let plural = if shards == 1 { "" } else { "s" };
    let found = format!(
        "{}, which makes {shards} shard{plural} of {} environments",
        rollout.shard, rollout.num_envs
    );
    let fair = (rollout.num_envs / ranks.max(1)).max(1);
    let expected = match rollout.num_envs >= ranks {
        true => {
            format!(
                "a number such as {fair}, so that each of the {ranks} processes has a shard to step"
            )
        }
        false => format!("at least {ranks} environments (rollout.num_envs), one for each process"),
    };
    check("rollout.shard", found, shards >= ranks, &expected)
}

/// The entries of a graph, row by row. Refuses all but zeros and ones of `agents` x `agents`; with `or_none`, no graph
/// (0 x 0) is allowed, too.
pub fn adjacency(graph: &Tensor, agents: usize, or_none: bool) -> Result<Vec<f32>, TrainError> {
    of_agents(&graph.size(), agents, or_none)?;
    // Policies multiply with it, and libtorch multiplies truth values or other numbers with `f32` in few places only.
    check(
        "the graph's kind",
        format!("{:?}", graph.kind()),
        graph.kind() == Kind::Float,
        "Float, zeros and ones of f32: `graph.to_kind(Kind::Float)`",
    )?;
    let entries = entries(graph)?;
    if let Some(at) = (entries.iter()).position(|entry| ![0.0, 1.0].contains(entry)) {
        let (receiver, sender) = (at / agents, at % agents);
        check(
            "the graph's entry",
            format!("{} in row {receiver}, column {sender}", entries[at]),
            false,
            "1 where the receiver (row) hears the sender (column), else 0",
        )?;
    }
    Ok(entries)
}

/// Refuses a graph's size other than `agents` x `agents`; with `or_none`, that of no graph (0 x 0) is allowed, too.
fn of_agents(size: &[i64], agents: usize, or_none: bool) -> Result<(), TrainError> {
    let own = [agents as i64; 2];
    let holds = size == own || (or_none && size == [0, 0]);
    let expected = match or_none {
        true => format!("{own:?}, or [0, 0] for a team without a graph"),
        false => format!("{own:?}, a row and a column for each agent"),
    };
    check("the graph's size", format!("{size:?}"), holds, &expected)
}

/// Refuses an evaluation of no episodes, which has no mean; `None`: one episode in each environment.
pub fn episodes(asked: Option<usize>) -> Result<(), TrainError> {
    check("eval.episodes", 0, asked != Some(0), "at least 1")
}

/// Refuses gates' decisions that are neither one for each agent nor one for each of its senders.
pub fn gate_width(width: usize, agents: usize) -> Result<(), TrainError> {
    let expected = format!("0 (no gate), 1 (of a receiver) or {agents} (of each sender)");
    let holds = [0, 1, agents].contains(&width);
    check("the policy's `Needs::gate`", width, holds, &expected)
}

/// Refuses step `t` of a rollout in which the last one is `last`.
pub fn step(t: usize, last: usize) -> Result<(), TrainError> {
    if t <= last {
        return Ok(());
    }
    let expected = format!("from 0 to {last}: the buffer was made for no more");
    check("the step of a rollout", t, false, &expected)
}

/// Refuses the first setting of the gates that cannot work, and gates that the policy does not offer.
pub fn gates(plan: &GatePlan, offered: bool) -> Result<(), TrainError> {
    let found = "a mode with gates, for a policy that has none";
    check("gate.mode", found, offered, "off")?;
    for (field, value) in [("gate.start", plan.start), ("gate.ramp", plan.ramp)] {
        let share = (0.0..=1.0).contains(&value);
        check(field, value, share, "a number from 0 to 1")?;
    }
    check(
        "gate.entropy_coef",
        plan.entropy_coef,
        plan.entropy_coef.is_finite() && plan.entropy_coef >= 0.0,
        "zero or more",
    )
}

/// Refuses the first number of a section that is out of the range that its setting has.
fn ranges<C: Serialize + JsonSchema + 'static>(
    section: &str,
    config: &C,
) -> Result<(), TrainError> {
    commformer_env::settings::check(config).map_err(|refused| TrainError::Setting {
        field: format!("{section}.{}", refused.field).into(),
        found: refused.found,
        expected: refused.allowed,
    })
}

fn check(
    field: &'static str,
    found: impl ToString,
    holds: bool,
    expected: &str,
) -> Result<(), TrainError> {
    if holds {
        return Ok(());
    }
    Err(TrainError::Setting {
        field: field.into(),
        found: found.to_string(),
        expected: expected.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn who_learns_a_graph_is_not_trained_without_one() {
        let fixed = || GraphPlan::Fixed(Tensor::ones([3, 3], (Kind::Float, Device::Cpu)));
        for learns in [false, true] {
            assert_eq!(graph(&GraphPlan::None, learns, 3).is_err(), learns);
            assert!(graph(&fixed(), learns, 3).is_ok());
        }
        let refused = graph(&GraphPlan::None, true, 3).unwrap_err().to_string();
        let expected = "graph.mode is none at all, for a policy that learns one, expected a learned or a fixed graph";
        assert_eq!(refused, expected);
    }

    #[test]
    fn a_fixed_graph_has_zeros_and_ones() {
        let fixed = |graph: Tensor| graph_of(graph).map_err(|refused| refused.to_string());
        let graph_with = |odd: f32| {
            let mut entries = [0f32, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0];
            entries[5] = odd;
            Tensor::from_slice(&entries).view([3, 3])
        };
        for fine in [0.0, 1.0] {
            assert_eq!(fixed(graph_with(fine)), Ok(()));
        }
        for odd in [-1.0, 2.0, 0.4, f32::NAN, f32::INFINITY] {
            let expected = format!(
                "the graph's entry is {odd} in row 1, column 2, expected 1 where the receiver (row) hears the sender \
                 (column), else 0"
            );
            assert_eq!(fixed(graph_with(odd)), Err(expected));
        }
        for kind in [Kind::Bool, Kind::Int64, Kind::Double, Kind::Half] {
            let refused = fixed(graph_with(1.0).to_kind(kind)).unwrap_err();
            let expected = format!("the graph's kind is {kind:?}, expected Float, zeros");
            assert!(refused.starts_with(&expected), "{refused}");
        }
    }

    /// Whether a policy that learns none can be trained on it.
    fn graph_of(fixed: Tensor) -> Result<(), TrainError> {
        graph(&GraphPlan::Fixed(fixed), false, 3)
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        for width in [0, 1, 3] {
            assert!(gate_width(width, 3).is_ok());
        }
        let refused = gate_width(2, 3).unwrap_err().to_string();
        assert!(refused.contains("is 2, expected 0 (no gate)"), "{refused}");
        assert!(episodes(None).is_ok() && episodes(Some(1)).is_ok());
        let refused = episodes(Some(0)).unwrap_err().to_string();
        assert_eq!(refused, "eval.episodes is 0, expected at least 1");
        // Before any work, too.
        let mut own = Settings::default();
        own.run.eval_episodes = Some(0);
        let found = settings(&own, &GraphPlan::None, own.rollout.num_envs, 1);
        assert_eq!(found.unwrap_err().to_string(), refused);
    }

    #[test]
    fn so_many_processes_need_as_many_shards() {
        let mut rollout = RolloutConfig {
            num_envs: 6,
            ..RolloutConfig::default()
        };
        for (processes, shard, shards, said) in [
            (
                2,
                6,
                1,
                "6, which makes 1 shard of 6 environments, expected a number such as 3,",
            ),
            (
                3,
                4,
                2,
                "4, which makes 2 shards of 6 environments, expected a number such as 2,",
            ),
            (
                7,
                1,
                6,
                "1, which makes 6 shards of 6 environments, expected at least 7 environments",
            ),
        ] {
            rollout.shard = shard;
            let refused = ranks(processes, shards, &rollout).unwrap_err().to_string();
            assert!(
                refused.starts_with(&format!("rollout.shard is {said}")),
                "{refused}"
            );
        }
        assert!(ranks(0, 1, &rollout).is_ok() && ranks(2, 2, &rollout).is_ok());
    }
}
