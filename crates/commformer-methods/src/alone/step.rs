//! A step of one agent, round by round.

use super::{Letter, Turn};
use commformer_model::decentralised::{Action, Inbox, Links, Packet, Receiving};
use commformer_model::{Decoding, ModelError, PolicyConfig, PreviousAction};

/// A step that is under way.
#[derive(Debug)]
pub(super) struct Step {
    agent: usize,
    agents: usize,
    /// Who hears it, and whom it hears.
    links: Links,
    round: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Transformer {
        own: Box<Receiving>,
        blocks: usize,
        /// Whether it decides after those before it.
        in_turn: bool,
        /// Whether it is told the action of the one before even if it does not hear that one.
        is_always_told: bool,
    },
    Actor {
        turn: Box<Turn>,
        rounds: usize,
        available: Option<Vec<bool>>,
    },
}

/// What an agent decided.
pub(super) struct Decided {
    pub action: Action,
    /// What it says while others still decide.
    pub outgoing: Vec<Letter>,
    /// What it remembers.
    pub memory: Option<Vec<f32>>,
}

impl Step {
    /// Of agent `agent` of so many, of CommFormer or MAT.
    pub fn of_transformer(
        team: [usize; 2],
        config: &PolicyConfig,
        own: Receiving,
        links: Links,
    ) -> Self {
        let kind = Kind::Transformer {
            own: Box::new(own),
            blocks: config.blocks,
            in_turn: config.decoder == Decoding::Autoregressive,
            is_always_told: config.previous_action == PreviousAction::Always,
        };
        Self::begin(team, links, kind)
    }

    /// Of another method.
    pub fn of_actor(
        team: [usize; 2],
        rounds: usize,
        turn: Turn,
        links: Links,
        available: Option<&[bool]>,
    ) -> Self {
        let kind = Kind::Actor {
            turn: Box::new(turn),
            rounds,
            available: available.map(<[bool]>::to_vec),
        };
        Self::begin(team, links, kind)
    }

    fn begin([agent, agents]: [usize; 2], links: Links, kind: Kind) -> Self {
        Self {
            agent,
            agents,
            links,
            round: 0,
            kind,
        }
    }

    /// A letter of this round, or a later one, to all of those who hear the agent.
    fn to_all(&self, round: usize, from: usize, packet: &Packet) -> Vec<Letter> {
        (from..self.agents)
            .filter(|other| *other != self.agent && self.links.is_heard_by(*other))
            .map(|other| Letter {
                round,
                other,
                packet: packet.clone(),
            })
            .collect()
    }

    /// What it says in this round before it hears anybody.
    pub fn outgoing(&mut self) -> Vec<Letter> {
        let said = match &mut self.kind {
            Kind::Transformer { own, blocks, .. } => (self.round < *blocks).then(|| own.say()),
            Kind::Actor { turn, rounds, .. } => {
                (self.round < *rounds && turn.sends()).then(|| turn.say())
            }
        };
        said.map_or_else(Vec::new, |said| self.to_all(self.round, 0, &said))
    }

    /// Round and sender of the letters of this round.
    pub fn awaited(&self) -> Vec<(usize, usize)> {
        let round = self.round;
        let of_round = |other| (round, other);
        match &self.kind {
            Kind::Transformer { blocks, .. } if round < *blocks => {
                let others = (0..self.agents).filter(|other| *other != self.agent);
                let heard = others.filter(|other| self.links.hears(*other));
                heard.map(of_round).collect()
            }
            Kind::Transformer { in_turn: false, .. } => Vec::new(),
            Kind::Transformer { is_always_told, .. } => {
                let heard = (0..self.agent).filter(|other| self.links.hears(*other));
                let before = self.agent.checked_sub(1);
                let told = before.filter(|before| *is_always_told || self.links.hears(*before));
                let told = told.map(|before| (round + 1, before));
                heard.map(of_round).chain(told).collect()
            }
            Kind::Actor { turn, rounds, .. } if round < *rounds => {
                turn.awaits().into_iter().map(of_round).collect()
            }
            Kind::Actor { .. } => Vec::new(),
        }
    }

    /// How many limits long the step may have taken once this round's wait ends: one for each round, and one for each agent
    /// that decides before.
    pub fn limits(&self) -> usize {
        let before = match &self.kind {
            Kind::Transformer {
                in_turn: true,
                blocks,
                ..
            } if self.round >= *blocks => self.agent,
            _ => 0,
        };
        self.round + 1 + before
    }

    /// Takes in the letters of this round. What it decided, if that was the last.
    pub fn take_in(&mut self, letters: &[Letter]) -> Result<Option<Decided>, ModelError> {
        let of_round = |round| letters.iter().filter(move |letter| letter.round == round);
        let heard = of_round(self.round).map(|letter| (letter.other, &letter.packet));
        let told = of_round(self.round + 1).map(|letter| &letter.packet).next();
        let inbox = Inbox::new(heard, told);
        match &mut self.kind {
            Kind::Transformer { own, blocks, .. } if self.round < *blocks => own.attend(&inbox)?,
            Kind::Actor { turn, rounds, .. } if self.round < *rounds => turn.attend(&inbox)?,
            Kind::Transformer {
                own,
                in_turn,
                is_always_told,
                ..
            } => {
                let decision = own.decide(&inbox, None)?;
                let next = self.agent + 1;
                let tells = next < self.agents && (*is_always_told || self.links.is_heard_by(next));
                let mut outgoing = Vec::new();
                if *in_turn {
                    outgoing = self.to_all(self.round, next, &decision.said);
                    outgoing.extend(tells.then_some(Letter {
                        round: self.round + 1,
                        other: next,
                        packet: decision.for_next,
                    }));
                }
                return Ok(Some(Decided {
                    action: decision.action,
                    outgoing,
                    memory: decision.memory,
                }));
            }
            Kind::Actor {
                turn, available, ..
            } => {
                let decision = turn.decide(available.as_deref(), None)?;
                return Ok(Some(Decided {
                    action: decision.action,
                    outgoing: Vec::new(),
                    memory: Some(decision.memory),
                }));
            }
        }
        self.round += 1;
        Ok(None)
    }
}
