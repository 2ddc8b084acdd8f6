//! `metrics.jsonl`: a [line](Line) for each iteration and each evaluation.

use super::past::Past;
use crate::links;
use crate::metrics;
use commformer_train::{EvaluationReport, IterationReport};
use commformer_view::record::{
    Evaluation, EvaluationSeconds, GateLosses, Iteration, IterationSeconds, Line, Losses, Metrics,
    Price, Receiving, rows,
};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes the lines.
#[derive(Debug)]
pub struct MetricsFile<W: Write = BufWriter<File>> {
    out: W,
}

impl MetricsFile {
    /// Begins the file, or goes on with it after the lines of the first `steps` environment steps. What
    /// comes after them is cut off: the run goes over it again.
    ///
    /// # Errors
    ///
    /// If it cannot be read or written.
    pub fn open(path: &Path, steps: u64) -> io::Result<(Self, Past)> {
        let file = links::append(path)?;
        let (past, kept) = Past::read(&file, steps)?;
        file.set_len(kept)?;
        let out = BufWriter::new(file);
        Ok((Self { out }, past))
    }

    /// Waits until every line is on the disk.
    ///
    /// # Errors
    ///
    /// If the disk refuses.
    pub fn sync(&self) -> io::Result<()> {
        self.out.get_ref().sync_data()
    }
}

impl<W: Write> MetricsFile<W> {
    /// Adds an iteration; `elapsed` is in seconds since the run began.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn iteration(&mut self, report: &IterationReport, elapsed: f64) -> io::Result<()> {
        let losses = &report.losses;
        self.write(&Line::Iteration(Box::new(Iteration {
            number: report.iteration,
            steps: report.steps,
            episodes: report.episodes,
            episode_return: report.episode_return,
            episode_steps: report.episode_steps,
            metrics: report.metrics.iter().cloned().collect(),
            losses: Losses {
                policy: losses.policy,
                value: losses.value,
                entropy: losses.entropy,
                clipped: losses.clipped,
                kl: losses.kl,
                grad_norm: losses.grad_norm,
                gate: losses.gate.map(|gate| GateLosses {
                    policy: gate.policy,
                    value: gate.value,
                    entropy: gate.entropy,
                    clipped: gate.clipped,
                    kl: gate.kl,
                }),
            },
            receiving: Some(Receiving {
                open_rate: report.traffic.open_rate(),
                messages: report.traffic.messages(),
                bytes: report.traffic.bytes(),
                traffic: report.traffic.share(),
                price: report.price.map(|price| Price {
                    message: price.message,
                    receiving: price.receiving,
                }),
            }),
            graph_changes: report.graph_changes,
            graph_agreement: report.graph_agreement,
            seconds: IterationSeconds {
                environment: report.phases.environment,
                act: report.phases.act,
                update: report.phases.update,
                elapsed,
            },
        })))
    }

    /// Adds an evaluation.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn evaluated(
        &mut self,
        report: &EvaluationReport,
        metrics: &Metrics,
        elapsed: f64,
    ) -> io::Result<()> {
        self.write(&Line::Evaluation(Evaluation {
            steps: report.steps,
            episodes: report.episodes.len(),
            metrics: metrics.clone(),
            each_episode: metrics::each_episode(report),
            graph: rows(&report.graph),
            seconds: EvaluationSeconds { elapsed },
        }))
    }

    /// Lines are handed to the system at once, so that a run that is cut short leaves what it did.
    fn write(&mut self, line: &Line) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::metrics;
    use crate::record::past::Move;
    use commformer_train::{EpisodeRecord, MessageStats, Phases};
    use serde_json::{Value, json};

    fn written(write: impl FnOnce(&mut MetricsFile<&mut Vec<u8>>)) -> Value {
        let mut bytes = Vec::new();
        write(&mut MetricsFile { out: &mut bytes });
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        serde_json::from_str(&text).unwrap()
    }

    /// An iteration and an evaluation with these metrics.
    pub(crate) fn lines(report: &EvaluationReport, metrics: &Metrics) -> Vec<String> {
        let iteration = IterationReport {
            metrics: (report.metric_names.iter())
                .map(|name| (name.clone(), 1e9))
                .collect(),
            ..iteration()
        };
        let mut bytes = Vec::new();
        let mut file = MetricsFile { out: &mut bytes };
        file.iteration(&iteration, 1.0).unwrap();
        file.evaluated(report, metrics, 1.0).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(String::from).collect()
    }

    fn iteration() -> IterationReport {
        IterationReport {
            iteration: 3,
            steps: 12_000,
            episodes: 0,
            episode_return: None,
            episode_steps: None,
            metrics: vec![("success".into(), 0.5)],
            losses: commformer_train::Losses {
                entropy: f64::NAN,
                ..Default::default()
            },
            traffic: MessageStats {
                agent_steps: 2.0,
                active_steps: 2.0,
                open: 1.0,
                messages: 4.0,
                bytes: 6.0,
                full_bytes: 12.0,
            },
            price: Some(commformer_train::Price {
                message: 0.0,
                receiving: 0.5,
            }),
            graph_changes: 2,
            graph_agreement: Some(0.5),
            phases: Phases {
                environment: 1.0,
                act: 2.0,
                update: 3.0,
            },
        }
    }

    #[test]
    fn an_iteration_is_one_line_with_its_times_apart() {
        let report = iteration();
        let line = written(|file| file.iteration(&report, 10.0).unwrap());
        assert_eq!(line["kind"], "iteration");
        assert_eq!(line["return"], Value::Null);
        assert_eq!(line["metrics"], json!({"success": 0.5}));
        assert_eq!(
            line["receiving"],
            json!({"open_rate": 0.5, "messages": 2.0, "bytes": 3.0, "traffic": 0.5,
                   "price": {"message": 0.0, "receiving": 0.5}})
        );
        assert!(line["losses"].get("gate").is_none());
        // JSON has no NaN.
        assert_eq!(line["losses"]["entropy"], Value::Null);
        assert_eq!(
            line["seconds"],
            json!({"environment": 1.0, "act": 2.0, "update": 3.0, "elapsed": 10.0})
        );
    }

    #[test]
    fn the_file_goes_on_after_the_steps_that_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let line = |number: u64, elapsed: f64| {
            let mut report = IterationReport {
                iteration: number,
                steps: 10 * number,
                ..iteration()
            };
            report.losses.kl = 0.125 / number as f64;
            let mut bytes = Vec::new();
            let mut file = MetricsFile { out: &mut bytes };
            file.iteration(&report, elapsed).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        let evaluation = "{\"kind\":\"evaluation\",\"steps\":20,\"episodes\":1,\"metrics\":{},\"graph\":[],\"seconds\":{\"elapsed\":15.5}}\n";
        let upto = [&line(1, 7.0), "spoiled\n", &line(2, 14.0), evaluation].concat();
        // A line beyond, and one that a kill has cut.
        let whole = [&upto, &line(3, 21.0), &line(2, 14.0)[..30]].concat();
        std::fs::write(&path, &whole).unwrap();
        let (file, past) = MetricsFile::open(&path, 20).unwrap();
        file.sync().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), upto);
        let phases = Phases {
            environment: 2.0,
            act: 4.0,
            update: 6.0,
        };
        let expected = Past {
            iterations: 2,
            phases,
            elapsed: 15.5,
            furthest: Some(Move {
                steps: 10,
                kl: 0.125,
            }),
        };
        assert_eq!(past, expected);
        let (_, past) = MetricsFile::open(&path, 0).unwrap();
        assert_eq!(past, Past::default());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }

    #[test]
    fn an_evaluation_holds_every_metric_and_the_graph() {
        let record = EpisodeRecord {
            team_return: -0.5,
            steps: 4,
            traffic: MessageStats::default(),
            gates_right: None,
            message_rounds: 8.0,
            lost_steps: 0,
            metrics: vec![1.0],
        };
        let report = EvaluationReport {
            steps: 8,
            episodes: vec![record],
            metric_names: vec!["success".into()],
            graph: vec![0.0, 1.0, 1.0, 0.0],
            gated: false,
            sources_heard: None,
        };
        let line = written(|file| {
            file.evaluated(&report, &metrics::of(&report, 1), 1.0)
                .unwrap()
        });
        assert_eq!(line["kind"], "evaluation");
        // Steps of training, and steps of an episode.
        assert_eq!(
            (&line["steps"], &line["metrics"]["steps"]["mean"]),
            (&json!(8), &json!(4.0))
        );
        assert_eq!(
            line["metrics"]["return"],
            json!({"mean": -0.5, "low": -0.5, "high": -0.5})
        );
        assert_eq!(line["metrics"]["success"]["mean"], 1.0);
        assert_eq!(line["graph"], json!([[0.0, 1.0], [1.0, 0.0]]));
    }
}
