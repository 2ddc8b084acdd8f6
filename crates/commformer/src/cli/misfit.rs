//! Why weights of one run do not fit the team of another.

use crate::config::{Config, Difference};

/// What differs between the run that the weights are of and the one `here`, and what to do; nothing where nothing is known.
pub(super) fn why(there: &Config, here: &Config) -> Option<String> {
    let [of, own] = [there, here].map(|config| config.method.kind());
    if of != own {
        return Some(format!(
            "the weights are of the method `{of}`, and this run is of `{own}`; a method takes weights of its own kind alone, so \
             train by `--method {of}`, or name another run"
        ));
    }
    let [agents, team] = [there, here].map(|config| config.env.agents());
    // Of a task in Python that this process did not make nobody knows how many there are.
    let differ = agents != team && agents > 0 && team > 0;
    if differ && !here.method.method().fits_any_size(&here.team()) {
        let sizes =
            format!("the weights are of a team of {agents}, and this team has {team} agents");
        return Some(match here.method.reads("policy") {
            true => format!(
                "{sizes}; weights serve teams of other sizes with `policy.shared_head=true`, and learned gates with \
                 `gate.per=receiver`, from their training on"
            ),
            false => format!(
                "{sizes}; as it is set, the method `{of}` has weights for one size of a team alone"
            ),
        });
    }
    let differences = there.differences(here).ok()?;
    let of_network = differences.iter().filter(|difference| {
        let section = difference.path.split('.').next();
        let observed = ["env.stack", "env.agent_id", "env.last_action"];
        matches!(section, Some("policy" | "method")) || observed.contains(&difference.path.as_str())
    });
    let told: Vec<String> = of_network.map(Difference::told).collect();
    (!told.is_empty()).then(|| told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    #[test]
    fn what_differs_is_named_with_what_to_do() {
        let config = |set: &str| {
            let overrides = Overrides {
                set: set.split(' ').map(String::from).collect(),
                ..Overrides::default()
            };
            Config::resolve(Some("predator-prey"), &overrides).unwrap()
        };
        let own = config("run.seed=2");
        let check = |there: &str, parts: &[&str]| {
            let said = why(&config(there), &own).unwrap();
            for part in parts {
                assert!(said.contains(part), "{said}");
            }
        };
        check(
            "method.kind=slim",
            &["`slim`", "`commformer`", "--method slim"],
        );
        check(
            "env.agents=5",
            &[
                "of a team of 5",
                "has 3 agents",
                "`policy.shared_head=true`",
            ],
        );
        let per_edge = "policy.shared_head=true gate.mode=learned gate.per=edge";
        let [there, here] = [5, 3].map(|agents| config(&format!("{per_edge} env.agents={agents}")));
        let said = why(&there, &here).unwrap();
        assert!(said.contains("`gate.per=receiver`"), "{said}");
        check(
            "policy.embed_dim=32",
            &["policy.embed_dim is 32 there and 64 here"],
        );
        // Of what is in Python nobody knows how many there are, so that is not what differs.
        let python = "env.kind=python env.make=nowhere:make policy.embed_dim=32";
        let said = why(&config(python), &own).unwrap();
        assert!(said.starts_with("policy.embed_dim is 32"), "{said}");
        check("env.stack=2", &["env.stack is 2 there and not set here"]);
        assert_eq!(why(&config("ppo.lr=0.5"), &own), None);
        let [there, here] =
            [3, 5].map(|agents| config(&format!("method.kind=slim env.agents={agents}")));
        let said = why(&there, &here).unwrap();
        assert!(said.contains("one size of a team alone"), "{said}");
    }
}
