//! Tasks written in the middle of an episode and read back go on as if nothing had happened.

use commformer_env::{
    Environment, PredatorCapturePrey, PredatorCapturePreyConfig, PredatorPrey, PredatorPreyConfig,
    Rng, Signal, SignalConfig, Status, TrafficJunction, TrafficJunctionConfig,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::single::Single;

/// Plays an episode of random actions, in the middle of which another environment takes it up.
pub fn check<E: Environment>(fresh: impl Fn() -> E) {
    let mut original = Single::new(fresh(), 9);
    let agents = original.env.spec().agents;
    let actions = original.env.spec().actions.size() as u32;
    original.reset();
    let mut policy = Rng::new(10, 0);
    let mut act = || {
        let random = (0..agents).map(|_| i64::from(policy.below(actions)));
        random.collect::<Vec<_>>()
    };
    for _ in 0..5 {
        original.step(&act());
    }
    let mut restored = Single::new(fresh(), 0);
    let saved = original.env.save().unwrap();
    restored
        .begin(|env, _, out| env.restore(&saved, out))
        .unwrap();
    assert_eq!(restored.obs, original.obs);
    assert_eq!(restored.active, original.active);
    assert_eq!(restored.available, original.available);
    restored.rng = original.rng.clone();
    let mut status = Status::Running;
    while status == Status::Running {
        let actions = act();
        status = original.step(&actions);
        assert_eq!(restored.step(&actions), status);
        assert_eq!(restored.obs, original.obs);
        assert_eq!(restored.active, original.active);
        assert_eq!(restored.available, original.available);
        assert_eq!(restored.rewards, original.rewards);
        assert_eq!(restored.metrics(), original.metrics());
    }
}

#[test]
fn in_the_middle_of_an_episode() {
    let config = PredatorCapturePreyConfig {
        dim: 3,
        episode_limit: Some(12),
        ..Default::default()
    };
    check(|| PredatorCapturePrey::new(config.clone()).unwrap());
    let config = SignalConfig {
        cue_probability: 0.5,
        ..Default::default()
    };
    check(|| Signal::new(config.clone()).unwrap());
    let config = TrafficJunctionConfig {
        agents: 3,
        ..Default::default()
    };
    check(|| {
        let mut junction = TrafficJunction::new(config.clone()).unwrap();
        junction.progress(0.4);
        junction
    });
}

#[test]
fn bytes_that_are_no_state_of_the_task_change_nothing() {
    let task = |agents| {
        let config = PredatorPreyConfig {
            agents,
            ..Default::default()
        };
        Single::new(PredatorPrey::new(config).unwrap(), 1)
    };
    let mut three = task(3);
    three.reset();
    let (saved, before) = (three.env.save().unwrap(), three.obs.clone());
    let mut message = |bytes: &[u8]| {
        three
            .begin(|env, _, out| env.restore(bytes, out))
            .unwrap_err()
            .to_string()
    };
    assert!(message(&task(4).env.save().unwrap()).contains("other settings"));
    assert!(message(&[&saved[..], &[0]].concat()).contains("bytes have a meaning"));
    for length in 0..saved.len() {
        assert!(!message(&saved[..length]).is_empty());
    }
    assert_eq!((three.env.save(), three.obs), (Some(saved), before));
}

#[test]
fn what_does_not_fit_its_own_settings_is_refused() {
    fn error<E: Environment + Serialize + DeserializeOwned>(env: &E, edit: (&str, &str)) -> String {
        let written = serde_json::to_string(env).unwrap();
        assert!(written.contains(edit.0), "{written}");
        match serde_json::from_str::<E>(&written.replacen(edit.0, edit.1, 1)) {
            Ok(_) => panic!("accepted with {edit:?}"),
            Err(error) => error.to_string(),
        }
    }
    let predator_prey = PredatorPrey::new(Default::default()).unwrap();
    assert!(error(&predator_prey, (r#""row":0"#, r#""row":5"#)).contains("1 places off the grid"));
    assert!(error(&predator_prey, (r#""agents":3"#, r#""agents":4"#)).contains("(4, 1, 4)"));
    assert!(error(&predator_prey, (r#""dim":5"#, r#""dim":0"#)).contains("`dim` is 0"));
    let capture = PredatorCapturePrey::new(Default::default()).unwrap();
    assert!(error(&capture, (r#""captured":[false]"#, r#""captured":[]"#)).contains("0 flags"));
    let signal = Signal::new(Default::default()).unwrap();
    assert!(error(&signal, (r#""cues":[false,"#, r#""cues":["#)).contains("(3, 2)"));
    assert!(error(&signal, (r#""symbols":[0,"#, r#""symbols":[9,"#)).contains("symbol"));
    let junction = TrafficJunction::new(Default::default()).unwrap();
    assert!(
        error(&junction, (r#""places":[null,"#, r#""places":["#)).contains("one for each agent")
    );
    assert!(error(&junction, (r#""progress":1.0"#, r#""progress":1.5"#)).contains("0 to 1"));
    for (route, driven) in [(2, 0), (0, 7)] {
        let car =
            format!(r#""places":[{{"route":{route},"driven":{driven},"wait":0,"braked":false}},"#);
        assert!(error(&junction, (r#""places":[null,"#, &car)).contains("before its end"));
    }
}
