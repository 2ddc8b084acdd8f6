//! A whole trained team, of any method, in one process.

use super::{Agent, AnyTeam, Exported as Actors, TeamSizes};
use commformer_env::Rng;
use commformer_gate::alone::Gate;
use commformer_model::ModelError;
use commformer_model::decentralised::{
    Action, Delivered, Exported, Inbox, OpenEdges, Packet, Team,
};
use commformer_nn::inputs::check_width;

/// A trained team of any method whose agents are in one process: in a game, in a simulation, or on a machine that steers
/// them all. Each decides by its own observation and the messages that reach it, as agents on machines of their own do,
/// and takes its most likely action.
///
/// ```no_run
/// use commformer_env::Rng;
/// use commformer_methods::alone::{Shown, TrainedTeam};
///
/// let mut team = TrainedTeam::read(&std::fs::read("team.safetensors")?)?;
/// let mut rng = Rng::new(1, 0);
/// # let episode: Vec<Vec<f32>> = Vec::new();
/// // At the start of each episode.
/// team.forget();
/// for obs in episode {
///     let step = team.act(&Shown::new(&obs), &mut rng)?;
///     println!("{:?} for {} bytes", step.actions, step.delivered.bytes());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TrainedTeam {
    sizes: TeamSizes,
    obs_version: Option<u32>,
    agents: Agents,
}

#[derive(Debug)]
enum Agents {
    /// Of CommFormer and MAT.
    Transformers(Transformers),
    /// Of all other methods.
    Actors(Vec<Agent>),
}

#[derive(Debug)]
struct Transformers {
    team: Team,
    edges: OpenEdges,
    /// Of each agent; empty without gates.
    gates: Vec<Gate>,
}

/// What a team is shown in a step.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// What each agent sees, (N, O).
    pub obs: &'a [f32],
    /// Which of its actions each can take, (N, A); `None`: all.
    pub available: Option<&'a [bool]>,
    /// Who is active, (N); `None`: all. The others neither send nor are sent anything, and remember nothing.
    pub active: Option<&'a [bool]>,
    /// Who left in the step before, (N); `None`: nobody. Who is in its place now does not know what it remembered.
    pub departed: Option<&'a [bool]>,
}

impl<'a> Shown<'a> {
    /// Observations (N, O) of agents who are all active and can take all actions.
    pub fn new(obs: &'a [f32]) -> Self {
        Self {
            obs,
            available: None,
            active: None,
            departed: None,
        }
    }
}

/// What a team did in a step.
#[derive(Clone, Debug, PartialEq)]
pub struct TeamStep {
    /// What each agent does. That of one who is not active has no meaning.
    pub actions: Vec<Action>,
    /// What was delivered, receiver by sender.
    pub delivered: Delivered,
}

impl TrainedTeam {
    /// Reads what `commformer export` wrote.
    ///
    /// # Errors
    /// [`ModelError::Input`] for other files, [`ModelError::Config`] for settings that make no network.
    pub fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        match AnyTeam::read(bytes)? {
            AnyTeam::Transformers(exported) => Self::of_transformers(exported),
            AnyTeam::Actors(exported) => Self::of_actors(&exported),
        }
    }

    fn of_transformers(exported: Exported) -> Result<Self, ModelError> {
        let edges = exported.edges;
        let sizes = TeamSizes::of_transformers(exported.weights.config(), &edges);
        let gates = exported.gate.map(|gate| {
            let of_each = || Gate::exported(&gate.config, &gate.execution, gate.parts.clone());
            (0..sizes.agents).map(|_| of_each()).collect()
        });
        let gates: Result<Vec<Gate>, ModelError> = gates.unwrap_or(Ok(Vec::new()));
        Ok(Self {
            sizes,
            obs_version: exported.obs_version,
            agents: Agents::Transformers(Transformers {
                team: Team::new(exported.weights, sizes.agents)?,
                edges,
                gates: gates.map_err(ModelError::of_file)?,
            }),
        })
    }

    fn of_actors(exported: &Actors) -> Result<Self, ModelError> {
        let agents = (0..exported.agents()).map(|agent| exported.agent(agent));
        Ok(Self {
            sizes: exported.sizes(),
            obs_version: exported.obs_version(),
            agents: Agents::Actors(agents.collect::<Result<_, _>>()?),
        })
    }

    /// The number of agents, the numbers of an observation, and what an agent chooses.
    pub fn sizes(&self) -> TeamSizes {
        self.sizes
    }

    /// The version of the observations that it learned from; see
    /// [`Contents::obs_version`](commformer_model::decentralised::Contents::obs_version).
    pub fn obs_version(&self) -> Option<u32> {
        self.obs_version
    }

    /// Has all agents forget what they carry, as at the start of an episode.
    pub fn forget(&mut self) {
        match &mut self.agents {
            Agents::Transformers(agents) => {
                agents.team.forget();
                agents.gates.iter_mut().for_each(Gate::forget);
            }
            Agents::Actors(agents) => agents.iter_mut().for_each(Agent::forget),
        }
    }

    /// One step: the agents perceive, exchange messages and decide. `rng` is for agents of IC3Net, who draw whether they
    /// send.
    ///
    /// # Errors
    /// [`ModelError::Shape`] for other sizes than the team's, [`ModelError::Input`] for numbers that are not finite or too
    /// large for the network, and when an agent that is active can take no action. What agents carry is then as before,
    /// but that those who left have forgotten it.
    pub fn act(&mut self, shown: &Shown<'_>, rng: &mut Rng) -> Result<TeamStep, ModelError> {
        let (team, width) = (self.sizes.agents, self.sizes.actions.width());
        check_width("obs", shown.obs.len(), team * self.sizes.obs_dim)?;
        let flags = [
            ("available", shown.available, team * width),
            ("active", shown.active, team),
            ("departed", shown.departed, team),
        ];
        for (input, flags, expected) in flags {
            check_width(input, flags.map_or(expected, <[bool]>::len), expected)?;
        }
        let active = shown
            .active
            .map_or_else(|| vec![true; team], <[bool]>::to_vec);
        let departed = shown.departed.unwrap_or(&[]);
        let mut available = shown.available.map(<[bool]>::to_vec);
        // Whoever is not active may be left with nothing that it can do.
        for (own, active) in (available.iter_mut())
            .flat_map(|all| all.chunks_exact_mut(width))
            .zip(&active)
        {
            own.iter_mut().for_each(|can| *can |= !active);
        }
        let seen = Seen {
            obs: shown.obs,
            available: available.as_deref(),
            active: &active,
        };
        match &mut self.agents {
            Agents::Transformers(agents) => {
                agents.depart(departed)?;
                agents.step(&seen)
            }
            Agents::Actors(agents) => {
                forget(agents, departed, true, Agent::forget);
                step_of_actors(agents, &seen, rng)
            }
        }
    }
}

/// What the agents see, which actions they can take, and who is active.
struct Seen<'a> {
    obs: &'a [f32],
    available: Option<&'a [bool]>,
    active: &'a [bool],
}

/// Has those forget whose flag is `which`.
fn forget<T>(each: &mut [T], flags: &[bool], which: bool, forget: fn(&mut T)) {
    let those = each
        .iter_mut()
        .zip(flags)
        .filter(|(_, flag)| **flag == which);
    those.for_each(|(one, _)| forget(one));
}

impl Transformers {
    fn depart(&mut self, departed: &[bool]) -> Result<(), ModelError> {
        forget(&mut self.gates, departed, true, Gate::forget);
        match departed {
            [] => Ok(()),
            _ => self.team.depart(departed),
        }
    }

    fn step(&mut self, seen: &Seen<'_>) -> Result<TeamStep, ModelError> {
        let carried: Vec<Vec<f32>> = (self.gates.iter())
            .map(|gate| gate.carried().to_vec())
            .collect();
        let step = self.decide(seen);
        match &step {
            Ok(_) => forget(&mut self.gates, seen.active, false, Gate::forget),
            Err(_) => {
                for (gate, carried) in self.gates.iter_mut().zip(&carried) {
                    gate.keep(carried)?;
                }
            }
        }
        step
    }

    fn decide(&mut self, seen: &Seen<'_>) -> Result<TeamStep, ModelError> {
        let turns = self.team.perceive(seen.obs, seen.available)?;
        let mut edges = self.edges.clone();
        if !self.gates.is_empty() {
            let mut open = Vec::new();
            for (gate, turn) in self.gates.iter_mut().zip(&turns) {
                open.extend(gate.decide(turn.embedding())?);
            }
            edges = edges.gated(&open)?;
        }
        let step = self.team.act(turns, &edges.among(seen.active)?, None)?;
        Ok(TeamStep {
            actions: step.actions,
            delivered: step.delivered,
        })
    }
}

fn step_of_actors(
    agents: &mut [Agent],
    seen: &Seen<'_>,
    rng: &mut Rng,
) -> Result<TeamStep, ModelError> {
    let (team, active) = (agents.len(), seen.active);
    let rounds = agents.first().map_or(0, Agent::rounds);
    let mut turns = Vec::with_capacity(team);
    for (agent, obs) in agents
        .iter()
        .zip(seen.obs.chunks_exact(seen.obs.len() / team))
    {
        turns.push(agent.perceive(obs, Some(rng.uniform()))?);
    }
    let mut along = vec![0; team * team];
    for _ in 0..rounds {
        let said: Vec<Option<Packet>> = (turns.iter_mut().zip(active))
            .map(|(turn, active)| (*active && turn.sends()).then(|| turn.say()))
            .collect();
        for (receiver, turn) in turns.iter_mut().enumerate() {
            let heard = turn.hears().iter().filter(|_| active[receiver]);
            let letters: Vec<(usize, &Packet)> = heard
                .filter_map(|sender| Some((*sender, said[*sender].as_ref()?)))
                .collect();
            for (sender, packet) in &letters {
                along[receiver * team + sender] += packet.bytes();
            }
            turn.attend(&Inbox::new(letters, None))?;
        }
    }
    let mut decisions = Vec::with_capacity(team);
    for (agent, turn) in turns.iter_mut().enumerate() {
        let own = seen.available.map(|all| {
            let width = all.len() / team;
            &all[agent * width..][..width]
        });
        decisions.push(turn.decide(own, None)?);
    }
    let mut actions = Vec::with_capacity(team);
    for (agent, decision) in agents.iter_mut().zip(decisions) {
        agent.keep(decision.memory)?;
        actions.push(decision.action);
    }
    forget(agents, active, false, Agent::forget);
    Ok(TeamStep {
        actions,
        delivered: Delivered {
            along,
            always: vec![0; team * team],
        },
    })
}
