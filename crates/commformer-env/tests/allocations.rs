//! Stepping takes no memory. These tests count what an allocator of their own is asked for, and are
//! therefore a program of their own.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering},
};

use commformer_env::{
    Actions, Augment, Augmented, Buffers, BuiltIn, Environment, Mode, PredatorCapturePrey,
    PredatorCapturePreyConfig, PredatorPrey, PredatorPreyConfig, RewardScale, Rng, Share,
    SharedReward, Stacked, TASKS, TimeLimit, TrafficJunction, VecEnv, Warehouse, WarehouseConfig,
    smac::{self, Battle, LOOPS_PER_STEP, Order, Script, Smac, SmacConfig, builtin},
};
use rayon::ThreadPoolBuilder;

type Count = AtomicUsize;

thread_local! {
    /// Where this thread's allocations are counted, if anywhere: tests run side by side.
    static COUNT: Cell<Option<&'static Count>> = const { Cell::new(None) };
}

fn count_on_this_thread(count: &'static Count) {
    COUNT.set(Some(count));
}

struct Counting;

impl Counting {
    fn note(&self) {
        if let Some(count) = COUNT.get() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

// SAFETY: every request goes to the system's allocator as it came, and what that returns is
// returned. Counting neither allocates nor unwinds: the thread-local is a constant without a
// destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.note();
        // SAFETY: the caller's promises about `layout` are those that `System` needs.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.note();
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.note();
        // SAFETY: `old` came from `System`, as all memory does here; for the rest as in `alloc`.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: `old` came from `System`, with this layout.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A vector environment with its buffers and some random joint actions.
struct Team<E> {
    envs: VecEnv<E>,
    out: Buffers,
    actions: Vec<Vec<i64>>,
}

impl<E: Environment> Team<E> {
    fn new(envs: VecEnv<E>) -> Self {
        let spec = envs.spec();
        let (rows, choices) = (envs.num_envs() * spec.agents, spec.actions.size() as u32);
        let mut rng = Rng::new(5, 0);
        let mut joint = || (0..rows).map(|_| rng.below(choices).into()).collect();
        Self {
            out: Buffers::of(&envs),
            actions: (0..64).map(|_| joint()).collect(),
            envs,
        }
    }

    fn reset(&mut self) {
        self.out.reset(&mut self.envs).unwrap();
    }

    /// Takes `steps` steps and counts the episodes that end in them.
    fn step(&mut self, steps: usize) -> usize {
        let mut ended = 0;
        for actions in self.actions.iter().cycle().take(steps) {
            let actions = Actions::Discrete(actions);
            self.out.step(&mut self.envs, actions).unwrap();
            ended += self.envs.episodes().len();
        }
        ended
    }
}

fn predator_prey() -> PredatorPrey {
    PredatorPrey::new(Default::default()).unwrap()
}

#[test]
fn no_step_of_any_task_allocates_be_it_the_first() {
    static COUNT: Count = Count::new(0);

    fn check<E: Environment>(task: impl Fn() -> E) {
        let envs = (0..20).map(|_| task()).collect();
        let mut team = Team::new(VecEnv::new(envs, 1).unwrap());
        let before = COUNT.load(Ordering::Relaxed);
        team.reset();
        let ended = team.step(120);
        assert_eq!(COUNT.load(Ordering::Relaxed) - before, 0);
        assert!(ended > 100, "only {ended} episodes ended");
    }

    count_on_this_thread(&COUNT);
    drop(Box::new(1));
    assert_eq!(COUNT.load(Ordering::Relaxed), 1, "nothing is counted");

    for kind in TASKS {
        let mut task = BuiltIn::of_kind(kind).unwrap();
        task.task_mut().set_episode_limit(20);
        check(|| task.task().build().unwrap());
    }
    check(predator_prey);
    for mode in [Mode::Mixed, Mode::Cooperative, Mode::Competitive] {
        check(|| {
            // So small a grid that random walks find the prey and some episodes terminate.
            let config = PredatorPreyConfig {
                dim: 3,
                mode,
                ..Default::default()
            };
            PredatorPrey::new(config).unwrap()
        });
    }
    for capture_vision in [None, Some(0)] {
        check(|| {
            let config = PredatorCapturePreyConfig {
                capture_vision,
                ..Default::default()
            };
            PredatorCapturePrey::new(config).unwrap()
        });
    }
    check(|| {
        // So crowded that robots stand in each other's way, and so many goals that some deliver.
        let config = WarehouseConfig {
            agents: 8,
            floor_plan: Some("xgxgx\n.....\ngxgxg\n.....".into()),
            request_queue: Some(4),
            episode_limit: Some(20),
            ..Default::default()
        };
        Warehouse::new(config).unwrap()
    });
    check(|| Stacked::new(predator_prey(), 3).unwrap());
    check(|| Stacked::new(TrafficJunction::new(Default::default()).unwrap(), 4).unwrap());
    let augment = Augment {
        agent_id: true,
        last_action: true,
    };
    check(|| Augmented::new(predator_prey(), augment));
    let junction = || TrafficJunction::new(Default::default()).unwrap();
    check(|| SharedReward::new(junction(), Share::Sum));
    check(|| RewardScale::new(TimeLimit::new(junction(), 20).unwrap(), 0.5).unwrap());
    for (map, opponent, sight_cone, see_enemy_probability) in [
        ("MMM", None, None, 1.0),
        ("corridor", Some(Script::AttackNearest), None, 1.0),
        ("terran_5_vs_5", None, Some(90.0), 0.5),
    ] {
        check(|| {
            let config = SmacConfig {
                map: map.into(),
                opponent,
                sight_cone,
                see_enemy_probability,
                mask_attacks: sight_cone.is_none(),
                episode_limit: Some(20),
                ..Default::default()
            };
            Smac::new(config).unwrap()
        });
    }
}

#[test]
fn a_battle_allocates_nothing_from_its_first_step() {
    static COUNT: Count = Count::new(0);
    count_on_this_thread(&COUNT);
    let mut rng = Rng::new(1, 0);
    let (mut members, mut points) = (Vec::new(), Vec::new());
    for name in ["3m", "MMM", "bane_vs_bane", "2c_vs_64zg"] {
        let mut battle = Battle::new(builtin(name).unwrap());
        battle.scenario().muster(&mut rng, &mut members);
        battle.scenario().spawn(&members, &mut rng, &mut points);
        for _ in 0..2 {
            let before = COUNT.load(Ordering::Relaxed);
            battle.begin(&members, &points);
            for unit in 0..points.len() {
                battle.order(unit, Order::AttackMove([16.0, 12.0]));
            }
            for _ in 0..100 {
                battle.advance(LOOPS_PER_STEP, &mut rng);
            }
            assert_eq!(COUNT.load(Ordering::Relaxed) - before, 0, "{name}");
            assert!(battle.units().iter().any(|unit| !unit.is_alive()), "{name}");
        }
    }
}

/// So many environments that several threads share the work.
const LARGE: usize = 4096;

#[test]
fn a_large_batch_allocates_nothing_on_the_threads_of_its_pool() {
    static COUNT: Count = Count::new(0);
    let threads = ThreadPoolBuilder::new()
        .num_threads(3)
        .start_handler(|_| count_on_this_thread(&COUNT));
    threads.build().unwrap().install(|| {
        let mut team = Team::new(VecEnv::new(vec![predator_prey(); LARGE], 1).unwrap());
        team.reset();
        // A thread allocates when it looks for work for the first time.
        rayon::broadcast(|_| ());
        team.step(10);
        let before = COUNT.load(Ordering::Relaxed);
        let ended = team.step(20);
        assert_eq!(COUNT.load(Ordering::Relaxed) - before, 0);
        assert!(ended >= LARGE, "only {ended} episodes ended");
    });
}

/// The only test in this program that may touch the global pool.
#[test]
fn a_small_batch_leaves_rayon_alone_and_a_large_one_allocates_for_its_jobs_only() {
    static COUNT: Count = Count::new(0);

    let mut small = Team::new(VecEnv::new(vec![predator_prey(); 20], 1).unwrap());
    small.reset();
    small.step(10);
    // This fails if the pool is there already, as it is from its first use.
    ThreadPoolBuilder::new()
        .num_threads(3)
        .start_handler(|_| count_on_this_thread(&COUNT))
        .build_global()
        .unwrap();

    let mut large = Team::new(VecEnv::new(vec![predator_prey(); LARGE], 1).unwrap());
    count_on_this_thread(&COUNT);
    large.reset();
    rayon::broadcast(|_| ());
    large.step(10);
    let before = COUNT.load(Ordering::Relaxed);
    large.step(100);
    // From a thread that is not the pool's, a step hands one job over. The queue for those takes
    // memory for 63 jobs at a time, so 100 steps begin one or two such pieces.
    let allocations = COUNT.load(Ordering::Relaxed) - before;
    assert!((1..=2).contains(&allocations), "{allocations} allocations");
}

#[test]
fn drawing_who_fights_and_where_takes_no_memory_once_there_is_room_for_the_units() {
    static SPAWNS: Count = Count::new(0);
    let mut rng = Rng::new(3, 0);
    for name in smac::names() {
        let scenario = smac::builtin(name).unwrap();
        let (mut members, mut points) = (Vec::new(), Vec::new());
        let mut draw = || {
            scenario.muster(&mut rng, &mut members);
            scenario.spawn(&members, &mut rng, &mut points);
        };
        draw();
        count_on_this_thread(&SPAWNS);
        for _ in 0..10 {
            draw();
        }
        COUNT.set(None);
    }
    assert_eq!(SPAWNS.load(Ordering::Relaxed), 0);
}
