//! A step of battles: all sizes from 6 units to 66, with everybody on the way to the other side. Every battle is begun
//! again when a side is beaten.

use std::hint::black_box;

use commformer_env::{
    Rng,
    smac::{Battle, LOOPS_PER_STEP, Order, Side, builtin},
};
use criterion::{Criterion, criterion_group, criterion_main};

const BATTLES: [&str; 5] = ["3m", "8m", "MMM", "27m_vs_30m", "2c_vs_64zg"];

fn begin(battle: &mut Battle, points: &mut Vec<[f32; 2]>, rng: &mut Rng) {
    battle.scenario().clone().spawn(rng, points);
    battle.begin(points, rng);
    let middle = |points: &[[f32; 2]]| points[points.len() / 2];
    let (allies, enemies) = points.split_at(battle.scenario().allies.len());
    let goals = [middle(enemies), middle(allies)];
    for unit in 0..points.len() {
        let goal = goals[usize::from(battle.units()[unit].side == Side::Enemies)];
        battle.order(unit, Order::AttackMove(goal));
    }
}

fn step(c: &mut Criterion) {
    let mut group = c.benchmark_group("smac-battle");
    for name in BATTLES {
        let mut battle = Battle::new(builtin(name).expect("it is built in"));
        let (mut points, mut rng) = (Vec::new(), Rng::new(1, 0));
        begin(&mut battle, &mut points, &mut rng);
        group.bench_function(name, |b| {
            b.iter(|| {
                battle.advance(LOOPS_PER_STEP, &mut rng);
                if [Side::Allies, Side::Enemies].map(|side| battle.is_beaten(side)) != [false; 2] {
                    begin(&mut battle, &mut points, &mut rng);
                }
                black_box(battle.units());
            });
        });
    }
    group.finish();
}

criterion_group!(benches, step);
criterion_main!(benches);
