//! A small environment that makes the mistake that it is told to.

use commformer_env::{
    ActionSpace, Actions, Environment, Observation, Rng, Spec, StateError, Status,
};
use std::sync::atomic::{AtomicU8, Ordering};

/// Steps of an episode.
pub const STEPS: u8 = 6;
/// The step in which agent 1 leaves.
const LEAVES: u8 = 3;

/// What is not determined by a seed.
static CHANCE: AtomicU8 = AtomicU8::new(0);

/// Two agents that walk; an odd place forbids the last of three actions. The second one leaves.
pub struct Walk {
    fault: &'static str,
    spec: Spec,
    places: [u8; 2],
    steps: u8,
    coin: u8,
    departed: Vec<bool>,
}

impl Walk {
    pub fn new(fault: &'static str) -> Self {
        let metric = if fault == "metric name" {
            "return"
        } else {
            "far"
        };
        Self {
            spec: Spec {
                state_dim: 2,
                masks_actions: true,
                metrics: vec![metric.into()],
                ..Spec::new(2, 3, ActionSpace::Discrete(3))
            },
            places: [0; 2],
            steps: 0,
            coin: 0,
            departed: vec![false; if fault == "departed" { 1 } else { 2 }],
            fault,
        }
    }

    fn is(&self, fault: &str) -> bool {
        self.fault.split(", ").any(|made| made == fault)
    }

    fn toss(&mut self, rng: &mut Rng) {
        self.coin = match self.is("chance") {
            true => CHANCE.fetch_add(1, Ordering::Relaxed),
            false => rng.below(200) as u8,
        };
    }

    fn show(&self, out: Observation<'_>) {
        let stale = self.is("stale observations") && self.steps > 0;
        let width = if self.is("wide rows") { 4 } else { 3 };
        for (place, row) in self.places.iter().zip(out.obs.chunks_mut(width)) {
            let numbers = [*place, self.steps, self.coin, 0].map(f32::from);
            let written = if self.is("short rows") { 2 } else { width };
            if !stale {
                row[..written].copy_from_slice(&numbers[..written]);
            }
            if self.is("observation not finite") {
                row[1] = f32::NAN;
            }
            if self.is("observation too large") {
                row[1] = f32::MAX;
            }
        }
        for (place, row) in self.places.iter().zip(out.available.chunks_exact_mut(3)) {
            if self.is("available unwritten") && self.steps > 0 {
                row[0] = true;
                continue;
            }
            row.fill(!(self.is("no action") && self.steps == 2));
            row[2] &= place % 2 == 0;
        }
        if !self.is("active unwritten") {
            let there = !self.is("nobody");
            out.active
                .copy_from_slice(&[there, there && self.steps < LEAVES]);
        }
    }
}

impl Environment for Walk {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        (self.places, self.steps) = ([0; 2], 0);
        self.departed.fill(false);
        self.toss(rng);
        self.show(out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        self.steps = self.steps.saturating_add(1);
        assert!(!(self.is("panics") && self.steps == 2), "lost");
        for (place, action) in self.places.iter_mut().zip(actions.indices()) {
            assert!(
                *action < 2 || *place % 2 == 0,
                "an action that is not available"
            );
            *place = place.wrapping_add(*action as u8);
        }
        self.toss(rng);
        let left = self.steps == LEAVES;
        if let [_, departed] = &mut self.departed[..] {
            *departed = left;
        }
        for (agent, reward) in rewards.iter_mut().enumerate() {
            let earned = match agent {
                1 if self.steps > LEAVES => 0.0,
                _ => f32::from(self.places[agent]),
            };
            match self.fault {
                "stale rewards" => {}
                "added rewards" => *reward += earned,
                "larger rewards" => *reward = reward.max(earned),
                _ => *reward = earned,
            }
            if self.is("reward not finite") {
                *reward = f32::NEG_INFINITY;
            }
        }
        if self.is("paid after") {
            rewards[1] = 100.0;
        }
        if self.is("another spec") {
            self.spec.obs_dim = 4;
        }
        self.show(out);
        match self.steps >= STEPS && !self.is("endless") {
            true => Status::Truncated,
            false => Status::Running,
        }
    }

    fn metrics(&self, out: &mut [f32]) {
        match self.fault {
            "metrics unwritten" => {}
            "metrics not finite" => out[0] = 1.0 / f32::from(STEPS - self.steps.min(STEPS)),
            _ => out[0] = self.places[0].into(),
        }
    }

    fn global_state(&self, out: &mut [f32]) {
        if !self.is("no state") {
            out.copy_from_slice(&self.places.map(f32::from));
        }
        if self.is("state not finite") {
            out[1] = f32::NAN;
        }
    }

    fn save(&self) -> Option<Vec<u8>> {
        let steps = if self.is("state omitted") {
            0
        } else {
            self.steps
        };
        Some(vec![self.places[0], self.places[1], steps, self.coin])
    }

    fn restore(&mut self, state: &[u8], out: Observation<'_>) -> Result<(), StateError> {
        let &[first, second, steps, coin] = state else {
            return Err(StateError::new("not four bytes"));
        };
        if self.is("refused") {
            return Err(StateError::new("no"));
        }
        (self.places, self.steps, self.coin) = ([first, second], steps, coin);
        if !self.is("restored unshown") {
            self.show(out);
        }
        Ok(())
    }

    fn departed(&self) -> &[bool] {
        &self.departed
    }

    fn must_receive(&self) -> Option<&[bool]> {
        self.is("must receive").then_some(&[])
    }

    fn action_names(&self) -> Vec<String> {
        match self.is("action names") {
            true => vec!["stay".into()],
            false => Vec::new(),
        }
    }
}
