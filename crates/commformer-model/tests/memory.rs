//! What the policy's parameters take of memory, and that no size overflows what is said of it.

use commformer_model::{ActionSpace, Closed, CommFormer, ObsNorm, PolicyConfig, Precision};
use tch::Device;

const ACTIONS: usize = 5;

fn config(agents: usize, obs_dim: usize) -> PolicyConfig {
    PolicyConfig::new(agents, obs_dim, ActionSpace::Discrete(ACTIONS))
}

fn policy(config: &PolicyConfig) -> CommFormer {
    let mut state = 1u32;
    let mut normal = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state as f32 / u32::MAX as f32 - 0.5
    };
    CommFormer::new(config, Device::Cpu, &mut normal).unwrap()
}

/// Small sizes and each switch that changes a parameter.
fn cases() -> Vec<PolicyConfig> {
    let with = |change: fn(&mut PolicyConfig)| {
        let mut config = config(3, 40);
        change(&mut config);
        config
    };
    vec![
        with(|_| ()),
        with(|config| config.blocks = 3),
        with(|config| config.heads = 4),
        with(|config| config.embed_dim = 128),
        with(|config| config.shared_head = true),
        with(|config| (config.closed, config.blocks) = (Closed::Stale, 3)),
        with(|config| config.actions = ActionSpace::Continuous(ACTIONS)),
        with(|config| config.closed = Closed::Stale),
        with(|config| config.obs_norm = ObsNorm::Running),
        config(3, 261),
        config(60, 30),
        PolicyConfig::new(2, 3, ActionSpace::Continuous(4)),
    ]
}

#[test]
fn parameters_take_what_the_configuration_says() {
    for config in cases() {
        let numbers: usize = (policy(&config).state().iter())
            .map(|(_, tensor)| tensor.numel())
            .sum();
        assert_eq!(config.parameter_bytes(), 4.0 * numbers as f64, "{config:?}");
    }
}

#[test]
fn sizes_beyond_every_machine_overflow_nothing() {
    const MOST: usize = usize::MAX;
    for (actions, precision) in [
        (ActionSpace::Discrete(MOST), Precision::Float32),
        (ActionSpace::Continuous(MOST), Precision::Bfloat16),
    ] {
        let config = PolicyConfig {
            embed_dim: MOST,
            blocks: MOST,
            closed: Closed::Stale,
            precision,
            ..PolicyConfig::new(MOST, MOST, actions)
        };
        let size = MOST as f64;
        for found in [
            config.parameter_bytes(),
            config.forward_multiply_adds(size),
            config.training_multiply_adds(size),
        ] {
            assert!(found.is_finite() && found > size, "{found}");
        }
    }
}
