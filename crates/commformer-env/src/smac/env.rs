//! The battle as a task.

mod episode;

use super::account::Account;
use super::actions::{self, NO_OP, STOP};
use super::battle::Battle;
use super::cone::Look;
use super::config::SmacConfig;
use super::data::LOOPS_PER_STEP;
use super::observe::{Scene, agent_actions};
use super::opponent;
use super::players::Plan;
use super::scenario::{Member, Scenario, Side};
use super::sight::{Eyes, Found};
use crate::{
    ActionSpace, Actions, ConfigError, Environment, Frame, Observation, Rng, Spec, StateError,
    Status, error::require,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The metrics of an episode.
const METRICS: [&str; 6] = ["won", "kills", "losses", "damage", "progress", "timeout"];

/// One environment of a battle with the interface of the StarCraft Multi-Agent Challenge (SMAC; Samvelyan et al.,
/// 2019). It is a simulator of its own: what is won here says nothing about StarCraft II.
///
/// - Agents: the allies, in the scenario's order. A dead one is not active.
/// - A step is 8 of the game's 16 loops a second.
/// - Actions: 0 nothing, which only the dead can do, and nothing else; 1 stop; 2 to 5 go two cells north,
///   south, east or west, if the point one cell ahead is free; 6 + k attack enemy k, or for a healer heal
///   ally k, that lives, can be hit or healed, and is at most 6 cells away from centre to centre. An agent
///   attacks nobody unless told to. An action that is not available counts as stop. With a
///   [cone of sight](SmacConfig::sight_cone), the last four look north, south, east or west, and leave the unit
///   to what it was told. Whom an agent does not see it cannot attack; other settings
///   [change that](SmacConfig::mask_attacks).
/// - Observation and [state](Environment::global_state): see [`Layout`](super::Layout).
/// - Reward, of the team: what the enemies lost of hit points and shields, 10 for each of them that died, and
///   200 for the win, scaled so that the most there is to earn is 20. What grows back and is lost again pays once,
///   unless [`SmacConfig::reward`] says otherwise.
/// - End: nobody of a side is left who could fight. It is a win if the enemies are beaten and an ally lives who is no
///   healer: an Overseer whose last Banelings burst at the last enemy has won.
/// - Metrics: `won` (1 or 0); `kills` and `losses`, the shares of enemies and of allies that died; `damage`,
///   the share of the enemies' hit points and shields that is gone; `progress`, the return in which nothing pays
///   twice, whatever is paid; `timeout` (1 or 0), whether the limit ended it.
///
/// Differences from SMAC: nobody is offered an attack that its weapon cannot carry out; a healer goes over
/// anything, does not see the allies that it can heal as enemies that it can attack, and its energy is in the
/// state on every map; shields are divided by the unit's own maximum on every map; the limit truncates.
#[derive(Clone, Debug)]
pub struct Smac {
    config: SmacConfig,
    battle: Battle,
    progress: Progress,
    /// What each agent can choose, (N, A).
    available: Vec<bool>,
    /// What each agent could carry out, (N, A): the same, or less where attacks are not masked.
    able: Vec<bool>,
    /// Room for the order in which agents look around, (N).
    turns: Vec<usize>,
    /// Room for what an enemy can do.
    enemy_available: Vec<bool>,
    /// Room for who fights in an episode, and where they begin.
    members: Vec<Member>,
    points: Vec<[f32; 2]>,
    account: Account,
    /// Room for what the enemies mean to do.
    plan: Plan,
    limit: u32,
    /// The share of their hit points and shields that enemies begin an episode with.
    enemy_health: f32,
    spec: Spec,
}

/// What changes in an episode, besides the battle.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Progress {
    steps: u32,
    /// What each agent did last, (N); `None` in an episode's beginning.
    last: Vec<Option<usize>>,
    /// Where each agent looks, (N); nowhere without a cone of sight.
    looks: Vec<Look>,
    /// Which enemies were found, where they hide.
    found: Found,
}

impl Progress {
    /// What agents see now.
    fn eyes<'a>(&'a self, battle: &'a Battle, config: &SmacConfig) -> Eyes<'a> {
        Eyes {
            battle,
            sight: config.eyesight(),
            looks: &self.looks,
            found: &self.found,
        }
    }
}

impl Smac {
    /// A built-in battle.
    ///
    /// # Errors
    ///
    /// If there is no such map, or a setting cannot be.
    pub fn new(config: SmacConfig) -> Result<Self, ConfigError> {
        Self::with_scenario(config.scenario()?, config)
    }

    /// A battle of one's own; `config.map` is taken from it.
    ///
    /// # Errors
    ///
    /// If a setting cannot be, such as a start for which the map has no room.
    pub fn with_scenario(scenario: Arc<Scenario>, config: SmacConfig) -> Result<Self, ConfigError> {
        let config = SmacConfig {
            map: scenario.name.clone(),
            ..config
        };
        let scenario = match config.start {
            None => scenario,
            start => Arc::new(Scenario {
                start,
                ..Scenario::clone(&scenario)
            }),
        };
        config.check(&scenario)?;
        let cone = config.cone();
        let [agents, enemies] = scenario.counts();
        let count = agent_actions(&scenario, cone);
        let obs_dim = config.layout.obs_dim(&scenario, config.eyesight());
        Ok(Self {
            progress: Progress {
                steps: 0,
                last: vec![None; agents],
                looks: vec![Look::East; if cone.is_some() { agents } else { 0 }],
                found: Found::nothing(agents, config.hidden(enemies)),
            },
            available: vec![false; agents * count],
            able: vec![false; agents * count],
            turns: vec![0; agents],
            enemy_available: vec![false; actions::count(&scenario, Side::Enemies)],
            members: Vec::with_capacity(agents + enemies),
            points: Vec::with_capacity(agents + enemies),
            account: Account::new(agents + enemies),
            plan: Plan::new(agents + enemies),
            limit: config.episode_limit.unwrap_or(scenario.limit),
            enemy_health: 1.0,
            spec: Spec {
                state_dim: config.layout.state_len(&scenario, cone),
                masks_actions: true,
                metrics: METRICS.map(Into::into).into(),
                ..Spec::new(agents, obs_dim, ActionSpace::Discrete(count))
            },
            battle: Battle::with_search(scenario, config.enemy_search),
            config,
        })
    }

    /// Begins an episode at chosen points, the allies' and then the enemies', and writes its first
    /// observation. Where units are drawn, they are drawn here too.
    ///
    /// # Errors
    ///
    /// If these are not as many points as there are units, or a unit cannot be at its point.
    pub fn reset_to(
        &mut self,
        points: &[[f32; 2]],
        rng: &mut Rng,
        out: Observation<'_>,
    ) -> Result<(), ConfigError> {
        let scenario = self.battle.scenario();
        scenario.muster(rng, &mut self.members);
        let (found, expected) = (points.len(), self.members.len());
        let found = format!("{found} points");
        require(
            points.len() == expected,
            "points",
            found,
            format!("{expected}, one for each unit"),
        )?;
        for (&point, &member) in points.iter().zip(&self.members) {
            let free = scenario.terrain.is_free(point, scenario.kind(member).plane);
            require(free, "points", format!("{point:?}"), "free for the unit")?;
        }
        self.points.clear();
        self.points.extend_from_slice(points);
        self.begin(rng, out);
        Ok(())
    }

    /// The battle under way: who is where, with what left, and the shots of the last step.
    pub fn battle(&self) -> &Battle {
        &self.battle
    }

    /// What each agent could carry out, (N, A): what it can choose, but for targets out of reach where
    /// [attacks are not masked](SmacConfig::mask_attacks).
    pub(super) fn able(&self) -> &[bool] {
        &self.able
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            eyes: self.progress.eyes(&self.battle, &self.config),
            able: &self.able,
            last: &self.progress.last,
        }
    }

    fn begin(&mut self, rng: &mut Rng, out: Observation<'_>) {
        self.battle.begin(&self.members, &self.points);
        self.battle.weaken(Side::Enemies, self.enemy_health);
        opponent::begin(&mut self.battle, rng);
        self.progress.steps = 0;
        self.progress.last.fill(None);
        self.progress.looks.fill(Look::East);
        self.progress.found.forget();
        self.look_around(rng);
        self.account.open(&self.battle, &self.config);
        self.observe(out);
    }

    /// Lets agents find enemies that hide.
    fn look_around(&mut self, rng: &mut Rng) {
        let Progress { looks, found, .. } = &mut self.progress;
        let sight = self.config.eyesight();
        found.look(sight, &self.battle, looks, &mut self.turns, rng);
    }

    /// Draws nothing: a restored episode is observed, too.
    fn observe(&mut self, out: Observation<'_>) {
        let (count, masked) = (self.spec.actions.size(), self.config.mask_attacks);
        let eyes = self.progress.eyes(&self.battle, &self.config);
        for (agent, row) in self.able.chunks_exact_mut(count).enumerate() {
            eyes.write_able(agent, masked, row);
        }
        self.available.copy_from_slice(&self.able);
        if !masked {
            for (agent, row) in self.available.chunks_exact_mut(count).enumerate() {
                eyes.add_targets(agent, row);
            }
        }
        out.available.copy_from_slice(&self.available);
        for (active, unit) in out.active.iter_mut().zip(self.battle.units()) {
            *active = unit.is_alive();
        }
        self.scene().observe(self.config.layout, out.obs);
    }

    /// Tells the agents' units what to do.
    pub(super) fn act(&mut self, actions: &[i64]) {
        let count = self.spec.actions.size();
        let first_look = actions::count(self.battle.scenario(), Side::Allies);
        for (agent, &action) in actions.iter().enumerate() {
            let available = &self.available[agent * count..][..count];
            let idle = if available[NO_OP] { NO_OP } else { STOP };
            let action = usize::try_from(action).ok();
            let action = action
                .filter(|&action| available.get(action) == Some(&true))
                .unwrap_or(idle);
            self.progress.last[agent] = Some(action);
            let look = action.checked_sub(first_look);
            if let Some(&look) = look.and_then(|look| Look::ALL.get(look)) {
                // It goes on with what it was told before.
                self.progress.looks[agent] = look;
            } else if self.able[agent * count + action]
                && let Some(order) = actions::order(&self.battle, agent, action)
            {
                // So does who cannot reach its target.
                self.battle.order(agent, order);
            }
        }
    }

    /// Tells the enemies' units what to do.
    fn oppose(&mut self, rng: &mut Rng) {
        match self.config.opponent {
            None => opponent::pursue(&mut self.battle),
            Some(script) => {
                let (available, plan) = (&mut self.enemy_available, &mut self.plan);
                opponent::follow(script, &mut self.battle, available, plan, rng);
            }
        }
    }

    fn is_decided(&self) -> bool {
        self.battle.is_beaten(Side::Enemies) || self.battle.is_beaten(Side::Allies)
    }

    /// Whether the limit ends the episode.
    fn is_out_of_time(&self) -> bool {
        !self.is_decided() && self.limit > 0 && self.progress.steps >= self.limit
    }

    fn status(&self) -> Status {
        match (self.is_decided(), self.is_out_of_time()) {
            (true, _) => Status::Terminated,
            (_, true) if self.config.limit_terminates => Status::Terminated,
            (_, true) => Status::Truncated,
            _ => Status::Running,
        }
    }
}

impl Environment for Smac {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        let scenario = self.battle.scenario();
        scenario.muster(rng, &mut self.members);
        scenario.spawn(&self.members, rng, &mut self.points);
        self.begin(rng, out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let actions = actions.indices_for(self.spec.agents);
        self.act(actions);
        self.oppose(rng);
        self.account.note(&self.battle);
        self.battle.advance(LOOPS_PER_STEP, rng);
        self.progress.steps = self.progress.steps.saturating_add(1);
        let status = self.status();
        rewards.fill(self.account.reward(&self.battle, &self.config, status));
        self.look_around(rng);
        self.observe(out);
        status
    }

    fn metrics(&self, out: &mut [f32]) {
        let [won, kills, losses, damage, progress] =
            self.account.metrics(&self.battle, &self.config);
        let timeout = f32::from(u8::from(self.is_out_of_time()));
        out.copy_from_slice(&[won, kills, losses, damage, progress, timeout]);
    }

    fn progress(&mut self, share: f64) {
        self.enemy_health = self.config.enemy_health(share);
    }

    fn global_state(&self, out: &mut [f32]) {
        assert_eq!(out.len(), self.spec.state_dim, "the length of the state");
        self.scene().state(self.config.layout, out);
    }

    fn save(&self) -> Option<Vec<u8>> {
        self.to_bytes()
    }

    fn restore(&mut self, state: &[u8], out: Observation<'_>) -> Result<(), StateError> {
        self.take_up(state)?;
        self.observe(out);
        Ok(())
    }

    fn action_names(&self) -> Vec<String> {
        let mut names = actions::names(self.battle.scenario());
        if self.config.sight_cone.is_some() {
            names.extend(Look::NAMES.map(String::from));
        }
        names
    }

    fn agent_names(&self) -> Vec<String> {
        self.battle.scenario().agent_names()
    }

    fn draw(&self, frame: &mut Frame) {
        self.battle.draw(frame);
    }
}
