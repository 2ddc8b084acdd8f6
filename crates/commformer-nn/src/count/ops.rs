//! The operations, on sizes.

use super::{Count, Links, Of, Value};
use crate::layers::{Activation, Attention, Linear, Norm, PairAttention, Score};
use crate::layout::Slot;
use crate::levels::Levels;
use crate::ops::Ops;
use std::ops::Range;

impl Ops for Count {
    type Value = Value;
    type Links = Links;
    /// How many rows.
    type Index = f64;

    fn same(&mut self, x: &Value) -> Value {
        *x
    }

    fn leaf(&mut self, _: Slot, [rows, width]: [usize; 2]) -> Value {
        Value {
            rows: rows as f64,
            width,
            wants: true,
            of: Of::Table([0.0; 2]),
        }
    }

    fn identity(&mut self, size: usize) -> Value {
        Value {
            rows: size as f64,
            width: size,
            wants: false,
            of: Of::Unit,
        }
    }

    fn observe(
        &mut self,
        _: Option<[Slot; 2]>,
        _: &Norm,
        layer: &Linear,
        _: Activation,
        obs: &Value,
    ) -> Value {
        self.product(obs, layer.outputs)
    }

    fn observe_shared(
        &mut self,
        _: &Norm,
        layer: &Linear,
        _: Activation,
        shared: &Value,
        own: &Value,
    ) -> Value {
        let of_team = shared.width as f64 * layer.outputs as f64;
        self.take(self.size[0], [of_team; 2]);
        self.product(own, layer.outputs)
    }

    fn linear_part(&mut self, _: &Linear, part: Range<usize>, _: Activation, x: &Value) -> Value {
        match x.width {
            1 => Value {
                width: part.len(),
                wants: true,
                ..*x
            },
            _ => self.product(x, part.len()),
        }
    }

    fn activate(&mut self, _: Activation, x: &Value) -> Value {
        *x
    }

    fn round(&mut self, _: Levels, x: &Value) -> Value {
        *x
    }

    fn norm(&mut self, _: &Norm, x: &Value, _: Option<&Value>) -> Value {
        Value { wants: true, ..*x }
    }

    fn residual(&mut self, norm: &Norm, x: &Value, layer: &Linear, h: &Value, _: f64) -> Value {
        let branch = self.product(h, layer.outputs);
        let sum = self.norm(norm, x, Some(&branch));
        Value {
            of: branch.of,
            ..sum
        }
    }

    fn add(&mut self, x: &Value, y: &Value) -> Value {
        Value {
            wants: x.wants || y.wants,
            ..*x
        }
    }

    fn scale_rows(&mut self, x: &Value, _: &Value) -> Value {
        *x
    }

    fn concat(&mut self, x: &Value, y: &Value) -> Value {
        Value {
            width: x.width + y.width,
            ..self.add(x, y)
        }
    }

    fn step(&mut self, x: &Value, _: usize, of: usize) -> Value {
        Value {
            rows: x.rows / of as f64,
            ..*x
        }
    }

    fn join_steps(&mut self, steps: &[Value]) -> Value {
        Value {
            rows: steps.iter().map(|x| x.rows).sum(),
            width: steps.first().map_or(0, |x| x.width),
            wants: steps.iter().any(|x| x.wants),
            of: Of::Agents,
        }
    }

    fn dropout(&mut self, _: f64, x: &Value) -> Value {
        *x
    }

    fn look_up(&mut self, table: &Value, rows: &f64) -> Value {
        if let Of::Table(of_a_row) = table.of {
            self.take(*rows, of_a_row);
        }
        Value {
            rows: *rows,
            of: Of::Agents,
            ..*table
        }
    }

    fn attend(
        &mut self,
        layer: &Attention,
        _: Option<&Value>,
        queries: &Value,
        _: &Value,
        _: &Links,
        causal: bool,
    ) -> Value {
        let [_, _, senders] = self.size;
        // Of those that are heard, half have decided before, if they are spread evenly.
        let others = if causal { senders / 2.0 } else { senders };
        let products = 2.0 * layer.width() as f64 * (1.0 + others);
        self.take(queries.rows, [products, 2.0 * products]);
        Value {
            wants: true,
            of: Of::Agents,
            ..*queries
        }
    }

    fn attend_pairs(
        &mut self,
        layer: &PairAttention,
        receivers: &Value,
        _: &Value,
        _: &Links,
    ) -> Value {
        let [_, _, others] = self.size;
        let heard = others + if layer.itself { 1.0 } else { 0.0 };
        let key = match layer.score {
            Score::Product(_) => layer.key,
            Score::Sum(_) => 0,
        };
        let products = heard * (layer.pair() + key + layer.value) as f64;
        self.take(receivers.rows, [products, 2.0 * products]);
        Value {
            width: layer.value,
            wants: true,
            of: Of::Agents,
            ..*receivers
        }
    }

    fn of_others(&mut self, heard: &Value) -> Value {
        Value {
            wants: false,
            ..*heard
        }
    }

    fn mean_of_senders(&mut self, x: &Value, _: &Links) -> Value {
        Value {
            rows: self.rows().min(x.rows),
            of: Of::Agents,
            ..*x
        }
    }

    fn gru_cell(&mut self, _: &Value, _: &Value, state: &Value) -> Value {
        Value {
            wants: true,
            of: Of::Agents,
            ..*state
        }
    }

    fn lstm_cell(&mut self, input: &Value, hidden: &Value, state: &Value) -> Value {
        self.gru_cell(input, hidden, state)
    }

    fn columns(&mut self, x: &Value, range: Range<usize>) -> Value {
        Value {
            width: range.len(),
            ..*x
        }
    }

    fn of_turn(&mut self, x: &Value) -> Value {
        *x
    }

    fn remember(&mut self, _: usize, x: &Value) -> Value {
        *x
    }
}
