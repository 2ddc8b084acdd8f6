//! Why weights of one run do not fit the team of another.

use crate::config::{Config, Difference, EnvConfig, TaskConfig};

/// What is shown to agents besides what their task shows them.
const WRAPPERS: [&str; 3] = ["env.stack", "env.agent_id", "env.last_action"];

/// What of `[env]` no network depends on, besides rewards.
const UNSEEN: [&str; 7] = [
    "env.episode_limit",
    "env.shared_reward",
    "env.python",
    "env.workers",
    "env.timeout",
    "env.start_timeout",
    "env.restarts",
];

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
    let same_kind = there.env.kind() == here.env.kind();
    if same_kind && differ && !here.method.method().fits_any_size(&here.team()) {
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
        matches!(section, Some("policy" | "method")) || WRAPPERS.contains(&&*difference.path)
    });
    let told = of_network.map(Difference::told);
    let told: Vec<String> = told.chain(of_task(there, here, &differences)).collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// What differs between their tasks themselves, where teams of the two do not see or do the same.
fn of_task(there: &Config, here: &Config, differences: &[Difference]) -> Option<String> {
    let spec = |config: &Config| match &config.env.task {
        // Its workers would have to start.
        TaskConfig::Python(_) => None,
        TaskConfig::BuiltIn(_) => EnvConfig::from(config.env.task.clone()).spec().ok(),
    };
    let changed = match (spec(there), spec(here)) {
        (Some(there), Some(here)) if there.obs_dim != here.obs_dim => {
            "which changes what agents observe"
        }
        (Some(there), Some(here)) if there.actions != here.actions => {
            "which changes what agents can do"
        }
        (Some(_), Some(_)) => return None,
        _ => "which may change what agents observe",
    };
    let is_of_task = |path: &str| {
        let unseen = WRAPPERS.contains(&path) || UNSEEN.contains(&path);
        path.starts_with("env.") && !path.starts_with("env.reward") && !unseen
    };
    let told: Vec<String> = (differences.iter())
        .filter(|difference| is_of_task(&difference.path))
        .map(Difference::told)
        .collect();
    (!told.is_empty()).then(|| format!("{}, {changed}", told.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    #[test]
    fn what_differs_is_named_with_what_to_do() {
        let config = |set: &str| {
            let set: Vec<&str> = set.split(' ').collect();
            Config::resolve(Some("predator-prey"), &Overrides::set(&set)).unwrap()
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
        for same in ["ppo.lr=0.5", "env.episode_limit=7", "env.shaping=0.5"] {
            assert_eq!(why(&config(same), &own), None);
        }
        check(
            "env.dim=10 env.episode_limit=7",
            &["env.dim is 10 there and 5 here, which changes what agents observe"],
        );
        check("env.no_stay=true", &["which changes what agents can do"]);
        // Nothing more is said of what another kind has in its place, such as another number of agents.
        let said = why(&config("env.kind=signal env.agents=8"), &own).unwrap();
        let kinds = "env.kind is \"signal\" there and \"predator-prey\" here";
        assert_eq!(said, format!("{kinds}, which changes what agents observe"));
        let [there, here] =
            [3, 5].map(|agents| config(&format!("method.kind=slim env.agents={agents}")));
        let said = why(&there, &here).unwrap();
        assert!(said.contains("one size of a team alone"), "{said}");
    }
}
