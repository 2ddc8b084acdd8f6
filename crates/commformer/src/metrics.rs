//! What an evaluation says: every metric with its interval.

use commformer_env::is_reserved_metric;
use commformer_train::{EpisodeRecord, EvaluationReport};
use commformer_view::record::{Episodes, Metrics, is_share_of_episodes};
use commformer_view::statistics::Estimate;

/// `return`, `steps` and the environment's metrics, every episode counting the same, a share of episodes with
/// [Wilson's interval](Estimate::share); `messages` and `bytes` per agent per step, and `traffic`, the bytes as a share
/// of those with everybody hearing everybody; `message_rounds`, how often in a step every agent waits for those whom it
/// hears; with gates, `open_rate`, the share of an agent's steps in which it receives, and `gates_right`, the share in
/// which it does so exactly when it must: these over all steps of all episodes; and `sources`, the share of agents that
/// hear the one they must. A metric that no episode has is left out, and so is a metric under a name that is not the
/// environment's to give, which no [`VecEnv`](commformer_env::VecEnv) lets in.
pub fn of(report: &EvaluationReport, seed: u64) -> Metrics {
    let mut metrics = Metrics::default();
    let mut add = |name: &str, estimate: Option<Estimate>| {
        if let Some(estimate) = estimate {
            metrics.insert(name, estimate);
        }
    };
    let by_step = |parts: &dyn Fn(&EpisodeRecord) -> (f64, f64)| {
        let pairs: Vec<(f64, f64)> = report.episodes.iter().map(parts).collect();
        Estimate::ratio(&pairs, seed)
    };
    for (name, values) in by_episode(report) {
        let estimate = match is_share_of_episodes(&name) {
            true => Estimate::share(&values, seed),
            false => Estimate::of(&values, seed),
        };
        add(&name, estimate);
    }
    add(
        "messages",
        by_step(&|episode| (episode.traffic.messages, episode.traffic.agent_steps)),
    );
    add(
        "bytes",
        by_step(&|episode| (episode.traffic.bytes, episode.traffic.agent_steps)),
    );
    add(
        "traffic",
        by_step(&|episode| (episode.traffic.bytes, episode.traffic.full_bytes)),
    );
    add(
        "message_rounds",
        by_step(&|episode| (episode.message_rounds, f64::from(episode.steps))),
    );
    if report.gated {
        add(
            "open_rate",
            by_step(&|episode| (episode.traffic.open, episode.traffic.active_steps)),
        );
        add(
            "gates_right",
            by_step(&|episode| {
                let steps = episode.traffic.active_steps;
                (episode.gates_right.unwrap_or(f64::NAN) * steps, steps)
            }),
        );
    }
    if let Some(share) = report.sources_heard {
        add(
            "sources",
            Estimate::of(&vec![share; report.episodes.len()], seed),
        );
    }
    metrics
}

/// What the means of [`of`] are of, where every episode counts the same: `return`, `steps` and the environment's metrics.
pub fn each_episode(report: &EvaluationReport) -> Episodes {
    let is_there = |(_, values): &(String, Vec<f64>)| values.iter().any(|value| value.is_finite());
    by_episode(report).into_iter().filter(is_there).collect()
}

/// What every episode has one number of; of a metric that an episode lacks, NaN.
fn by_episode(report: &EvaluationReport) -> Vec<(String, Vec<f64>)> {
    let list = |name: &str, metric: &dyn Fn(&EpisodeRecord) -> f64| {
        let values = report.episodes.iter().map(metric).collect();
        (name.to_owned(), values)
    };
    let mut all = vec![
        list("return", &|episode| episode.team_return),
        list("steps", &|episode| f64::from(episode.steps)),
    ];
    for (index, name) in report.metric_names.iter().enumerate() {
        if !is_reserved_metric(name) {
            let value = |episode: &EpisodeRecord| episode.metrics.get(index).copied();
            all.push(list(name, &|episode| value(episode).unwrap_or(f64::NAN)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use commformer_train::MessageStats;

    fn traffic() -> MessageStats {
        MessageStats {
            agent_steps: 6.0,
            active_steps: 6.0,
            open: 1.5,
            messages: 3.0,
            bytes: 60.0,
            full_bytes: 600.0,
        }
    }

    fn report() -> EvaluationReport {
        let episode = |steps, success| EpisodeRecord {
            team_return: -1.0,
            steps,
            traffic: traffic(),
            gates_right: Some(1.0),
            message_rounds: f64::from(2 * steps),
            lost_steps: 0,
            metrics: vec![success, f64::NAN],
        };
        EvaluationReport {
            steps: 100,
            episodes: vec![episode(4, 1.0), episode(20, 0.0)],
            metric_names: vec!["success".into(), "undefined".into()],
            graph: Vec::new(),
            gated: false,
            sources_heard: None,
        }
    }

    #[test]
    fn every_metric_that_exists_is_there() {
        let metrics = of(&report(), 1);
        let names: Vec<_> = metrics.names().collect();
        let plain = [
            "return",
            "steps",
            "success",
            "messages",
            "bytes",
            "traffic",
            "message_rounds",
        ];
        assert_eq!(names, plain);
        let gated = EvaluationReport {
            gated: true,
            ..report()
        };
        let gated = of(&gated, 1);
        let mean = |name| gated.get(name).map(|estimate| estimate.mean);
        assert_eq!(
            [mean("bytes"), mean("traffic"), mean("open_rate")],
            [Some(10.0), Some(0.1), Some(0.25)]
        );
        assert_eq!(mean("gates_right"), Some(1.0));
        assert_eq!(
            metrics.get("steps"),
            Some(Estimate {
                mean: 12.0,
                low: 4.0,
                high: 20.0
            })
        );
        assert_eq!(metrics.get("undefined"), None);
        // A share of two episodes has Wilson's interval: 1/2, and 0.4055 to each side.
        let success = metrics.get("success").unwrap();
        assert!(success.mean == 0.5 && (success.low - 0.0945).abs() < 1e-4);
        assert!((success.high - 0.9055).abs() < 1e-4, "{success:?}");
    }

    #[test]
    fn episodes_are_told_one_by_one() {
        let each = each_episode(&report());
        let expected = [
            ("return", vec![-1.0, -1.0]),
            ("steps", vec![4.0, 20.0]),
            ("success", vec![1.0, 0.0]),
        ];
        let expected = expected.map(|(name, values)| (name.to_owned(), values));
        assert_eq!(each, expected.into_iter().collect());
        // They are what the means are of.
        for (name, values) in each {
            let mean = commformer_view::statistics::mean(&values);
            assert_eq!(of(&report(), 1).get(&name).unwrap().mean, mean, "{name}");
        }
    }

    #[test]
    fn they_are_written_in_their_order() {
        let metrics = of(&report(), 1);
        let json = serde_json::to_string(&metrics).unwrap();
        assert!(
            json.starts_with("{\"return\":{\"mean\":-1.0,\"low\":-1.0,\"high\":-1.0},\"steps\":"),
            "{json}"
        );
        assert!(
            metrics
                .to_string()
                .contains("steps             12.000   4.000 to 20.000"),
            "{metrics}"
        );
        // What is per agent and step is told apart from what is per episode.
        let units = [
            ("return", "reward per agent and episode"),
            ("steps", "steps per episode"),
            ("messages", "per agent and step"),
            ("bytes", "bytes per agent and step"),
            ("traffic", "share of the bytes if all heard all"),
            ("message_rounds", "per step"),
        ];
        let table = metrics.to_string();
        for (name, unit) in units {
            let mut lines = table.lines();
            let line = lines.find(|line| line.split_whitespace().next() == Some(name));
            assert!(
                line.is_some_and(|line| line.ends_with(&format!("   {unit}"))),
                "{table}"
            );
        }
        assert_eq!(
            metrics.line(),
            "return -1.000  steps 12.000  success 0.500  messages 0.500  bytes 10.000  traffic 0.100  \
             message_rounds 2.000"
        );
    }
}
