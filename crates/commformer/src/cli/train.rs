//! `commformer train`.

use super::options::ConfigOptions;
use crate::compose;
use crate::config::{Config, GateMode, GraphMode};
use crate::judge::{self, Judgement, Verdict};
use crate::record::progress::{clock, grouped};
use crate::record::{Recorder, svg};
use crate::run_dir::RunDir;
use anyhow::Context;
use clap::Args;
use commformer_train::{CheckpointStore, Phases, Which, seed_for, write_beside};
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct Train {
    #[command(flatten)]
    pub(super) config: ConfigOptions,
    /// The run's folder, which must not hold a run; by default runs/PRESET-SEED, with a number if
    /// that is there
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
}

impl Train {
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let config = self.config.resolve()?;
        // Everything that can be refused is, before a folder is made.
        let device = compose::device(&config)?;
        let mut trainer = compose::trainer(&config, device)?;
        let folder = self.folder(&config)?;
        write_beside(&folder.config(), self.header(&config)?.as_bytes())?;
        writeln!(
            out,
            "{} in {}",
            self.describe(&config, device),
            folder.path().display()
        )?;

        let store = CheckpointStore::create(folder.path())?;
        let mut recorder = Recorder::create(&folder, config.run.steps, config.run.seed)
            .with_context(|| format!("cannot write to {}", folder.path().display()))?;
        // The same episodes each time, so that evaluations differ by the policy alone. A checked
        // configuration makes environments; none at all is an error of the trainer's.
        let task = config.env.with_limit(config.eval.episode_limit);
        let mut environments = |purpose| {
            let copies = (0..config.eval.episodes)
                .map_while(|_| task.build().ok())
                .collect();
            commformer_env::VecEnv::new(copies, seed_for(config.run.seed, purpose))
        };
        let outcome = trainer.run(&mut environments, &store, &mut recorder);
        let (phases, seconds) = recorder.finish();
        outcome?;
        let steps = trainer.steps();
        drop(trainer);

        let judgement = Judgement {
            which: Which::Best,
            episodes: config.eval.final_episodes,
            seed: config.run.seed,
            sampled: false,
        };
        let verdict = judge::judge(&config, &store, &judgement, device)?;
        write_beside(
            &folder.final_evaluation(),
            verdict.to_json(&config)?.as_bytes(),
        )?;
        let title = format!("{}: who hears whom", self.config.name());
        let picture = svg::draw(&verdict.report.graph, &config.env.labels(), &title);
        write_beside(&folder.graph(), picture.as_bytes())?;

        writeln!(
            out,
            "\nTrained {} steps in {}.",
            grouped(steps),
            clock(seconds)
        )?;
        profile(out, phases, seconds)?;
        conclude(out, &config, &folder, &verdict)
    }

    fn folder(&self, config: &Config) -> anyhow::Result<RunDir> {
        Ok(match &self.run {
            Some(path) => RunDir::create(path)?,
            None => {
                let name = format!("{}-{}", self.config.name(), config.run.seed);
                RunDir::create_named(Path::new("runs"), &name)?
            }
        })
    }

    fn header(&self, config: &Config) -> anyhow::Result<String> {
        let name = self.config.name();
        // Of a file whose name has a line break, the rest would be settings.
        let name = name.escape_debug();
        let toml = config.to_toml()?;
        Ok(format!(
            "# Everything that made this run, from `{name}`. `commformer train --config` repeats it.\n\n{toml}"
        ))
    }

    fn describe(&self, config: &Config, device: tch::Device) -> String {
        format!(
            "Training {} agents on {} for {} steps on {}, seed {},",
            config.env.agents(),
            self.config.name(),
            grouped(config.run.steps),
            match device {
                tch::Device::Cuda(number) => format!("cuda:{number}"),
                other => format!("{other:?}").to_lowercase(),
            },
            config.run.seed
        )
    }
}

/// How the best checkpoint does, where everything lies, and what to try next.
fn conclude(
    out: &mut dyn Write,
    config: &Config,
    folder: &RunDir,
    verdict: &Verdict,
) -> anyhow::Result<()> {
    let path = folder.path().display();
    writeln!(
        out,
        "\nThe best checkpoint, of step {}, over {} episodes it was not chosen by:\n{}",
        grouped(verdict.trained_steps),
        verdict.judgement.episodes,
        verdict.figures
    )?;
    writeln!(out, "In {path}:")?;
    for (name, what) in [
        ("config.toml", "everything that made this run"),
        ("metrics.jsonl", "every iteration and evaluation"),
        ("tensorboard/", "the same for TensorBoard"),
        ("checkpoints/", "weights, the best and the latest"),
        ("final.json", "the figures above"),
        ("graph.svg", "who hears whom"),
    ] {
        writeln!(out, "  {name:14} {what}")?;
    }
    // The same run with one difference.
    let change = match config.graph.mode {
        GraphMode::Learned => "graph.mode=none",
        GraphMode::Given => "graph.mode=learned --set graph.edges=[]",
        GraphMode::Full | GraphMode::None | GraphMode::Random => "graph.mode=learned",
    };
    let program = super::program();
    writeln!(out, "\nTry next:")?;
    // Whom it hears is learned; the next question is when, and then what each agent needs.
    match config.gate.mode {
        GateMode::Off => {
            writeln!(out, "  {program} eval --run {path} --sampled")?;
            writeln!(
                out,
                "  {program} train --config {path}/config.toml --set gate.mode=learned"
            )?;
        }
        _ => writeln!(out, "  {program} eval --run {path} --decentralised")?,
    }
    writeln!(
        out,
        "  {program} train --config {path}/config.toml --set {change}"
    )?;
    writeln!(out, "  tensorboard --logdir {path}/tensorboard")?;
    Ok(())
}

/// Where the time went; what is left over went into evaluations and files.
fn profile(out: &mut dyn Write, phases: Phases, seconds: f64) -> std::io::Result<()> {
    let rest = (seconds - phases.total()).max(0.0);
    let parts = [
        ("environment", phases.environment),
        ("act", phases.act),
        ("update", phases.update),
        ("the rest", rest),
    ];
    for (phase, spent) in parts {
        let share = 100.0 * spent / seconds.max(1e-9);
        writeln!(out, "  {phase:12} {spent:>9.1} s  {share:>5.1} %")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        train: Train,
    }

    #[test]
    fn the_name_of_a_file_is_no_setting() {
        let Line { train } = Line::parse_from(["x", "--config", "a\n[run]\nseed = 2 #.toml"]);
        let config = Config::default();
        let written = train.header(&config).unwrap();
        assert!(written.contains("from `a\\n[run]"), "{written}");
        assert_eq!(Config::parse(&written, Source::Default).unwrap(), config);
    }
}
