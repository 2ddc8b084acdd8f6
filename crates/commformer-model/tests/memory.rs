//! What the kernels take of memory is what `PolicyConfig` says. These tests count what an allocator of
//! their own is asked for, and are therefore a program of their own; libtorch's memory does not pass by it.

use commformer_model::{
    ActionSpace, Closed, CommFormer, Input, PolicyConfig, Precision, SelfEdge, graph,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use tch::{Device, Kind, Tensor};

thread_local! {
    /// Bytes that this thread holds, and the most that it held.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

struct Counting;

impl Counting {
    fn note(&self, more: usize, less: usize) {
        let (now, most) = HELD.get();
        let now = now + more as isize - less as isize;
        HELD.set((now, most.max(now)));
    }
}

// SAFETY: every request goes to the system's allocator as it came, and what that returns is
// returned. Counting neither allocates nor unwinds: the thread-local is a constant without a
// destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.note(layout.size(), 0);
        // SAFETY: the caller's promises about `layout` are those that `System` needs.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.note(layout.size(), 0);
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.note(size, layout.size());
        // SAFETY: `old` came from `System`, as all memory does here; for the rest as in `alloc`.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        self.note(0, layout.size());
        // SAFETY: `old` came from `System`, with this layout.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that `work` on a policy held beyond what was there before, bytes. It was done once before on another
/// policy: a thread's first products make room for all later ones.
fn most_held(config: &PolicyConfig, work: impl Fn(&CommFormer)) -> f64 {
    work(&policy(config));
    let policy = policy(config);
    let (before, _) = HELD.get();
    HELD.set((before, before));
    work(&policy);
    (HELD.get().1 - before) as f64
}

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

/// Observations of `teams` teams, and a graph in which each agent hears `senders` others.
fn context(config: &PolicyConfig, teams: i64, senders: usize) -> [Tensor; 2] {
    let size = [teams, config.agents as i64, config.obs_dim as i64];
    let logits = Tensor::zeros([size[1], size[1]], (Kind::Float, Device::Cpu));
    let obs = Tensor::ones(size, (Kind::Float, Device::Cpu));
    let graph = graph::exact(&logits, senders, SelfEdge::Excluded).unsqueeze(0);
    [obs, graph]
}

/// Small sizes and each switch that changes a buffer: (settings, teams, senders).
fn cases() -> Vec<(PolicyConfig, usize, usize)> {
    let with = |change: fn(&mut PolicyConfig)| {
        let mut config = config(3, 40);
        change(&mut config);
        (config, 100, 1)
    };
    vec![
        with(|_| ()),
        with(|config| config.blocks = 3),
        with(|config| config.heads = 4),
        with(|config| config.embed_dim = 128),
        with(|config| config.shared_head = true),
        with(|config| config.dropout = 0.1),
        with(|config| (config.closed, config.blocks) = (Closed::Stale, 3)),
        with(|config| config.actions = ActionSpace::Continuous(ACTIONS)),
        (config(3, 261), 500, 1),
        (config(3, 1000), 200, 2),
        (config(60, 30), 10, 20),
    ]
}

#[test]
fn a_pass_takes_what_the_configuration_says() {
    for (config, teams, senders) in cases() {
        let [obs, graph] = context(&config, teams as i64, senders);
        let [teams_of, agents] = [teams, config.agents].map(|size| size as i64);
        let actions = match config.actions {
            ActionSpace::Discrete(_) => {
                Tensor::zeros([teams_of, agents], (Kind::Int64, Device::Cpu))
            }
            ActionSpace::Continuous(width) => {
                let size = [teams_of, agents, width as i64];
                Tensor::zeros(size, (Kind::Float, Device::Cpu))
            }
        };
        let held = most_held(&config, |policy| {
            let mut noise = |size: &[i64]| Tensor::ones(size, (Kind::Float, Device::Cpu));
            let (mut pass, embedding) = policy.pass(&obs).unwrap();
            let input = Input::new(&embedding, &graph);
            let scores = pass.evaluate(&input, &actions, Some(&mut noise)).unwrap();
            let loss = (&scores.log_probs + &scores.values + &scores.entropy).sum(Kind::Float);
            pass.backward(&loss, &[]).unwrap();
        });
        let said = config.pass_bytes(teams as f64, senders as f64) + config.parameter_bytes();
        // Whether a product packs an operand for itself, and how much at a time, goes by the CPU's vectors and caches. On an
        // AMD EPYC with AVX2, the gradient of the first layer does: its rows in equal parts of at most 512.
        let rows = teams * config.agents;
        let part = rows.div_ceil(rows.div_ceil(512));
        let packed = (4 * part * config.obs_dim) as f64;
        assert!(
            (0.9 * said..=said + packed).contains(&held),
            "{held} for {said}: {config:?}"
        );
    }
}

#[test]
fn acting_takes_what_the_configuration_says() {
    for (config, teams, senders) in cases() {
        let [obs, graph] = context(&config, teams as i64, senders);
        let held = most_held(&config, |policy| {
            let embedding = policy.observe(&obs).unwrap();
            policy.act(&Input::new(&embedding, &graph), None).unwrap();
        });
        let said = config.act_bytes(teams as f64, senders as f64);
        let share = held / said;
        assert!(
            (0.9..=1.0).contains(&share),
            "{share} of {said}: {config:?}"
        );
    }
}

#[test]
fn parameters_take_what_the_configuration_says() {
    let mut cases: Vec<PolicyConfig> = cases().into_iter().map(|(config, ..)| config).collect();
    cases.push(PolicyConfig {
        closed: Closed::Stale,
        ..config(4, 7)
    });
    cases.push(PolicyConfig::new(2, 3, ActionSpace::Continuous(4)));
    cases.push(PolicyConfig {
        obs_norm: commformer_model::ObsNorm::Running,
        ..config(4, 7)
    });
    for config in cases {
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
            config.pass_bytes(size, size),
            config.act_bytes(size, size),
            config.value_bytes(size),
            config.forward_multiply_adds(size),
            config.training_multiply_adds(size),
        ] {
            assert!(found.is_finite() && found > size, "{found}");
        }
    }
}
