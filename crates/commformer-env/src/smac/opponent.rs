//! What the enemies are told: by the map, or by a script.

use super::actions;
use super::battle::{Battle, Order};
use super::players::{Plan, Script};
use super::scenario::{FirstOrder, Side};
use crate::Rng;

/// Tells the enemies at an episode's beginning what the map says.
pub(super) fn begin(battle: &mut Battle, rng: &mut Rng) {
    let to = match battle.scenario().first_order {
        FirstOrder::Wait | FirstOrder::AttackAgents => return,
        FirstOrder::AttackMove(to) => to,
        FirstOrder::AttackMoveWithin(from, to) => {
            let part = rng.uniform();
            [0, 1].map(|axis| from[axis] + part * (to[axis] - from[axis]))
        }
    };
    for enemy in actions::numbers(battle.scenario(), Side::Enemies) {
        battle.order(enemy, Order::AttackMove(to));
    }
}

/// Tells the enemies before a step where the agents are now, if the map wants them to look for these.
pub(super) fn pursue(battle: &mut Battle) {
    if battle.scenario().first_order != FirstOrder::AttackAgents {
        return;
    }
    for enemy in actions::numbers(battle.scenario(), Side::Enemies) {
        let (units, agents) = (
            battle.units(),
            actions::numbers(battle.scenario(), Side::Allies),
        );
        let far = |agent: &usize| actions::distance(&units[enemy], &units[*agent]);
        let living = agents.filter(|&agent| units[agent].is_alive());
        if let Some(agent) = living.min_by(|one, other| far(one).total_cmp(&far(other))) {
            let to = units[agent].position;
            battle.order(enemy, Order::AttackMove(to));
        }
    }
}

/// Lets a script tell the enemies before a step what to do; `available` is room for an enemy's actions.
pub(super) fn follow(
    script: Script,
    battle: &mut Battle,
    available: &mut [bool],
    plan: &mut Plan,
    rng: &mut Rng,
) {
    script.begin(battle, Side::Enemies, plan);
    for turn in 0..plan.turns.len() {
        let enemy = plan.turns[turn].1;
        actions::write_available(battle, enemy, available);
        let action = script.choose(battle, enemy, available, plan, rng);
        if let Some(order) = actions::order(battle, enemy, action) {
            battle.order(enemy, order);
        }
    }
}
