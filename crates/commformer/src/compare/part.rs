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
    /// The first that is asked for and not known: whether it is a `task`, `method` or `seed`, its name, and what there is.
    pub(super) fn missing<'a>(
        &self,
        tasks: &'a [String],
        methods: &'a [String],
        seeds: &'a [String],
    ) -> Option<(&'static str, String, &'a [String])> {
        let asked_seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        let kinds = [
            ("task", &self.tasks, tasks),
            ("method", &self.methods, methods),
            ("seed", &asked_seeds, seeds),
        ];
        kinds.into_iter().find_map(|(kind, asked, known)| {
            let missing = |asked: &&String| !known.iter().any(|name| means(asked, name));
            let name = asked.iter().find(missing)?;
            Some((kind, name.clone(), known))
        })
    }

    /// Whether a run is in it. An empty list leaves all.
    pub(super) fn has(&self, run: &Planned) -> bool {
        let is_in = |asked: &[String], name: &str| {
            asked.is_empty() || asked.iter().any(|asked| means(asked, name))
        };
        is_in(&self.tasks, &run.task)
            && is_in(&self.methods, &run.method)
            && (self.seeds.is_empty() || self.seeds.contains(&run.seed))
    }
}

/// Whether what was asked for means this name: it is the same, or the name is of one of its variants.
fn means(asked: &str, name: &str) -> bool {
    let rest = name.strip_prefix(asked);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('+'))
}
