//! Tasks written in the middle of an episode and read back go on as if nothing had happened.

use commformer_env::{
    CheckError, Environment, PredatorCapturePrey, PredatorCapturePreyConfig, PredatorPrey,
    PredatorPreyConfig, Signal, SignalConfig, TrafficJunction, TrafficJunctionConfig, check,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::single::Single;

#[test]
fn in_the_middle_of_an_episode() -> Result<(), CheckError> {
    let config = PredatorCapturePreyConfig {
        dim: 3,
        episode_limit: Some(12),
        ..Default::default()
    };
    check(|| PredatorCapturePrey::new(config.clone()).unwrap(), 9, 100)?;
    let config = SignalConfig {
        cue_probability: 0.5,
        ..Default::default()
    };
    check(|| Signal::new(config.clone()).unwrap(), 9, 100)?;
    let config = TrafficJunctionConfig {
        agents: 3,
        ..Default::default()
    };
    let junction = || {
        let mut junction = TrafficJunction::new(config.clone()).unwrap();
        junction.progress(0.4);
        junction
    };
    check(junction, 9, 100)?;
    Ok(())
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
