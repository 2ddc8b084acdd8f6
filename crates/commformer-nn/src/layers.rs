//! Layers: which leaves they read, and how large they are.
//!
//! A layer holds no numbers. It is made while a network's [`Layout`] grows, and any backend carries it out.

use crate::layout::{Init, Layout, Packing, Part, Slot};

/// What follows a linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// max(x, 0)
    Relu,
    /// x Phi(x), with the error function and not its tanh approximation.
    Gelu,
    /// tanh x
    Tanh,
    /// 1 / (1 + e^-x)
    Sigmoid,
}

/// Whose weights a layer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// All agents share them.
    Team,
    /// Each of this many agents has its own, stacked along a first dimension.
    Agent(usize),
}

impl Per {
    /// A leaf `what`, such as `weight`, of this shape, or one in which each agent has a part of this shape.
    fn leaf(
        self,
        layout: &mut Layout,
        names: &Names<'_>,
        what: &str,
        shape: &[usize],
        init: Init,
    ) -> Slot {
        match self {
            Self::Team => layout.whole(&format!("{}.{what}", names.leaf), shape, init),
            Self::Agent(agents) => {
                let part = |agent| Part::new(format!("{}.{what}", (names.of)(agent)), shape, init);
                let parts = (0..agents).map(part).collect();
                layout.packed(&format!("{}.{what}", names.leaf), Packing::Stack, parts)
            }
        }
    }
}

/// What a layer's tensors are called.
pub struct Names<'a> {
    /// The leaf, and the part if all agents share it.
    pub leaf: &'a str,
    /// An agent's own part.
    pub of: &'a dyn Fn(usize) -> String,
}

/// y = x W^T + b
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// (out, in), or (agents, out, in)
    pub weight: Slot,
    /// (out), or (agents, out)
    pub bias: Option<Slot>,
    /// Width of x.
    pub inputs: usize,
    /// Width of y.
    pub outputs: usize,
    /// Whose it is.
    pub per: Per,
}

impl Linear {
    /// A layer of the whole team: `NAME.weight` and `NAME.bias`.
    pub fn new(layout: &mut Layout, name: &str, [inputs, outputs]: [usize; 2], init: Init) -> Self {
        let names = Names {
            leaf: name,
            of: &|_| name.to_owned(),
        };
        Self::of(layout, &names, [inputs, outputs], init, Per::Team)
    }

    /// A layer of whomever.
    pub fn of(
        layout: &mut Layout,
        names: &Names<'_>,
        [inputs, outputs]: [usize; 2],
        init: Init,
        per: Per,
    ) -> Self {
        Self {
            weight: per.leaf(layout, names, "weight", &[outputs, inputs], init),
            bias: Some(per.leaf(layout, names, "bias", &[outputs], Init::Zeros)),
            inputs,
            outputs,
            per,
        }
    }

    /// A layer without a bias: `NAME.weight`.
    pub fn without_bias(
        layout: &mut Layout,
        name: &str,
        [inputs, outputs]: [usize; 2],
        init: Init,
    ) -> Self {
        Self {
            weight: layout.whole(&format!("{name}.weight"), &[outputs, inputs], init),
            bias: None,
            inputs,
            outputs,
            per: Per::Team,
        }
    }

    /// Layers of one input, one below the other in one leaf: `NAME.LEAF.weight` of the parts
    /// `NAME.LAYER.weight`, with biases alike. Each has `outputs` outputs.
    pub fn packed(
        layout: &mut Layout,
        name: &str,
        leaf: &str,
        layers: &[&str],
        [inputs, outputs]: [usize; 2],
        init: Init,
    ) -> Self {
        let mut packed = |what: &str, shape: &[usize], init| {
            let part = |layer| Part::new(format!("{name}.{layer}.{what}"), shape, init);
            let parts = layers.iter().map(part).collect();
            layout.packed(&format!("{name}.{leaf}.{what}"), Packing::Rows, parts)
        };
        Self {
            weight: packed("weight", &[outputs, inputs], init),
            bias: Some(packed("bias", &[outputs], Init::Zeros)),
            inputs,
            outputs: layers.len() * outputs,
            per: Per::Team,
        }
    }
}

/// Layer norm over a row: mean 0, variance 1 (with 1e-5 added under the root), times a scale, plus a shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Norm {
    /// (width), or (agents, width)
    pub weight: Slot,
    /// (width), or (agents, width)
    pub bias: Slot,
    /// Width of a row.
    pub width: usize,
    /// Whose it is.
    pub per: Per,
}

impl Norm {
    /// A norm of the whole team: `NAME.weight` and `NAME.bias`.
    pub fn new(layout: &mut Layout, name: &str, width: usize) -> Self {
        let names = Names {
            leaf: name,
            of: &|_| name.to_owned(),
        };
        Self::of(layout, &names, width, Per::Team)
    }

    /// A norm of whomever.
    pub fn of(layout: &mut Layout, names: &Names<'_>, width: usize, per: Per) -> Self {
        Self {
            weight: per.leaf(layout, names, "weight", &[width], Init::Ones),
            bias: per.leaf(layout, names, "bias", &[width], Init::Zeros),
            width,
            per,
        }
    }
}

/// Attention of receivers over their senders. With relation terms it is the paper's (ICLR 2024, equation 5):
///
/// ```text
/// score(i, j) = scale * (q_i + rq[e]) . (k_j + rk[e])
/// ```
///
/// where e, 0 or 1, is whether the edge is there that the score reads, and rq and rk are projections of an
/// embedding of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attention {
    /// Query, key and value, one below the other: weight (3 E, E); or the query alone.
    pub projection: Linear,
    /// Relation query and relation key: weight (2 E, E). `None`: scores have no relation terms.
    pub relation: Option<Linear>,
    /// Of the sum of what is heard: weight (E, E).
    pub output: Linear,
    /// How many heads H share the width.
    pub heads: usize,
    /// What scores are multiplied by.
    pub scale: f64,
}

impl Attention {
    /// An attention of this width: `NAME.query`, `.relation_query`, `.relation_key`, `.output`, and `.key` and `.value`
    /// unless the network makes those of something else. The relation layer is in the layout whether the scores have
    /// relation terms or not.
    pub fn new(
        layout: &mut Layout,
        name: &str,
        projections: &[&str],
        width: usize,
        heads: usize,
        relates: bool,
        scale: f64,
    ) -> Self {
        let both = [width, width];
        let projection = Linear::packed(layout, name, "projection", projections, both, Init::SMALL);
        let relations = ["relation_query", "relation_key"];
        let relation = Linear::packed(layout, name, "relation", &relations, both, Init::SMALL);
        Self {
            projection,
            relation: relates.then_some(relation),
            output: Linear::new(layout, &format!("{name}.output"), both, Init::SMALL),
            heads,
            scale,
        }
    }

    /// An attention without relation terms, of layers that a network has made itself: what its queries are made of (and
    /// perhaps keys and values), and what reads the sum of what is heard. Scores are divided by the root of a head's
    /// width.
    pub fn of(projection: Linear, output: Linear, heads: usize) -> Self {
        Self {
            projection,
            relation: None,
            output,
            heads,
            scale: (heads as f64 / output.inputs as f64).sqrt(),
        }
    }

    /// The width E of queries, keys and values.
    pub fn width(&self) -> usize {
        self.output.inputs
    }
}

/// Attention along edges on which both ends decide. Receiver i brings u_i and a query, sender j brings v_j, a key and a
/// value:
///
/// ```text
/// gate(i, j)   = 1 if w . relu(u_i + v_j) + b > 0, else 0; its gradient is that of the sigmoid
/// weight(i, j) = gate(i, j) * softmax_j(gate(i, j) * score(i, j))
/// ```
///
/// The softmax is over all whom the receiver hears: closed edges are in it with the score 0, so that a receiver with one
/// open edge hears less than all of it, and who has none hears 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairAttention {
    /// w and b, which has to be there: weight (1, D). `None`: every edge is open.
    pub decision: Option<Linear>,
    /// Width of a query, and of a key.
    pub key: usize,
    /// Width of a value.
    pub value: usize,
    /// What scores are made of.
    pub score: Score,
    /// Whether a receiver is among its own senders. That edge is open, whatever is decided on others.
    pub itself: bool,
}

/// The score of a query and a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Score {
    /// Their product times this scale.
    Product(f64),
    /// The sum of their first numbers, times this slope, from 0 to 1, where it is negative: graph attention (Velickovic
    /// et al., 2018).
    Sum(f64),
}

impl PairAttention {
    /// The width D of u and of v.
    pub fn pair(&self) -> usize {
        self.decision.map_or(0, |decision| decision.inputs)
    }
}

/// The two layers of a recurrent cell, `NAME.input` and `NAME.hidden`, each with its gates one below the other.
fn cell<const G: usize>(
    layout: &mut Layout,
    name: &str,
    gates: [&str; G],
    [inputs, width]: [usize; 2],
    init: Init,
) -> [Linear; 2] {
    [("input", inputs), ("hidden", width)].map(|(of, inputs)| {
        let size = [inputs, width];
        Linear::packed(layout, &format!("{name}.{of}"), "gates", &gates, size, init)
    })
}

/// A gated recurrent unit (Cho et al., 2014), with the weights and gates of PyTorch's `GRUCell`: reset, update, new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gru {
    /// Of the input, (3 H, in).
    pub input: Linear,
    /// Of the state, (3 H, H).
    pub hidden: Linear,
}

impl Gru {
    /// A cell: `NAME.input` and `NAME.hidden`.
    pub fn new(layout: &mut Layout, name: &str, size: [usize; 2], init: Init) -> Self {
        let gates = ["reset", "update", "new"];
        let [input, hidden] = cell(layout, name, gates, size, init);
        Self { input, hidden }
    }

    /// The width H of its state.
    pub fn width(&self) -> usize {
        self.hidden.inputs
    }
}

/// Long short-term memory (Hochreiter and Schmidhuber, 1997), with the gates of PyTorch's `LSTMCell`: input,
/// forget, cell, output. Its state is h and c side by side, 2 H numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lstm {
    /// Of the input, (4 H, in).
    pub input: Linear,
    /// Of h, (4 H, H).
    pub hidden: Linear,
}

impl Lstm {
    /// A cell: `NAME.input` and `NAME.hidden`.
    pub fn new(layout: &mut Layout, name: &str, size: [usize; 2], init: Init) -> Self {
        let gates = ["input", "forget", "cell", "output"];
        let [input, hidden] = cell(layout, name, gates, size, init);
        Self { input, hidden }
    }

    /// The width H of h, and of c.
    pub fn width(&self) -> usize {
        self.hidden.inputs
    }
}
