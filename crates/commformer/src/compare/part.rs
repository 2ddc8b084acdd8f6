//! A part of a comparison.

use super::plan::Planned;

/// Which runs of a comparison are meant.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Part {
    /// Train this task alone; can be given several times
    #[arg(long = "task", value_name = "NAME")]
    pub tasks: Vec<String>,
    /// Train this method alone, with all its variants; can be given several times
    #[arg(long = "method", value_name = "NAME")]
    pub methods: Vec<String>,
    /// Train this seed alone; can be given several times
    #[arg(long = "seed", value_name = "N")]
    pub seeds: Vec<u64>,
}

impl Part {
    /// The first that is asked for and that none of these runs is of: whether it is a `task`, `method` or `seed`, and its name.
    pub(super) fn missing(&self, runs: &[Planned]) -> Option<(&'static str, String)> {
        let none = |is: &dyn Fn(&Planned) -> bool| !runs.iter().any(is);
        let task = |name: &&String| none(&|run| run.task == **name);
        let method = |name: &&String| none(&|run| run.is_of(name));
        let seed = |seed: &&u64| none(&|run| run.seed == **seed);
        let named = |kind| move |name: &String| (kind, name.clone());
        let task = self.tasks.iter().find(task).map(named("task"));
        let method = self.methods.iter().find(method).map(named("method"));
        let seed = self.seeds.iter().find(seed);
        task.or(method)
            .or(seed.map(|seed| ("seed", seed.to_string())))
    }

    /// Whether a run is in it. An empty list leaves all.
    pub(super) fn has(&self, run: &Planned) -> bool {
        (self.tasks.is_empty() || self.tasks.contains(&run.task))
            && (self.methods.is_empty() || self.methods.iter().any(|method| run.is_of(method)))
            && (self.seeds.is_empty() || self.seeds.contains(&run.seed))
    }
}
