//! A policy that returns what does not fit the call is refused by name, in rollouts, updates and evaluations.

use crate::bent::{BendAct, BendEvaluation, Bent, STRAIGHT, prey, trainer_in};
use crate::common::one_round;
use commformer_env::VecEnv;
use commformer_env::smac::{Smac, SmacConfig};
use commformer_train::{Act, Evaluation, GateEvaluation, Needs, Policy, TrainError, evaluate};
use tch::{Kind, Tensor};

/// What is said of it where so many agents are trained.
fn refused(agents: usize, bent: Bent) -> String {
    let refused = trainer_in(&prey(agents), bent).iterate().unwrap_err();
    assert!(matches!(refused, TrainError::Returned { .. }), "{refused}");
    refused.to_string()
}

fn says(what: &str, found: &str, expected: &str) -> String {
    format!("the policy's `{what}` is {found}, expected {expected}: correct the policy")
}

#[test]
fn what_fits_is_trained() {
    trainer_in(&prey(3), STRAIGHT).iterate().unwrap();
}

#[test]
fn acts_of_another_shape_or_kind() {
    /// One column of several.
    fn joint(x: &Tensor) -> Tensor {
        x.narrow(1, 0, 1)
    }
    let shapes: [(BendAct, &str, &str); 5] = [
        (
            |act| Act {
                actions: joint(&act.actions),
                ..act
            },
            "Act::actions",
            "[4, 1]",
        ),
        (
            |act| Act {
                actions: act.actions.unsqueeze(-1),
                ..act
            },
            "Act::actions",
            "[4, 3, 1]",
        ),
        (
            |act| Act {
                log_probs: joint(&act.log_probs),
                ..act
            },
            "Act::log_probs",
            "[4, 1]",
        ),
        (
            |act| Act {
                values: act.values.mean(Kind::Float),
                ..act
            },
            "Act::values",
            "[]",
        ),
        (
            |act| Act {
                values: act.values.unsqueeze(-1),
                ..act
            },
            "Act::values",
            "[4, 3, 1]",
        ),
    ];
    for (act, what, found) in shapes {
        let said = refused(3, Bent { act, ..STRAIGHT });
        assert_eq!(said, says(what, found, "[4, 3]"));
    }
    let float: BendAct = |act| Act {
        actions: act.actions.to_kind(Kind::Float),
        ..act
    };
    let bent = Bent {
        act: float,
        ..STRAIGHT
    };
    let said = says("Act::actions", "of kind Float", "kind Int64");
    assert_eq!(refused(3, bent), said);
    // Whoever only acts is looked at, too.
    let trainer = trainer_in(&prey(3), bent);
    let mut envs = VecEnv::new(vec![prey(3)], 1).unwrap();
    let graph = trainer.execution_graph().unwrap();
    let refused = evaluate(trainer.policy(), &graph, &mut envs, &one_round()).unwrap_err();
    assert_eq!(refused.to_string(), said);
}

#[test]
fn what_was_asked_to_be_kept_and_is_not_there() {
    for (memory, gate, what) in [(2, 0, "Act::memory"), (0, 1, "Act::gate")] {
        let needs = Needs {
            memory,
            gate,
            state: false,
        };
        let said = refused(3, Bent { needs, ..STRAIGHT });
        assert_eq!(
            said,
            says(what, "None", "what `Actor::needs` asks to be kept")
        );
    }
}

#[test]
fn weights_that_were_taken_into_copies() {
    let bent = Bent {
        state: |state| {
            let copy = |(name, tensor): (String, Tensor)| (name, tensor.detach().copy());
            state.into_iter().map(copy).collect()
        },
        ..STRAIGHT
    };
    let other = trainer_in(&prey(3), STRAIGHT);
    tch::no_grad(|| {
        let _ = other.policy().parameters()[0].1.shallow_clone().fill_(0.25);
    });
    let checkpoint = other.checkpoint().unwrap();
    trainer_in(&prey(3), STRAIGHT)
        .begin_with(&checkpoint)
        .unwrap();
    let said = |took: Result<(), TrainError>| took.unwrap_err().to_string();
    let mut trainer = trainer_in(&prey(3), bent);
    for said in [
        said(trainer.begin_with(&checkpoint)),
        said(trainer.restore(checkpoint)),
    ] {
        assert!(said.contains("after `Policy::load_state`"), "{said}");
    }
}

#[test]
fn evaluations_of_another_shape_or_kind() {
    // With one agent the shapes of rows and columns can be mixed up without a word.
    for agents in [1, 3] {
        let bent = Bent {
            evaluation: |evaluation| Evaluation {
                values: evaluation.values.unsqueeze(-1),
                ..evaluation
            },
            ..STRAIGHT
        };
        assert_eq!(
            refused(agents, bent),
            says(
                "Evaluation::values",
                &format!("[40, {agents}, 1]"),
                &format!("[40, {agents}]")
            )
        );
    }
    let shapes: [(BendEvaluation, &str, &str); 3] = [
        (
            |evaluation| Evaluation {
                log_probs: (evaluation.log_probs).sum_dim_intlist(-1, true, Kind::Float),
                ..evaluation
            },
            "Evaluation::log_probs",
            "[40, 1]",
        ),
        (
            |evaluation| Evaluation {
                entropy: evaluation.entropy.mean(Kind::Float),
                ..evaluation
            },
            "Evaluation::entropy",
            "[]",
        ),
        (
            |evaluation| Evaluation {
                gate: Some(GateEvaluation::StraightThrough {
                    messages: evaluation.entropy.copy(),
                    share: evaluation.entropy.mean(Kind::Float),
                }),
                ..evaluation
            },
            "GateEvaluation::StraightThrough::share",
            "[]",
        ),
    ];
    for (evaluation, what, found) in shapes {
        let bent = Bent {
            evaluation,
            ..STRAIGHT
        };
        assert_eq!(refused(3, bent), says(what, found, "[40, 3]"));
    }
    let bent = Bent {
        evaluation: |evaluation| Evaluation {
            values: evaluation.values.to_kind(Kind::Int64),
            ..evaluation
        },
        ..STRAIGHT
    };
    assert_eq!(
        refused(3, bent),
        says("Evaluation::values", "of kind Int64", "kind Float")
    );
}

#[test]
fn values_and_gradients_of_another_shape() {
    let bent = Bent {
        values: |values| values.narrow(1, 0, 1),
        ..STRAIGHT
    };
    assert_eq!(refused(3, bent), says("Policy::values", "[4, 1]", "[4, 3]"));
    let bent = Bent {
        gradients: |mut gradients| {
            gradients.truncate(2);
            gradients
        },
        ..STRAIGHT
    };
    assert_eq!(
        refused(3, bent),
        says(
            "Policy::gradients",
            "of 2 tensors",
            "3, one for each leaf of the level"
        )
    );
    let bent = Bent {
        gradients: |gradients| {
            gradients
                .into_iter()
                .map(|one| one.narrow(0, 0, 1))
                .collect()
        },
        ..STRAIGHT
    };
    let said = refused(3, bent);
    assert!(
        said.starts_with("the policy's `Policy::gradients` is [1, 16], expected ["),
        "{said}"
    );
}

#[test]
fn actions_that_the_mask_forbids() {
    let config = SmacConfig {
        map: "3m".into(),
        ..SmacConfig::default()
    };
    let battle = Smac::new(config).unwrap();
    trainer_in(&battle, STRAIGHT).iterate().unwrap();
    // That of the fallen, and an attack on somebody who is far away at first.
    let forbidden: [(BendAct, i64); 2] = [
        (
            |act| Act {
                actions: act.actions.zeros_like(),
                ..act
            },
            0,
        ),
        (
            |act| Act {
                actions: act.actions.full_like(8),
                ..act
            },
            8,
        ),
    ];
    for (act, action) in forbidden {
        let bent = Bent { act, ..STRAIGHT };
        let refused = trainer_in(&battle, bent).iterate().unwrap_err().to_string();
        let expected = format!(
            "the policy's `Act::actions` is {action} for agent 0, expected one that `ObsBatch::available` allows: of [1, "
        );
        assert!(refused.starts_with(&expected), "{refused}");
    }
}
