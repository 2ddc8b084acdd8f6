//! Measuring how one configuration trains, in this process.

use super::machine;
use crate::compose;
use crate::config::Config;
use commformer_train::{Estimator, IterationReport, Phases, UpperData, workers};
use commformer_view::numbers::grouped;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::time::Instant;

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::cli) struct Measured {
    pub name: String,
    /// Those that were timed.
    pub iterations: u32,
    /// Environment steps in them.
    pub steps: u64,
    pub seconds: f64,
    pub steps_per_second: f64,
    pub shares: Shares,
    pub agents: usize,
    /// Others that an agent heard in a step, in the mean.
    pub senders: f64,
    pub threads: usize,
    /// The most memory that the process had in use while it trained; `None` where the system does not say.
    pub peak_memory_bytes: Option<u64>,
    /// Of the policy's matrix products, forward and backward, over the time of the updates.
    pub update_gflops: f64,
    /// Of a plain matrix product on as many threads.
    pub plain_gflops: f64,
    /// The first as a share of the second.
    pub share_of_plain: f64,
}

/// Shares of the time; what lies between the phases makes them up to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::cli) struct Shares {
    pub environment: f64,
    pub act: f64,
    pub update: f64,
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Budget {
    /// Timed iterations, at most.
    pub iterations: u32,
    /// No iteration is begun after so many.
    pub seconds: f64,
}

/// Trains `config` for a while.
///
/// The first iteration pays for memory and caches and is not timed, unless it alone takes longer than
/// the budget: then its own work outweighs that, and it is all that is timed.
pub(in crate::cli) fn measure(
    name: String,
    config: &Config,
    budget: Budget,
) -> anyhow::Result<Measured> {
    let device = compose::device(config)?;
    compose::memory::check(config, device)?;
    let mut trainer = compose::trainer(config, device)?;
    let method = config.method.method();
    let spec = config.env.spec()?;
    let mut timed = Timed::default();
    let mut iterate = |timed: &mut Timed| {
        let start = Instant::now();
        let report = trainer.iterate()?;
        timed.add(&report, start.elapsed().as_secs_f64());
        anyhow::Ok(())
    };
    iterate(&mut timed)?;
    if timed.seconds < budget.seconds {
        timed = Timed::default();
        while timed.iterations < budget.iterations
            && (timed.iterations == 0 || timed.seconds < budget.seconds)
        {
            iterate(&mut timed)?;
        }
    }
    let peak_memory_bytes = machine::peak_memory();
    let senders = timed.messages / timed.active_steps.max(1.0);
    let footprint = method.footprint(&config.team(), &spec, senders);
    let iteration_steps = config.rollout.num_envs * config.rollout.steps;
    let steps = u64::from(timed.iterations) * iteration_steps as u64;
    let flop = 2.0 * footprint.training_multiply_adds * steps as f64 * passes(config);
    let update_gflops = 1e-9 * flop / timed.phases.update;
    let threads = workers(config.run.threads);
    let plain_gflops = machine::product_rate(threads, footprint.width, device)?;
    let Timed {
        iterations,
        seconds,
        phases,
        ..
    } = timed;
    Ok(Measured {
        name,
        iterations,
        steps,
        seconds,
        steps_per_second: steps as f64 / seconds,
        shares: Shares {
            environment: phases.environment / seconds,
            act: phases.act / seconds,
            update: phases.update / seconds,
        },
        agents: config.env.agents(),
        senders,
        threads,
        peak_memory_bytes,
        update_gflops,
        plain_gflops,
        share_of_plain: update_gflops / plain_gflops,
    })
}

/// Sums over iterations.
#[derive(Debug, Default)]
struct Timed {
    iterations: u32,
    seconds: f64,
    phases: Phases,
    messages: f64,
    active_steps: f64,
}

impl Timed {
    fn add(&mut self, report: &IterationReport, seconds: f64) {
        self.iterations += 1;
        self.seconds += seconds;
        self.phases += report.phases;
        self.messages += report.traffic.messages;
        self.active_steps += report.traffic.active_steps;
    }
}

/// How often an update runs the network, forward and backward, over an iteration's samples: in every
/// epoch of the policy, and in those of the graph, which take their place, if it is learned through the network. (While every edge
/// is present, `graph.warmup`, all epochs are the policy's: it is a little more.)
fn passes(config: &Config) -> f64 {
    let ppo = &config.ppo;
    let schedule = (config.method.method()).schedule(&config.team(), config.env.agents());
    let Some(graph) = schedule else {
        return ppo.epochs as f64;
    };
    let upper = match graph.estimator {
        // It needs returns and edge logits alone.
        Estimator::ScoreFunction => 0,
        Estimator::StraightThrough => ppo.epochs / graph.upper_every.max(1),
    };
    let (of_lower, of_upper) = match graph.upper_data {
        UpperData::Same => (1.0, 1.0),
        UpperData::HeldOut => (1.0 - graph.held_out, graph.held_out),
    };
    (ppo.epochs - upper) as f64 * of_lower + upper as f64 * of_upper
}

impl Measured {
    /// Megabytes (10^6) of peak memory, as far as known.
    pub fn peak_megabytes(&self) -> String {
        let megabytes = self
            .peak_memory_bytes
            .map(|bytes| grouped(bytes / 1_000_000));
        megabytes.unwrap_or_else(|| "?".to_owned())
    }

    pub fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let speed = grouped(self.steps_per_second as u64);
        let (steps, seconds) = (grouped(self.steps), self.seconds);
        writeln!(
            out,
            "{}: {speed} steps/s ({steps} steps in {seconds:.2} s)",
            self.name
        )?;
        let threads = match self.threads {
            1 => "one thread".to_owned(),
            threads => format!("{threads} threads"),
        };
        let percent = |share: f64| format!("{:>5.1} %", 100.0 * share);
        writeln!(out, "  environment  {}", percent(self.shares.environment))?;
        writeln!(out, "  act          {}", percent(self.shares.act))?;
        writeln!(
            out,
            "  update       {}   {:.1} GFLOP/s, {:.0} % of a plain matrix product's {:.1} on {threads}",
            percent(self.shares.update),
            self.update_gflops,
            100.0 * self.share_of_plain,
            self.plain_gflops,
        )?;
        writeln!(out, "  peak memory  {:>5} MB", self.peak_megabytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    #[test]
    fn only_epochs_that_run_the_network_are_passes() {
        let check = |text: &str, expected: f64| {
            let config = Config::parse(text, Source::Default).unwrap();
            assert!((passes(&config) - expected).abs() < 1e-9, "{text}");
        };
        // Five epochs, after which comes a step of the graph, or of which one is the graph's.
        check("", 5.0);
        check("[graph]\nmode = 'full'", 5.0);
        check("[ppo]\nepochs = 10", 10.0);
        check("[graph]\nestimator = 'straight-through'", 5.0);
        check("[graph]\nupper_data = 'held-out'", 5.0 * 0.8);
        let both = "[graph]\nestimator = 'straight-through'\nupper_data = 'held-out'";
        check(both, 4.0 * 0.8 + 0.2);
    }
}
