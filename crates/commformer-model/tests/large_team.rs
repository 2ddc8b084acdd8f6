//! Memory of a large team: a process of its own, since its peak is a number of the whole process.
#![cfg(target_os = "linux")]

use commformer_model::{
    ActionSpace, CommFormer, Input, PolicyConfig, RelationOrder, SelfEdge, graph,
};
use tch::{Device, Kind, Tensor};

/// Resident memory that the process reached at most, in bytes.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

/// Under a mask, each of three attentions would keep scores and weights over all pairs for the backward
/// pass, and a gated graph would be a third such tensor without heads. Not even one may be there.
#[test]
fn a_thousand_agents_with_four_senders_need_little() {
    let (agents, batch, heads) = (1_000, 4, 16);
    let config = PolicyConfig {
        heads,
        shared_head: true,
        relation_order: RelationOrder::SenderReceiver,
        ..PolicyConfig::new(agents, 5, ActionSpace::Discrete(3))
    };
    let mut state = 1f32;
    let mut normal = || {
        state = (state * 16.0 + 0.37).sin() * 1.5;
        state
    };
    let policy = CommFormer::new(&config, Device::Cpu, &mut normal).unwrap();
    let n = agents as i64;
    let options = (Kind::Float, Device::Cpu);
    let obs = Tensor::randn([batch, n, 5], options);
    let gumbel = Tensor::rand([1, n, n], options);
    let logits = policy.edge_logits();
    let graph = graph::sample(logits, &gumbel, 1.0, 4, SelfEdge::Excluded).graph;
    let gate = Tensor::ones([batch, n], options);
    let _ = gate.narrow(1, 0, n / 2).fill_(0.0);
    let gate = gate.set_requires_grad(true);
    let before = peak_memory();
    let embedding = policy.embed(&obs).unwrap();
    let input = Input {
        gate: Some(&gate),
        ..Input::new(&embedding, &graph)
    };
    let act = policy.act(&input, None).unwrap();
    let found = policy.evaluate(&input, &act.actions, None).unwrap();
    assert!(act.log_probs.allclose(&found.log_probs, 0.0, 1e-5, false));
    (found.log_probs.sum(Kind::Float) + found.values.sum(Kind::Float)).backward();
    assert!(policy.edge_logits().grad().defined() && gate.grad().defined());
    let forbidden = (batch * heads as i64 * n * n * 4) as usize;
    let used = peak_memory() - before;
    let mib = |bytes: usize| bytes >> 20;
    assert!(used < forbidden, "{} of {} MiB", mib(used), mib(forbidden));
}
