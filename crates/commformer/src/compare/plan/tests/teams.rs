//! Teams that cannot be made.

use super::*;

#[test]
fn a_team_that_cannot_be_made_is_refused_with_its_combination() {
    let text = "seeds = [1, 2]\n[tasks.signal]\n[methods.fine]\n[methods.gone]\nrun.device = 'cuda:63'\n\
                ppo.lr = 0.5\n";
    let plan = plan(text).1.unwrap();
    // A device may be where the runs will be; and whoever is stopped checks nothing more.
    plan.check_sizes().unwrap();
    plan.check_teams(|| true).unwrap();
    let said = plan.check_teams(|| false).unwrap_err().to_string();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(
        lines[1].contains("task signal, method gone: ") && lines[1].contains("cuda"),
        "{said}"
    );
}

#[test]
fn a_network_that_no_machine_holds_is_refused_before_it_is_made() {
    let text = "seeds = [1, 2]\n[tasks.signal]\n[methods.fine]\n[methods.huge]\npolicy.embed_dim = 40_000_000\n";
    let plan = plan(text).1.unwrap();
    let checks: [&dyn Fn() -> Result<(), PlanError>; 2] =
        [&|| plan.check_sizes(), &|| plan.check_teams(|| false)];
    for check in checks {
        let said = check().unwrap_err().to_string();
        assert_eq!(said.lines().count(), 2, "{said}");
        for part in [
            "task signal, method huge: this would take about ",
            "of memory, and ",
            "; lower `policy.embed_dim`, ",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }
}

#[test]
fn a_gate_that_a_method_does_not_have_is_told_once() {
    let (_folder, plan) = plan(
        "seeds = [1, 2]\n[tasks.signal]\n[tasks.signal-gate]\n[methods.own]\n[methods.slim]\nmethod.kind = 'slim'\n",
    );
    assert_eq!(
        plan.unwrap().notes,
        ["the gate of the preset `signal-gate` is left out: the method `slim` has none"]
    );
}
