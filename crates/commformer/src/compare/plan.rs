//! Every run of a comparison, resolved and checked before any of them starts.

use super::faults::{combination, different_tasks, refused, same_settings, wrongly_named};
use super::file::{Format, FormatError, Named};
use super::part::Part;
use super::state::State;
use super::unused::Reading;
use crate::compose;
use crate::config::{Config, ConfigError, Difference, Overrides, Resolved, Source, TaskConfig};
use crate::run_dir::{RunDir, RunDirError};
use commformer_train::workers;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// All runs, seed by seed, so that a table over all tasks and methods says something early on.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The file.
    pub file: PathBuf,
    /// Where the runs are.
    pub folder: PathBuf,
    /// Names of the tasks, in the order of the file.
    pub tasks: Vec<String>,
    /// Of tasks that have them, the scores that are 0 and 1 on the report's scale over all tasks.
    pub scales: BTreeMap<String, [f64; 2]>,
    /// Names of the methods and their variants, in the order of the file.
    pub methods: Vec<String>,
    /// The runs.
    pub runs: Vec<Planned>,
    /// What the user should know, such as which keys have other names now and which have no effect.
    pub notes: Vec<String>,
    processes: Option<usize>,
}

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The task's name in the file.
    pub task: String,
    /// The name of the method, or of its variant.
    pub method: String,
    /// What the method's table is called; all its variants have it.
    pub(super) table: String,
    /// `run.seed`.
    pub seed: u64,
    /// Its folder.
    pub folder: PathBuf,
    /// The whole configuration.
    pub config: Config,
}

/// Why a comparison cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file cannot be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Some combinations cannot be.
    #[error("{} asks for what cannot be:\n  {}", file.display(), faults.join("\n  "))]
    Combinations {
        /// The file.
        file: PathBuf,
        /// Each fault once, with the first combination that has it.
        faults: Vec<String>,
    },
    /// A part of the comparison was asked for that it does not have.
    #[error("{} has no {kind} {name:?}; it has {}", file.display(), known.join(", "))]
    NotThere {
        /// The file.
        file: PathBuf,
        /// `task`, `method` or `seed`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Runs that are there were made by other settings.
    #[error(
        "runs that are there were made with other settings than {} asks for:\n  {}\nName another `folder`, or move \
         these away",
        file.display(),
        differences.join("\n  ")
    )]
    Contradiction {
        /// The file.
        file: PathBuf,
        /// What differs, a line for each run.
        differences: Vec<String>,
    },
    /// The configuration of a run that is there cannot be read.
    #[error("cannot read the run in {}", folder.display())]
    Run {
        /// The run's folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: Box<ConfigError>,
    },
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] RunDirError),
}

impl Planned {
    /// What a message calls it.
    pub fn name(&self) -> String {
        format!("{}/{}/{}", self.task, self.method, self.seed_name())
    }

    /// Whether it is of the method or the variant of this name, or of a variant of it.
    pub(super) fn is_of(&self, method: &str) -> bool {
        self.method == method || self.table == method
    }

    /// A file beside its folder.
    pub(super) fn beside(&self, ending: &str) -> PathBuf {
        self.folder
            .with_file_name(format!("{}.{ending}", self.seed_name()))
    }

    /// What it said when it failed the last time that it was begun; none if it did not fail.
    pub fn last_failure(&self) -> Option<String> {
        fs::read_to_string(self.beside("failed")).ok()
    }

    fn seed_name(&self) -> String {
        format!("seed-{}", self.seed)
    }

    /// The threads that it is trained on where the cores leave it so many.
    pub fn threads(&self, threads: usize) -> usize {
        workers(self.with_threads(threads).run.threads)
    }

    /// The same with so many threads, unless the file says how many. That of a run alone, 0, would be all cores for each
    /// of the runs that share them.
    pub(super) fn with_threads(&self, threads: usize) -> Config {
        let mut config = self.config.clone();
        if config.run.threads == 0 {
            config.run.threads = threads;
        }
        config
    }
}

impl Plan {
    /// Reads the file and resolves every combination.
    ///
    /// # Errors
    ///
    /// [`PlanError`], which names the file, the key and the combination.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        Self::of(Format::read(path)?)
    }

    fn of(format: Format) -> Result<Self, PlanError> {
        let (mut runs, mut faults, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        let mut reading = Reading::default();
        for seed in &format.seeds {
            for task in &format.tasks {
                for method in &format.methods {
                    let layers = [&task.layers[..], &method.layers].concat();
                    match resolve(task, method, &layers, *seed) {
                        Ok(resolved) => {
                            reading.add(&layers, &resolved.unused);
                            for note in resolved.notes {
                                if !notes.contains(&note) {
                                    notes.push(note);
                                }
                            }
                            runs.push(Planned {
                                task: task.name.clone(),
                                method: method.name.clone(),
                                table: method.table.clone(),
                                seed: *seed,
                                folder: (format.folder.join(&task.name))
                                    .join(&method.name)
                                    .join(format!("seed-{seed}")),
                                config: resolved.config,
                            });
                        }
                        Err(fault) => faults.push((combination(&task.name, &method.name), fault)),
                    }
                }
            }
        }
        if faults.is_empty() {
            faults = same_settings(&runs);
            faults.extend(different_tasks(&format.tasks, &runs));
        }
        if !faults.is_empty() {
            return Err(refused(&format.file, faults));
        }
        notes.extend(reading.notes());
        let scales = format.tasks.iter();
        let scales = scales.filter_map(|task| Some((task.name.clone(), task.scale?)));
        Ok(Self {
            scales: scales.collect(),
            file: format.file,
            folder: format.folder,
            tasks: format.tasks.into_iter().map(|task| task.name).collect(),
            methods: format
                .methods
                .into_iter()
                .map(|method| method.name)
                .collect(),
            runs,
            notes,
            processes: format.processes,
        })
    }

    /// The runs of these tasks, methods and seeds alone; an empty list leaves all. The name of a method means all its variants,
    /// too.
    ///
    /// # Errors
    ///
    /// [`PlanError::NotThere`].
    pub fn part(&self, part: &Part) -> Result<Self, PlanError> {
        if let Some((kind, name)) = part.missing(&self.runs) {
            let seeds: BTreeSet<u64> = self.runs.iter().map(|run| run.seed).collect();
            return Err(PlanError::NotThere {
                file: self.file.clone(),
                kind,
                name,
                known: match kind {
                    "task" => self.tasks.clone(),
                    "method" => self.methods.clone(),
                    _ => seeds.iter().map(u64::to_string).collect(),
                },
            });
        }
        let mut chosen = self.clone();
        chosen.runs.retain(|run| part.has(run));
        Ok(chosen)
    }

    /// Refuses runs that no machine of this size holds, as `train` would, before anything of them is made. Tasks in Python are
    /// left to [`check_teams`](Self::check_teams), which starts them.
    ///
    /// # Errors
    ///
    /// [`PlanError::Combinations`].
    pub fn check_sizes(&self) -> Result<(), PlanError> {
        self.check_each(|config| {
            // A device that is not here may be where the runs will be.
            let device = compose::device(config).unwrap_or(tch::Device::Cpu);
            match &config.env.task {
                TaskConfig::Python(_) => Ok(()),
                TaskConfig::BuiltIn(_) => Ok(compose::memory::check_sizes(config, device)?),
            }
        })
    }

    /// Refuses teams that cannot be made: what only a task and its network tell. Starts the workers of tasks in Python. Leaves
    /// off once `stopped`.
    ///
    /// # Errors
    ///
    /// [`PlanError::Combinations`].
    pub fn check_teams(&self, stopped: impl Fn() -> bool) -> Result<(), PlanError> {
        self.check_each(|config| match stopped() {
            true => Ok(()),
            false => team(config),
        })
    }

    fn check_each(&self, check: impl Fn(&Config) -> anyhow::Result<()>) -> Result<(), PlanError> {
        // The first seed stands for all.
        let first = self.runs.first().map(|run| run.seed);
        let of_first = self.runs.iter().filter(|run| Some(run.seed) == first);
        let faults = of_first.filter_map(|run| {
            let fault = format!("{:#}", check(&run.config).err()?);
            Some((combination(&run.task, &run.method), fault))
        });
        let faults: Vec<_> = faults.collect();
        match faults.is_empty() {
            true => Ok(()),
            false => Err(refused(&self.file, faults)),
        }
    }

    /// Refuses runs in the folder that other settings have made.
    ///
    /// # Errors
    ///
    /// [`PlanError::Contradiction`], or [`PlanError::Run`] for a configuration that cannot be read.
    pub fn check_existing(&self) -> Result<(), PlanError> {
        let mut found = Vec::new();
        for run in self
            .runs
            .iter()
            .filter(|run| RunDir::holds_run(&run.folder))
        {
            let unreadable = |source| PlanError::Run {
                folder: run.folder.clone(),
                source: Box::new(source),
            };
            let there = RunDir::open(&run.folder)?.settings(Overrides::default());
            let there = there.map_err(unreadable)?;
            let differences = there.differences(&run.config).map_err(unreadable)?;
            let told: Vec<String> = (differences.iter())
                .filter(|difference| difference.matters())
                .map(Difference::told)
                .collect();
            if !told.is_empty() {
                found.push(format!("{}: {}", run.folder.display(), told.join(", ")));
            }
        }
        match found.is_empty() {
            true => Ok(()),
            false => Err(PlanError::Contradiction {
                file: self.file.clone(),
                differences: found,
            }),
        }
    }

    /// Each run with what its folder says of it.
    pub fn states(&self) -> Vec<(&Planned, State)> {
        let state = |run| (run, State::of(run));
        self.runs.iter().map(state).collect()
    }

    /// How many of so many runs are made at a time, and the threads of each: a run on one thread makes the most of a core.
    pub fn processes(&self, left: usize) -> [usize; 2] {
        let cores = workers(0);
        let processes = self.processes.unwrap_or(cores).min(left).max(1);
        [processes, (cores / processes).max(1)]
    }
}

/// The configuration that these tables of a combination make.
fn resolve(
    task: &Named,
    method: &Named,
    layers: &[(Table, Source)],
    seed: u64,
) -> Result<Resolved, String> {
    let sets_seed = |(table, _): &&(Table, Source)| {
        table
            .get("run")
            .is_some_and(|run| run.get("seed").is_some())
    };
    if let Some((_, source)) = layers.iter().find(sets_seed) {
        return Err(format!(
            "`run.seed` is set ({source}), but `seeds` sets it: leave it out"
        ));
    }
    if let Some(fault) = wrongly_named(method, layers) {
        return Err(fault);
    }
    let seed = i64::try_from(seed).map_err(|_| format!("seed {seed} is above {}", i64::MAX))?;
    let run = Table::from_iter([("seed".to_owned(), Value::Integer(seed))]);
    let run = Table::from_iter([("run".to_owned(), Value::Table(run))]);
    let run = (run, Source::Argument("seeds".to_owned()));
    Config::from_tables(task.preset.as_deref(), &[layers, &[run]].concat())
        .map_err(|error| error.to_string())
}

fn team(config: &Config) -> anyhow::Result<()> {
    let device = compose::device(config)?;
    compose::memory::check_sizes(config, device)?;
    let spec = config.env.spec()?;
    config.check_team()?;
    compose::team(config, &spec, device)?;
    Ok(())
}

#[cfg(test)]
mod tests;
