//! Tests of the task on top of the battle, on small battles made here.

mod acting;
mod looking;
mod observing;
mod opposing;
mod paying;
mod playing;
mod scripts;
mod seeing;

use super::{
    Attribute, Energy, FirstOrder, Heal, Member, Plane, Scenario, Script, Smac, SmacConfig, Spawn,
    Terrain, Unit, UnitState, Weapon,
};
use crate::{Actions, Environment, Observation, Rng, StateError, Status};
use std::sync::Arc;

/// 45 hit points, and a gun that hits the ground and the air.
pub fn marine() -> Unit {
    Unit {
        hp: 45.0,
        shield: 0.0,
        armour: 0.0,
        regeneration: 0.0,
        regeneration_delay: 0.0,
        speed: 2.25,
        radius: 0.375,
        separation_radius: 0.375,
        plane: Plane::Ground,
        attributes: vec![Attribute::Light, Attribute::Biological],
        energy: None,
        weapon: Some(Weapon {
            damage: 6.0,
            bonus: None,
            hits: 1,
            hit_spacing: 0.0,
            range: 5.0,
            range_slop: 1.0,
            scan_range: 5.5,
            period: 0.8608,
            damage_point: 0.05,
            backswing: 0.75,
            ground: true,
            air: true,
            suicide: false,
            splash: None,
        }),
        heal: None,
        cooldown_scale: 15.0,
    }
}

/// A Marine whose gun does so much damage.
pub fn hits(damage: f32) -> Unit {
    let mut unit = marine();
    unit.weapon = unit.weapon.map(|gun| Weapon { damage, ..gun });
    unit
}

/// A gun that hits the ground only, and a shield.
pub fn stalker() -> Unit {
    let mut unit = Unit {
        hp: 80.0,
        shield: 80.0,
        armour: 1.0,
        speed: 2.9531,
        cooldown_scale: 35.0,
        ..marine()
    };
    unit.weapon = unit.weapon.map(|gun| Weapon {
        damage: 13.0,
        range: 6.0,
        period: 1.87,
        air: false,
        ..gun
    });
    unit
}

/// Blades, and a shield.
pub fn zealot() -> Unit {
    let mut unit = Unit {
        hp: 100.0,
        shield: 50.0,
        armour: 1.0,
        cooldown_scale: 22.0,
        ..marine()
    };
    unit.weapon = unit.weapon.map(|gun| Weapon {
        damage: 16.0,
        range: 0.1,
        period: 1.2,
        air: false,
        ..gun
    });
    unit
}

/// Flies and heals.
pub fn medivac() -> Unit {
    Unit {
        hp: 150.0,
        armour: 1.0,
        speed: 2.5,
        radius: 0.75,
        separation_radius: 0.75,
        plane: Plane::Air,
        attributes: vec![Attribute::Armored, Attribute::Mechanical],
        energy: Some(Energy {
            start: 50.0,
            max: 200.0,
            per_second: 0.5625,
        }),
        weapon: None,
        heal: Some(Heal {
            per_second: 9.0,
            energy_per_hp: 0.33,
            range: 4.0,
        }),
        ..marine()
    }
}

/// A battle of these kinds on a map whose ground ends at y = 8 and y = 24. The enemies wait.
pub fn scenario(allies: &[Unit], enemies: &[Unit]) -> Scenario {
    let kinds = allies.iter().chain(enemies).cloned();
    let member = |unit| Member {
        unit,
        type_id: None,
    };
    Scenario {
        name: "test".into(),
        limit: 60,
        units: kinds.map(|unit| ("unit".to_owned(), unit)).collect(),
        allies: (0..allies.len()).map(member).collect(),
        enemies: (allies.len()..allies.len() + enemies.len())
            .map(member)
            .collect(),
        type_bits: 0,
        terrain: Terrain::new(
            (0..32 * 32)
                .map(|cell| (8..24).contains(&(cell / 32)))
                .collect(),
        ),
        first_order: FirstOrder::Wait,
        shields: [allies, enemies].map(|side| side.iter().any(|unit| unit.shield > 0.0)),
        start: None,
        roster: None,
        spawn: Spawn::facing(allies.len(), enemies.len()),
    }
}

/// One environment, its stream, and what it wrote last.
pub struct Team {
    pub env: Smac,
    pub rng: Rng,
    pub obs: Vec<f32>,
    pub available: Vec<bool>,
    pub active: Vec<bool>,
    pub rewards: Vec<f32>,
}

impl Team {
    pub fn new(scenario: Scenario, config: SmacConfig) -> Self {
        let env = Smac::with_scenario(Arc::new(scenario), config).unwrap();
        let spec = env.spec();
        Self {
            rng: Rng::new(3, 0),
            // What the task does not overwrite stays visible.
            obs: vec![f32::NAN; spec.agents * spec.obs_dim],
            available: vec![false; spec.available_len()],
            active: vec![false; spec.agents],
            rewards: vec![f32::NAN; spec.agents],
            env,
        }
    }

    /// A battle that has begun at these points.
    pub fn at(points: &[[f32; 2]], scenario: Scenario, config: SmacConfig) -> Self {
        let mut team = Self::new(scenario, config);
        team.begin(points);
        team
    }

    /// Calls the task with the buffers to write to.
    pub fn call<T>(&mut self, call: impl FnOnce(&mut Smac, &mut Rng, Observation<'_>) -> T) -> T {
        let out = Observation {
            obs: &mut self.obs,
            available: &mut self.available,
            active: &mut self.active,
        };
        call(&mut self.env, &mut self.rng, out)
    }

    pub fn begin(&mut self, points: &[[f32; 2]]) {
        self.call(|env, rng, out| env.reset_to(points, rng, out))
            .unwrap();
    }

    pub fn reset(&mut self) {
        self.call(|env, rng, out| env.reset(rng, out));
    }

    pub fn step(&mut self, actions: &[i64]) -> Status {
        let out = Observation {
            obs: &mut self.obs,
            available: &mut self.available,
            active: &mut self.active,
        };
        self.env.step(
            Actions::Discrete(actions),
            &mut self.rng,
            out,
            &mut self.rewards,
        )
    }

    pub fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        self.call(|env, _, out| env.restore(state, out))
    }

    /// Lets two agents stand until the first is dead.
    pub fn lose_the_first(&mut self) {
        for _ in 0..20 {
            if self.active[0] {
                self.step(&[1, 1]);
            }
        }
        assert_eq!(self.active, [false, true]);
    }

    pub fn units(&self) -> &[UnitState] {
        self.env.battle().units()
    }

    /// The actions that an agent can take.
    pub fn open(&self, agent: usize) -> Vec<usize> {
        let row = self
            .available
            .chunks_exact(self.env.spec().actions.size())
            .nth(agent)
            .unwrap();
        (0..row.len()).filter(|&action| row[action]).collect()
    }

    pub fn row(&self, agent: usize) -> &[f32] {
        self.obs
            .chunks_exact(self.env.spec().obs_dim)
            .nth(agent)
            .unwrap()
    }

    pub fn state(&self) -> Vec<f32> {
        let mut state = vec![f32::NAN; self.env.spec().state_dim];
        self.env.global_state(&mut state);
        state
    }

    pub fn metrics(&self) -> [f32; 6] {
        let mut metrics = [f32::NAN; 6];
        self.env.metrics(&mut metrics);
        metrics
    }
}

/// Plays `steps` of a battle by a script, restores `restored` from there, and plays both to the end:
/// all that they write must be the same.
pub fn assert_goes_on(mut original: Team, steps: usize, mut restored: Team, script: Script) {
    let mut players = Rng::new(1, 1);
    let mut actions = vec![0; original.env.spec().agents];
    for _ in 0..steps {
        script.act(&original.env, &mut players, &mut actions);
        assert_eq!(original.step(&actions), Status::Running);
    }
    let saved = original.env.save().unwrap();
    restored.restore(&saved).unwrap();
    assert_eq!(restored.env.save().unwrap(), saved);
    restored.rng = original.rng.clone();
    // No step has written the rewards of the restored team yet.
    restored.rewards.clone_from(&original.rewards);
    let mut status = Status::Running;
    loop {
        assert_eq!(restored.obs, original.obs);
        assert_eq!(restored.available, original.available);
        assert_eq!(restored.active, original.active);
        assert_eq!(restored.rewards, original.rewards);
        assert_eq!(restored.state(), original.state());
        assert_eq!(restored.metrics(), original.metrics());
        if status != Status::Running {
            break;
        }
        script.act(&original.env, &mut players, &mut actions);
        status = original.step(&actions);
        assert_eq!(restored.step(&actions), status);
    }
}
