//! One agent of a trained team, of any method, on a machine of its own.

use super::step::{Decided, Step};
use super::{Agent, AnyTeam, TeamSizes};
use commformer_env::Rng;
use commformer_gate::alone::Gate;
use commformer_model::decentralised::{
    Action, Links, Member, OpenEdges, Packet, Weights, check_available,
};
use commformer_model::{ModelError, RelationOrder};
use std::sync::Arc;

/// One agent of a trained team of any method. It has the team's file and its own number, and of the others nothing but the
/// letters that your program carries.
///
/// A step begins with what the agent sees. Each [`Exchange`] says what is to be sent, and which letters the agent needs
/// before it goes on, until it has an action. Letters are told apart by step, round and sender: your program counts steps,
/// drops those of earlier ones, and keeps those that come too soon, of later rounds and steps, until they are awaited. A
/// letter that does not come in time is left out. Of the first round, and of CommFormer and MAT, it is then a message that
/// was not sent; in a later round of other methods its sender is taken to say what it said before. Wait with a limit: those
/// who are not active send nothing, nor do agents of IC3Net that decided so. Whoever waited in vain speaks only then, so
/// that others have to wait longer: [`limits`](Self::limits) says how long.
///
/// ```no_run
/// use commformer_env::Rng;
/// use commformer_methods::alone::{Letter, TrainedAgent};
/// # use commformer_model::decentralised::Packet;
/// # struct Radio;
/// # impl Radio {
/// #     fn send(&self, step: usize, letter: &Letter) {}
/// #     fn wait(&self, step: usize, awaited: &[(usize, usize)]) -> Vec<Letter> { Vec::new() }
/// # }
/// # let (radio, episode) = (Radio, Vec::<Vec<f32>>::new());
///
/// let mut agent = TrainedAgent::read(&std::fs::read("team.safetensors")?, 2)?;
/// let mut rng = Rng::new(1, 2);
/// // At the start of each episode.
/// agent.forget();
/// for (step, obs) in episode.iter().enumerate() {
///     let mut exchange = agent.begin(obs, None, &mut rng)?;
///     let action = loop {
///         exchange.outgoing.iter().for_each(|letter| radio.send(step, letter));
///         if let Some(action) = exchange.action {
///             break action;
///         }
///         exchange = agent.receive(&radio.wait(step, &exchange.awaited))?;
///     };
///     println!("{action:?}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TrainedAgent {
    agent: usize,
    sizes: TeamSizes,
    obs_version: Option<u32>,
    edges: OpenEdges,
    kind: Kind,
    /// The step that it has begun.
    step: Option<Step>,
    /// What its gate carried before that.
    gate_carried: Vec<f32>,
}

#[derive(Debug)]
enum Kind {
    /// Of CommFormer and MAT.
    Transformer {
        member: Member,
        weights: Arc<Weights>,
        gate: Option<Box<Gate>>,
    },
    /// Of all other methods.
    Actor(Agent),
}

/// What goes from one agent to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The round of the step in which it is needed.
    pub round: usize,
    /// Where it goes to, or where it came from.
    pub other: usize,
    /// What it says.
    pub packet: Packet,
}

/// What an agent has to say, and what it waits for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exchange {
    /// To be sent now, to all who can hear the agent. Whoever pays for messages sends them only to those who wait for them,
    /// if these say so ([`awaited`](Self::awaited)): a gate, and agents that choose whom they hear, wait for few.
    pub outgoing: Vec<Letter>,
    /// Round and sender of each letter that it needs to go on.
    pub awaited: Vec<(usize, usize)>,
    /// What it does, at the end of the step.
    pub action: Option<Action>,
}

impl TrainedAgent {
    /// Agent number `agent` of the team that `commformer export` wrote.
    ///
    /// # Errors
    /// [`ModelError::Input`] for other files and for an agent beyond the team, [`ModelError::Config`] for settings that make
    /// no network.
    pub fn read(bytes: &[u8], agent: usize) -> Result<Self, ModelError> {
        let (kind, edges, sizes, obs_version) = match AnyTeam::read(bytes)? {
            AnyTeam::Transformers(exported) => {
                let (weights, edges) = (exported.weights, exported.edges);
                let sizes = TeamSizes::of_transformers(weights.config(), &edges);
                sizes.check_agent(agent)?;
                let config = weights.config();
                if exported.gate.is_some()
                    && config.relation
                    && config.relation_order == RelationOrder::SenderReceiver
                {
                    return Err(ModelError::Input {
                        input: "file",
                        problem: "with `policy.relation_order = \"sender-receiver\"` agents score a sender by whether it \
                                  hears them, which a gate decides and no letter says: run the team as one, or train it \
                                  with \"receiver-sender\""
                            .to_owned(),
                    });
                }
                let gate = (exported.gate)
                    .map(|gate| Gate::exported(&gate.config, &gate.execution, gate.parts));
                let kind = Kind::Transformer {
                    member: Member::new(Arc::clone(&weights), agent)?,
                    weights,
                    gate: gate.transpose().map_err(ModelError::of_file)?.map(Box::new),
                };
                (kind, edges, sizes, exported.obs_version)
            }
            AnyTeam::Actors(exported) => {
                let kind = Kind::Actor(exported.agent(agent)?);
                (kind, exported.edges, exported.sizes, exported.obs_version)
            }
        };
        Ok(Self {
            agent,
            sizes,
            obs_version,
            edges,
            kind,
            step: None,
            gate_carried: Vec::new(),
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

    /// After how many limits since the step began it gives up on the letters that it awaits, where all agents began at the
    /// same time and have the same limit: one for each round and, where agents decide one after the other, one for each
    /// agent before it. An agent that gives up sooner loses letters of those who waited for a silent one. 0 if no step is
    /// under way.
    pub fn limits(&self) -> usize {
        self.step.as_ref().map_or(0, Step::limits)
    }

    /// Forgets what it carries, as at the start of an episode, and as after a step in which it was not active or in which it
    /// left. A step that is under way is given up.
    pub fn forget(&mut self) {
        self.step = None;
        match &mut self.kind {
            Kind::Transformer { member, gate, .. } => {
                member.forget();
                if let Some(gate) = gate {
                    gate.forget();
                }
            }
            Kind::Actor(agent) => agent.forget(),
        }
    }

    /// Begins a step, by what it sees, O numbers. `available`, A flags, says which of its actions it can take; `None`: all.
    /// `rng` is for agents of IC3Net, who draw whether they send. A step that did not come to its end is given up.
    ///
    /// # Errors
    /// [`ModelError::Shape`] for other sizes, [`ModelError::Input`] for numbers that are not finite or too large for the
    /// network, and when there is no action that it can take. No step is under way then.
    pub fn begin(
        &mut self,
        obs: &[f32],
        available: Option<&[bool]>,
        rng: &mut Rng,
    ) -> Result<Exchange, ModelError> {
        self.give_up()?;
        let (own, agents) = (self.agent, self.sizes.agents);
        let mut links = self.edges.links(own);
        let step = match &mut self.kind {
            Kind::Transformer {
                member,
                weights,
                gate,
            } => {
                let turn = member.perceive(obs, available)?;
                if let Some(gate) = gate {
                    self.gate_carried = gate.carried().to_vec();
                    // For all of its edges, or one for each.
                    let open = gate.decide(turn.embedding())?;
                    let is_open = |other: usize| open.get(other).or(open.first()) == Some(&true);
                    let hears = |other| links.hears(other) && (other == own || is_open(other));
                    let heard_by = (0..agents).map(|other| links.is_heard_by(other)).collect();
                    links = Links::new((0..agents).map(hears).collect(), heard_by);
                }
                let receiving = turn.receive(links.clone());
                Step::of_transformer([own, agents], weights.config(), receiving, links)
            }
            Kind::Actor(agent) => {
                check_available(available, self.sizes.actions.width())?;
                let turn = agent.perceive(obs, Some(rng.uniform()))?;
                Step::of_actor([own, agents], agent.rounds(), turn, links, available)
            }
        };
        self.step = Some(step);
        self.go_on(Exchange::default())
    }

    /// Takes in the letters that it [awaited](Exchange::awaited), as far as they have come, and goes on.
    ///
    /// # Errors
    /// [`ModelError::Input`] for other letters and for one that cannot be read, which is named: nothing of the letters has
    /// been taken in then, and the agent can go on with fewer. When no step is under way. When numbers are too large for the
    /// network: if the letters have been taken in by then, the step is given up.
    pub fn receive(&mut self, letters: &[Letter]) -> Result<Exchange, ModelError> {
        let refused = |problem: String| ModelError::Input {
            input: "letters",
            problem,
        };
        let Some(step) = &mut self.step else {
            return Err(refused("no step is under way: begin one".to_owned()));
        };
        let awaited = step.awaited();
        for Letter { round, other, .. } in letters {
            if !awaited.contains(&(*round, *other)) {
                return Err(refused(format!(
                    "found one for round {round} of agent {other}, expected rounds and senders of {awaited:?}"
                )));
            }
        }
        match step.take_in(letters)? {
            Some(decided) => self.end(Exchange::default(), decided),
            None => self.go_on(Exchange::default()),
        }
    }

    /// Goes on as far as no letter is needed.
    fn go_on(&mut self, mut exchange: Exchange) -> Result<Exchange, ModelError> {
        while let Some(step) = &mut self.step {
            exchange.outgoing.extend(step.outgoing());
            exchange.awaited = step.awaited();
            if !exchange.awaited.is_empty() {
                break;
            }
            match step.take_in(&[]) {
                Ok(None) => {}
                Ok(Some(decided)) => return self.end(exchange, decided),
                Err(error) => {
                    // Without letters there is no other way on.
                    self.give_up()?;
                    return Err(error);
                }
            }
        }
        Ok(exchange)
    }

    /// Leaves a step that is under way, as if it had not begun.
    fn give_up(&mut self) -> Result<(), ModelError> {
        if self.step.take().is_some()
            && let Kind::Transformer {
                gate: Some(gate), ..
            } = &mut self.kind
        {
            gate.keep(&self.gate_carried)?;
        }
        Ok(())
    }

    /// Ends the step.
    fn end(&mut self, mut exchange: Exchange, decided: Decided) -> Result<Exchange, ModelError> {
        self.step = None;
        match &mut self.kind {
            Kind::Transformer { member, .. } => member.keep(decided.memory)?,
            Kind::Actor(agent) => agent.keep(decided.memory.unwrap_or_default())?,
        }
        exchange.outgoing.extend(decided.outgoing);
        exchange.action = Some(decided.action);
        Ok(exchange)
    }
}
