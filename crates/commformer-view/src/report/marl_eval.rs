//! The layout that marl-eval reads (github.com/instadeepai/marl-eval, "Data Structure for Raw Experiment
//! data"): environment, task, algorithm, run, step.
//!
//! marl-eval computes with arrays, so that every run of an environment must have the same number of steps, and every step the
//! same metrics. Here are as many evaluations of each run as the run with the fewest has, and the metrics that all runs of an
//! environment have as numbers. A metric is a list of a number for each episode; of one number, the mean, where the run has no
//! other. Absolute metrics are those of the final evaluation: the best checkpoint, in more episodes than a step has. Runs
//! without one are left out, and so are runs without any evaluation while training.

use super::methods::{Method, Methods, flat, value};
use super::run::Run;
use crate::record::{Episodes, Evaluation, Metrics};
use serde::{Serialize, Serializer};
use std::collections::BTreeSet;

/// An object whose keys stay in their order: marl-eval takes steps as they come.
struct Ordered<T>(Vec<(String, T)>);

impl<T: Serialize> Serialize for Ordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entry {
    Count(u64),
    Metric(Vec<f64>),
}

type Step = Ordered<Entry>;

/// The metrics of all runs of tasks, each with its name, as JSON; and what is left out because it is no number somewhere, a
/// sentence for each environment.
pub(super) fn export(
    tasks: &[(&str, &Methods)],
) -> Result<(Vec<u8>, Vec<String>), serde_json::Error> {
    let mut environments: Vec<&str> = Vec::new();
    for (_, methods) in tasks {
        if !environments.contains(&methods.task.as_str()) {
            environments.push(&methods.task);
        }
    }
    let mut notes = Vec::new();
    let environments = environments.into_iter().map(|environment| {
        let of = tasks
            .iter()
            .filter(|(_, methods)| methods.task == environment);
        let of: Vec<_> = of.collect();
        notes.extend(left_out(environment, &of));
        (environment.to_owned(), of_environment(&of))
    });
    let environments = Ordered(environments.collect());
    let mut bytes = serde_json::to_vec_pretty(&environments)?;
    bytes.push(b'\n');
    Ok((bytes, notes))
}

/// What to say of metrics that all runs of an environment have, but one of them not as a number everywhere.
fn left_out(environment: &str, tasks: &[&(&str, &Methods)]) -> Option<String> {
    let ended = || tasks.iter().flat_map(|(_, methods)| ended(methods));
    let told = common(ended().map(|run| metrics(run, |_| true)))?;
    let numbers = common(ended().map(|run| metrics(run, f64::is_finite)))?;
    let lost: Vec<String> = (told.difference(&numbers))
        .map(|name| format!("`{name}`"))
        .collect();
    let spoiled = |run: &&Run| metrics(run, |_| true) != metrics(run, f64::is_finite);
    let run = ended().find(spoiled)?.name();
    (!lost.is_empty()).then(|| {
        format!(
            "marl-eval.json: without {} of {environment}, for some run has no number there; the first one is {run}.",
            lost.join(" and ")
        )
    })
}

type Runs = Ordered<Ordered<Step>>;

fn of_environment(tasks: &[&(&str, &Methods)]) -> Ordered<Ordered<Runs>> {
    let ended = tasks.iter().flat_map(|(_, methods)| ended(methods));
    let ended: Vec<&Run> = ended.collect();
    let metrics = common(ended.iter().map(|run| metrics(run, f64::is_finite))).unwrap_or_default();
    let shares = shares(&ended);
    let of_task = |(name, methods): &&(&str, &Methods)| {
        let algorithms =
            (methods.list.iter()).filter_map(|method| of_method(method, &shares, &metrics));
        ((*name).to_owned(), Ordered(algorithms.collect()))
    };
    Ordered(tasks.iter().map(of_task).collect())
}

fn ended(methods: &Methods) -> impl Iterator<Item = &Run> {
    let ended = methods.runs().filter(|run| run.outcome.is_some());
    ended.filter(|run| !run.log.evaluations.is_empty())
}

/// After which shares of its training the run with the fewest evaluations has them.
fn shares(runs: &[&Run]) -> Vec<f64> {
    let evaluations = runs.iter().map(|run| &run.log.evaluations[..]);
    let fewest = evaluations.min_by_key(|evaluations| evaluations.len());
    let fewest = fewest.unwrap_or_default();
    fewest.iter().map(|at| share(at, fewest)).collect()
}

/// The share of training behind an evaluation among all of its run.
fn share(at: &Evaluation, all: &[Evaluation]) -> f64 {
    all.last()
        .map_or(0.0, |last| at.steps as f64 / last.steps as f64)
}

/// An evaluation after about each of these shares of training, none of them twice; the last one is among them.
fn chosen<'a>(all: &'a [Evaluation], shares: &[f64]) -> Vec<&'a Evaluation> {
    let mut next = 0;
    let nearest = |(index, wanted): (usize, &f64)| {
        // As many stay as are wanted after it.
        let until = (all.len() + index + 1).saturating_sub(shares.len());
        let distance = |at: &usize| (share(&all[*at], all) - wanted).abs();
        let near = |one: &usize, other: &usize| distance(one).total_cmp(&distance(other));
        let found = (next..until).min_by(near)?;
        next = found + 1;
        Some(&all[found])
    };
    shares.iter().enumerate().filter_map(nearest).collect()
}

fn of_method(
    method: &Method,
    shares: &[f64],
    metrics: &BTreeSet<String>,
) -> Option<(String, Runs)> {
    let runs = method.runs.iter().filter_map(|run| {
        let name = run
            .log
            .seed()
            .map_or_else(|| run.name(), |seed| format!("seed_{seed}"));
        Some((name, of_run(run, shares, metrics)?))
    });
    let runs: Vec<_> = runs.collect();
    // Commas divide names of algorithms there.
    (!runs.is_empty()).then(|| (method.name.replace(',', ""), Ordered(runs)))
}

fn of_run(run: &Run, shares: &[f64], names: &BTreeSet<String>) -> Option<Ordered<Step>> {
    let outcome = run.outcome.as_ref()?;
    let evaluations = chosen(&run.log.evaluations, shares);
    if evaluations.is_empty() {
        return None;
    }
    let mut entries: Vec<(String, Step)> = (evaluations.into_iter().enumerate())
        .map(|(index, at)| {
            let mut step = vec![("step_count".to_owned(), Entry::Count(at.steps))];
            step.extend(entries_of(&at.metrics, &at.each_episode, names));
            (format!("step_{index}"), Ordered(step))
        })
        .collect();
    let absolute = entries_of(&outcome.metrics, &outcome.each_episode, names).collect();
    entries.push(("absolute_metrics".to_owned(), Ordered(absolute)));
    Some(Ordered(entries))
}

fn entries_of(
    metrics: &Metrics,
    episodes: &Episodes,
    names: &BTreeSet<String>,
) -> impl Iterator<Item = (String, Entry)> {
    let wanted = metrics.iter().filter(|(name, _)| names.contains(*name));
    wanted.map(|(name, metric)| {
        let each = episodes.get(name).into_iter().flatten();
        let mut each: Vec<f64> = each.copied().filter(|value| value.is_finite()).collect();
        if each.is_empty() {
            each.push(metric.mean);
        }
        (name.to_owned(), Entry::Metric(each))
    })
}

/// Metrics that a run has everywhere, and whose means are such.
fn metrics(run: &Run, are: impl Fn(f64) -> bool) -> BTreeSet<String> {
    let such = |metrics: &Metrics| {
        let such = metrics.iter().filter(|(_, metric)| are(metric.mean));
        such.map(|(name, _)| name.to_owned())
            .collect::<BTreeSet<_>>()
    };
    let evaluations = run.log.evaluations.iter().map(|at| &at.metrics);
    let all = evaluations.chain(run.outcome.iter().map(|outcome| &outcome.metrics));
    common(all.map(such)).unwrap_or_default()
}

/// What is in all sets; `None` of none.
fn common<T: Ord + Clone>(sets: impl Iterator<Item = BTreeSet<T>>) -> Option<BTreeSet<T>> {
    sets.reduce(|one, other| one.intersection(&other).cloned().collect())
}

/// A name for the settings of the task: its map or difficulty, and what is not as it is by default. `defaults` are those of
/// the methods; the task's are in each that is known.
pub(super) fn task(methods: &Methods, defaults: &[toml::Table]) -> String {
    let known = defaults.iter().find(|defaults| !defaults.is_empty());
    let defaults = known.map(flat).unwrap_or_default();
    let Some(method) = methods.list.first() else {
        return "default".to_owned();
    };
    let settings = method.settings.iter().filter_map(|(key, of)| {
        let name = key.strip_prefix("env.").filter(|name| *name != "kind")?;
        match name {
            "map" | "difficulty" => Some(of.clone()),
            _ if value(&defaults, key) != *of => Some(format!("{name}={of}")),
            _ => None,
        }
    });
    let told = settings.collect::<Vec<_>>().join(" ");
    match told.is_empty() {
        true => "default".to_owned(),
        false => told,
    }
}
