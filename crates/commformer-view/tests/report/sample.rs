//! Runs as `commformer train` leaves them, made up.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A run that is written to a folder.
#[derive(Clone, Debug)]
pub struct Sample {
    pub seed: u64,
    /// `graph.mode`.
    pub graph: String,
    /// `env.kind` and `env.dim`.
    pub task: (String, u64),
    pub iterations: u64,
    /// One in so many iterations is followed by an evaluation.
    pub every: u64,
    /// Whether it came to its end.
    pub ended: bool,
    /// Whether it tells every episode.
    pub each: bool,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            seed: 1,
            graph: "learned".into(),
            task: ("predator-prey".into(), 5),
            iterations: 10,
            every: 2,
            ended: true,
            each: false,
        }
    }
}

impl Sample {
    pub fn seed(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    /// The success after so many steps of training.
    pub fn success(&self, steps: u64) -> f64 {
        let bonus = if self.graph == "learned" { 0.2 } else { 0.0 };
        let share = steps as f64 / 10_000.0;
        (0.5 * share + bonus + self.seed as f64 / 100.0).min(1.0)
    }

    /// Writes it to a new folder.
    pub fn write(&self, parent: &Path, name: &str) -> PathBuf {
        let folder = parent.join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.toml"), self.config()).unwrap();
        fs::write(folder.join("metrics.jsonl"), self.metrics()).unwrap();
        if self.ended {
            fs::write(folder.join("final.json"), self.outcome()).unwrap();
        }
        folder
    }

    pub fn config(&self) -> String {
        let (kind, dim) = &self.task;
        let (graph, seed) = (toml::Value::from(self.graph.as_str()), self.seed);
        format!(
            "# made up\n[env]\nkind = \"{kind}\"\ndim = {dim}\nworkers = {seed}\n[graph]\nmode = {graph}\n\
             [run]\nseed = {seed}\nsteps = 10000\nthreads = {seed}\ndevice = \"cpu\"\n"
        )
    }

    pub fn metrics(&self) -> String {
        let mut text = String::new();
        for iteration in 1..=self.iterations {
            let steps = iteration * 1000;
            let success = self.success(steps);
            let elapsed = iteration as f64 * 1.5;
            writeln!(
                text,
                "{{\"kind\":\"iteration\",\"iteration\":{iteration},\"steps\":{steps},\"episodes\":3,\
                 \"return\":{},\"episode_steps\":{},\"metrics\":{{\"success\":{success}}},\
                 \"losses\":{{\"policy\":-0.01,\"value\":0.5,\"entropy\":1.5,\"clipped\":0.1,\"kl\":0.01,\
                 \"grad_norm\":0.5}},\"receiving\":{{\"open_rate\":1.0,\"messages\":1.0,\"bytes\":380.0,\
                 \"traffic\":0.5}},\"graph_changes\":1,\"seconds\":{{\"environment\":0.25,\"act\":0.25,\
                 \"update\":0.5,\"elapsed\":{elapsed}}}}}",
                success - 1.0,
                20.0 - 10.0 * success,
            )
            .unwrap();
            if iteration % self.every == 0 {
                let graph = match iteration % (2 * self.every) {
                    0 => "[[0.0,1.0],[1.0,0.0]]",
                    _ => "[[0.0,0.0],[1.0,0.0]]",
                };
                let metrics = self.estimates(success);
                writeln!(
                    text,
                    "{{\"kind\":\"evaluation\",\"steps\":{steps},\"episodes\":50,\"metrics\":{{{metrics}}},\
                     {}\"graph\":{graph},\"seconds\":{{\"elapsed\":{elapsed}}}}}",
                    self.each_episode(success)
                )
                .unwrap();
            }
        }
        text
    }

    /// Two episodes of which the mean is this success, and one of which it is not known.
    fn each_episode(&self, success: f64) -> String {
        let [low, high] = [success - 0.125, success + 0.125];
        match self.each {
            true => format!("\"each_episode\":{{\"success\":[{low},null,{high}]}},"),
            false => String::new(),
        }
    }

    pub fn outcome(&self) -> String {
        let metrics = self.estimates(self.success(10_000));
        format!(
            "{{{metrics},{}\"checkpoint\":\"best\",\"trained_steps\":10000,\"episodes\":200,\"seed\":{},\
             \"sampled\":false,\"graph\":[[0.0,1.0],[1.0,0.0]],\"settings\":{{}}}}",
            self.each_episode(self.success(10_000)),
            self.seed
        )
    }

    fn estimates(&self, success: f64) -> String {
        let metric = |name: &str, mean: f64| {
            let (low, high) = (mean - 0.05, mean + 0.05);
            format!("\"{name}\":{{\"mean\":{mean},\"low\":{low},\"high\":{high}}}")
        };
        let metrics = [
            metric("return", success - 1.0),
            metric("steps", 20.0 - 10.0 * success),
            metric("success", success),
            metric("messages", 1.0),
            metric("bytes", if self.graph == "none" { 0.0 } else { 380.0 }),
        ];
        metrics.join(",")
    }
}
