//! `commformer replay`.

use super::episodes::{Checkpoint, EpisodeOptions};
use super::opened::{Opened, TaskOptions};
use super::options::count;
use super::target::Target;
use super::warn;
use crate::compose;
use crate::replay;
use anyhow::Context;
use clap::Args;
use commformer_train::CheckpointStore;
use commformer_view::replay::{Replay as Pages, Run, film, page};
use commformer_view::text::shell_word;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct Replay {
    #[command(flatten)]
    options: EpisodeOptions,
    #[command(flatten)]
    task: TaskOptions,
    /// Another run of the same task, to play the same episodes beside
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// Episodes
    #[arg(long, default_value_t = 10, value_parser = count::<200>, allow_negative_numbers = true)]
    episodes: u32,
    /// The page to write; by default replay.html in the run's folder
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A GIF to write too, of the first episode
    #[arg(long, value_name = "FILE")]
    gif: Option<PathBuf>,
}

impl Replay {
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let run = &self.options.run;
        let first = self.configured(run)?;
        let named = self.out.as_deref();
        let target = Target::of(named, "--out", &first.opened.folder, "replay.html")?;
        let gif = self.gif.as_deref();
        let gif = gif.map(|gif| Target::named(gif, "--gif", "replay.gif"));
        let gif = gif.transpose()?;
        if let Some(gif) = &gif {
            anyhow::ensure!(
                !gif.is_file_of(&target),
                "the page and the film would both be {}: name two files, such as `--out replay.html --gif replay.gif`",
                gif.path().display()
            );
        }
        let second = self.against.as_deref().map(|run| self.configured(run));
        let second = second.transpose()?;
        if let Some(second) = &second {
            anyhow::ensure!(
                second.opened.config.evaluated() == first.opened.config.evaluated(),
                "{} and {} were trained on other tasks: their [env], or `eval.episode_limit`, differ, and their \
                 episodes cannot be the same",
                run.display(),
                second.opened.folder.path().display()
            );
        }
        let seed = self.options.seed.unwrap_or(first.opened.config.run.seed);
        let runs = std::iter::once(&first).chain(&second);
        let runs: anyhow::Result<_> = runs.map(|run| self.record(run, seed)).collect();
        let episodes = match self.episodes {
            1 => "1 episode".to_owned(),
            episodes => format!("{episodes} episodes"),
        };
        let title = format!("{}: {episodes}", first.opened.config.env.kind());
        let replay = Pages::new(title, self.command(seed), runs?);
        let text = page(&replay)?;
        target.write(text.as_bytes())?;
        let kilobytes = text.len().div_ceil(1000);
        let targets: Vec<&Target> = std::iter::once(&target).chain(&gif).collect();
        let shown = target.path().display();
        let told = format!("{shown}: {episodes}, {kilobytes} kB; open it in a browser");
        Target::tell(&targets, out, &told)?;
        if let Some(gif) = &gif {
            gif.write(&film(&replay, 0)?)?;
            let told = format!("{}: the first episode", gif.path().display());
            Target::tell(&targets, out, &told)?;
        }
        Ok(())
    }

    fn configured(&self, folder: &Path) -> anyhow::Result<Configured> {
        let options = &self.options;
        let opened = (self.task).open(options.trust, folder, options.device.as_ref())?;
        let store = CheckpointStore::open(opened.folder.path())?;
        Ok(Configured { opened, store })
    }

    fn record(&self, run: &Configured, seed: u64) -> anyhow::Result<Run> {
        let path = run.opened.folder.path();
        let device = compose::device(&run.opened.config)?;
        let request = self.options.request(seed, self.episodes as usize);
        let name = path.file_name().unwrap_or(path.as_os_str());
        let (record, evaluated) = replay::record(
            &name.to_string_lossy(),
            &run.opened.config,
            &run.store,
            &request,
            device,
        )
        .map_err(|error| run.opened.explained(error))
        .with_context(|| format!("cannot play {}", path.display()))?;
        for damage in &evaluated.damaged {
            warn(damage);
        }
        Ok(record)
    }

    /// What makes the same page again.
    fn command(&self, seed: u64) -> String {
        let options = &self.options;
        let run = shell_word(&options.run);
        let mut command = format!("{} replay --run {run}", super::program());
        if let Some(against) = &self.against {
            command += &format!(" --against {}", shell_word(against));
        }
        for set in &self.task.set {
            command += &format!(" --set {}", shell_word(set.as_ref()));
        }
        command += &format!(" --episodes {} --seed {seed}", self.episodes);
        if options.sampled {
            command += " --sampled";
        }
        if matches!(options.checkpoint, Checkpoint::Latest) {
            command += " --checkpoint latest";
        }
        if let Some(device) = &options.device {
            command += &format!(" --device {}", shell_word(device.as_ref()));
        }
        command
    }
}

/// A run, its settings and its checkpoints.
struct Configured {
    opened: Opened,
    store: CheckpointStore,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        replay: Replay,
    }

    #[test]
    fn the_command_makes_the_same_page() {
        let command = |more: &[&str]| {
            let words = ["x", "--run", "a", "--episodes", "3"].iter().chain(more);
            Line::parse_from(words).replay.command(7)
        };
        let plain = "commformer replay --run a --episodes 3 --seed 7";
        assert_eq!(command(&[]), plain);
        let all = "--against|b c|--sampled|--checkpoint|latest|--device|cuda:1|--set|env.agents=5";
        assert_eq!(
            command(&all.split('|').collect::<Vec<_>>()),
            "commformer replay --run a --against 'b c' --set 'env.agents=5' --episodes 3 --seed 7 --sampled \
             --checkpoint latest --device cuda:1"
        );
    }
}
