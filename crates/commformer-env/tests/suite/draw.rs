//! What the built-in tasks look like, all through an episode.

use crate::single::Single;
use commformer_env::{
    ActionSpace, Environment, Form, Frame, PredatorPrey, PredatorPreyConfig, Rng, Role, Status,
    smac::{Smac, SmacConfig},
};

fn picture(env: &impl Environment) -> Frame {
    let mut frame = Frame::default();
    env.draw(&mut frame);
    frame
}

/// Draws an episode of random actions: everybody who is active is in the picture, nothing is outside of
/// it, and the scenery stands still.
pub fn check(env: impl Environment) {
    let (agents, actions) = (env.spec().agents, env.spec().actions.size());
    assert_eq!(env.spec().actions, ActionSpace::Discrete(actions));
    assert_eq!(env.action_names().len(), actions);
    let names = env.agent_names().len();
    assert!(names == 0 || names == agents, "{names}");
    let mut single = Single::new(env, 3);
    single.reset();
    let first = picture(&single.env);
    let mut policy = Rng::new(4, 0);
    loop {
        let frame = picture(&single.env);
        assert_eq!((&frame.size, &frame.scenery), (&first.size, &first.scenery));
        let [width, height] = frame.size;
        let inside = |x: f32, y: f32| (0.0..=width).contains(&x) && (0.0..=height).contains(&y);
        assert_eq!(frame.agents.len(), agents);
        for (at, active) in frame.agents.iter().zip(&single.active) {
            assert!(at.is_some() || !active);
            assert!(at.is_none_or(|[x, y]| inside(x, y)));
        }
        for shape in &frame.shapes {
            let whole = match &shape.form {
                Form::Rectangle([x, y, w, h]) => inside(x + w / 2.0, y + h / 2.0),
                Form::Circle([x, y, _]) | Form::Text([x, y, _], _) => inside(*x, *y),
                Form::Line([x, y, a, b]) => inside(*x, *y) && inside(*a, *b),
                Form::Polygon(corners) => corners.iter().all(|&[x, y]| inside(x, y)),
            };
            assert!(whole, "{shape:?} in {:?}", frame.size);
        }
        let random: Vec<i64> = (0..agents)
            .map(|_| policy.below(actions as u32).into())
            .collect();
        if single.step(&random) != Status::Running {
            return;
        }
    }
}

#[test]
fn battles_draw_all_of_an_episode() {
    for map in ["MMM2", "corridor"] {
        let config = SmacConfig {
            map: map.into(),
            ..SmacConfig::default()
        };
        check(Smac::new(config).unwrap());
    }
}

#[test]
fn a_predator_on_its_prey_is_marked() {
    let config = PredatorPreyConfig {
        agents: 1,
        ..Default::default()
    };
    let mut single = Single::new(PredatorPrey::new(config).unwrap(), 1);
    single
        .begin(|env, _, out| env.reset_to(&[(0, 0), (0, 1)], out))
        .unwrap();
    let marks = |frame: &Frame| {
        let good = frame.shapes.iter().filter(|shape| shape.role == Role::Good);
        good.count()
    };
    let before = picture(&single.env);
    assert_eq!((marks(&before), before.agents[0]), (0, Some([0.5, 0.5])));
    let sight = (before.shapes.iter()).find(|shape| shape.role == Role::Sight(0));
    assert_eq!(
        sight.map(|shape| &shape.form),
        Some(&Form::Rectangle([0.0, 0.0, 2.0, 2.0]))
    );
    single.step(&[1]);
    assert_eq!(marks(&picture(&single.env)), 1);
}
