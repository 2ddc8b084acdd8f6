//! Tasks that wrap others pass on all that they do not do themselves.

use crate::marker::{Calls, Marker, assert_forwards};
use commformer_env::{
    Augment, Augmented, Environment, RewardScale, Share, SharedReward, Stacked, TimeLimit,
};

#[test]
fn a_box_passes_everything_on() {
    let calls = Calls::default();
    let mut boxed: Box<dyn Environment> = Box::new(Marker::new(&calls));
    // Through the box, and not to what is in it.
    assert_forwards(&mut boxed, &calls);
}

#[test]
fn stacked_observations_pass_everything_on() {
    for stack in [1, 3] {
        let calls = Calls::default();
        let mut stacked = Stacked::new(Marker::new(&calls), stack).unwrap();
        assert_forwards(&mut stacked, &calls);
    }
}

#[test]
fn so_do_the_other_wrappers() {
    let calls = Calls::default();
    let both = Augment {
        agent_id: true,
        last_action: true,
    };
    assert_forwards(&mut Augmented::new(Marker::new(&calls), both), &calls);
    let calls = Calls::default();
    assert_forwards(&mut TimeLimit::new(Marker::new(&calls), 9).unwrap(), &calls);
    let calls = Calls::default();
    assert_forwards(
        &mut RewardScale::new(Marker::new(&calls), 1.0).unwrap(),
        &calls,
    );
    let calls = Calls::default();
    assert_forwards(
        &mut SharedReward::new(Marker::new(&calls), Share::Sum),
        &calls,
    );
}
