//! What `--over` varies: axes, and the points of their product.

use crate::cli::options::ConfigOptions;
use crate::config::{Config, GraphMode, nearest};
use anyhow::{anyhow, bail};
use std::str::FromStr;

/// Short names of keys that are often varied.
const ALIASES: [(&str, &str); 6] = [
    ("agents", "env.agents"),
    ("width", "policy.embed_dim"),
    ("envs", "rollout.num_envs"),
    ("chunk", "ppo.chunk"),
    ("threads", "run.threads"),
    (SENDERS, "graph.sparsity"),
];

/// The others that an agent hears, k. The configuration says it as a share of the agents.
const SENDERS: &str = "senders";

/// The key that a name of an axis stands for.
fn key(name: &str) -> &str {
    let known = ALIASES.iter().find(|(alias, _)| *alias == name);
    known.map_or(name, |(_, key)| key)
}

/// A setting and the values that it takes, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    /// A key, or a short name.
    pub name: String,
    pub values: Vec<String>,
}

/// One value for each axis: their names and values.
pub(super) type Point = Vec<(String, String)>;

impl FromStr for Axis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, values) = text.split_once('=').unwrap_or((text, ""));
        let name = name.trim().to_owned();
        let values: Vec<String> = elements(values).map(|value| value.trim().into()).collect();
        if name.is_empty() || values.iter().any(String::is_empty) {
            return Err("expected KEY=VALUE,VALUE,..., such as agents=3,5,10".to_owned());
        }
        let short = ALIASES.map(|(alias, _)| alias);
        // Keys have a section. What has none may be a key without it, and the configuration knows.
        if !name.contains('.')
            && !short.contains(&&*name)
            && let Some(near) = nearest(&name, short.into_iter())
        {
            let all = short.join(", ");
            return Err(format!(
                "there is no `{name}`; did you mean `{near}`? There are {all}, and every key, such as ppo.epochs"
            ));
        }
        Ok(Self { name, values })
    }
}

/// What commas divide, but for those in brackets.
fn elements(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    text.split(move |character| {
        match character {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    })
}

/// Every combination of the axes' values, the last axis varying fastest.
///
/// # Errors
///
/// If a setting is given twice.
pub(super) fn points(axes: &[Axis]) -> anyhow::Result<Vec<Point>> {
    let mut points = vec![Point::new()];
    for (number, axis) in axes.iter().enumerate() {
        let mut earlier = axes[..number].iter();
        let same = |other: &&Axis| key(&other.name) == key(&axis.name);
        if let Some(other) = earlier.find(same) {
            bail!(
                "`--over {}=` and `--over {}=` set the same; write all values in one",
                other.name,
                axis.name
            );
        }
        let with_each = |point: &Point| {
            let more = axis.values.iter().map(|value| {
                let mut point = point.clone();
                point.push((axis.name.clone(), value.clone()));
                point
            });
            more.collect::<Vec<_>>()
        };
        points = points.iter().flat_map(with_each).collect();
    }
    Ok(points)
}

/// A point in the words of the command line.
pub(super) fn describe(point: &Point) -> String {
    let words = point.iter().map(|(name, value)| format!("{name}={value}"));
    words.collect::<Vec<_>>().join(", ")
}

/// The options of a point, over `base`; they make a configuration.
///
/// # Errors
///
/// If they do not, with the point in front of the reason.
pub(super) fn at(base: &ConfigOptions, point: &Point) -> anyhow::Result<ConfigOptions> {
    place(base, point).map_err(|error| {
        // It is called what the user wrote.
        let told = point
            .iter()
            .fold(format!("{error:#}"), |told, (name, value)| {
                let set = format!("--set {}={value}", key(name));
                told.replace(&set, &format!("--over {name}={value}"))
            });
        anyhow!("with --over {}: {told}", describe(point))
    })
}

fn place(base: &ConfigOptions, point: &Point) -> anyhow::Result<ConfigOptions> {
    let mut options = base.clone();
    let mut senders = None;
    for (name, value) in point {
        if name == SENDERS {
            senders = Some(value);
            continue;
        }
        options = options.with(key(name), value);
    }
    if let Some(senders) = senders {
        let method = options.resolve()?.method;
        if !method.reads("graph") {
            bail!(
                "`senders` says how many others an agent hears in a graph; the method `{}` has none",
                method.kind()
            );
        }
        // A full graph has no number of senders that might not fit.
        let config = options.with("graph.mode", "full").resolve()?;
        options = options.with("graph.sparsity", &sparsity(senders, &config)?);
        let mode = options.resolve()?.graph.mode;
        if !matches!(mode, GraphMode::Learned | GraphMode::Random) {
            bail!(
                "`senders` says how many others an agent hears in a learned or random graph; the graph.mode here is another"
            );
        }
    }
    options.resolve()?;
    Ok(options)
}

/// The share of the team that `senders` others are.
fn sparsity(senders: &str, config: &Config) -> anyhow::Result<String> {
    // A task in Python says how many there are once it has been asked.
    let agents = config.env.spec()?.agents;
    let most = config.graph.self_edge.most_senders(agents);
    let number = senders.parse().ok();
    let Some(senders) = number.filter(|senders| (1..=most).contains(senders)) else {
        bail!("`senders` is {senders}, but must be 1 to {most} in a team of {agents}");
    };
    Ok((senders as f64 / agents as f64).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(text: &str) -> Axis {
        text.parse().unwrap()
    }

    /// The configuration at the first point of some axes.
    fn resolved(axes: &[&str]) -> anyhow::Result<Config> {
        let axes: Vec<Axis> = axes.iter().map(|text| axis(text)).collect();
        let point = &points(&axes)?[0];
        Ok(at(&ConfigOptions::default(), point)?.resolve()?)
    }

    #[track_caller]
    fn refused(axes: &[&str], parts: &[&str]) {
        let message = format!("{:#}", resolved(axes).unwrap_err());
        for part in parts {
            assert!(message.contains(part), "{message:?} lacks {part:?}");
        }
    }

    #[test]
    fn axes_are_read() {
        assert_eq!(axis("agents=3, 5,10").values, ["3", "5", "10"]);
        let edges = axis("graph.edges=[[0,1],[1,0]],[[1,1],[1,1]]");
        assert_eq!(edges.values, ["[[0,1],[1,0]]", "[[1,1],[1,1]]"]);
        let options = axis("env.options={ N = 3, M = 4 },{ N = 5 }");
        assert_eq!(options.values, ["{ N = 3, M = 4 }", "{ N = 5 }"]);
        for wrong in ["agents", "agents=", "agents=3,,5", "=3", "agents=3,"] {
            let message = wrong.parse::<Axis>().unwrap_err();
            assert!(message.contains("KEY=VALUE"), "{wrong}: {message}");
        }
        let message = "agnets=3".parse::<Axis>().unwrap_err();
        assert!(message.contains("did you mean `agents`?"), "{message}");
    }

    #[test]
    fn points_are_the_product() {
        let all = points(&[axis("agents=3,5"), axis("threads=1,2")]).unwrap();
        let all: Vec<String> = all.iter().map(describe).collect();
        assert_eq!(
            all,
            [
                "agents=3, threads=1",
                "agents=3, threads=2",
                "agents=5, threads=1",
                "agents=5, threads=2"
            ]
        );
        assert_eq!(points(&[]).unwrap(), [Point::new()]);
        for twice in [
            ["agents=3", "agents=5"],
            ["agents=3", "env.agents=5"],
            ["graph.sparsity=0.3", "senders=1"],
        ] {
            let message = points(&twice.map(axis)).unwrap_err().to_string();
            assert!(message.contains("set the same"), "{message}");
        }
    }

    #[test]
    fn short_names_and_keys_reach_the_configuration() {
        let config = resolved(&["agents=4", "width=32", "envs=7", "chunk=9", "threads=3"]);
        let config = config.unwrap();
        assert_eq!(config.env.agents(), 4);
        assert_eq!(config.policy.embed_dim, 32);
        assert_eq!((config.rollout.num_envs, config.ppo.chunk), (7, 9));
        assert_eq!(config.run.threads, 3);
        assert_eq!(resolved(&["ppo.epochs=6"]).unwrap().ppo.epochs, 6);
    }

    #[test]
    fn senders_are_a_number_in_any_team() {
        for agents in 2..=24 {
            for senders in 1..agents {
                let axes = [format!("senders={senders}"), format!("agents={agents}")];
                let config = resolved(&[&axes[0], &axes[1]]).unwrap();
                assert_eq!(config.graph.senders(agents), senders, "of {agents}");
            }
        }
        refused(
            &["senders=3"],
            &["with --over senders=3", "1 to 2 in a team of 3"],
        );
        refused(&["senders=few"], &["`senders` is few"]);
        refused(&["senders=1", "graph.mode=none"], &["learned or random"]);
    }

    #[test]
    fn mistakes_are_told_like_those_of_set() {
        refused(&["ppo.learning_rate=1"], &["did you mean `ppo.lr`?"]);
        refused(&["embed_dim=8"], &["did you mean `policy.embed_dim`?"]);
        refused(
            &["agents=27"],
            &["`env.agents` is 27", "1 to 24", "agents=27"],
        );
        refused(&["threads=many"], &["`run.threads`", "a whole number"]);
        // Nobody has written `--set`.
        refused(&["agents=27"], &["(from `--over agents=27`)"]);
        refused(&["embed_dim=8"], &["(from `--over embed_dim=8`)"]);
    }
}
