//! Properties of the two grid tasks that hold for every setting and every walk.

use std::collections::HashSet;

use commformer_env::{
    Environment, Mode, PredatorCapturePrey, PredatorCapturePreyConfig, PredatorPrey,
    PredatorPreyConfig,
};
use proptest::prelude::*;

use crate::single::Single;

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![
        Just(Mode::Mixed),
        Just(Mode::Cooperative),
        Just(Mode::Competitive)
    ]
}

prop_compose! {
    fn hunts()(
        dim in 2_usize..7,
        vision in 0_usize..8,
        agents in 1_usize..4,
        mode in modes(),
        no_stay in any::<bool>(),
    )(
        // They must fit on different cells.
        prey in 1..=(dim * dim - agents).min(3),
        dim in Just(dim), vision in Just(vision), agents in Just(agents), mode in Just(mode), no_stay in Just(no_stay),
    ) -> PredatorPreyConfig {
        PredatorPreyConfig { agents, prey, dim, vision, mode, no_stay, shaping: 0.0, episode_limit: Some(0) }
    }
}

prop_compose! {
    fn capture_hunts()(
        hunt in hunts(),
        perception_share in 0_usize..3,
        capture_vision in prop::option::of(0_usize..4),
        second_reward_scheme in any::<bool>(),
    ) -> PredatorCapturePreyConfig {
        let PredatorPreyConfig { agents, prey, dim, vision, mode, .. } = hunt;
        // It is at most the vision of the others.
        let capture_vision = capture_vision.map(|sight| sight.min(vision));
        let perception = perception_share.min(agents - 1);
        let capture = agents - perception;
        PredatorCapturePreyConfig {
            perception, capture, prey, dim, vision, capture_vision, mode, second_reward_scheme, shaping: 0.0, episode_limit: Some(0),
        }
    }
}

/// What one agent's window must hold, found cell by cell from where everyone is.
struct Window<'a> {
    dim: usize,
    vision: usize,
    at: (usize, usize),
    /// What is counted in the class channels after the D² ids; the second is the outside's.
    classes: [&'a [(usize, usize)]; 4],
    /// How far it sees what is in a cell, and beyond which all is -1; none if it is blind.
    sight: Option<usize>,
}

impl Window<'_> {
    fn check(&self, seen: &[f32]) -> Result<(), TestCaseError> {
        let (side, cells) = (2 * self.vision + 1, self.dim * self.dim);
        prop_assert_eq!(seen.len(), side * side * (cells + 4));
        for (index, cell) in seen.chunks_exact(cells + 4).enumerate() {
            let (down, right) = (index / side, index % side);
            let distance = down.abs_diff(self.vision).max(right.abs_diff(self.vision));
            let row = (self.at.0 + down)
                .checked_sub(self.vision)
                .filter(|&row| row < self.dim);
            let col = (self.at.1 + right)
                .checked_sub(self.vision)
                .filter(|&col| col < self.dim);
            let place = row.zip(col);
            if self.sight.is_some_and(|sight| distance > sight) {
                prop_assert!(cell.iter().all(|&number| number == -1.0));
                continue;
            }
            let mut expected = vec![0.0; cells + 4];
            match place {
                Some((row, col)) => {
                    expected[row * self.dim + col] = 1.0;
                    for (class, members) in self.classes.iter().enumerate() {
                        expected[cells + class] =
                            members.iter().filter(|&&m| m == (row, col)).count() as f32;
                    }
                }
                None => expected[cells + 1] = 1.0,
            }
            if self.sight.is_none() {
                expected[cells..].fill(-1.0);
            }
            prop_assert_eq!(cell, &expected[..]);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn predators_keep_to_the_rules(config in hunts(), seed: u64, walk in prop::collection::vec(prop::array::uniform3(0_i64..5), 1..40)) {
        let PredatorPreyConfig { agents, dim, vision, no_stay, .. } = config;
        let mut task = Single::new(PredatorPrey::new(config).unwrap(), seed);
        task.reset();
        let start: Vec<_> = task.env.locations().collect();
        prop_assert_eq!(start.iter().collect::<HashSet<_>>().len(), start.len(), "all start on different cells");
        let prey = start[agents..].to_vec();
        let mut before = start;
        for actions in walk {
            let actions: Vec<i64> = actions.iter().map(|&a| if no_stay { a % 4 } else { a }).take(agents).collect();
            task.step(&actions);
            let now: Vec<_> = task.env.locations().collect();
            prop_assert!(now.iter().all(|&(row, col)| row < dim && col < dim));
            prop_assert_eq!(&now[agents..], &prey[..], "prey do not move");
            prop_assert!(task.active.iter().all(|&active| active));
            for agent in 0..agents {
                let (old, new) = (before[agent], now[agent]);
                prop_assert!(old.0.abs_diff(new.0) + old.1.abs_diff(new.1) <= 1);
                prop_assert!(!prey.contains(&old) || old == new, "who has found a prey stays");
                let reward = task.rewards[agent];
                let bounds = if prey.contains(&new) { 0.0..=0.05 * 3.0 + 1e-6 } else { -0.05..=-0.05 };
                prop_assert!(bounds.contains(&reward));
                let classes = [&[][..], &[], &prey, &now[..agents]];
                let window = Window { dim, vision, at: new, classes, sight: Some(usize::MAX) };
                let width = task.env.spec().obs_dim;
                window.check(&task.obs[agent * width..][..width])?;
            }
            before = now;
        }
    }

    #[test]
    fn capturers_keep_to_the_rules(config in capture_hunts(), seed: u64, walk in prop::collection::vec(prop::array::uniform3(0_i64..6), 1..40)) {
        let PredatorCapturePreyConfig { perception, capture, dim, vision, capture_vision, mode, .. } = config;
        let agents = perception + capture;
        let mut task = Single::new(PredatorCapturePrey::new(config).unwrap(), seed);
        task.reset();
        let start: Vec<_> = task.env.locations().collect();
        prop_assert_eq!(start.iter().collect::<HashSet<_>>().len(), start.len(), "all start on different cells");
        let prey = start[agents..].to_vec();
        let mut captured = vec![false; agents];
        let mut before = start;
        for actions in walk {
            task.step(&actions[..agents]);
            let now: Vec<_> = task.env.locations().collect();
            prop_assert!(now.iter().all(|&(row, col)| row < dim && col < dim));
            for agent in 0..agents {
                let (old, new) = (before[agent], now[agent]);
                prop_assert!(!prey.contains(&old) || old == new, "who has found a prey stays");
                captured[agent] |= actions[agent] == 5 && prey.contains(&old);
                let reward = task.rewards[agent];
                prop_assert!((-0.05..=0.05 * 3.0 + 1e-6).contains(&reward));
                let done = prey.contains(&new) && (agent < perception || captured[agent]);
                prop_assert_eq!(reward >= 0.0, done, "a part not done yet costs, in every mode");
                let sight = if agent < perception { Some(usize::MAX) } else { capture_vision };
                let classes = [&now[perception..agents], &[], &prey, &now[..perception]];
                let width = task.env.spec().obs_dim;
                Window { dim, vision, at: new, classes, sight }.check(&task.obs[agent * width..][..width])?;
            }
            let all_done = (0..agents).all(|a| prey.contains(&now[a]) && (a < perception || captured[a]));
            prop_assert_eq!(task.metrics(), vec![f32::from(u8::from(all_done))]);
            if mode == Mode::Mixed && all_done {
                break;
            }
            before = now;
        }
    }
}
