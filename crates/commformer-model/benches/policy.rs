//! The policy's passes: encoding and acting in some environments, and what an update does with a part of
//! a minibatch. One thread of libtorch, as each of a trainer's workers has.

use std::hint::black_box;

use commformer_model::{ActionSpace, CommFormer, Input, PolicyConfig, graph};
use commformer_torch::threads;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tch::{Device, Kind, Tensor};

/// Observation width of Predator-Prey on 5 x 5 cells, and its actions.
const OBS_DIM: usize = 261;
const ACTIONS: usize = 5;
/// Samples of a part of a minibatch.
const PART: i64 = 250;

/// A policy with a sender for each receiver, and what it is given.
struct Case {
    policy: CommFormer,
    /// (1, N, N)
    graph: Tensor,
    /// (B, N, O)
    obs: Tensor,
    /// Standard Gumbel, (B, N, A)
    noise: Tensor,
}

impl Case {
    fn new(agents: usize, batch: i64) -> Self {
        threads::set_intra_op(1).expect("one thread");
        threads::keep_memory();
        tch::manual_seed(1);
        let config = PolicyConfig::new(agents, OBS_DIM, ActionSpace::Discrete(ACTIONS));
        let mut normal =
            || Tensor::randn([1], (Kind::Float, Device::Cpu)).double_value(&[0]) as f32;
        let policy = CommFormer::new(&config, Device::Cpu, &mut normal).expect("valid sizes");
        let size = |width: usize| [batch, agents as i64, width as i64];
        let random = |width| Tensor::rand(size(width), (Kind::Float, Device::Cpu));
        let graph =
            tch::no_grad(|| graph::exact(policy.edge_logits(), 1, Default::default()).unsqueeze(0));
        Self {
            graph,
            obs: random(OBS_DIM).gt(0.9).to_kind(Kind::Float),
            noise: -(-(random(ACTIONS).clamp(1e-6, 1.0 - 1e-6)).log()).log(),
            policy,
        }
    }

    fn act(&self) -> Tensor {
        let (embedding, _) = self.policy.observe(&self.obs).expect("shapes fit");
        let input = Input::new(&embedding, &self.graph);
        let act = self.policy.act(&input, Some(&self.noise));
        act.expect("shapes fit").actions
    }
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode, 3 agents");
    for batch in [1, 20, 256] {
        let case = Case::new(3, batch);
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(BenchmarkId::from_parameter(batch), |b| {
            b.iter(|| {
                tch::no_grad(|| {
                    let embedding = case.policy.embed(&case.obs).expect("shapes fit");
                    let input = Input::new(&embedding, &case.graph);
                    black_box(case.policy.encode(&input).expect("shapes fit"))
                })
            });
        });
    }
}

fn act(c: &mut Criterion) {
    let mut group = c.benchmark_group("act, 3 agents");
    for batch in [1, 20, 256] {
        let case = Case::new(3, batch);
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(BenchmarkId::from_parameter(batch), |b| {
            b.iter(|| black_box(case.act()));
        });
    }
}

/// The update's pass, and the same by libtorch's operations and autograd.
fn differentiate(c: &mut Criterion) {
    let mut group = c.benchmark_group("forward and backward, 250 samples");
    group.sample_size(20);
    for agents in [3, 10, 27] {
        let case = Case::new(agents, PART);
        let actions = case.act();
        let parameters = case.policy.parameters();
        let leaves: Vec<&Tensor> = parameters.iter().map(|(_, leaf)| leaf).collect();
        group.throughput(Throughput::Elements(PART as u64));
        group.bench_function(BenchmarkId::new("pass", agents), |b| {
            b.iter(|| {
                let (mut pass, embedding) = case.policy.pass(&case.obs).expect("shapes fit");
                let input = Input::new(&embedding, &case.graph);
                let found = pass.evaluate(&input, &actions, None).expect("shapes fit");
                let loss = (&found.log_probs + &found.entropy + &found.values).sum(Kind::Float);
                black_box(pass.backward(&loss, &[]).expect("a gradient"))
            });
        });
        group.bench_function(BenchmarkId::new("autograd", agents), |b| {
            b.iter(|| {
                let embedding = case.policy.embed(&case.obs).expect("shapes fit");
                let input = Input::new(&embedding, &case.graph);
                let found = case.policy.evaluate(&input, &actions, None);
                let found = found.expect("shapes fit");
                let loss = (found.log_probs + found.entropy + found.values).sum(Kind::Float);
                black_box(Tensor::run_backward(&[&loss], &leaves, false, false))
            });
        });
    }
}

criterion_group!(benches, encode, act, differentiate);
criterion_main!(benches);
