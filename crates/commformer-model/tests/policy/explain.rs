//! What people are shown of a pass is what the pass did.

use commformer_model::{ActionSpace, AttentionOver, Input, PolicyConfig};
use tch::{Kind, Tensor};

use crate::common::{Noise, distance, noisy_policy};
use crate::properties::gated_graph;

const BATCH: i64 = 3;

fn config(agents: usize, attention_over: AttentionOver) -> PolicyConfig {
    PolicyConfig {
        embed_dim: 8,
        heads: 2,
        blocks: 2,
        attention_over,
        ..PolicyConfig::new(agents, 6, ActionSpace::Discrete(4))
    }
}

#[test]
fn probabilities_are_those_by_which_the_native_pass_acted() {
    for attention_over in [AttentionOver::All, AttentionOver::Listed] {
        let mut noise = Noise::new(1);
        let config = config(5, attention_over);
        let policy = noisy_policy(&config, &mut noise);
        let embedding = policy.embed(&noise.normals(&[BATCH, 5, 6])).unwrap();
        let available = noise.coins(&[BATCH, 5, 4], 0.5).gt(0.5);
        let _ = available.narrow(-1, 0, 1).fill_(1);
        let graph = gated_graph(5, 2, BATCH, &mut noise);
        let gate = noise.coins(&[BATCH, 5], 0.5);
        let active = noise.coins(&[BATCH, 5], 0.8);
        let input = Input {
            available: Some(&available),
            gate: Some(&gate),
            active: Some(&active),
            ..Input::new(&embedding, &graph)
        };
        let gumbel = noise.gumbels(&[BATCH, 5, 4]);
        let act = policy.act(&input, Some(&gumbel)).unwrap();
        let explanation = policy.explain(&input, &act.actions).unwrap();
        let probabilities = explanation.probabilities.unwrap();
        let chosen = probabilities.gather(-1, &act.actions.unsqueeze(-1), false);
        assert!(distance(&chosen.squeeze_dim(-1), &act.log_probs.exp()) < 1e-5);
        let hidden = probabilities.masked_select(&available.logical_not());
        assert_eq!(f64::try_from(hidden.max()).unwrap(), 0.0);
    }
}

#[test]
fn attention_is_on_open_edges_alone_and_adds_up_to_one() {
    let mut noise = Noise::new(2);
    let config = config(5, AttentionOver::Auto);
    let policy = noisy_policy(&config, &mut noise);
    let embedding = policy.embed(&noise.normals(&[BATCH, 5, 6])).unwrap();
    let graph = gated_graph(5, 2, BATCH, &mut noise);
    let gate = noise.coins(&[BATCH, 5, 5], 0.5);
    let input = Input {
        gate: Some(&gate),
        ..Input::new(&embedding, &graph)
    };
    let act = policy.act(&input, None).unwrap();
    let explanation = policy.explain(&input, &act.actions).unwrap();
    let names: Vec<_> = explanation.attention.iter().map(|a| &a.name[..]).collect();
    assert_eq!(
        names,
        [
            "encoder.blocks.0.attention",
            "encoder.blocks.1.attention",
            "decoder.blocks.0.self_attention",
            "decoder.blocks.0.cross_attention",
            "decoder.blocks.1.self_attention",
            "decoder.blocks.1.cross_attention",
        ]
    );
    let own = Tensor::eye(5, (Kind::Float, embedding.device()));
    let heard = ((&graph * &gate) + &own).gt(0.5).unsqueeze(1); // (B, 1, N, N)
    let before = own.new_ones([5, 5], (Kind::Bool, own.device())).tril(0);
    for attention in &explanation.attention {
        assert_eq!(attention.weights.size(), [BATCH, 2, 5, 5]);
        let sums = attention
            .weights
            .sum_dim_intlist([-1i64].as_slice(), false, Kind::Float);
        assert!(distance(&sums, &sums.ones_like()) < 1e-5);
        let heard = match attention.name.starts_with("encoder") {
            true => heard.shallow_clone(),
            // An agent decides after those before it.
            false => heard.logical_and(&before),
        };
        let given = attention.weights.gt(0.0);
        assert_eq!(given, heard.expand_as(&given), "{}", attention.name);
    }
}
