//! The operations, on sizes.

use super::{Count, Links, Of, Value};
use crate::layers::{Activation, Attention, Linear, Norm, Per};
use crate::layout::Slot;
use crate::ops::Ops;
use crate::passes::pays;
use std::ops::Range;

/// Numbers of a row's slope, where that cannot be read from the result.
fn slope(f: Activation, width: usize) -> f64 {
    match f {
        Activation::Identity | Activation::Relu => 0.0,
        Activation::Gelu | Activation::Tanh | Activation::Sigmoid => width as f64,
    }
}

impl Ops for Count {
    type Value = Value;
    type Links = Links;
    /// How many rows.
    type Index = f64;

    fn same(&mut self, x: &Value) -> Value {
        *x
    }

    fn leaf(&mut self, _: Slot, [rows, width]: [usize; 2]) -> Value {
        self.learned(Of::Table([0.0; 2]), [rows as f64, 0.0], width, &[])
    }

    fn identity(&mut self, size: usize) -> Value {
        self.push(Of::Unit, [size as f64, 0.0], size, &[])
    }

    fn observe(
        &mut self,
        _: Option<[Slot; 2]>,
        _: &Norm,
        layer: &Linear,
        f: Activation,
        obs: &Value,
    ) -> Value {
        let of = self.product(obs, layer.outputs);
        let slopes = obs.rows * slope(f, layer.outputs);
        // The weights with the norm folded in, whose buffer the slopes get, and their gradient.
        let folded = (layer.inputs as f64 + 1.0) * layer.outputs as f64;
        self.numbers[1] += (folded - slopes).max(0.0);
        self.room(1, folded);
        let saved = obs.rows * layer.inputs as f64 + slopes;
        self.learned(of, [obs.rows, saved], layer.outputs, &[])
    }

    fn linear_part(&mut self, _: &Linear, part: Range<usize>, f: Activation, x: &Value) -> Value {
        let of = match x.width {
            1 => x.of,
            _ => self.product(x, part.len()),
        };
        self.packs(x, part.len());
        let saved = x.rows * slope(f, part.len());
        self.learned(of, [x.rows, saved], part.len(), &[x])
    }

    fn activate(&mut self, f: Activation, x: &Value) -> Value {
        self.like(x, x.rows * slope(f, x.width), &[x])
    }

    fn norm(&mut self, _: &Norm, x: &Value, y: Option<&Value>) -> Value {
        let numbers = x.rows * x.width as f64;
        let saved = match (y, self.torch) {
            (None, Some(_)) => 0.0, // the input itself
            _ => numbers,
        };
        if y.is_some() {
            self.room(0, numbers);
            self.room(1, numbers);
        }
        let sends: Vec<&Value> = y.into_iter().chain([x]).collect();
        let value = self.like(x, saved + x.rows, &sends);
        self.nodes[value.node].wants = true;
        value
    }

    fn residual(&mut self, norm: &Norm, x: &Value, layer: &Linear, h: &Value, share: f64) -> Value {
        if share > 0.0 && self.dropout || layer.per != Per::Team || norm.per != Per::Team {
            let branch = self.linear(layer, h);
            let branch = self.dropout(share, &branch);
            return self.norm(norm, x, Some(&branch));
        }
        let of = self.product(h, layer.outputs);
        self.packs(h, layer.outputs);
        let value = self.norm(norm, x, Some(h));
        Value { of, ..value }
    }

    fn add(&mut self, x: &Value, y: &Value) -> Value {
        self.like(x, 0.0, &[y, x])
    }

    fn scale_rows(&mut self, x: &Value, _: &Value) -> Value {
        self.like(x, 0.0, &[x])
    }

    fn concat(&mut self, x: &Value, y: &Value) -> Value {
        self.push(x.of, [x.rows, 0.0], x.width + y.width, &[x, y])
    }

    fn step(&mut self, x: &Value, _: usize, of: usize) -> Value {
        self.push(x.of, [x.rows / of as f64, 0.0], x.width, &[x])
    }

    fn join_steps(&mut self, steps: &[Value]) -> Value {
        let rows = steps.iter().map(|x| x.rows).sum();
        let width = steps.first().map_or(0, |x| x.width);
        let sends: Vec<&Value> = steps.iter().collect();
        self.push(Of::Agents, [rows, 2.0 * steps.len() as f64], width, &sends)
    }

    fn dropout(&mut self, share: f64, x: &Value) -> Value {
        match self.dropout && share > 0.0 {
            true => self.like(x, x.rows * x.width as f64, &[x]),
            false => *x,
        }
    }

    fn look_up(&mut self, table: &Value, rows: &f64) -> Value {
        if let Of::Table(of_a_row) = table.of {
            self.take(*rows, of_a_row);
        }
        // An index is as long as two numbers.
        self.push(Of::Agents, [*rows, 2.0 * rows], table.width, &[table])
    }

    fn attend(
        &mut self,
        layer: &Attention,
        terms: Option<&Value>,
        queries: &Value,
        memory: &Value,
        _: &Links,
        causal: bool,
    ) -> Value {
        let [_, agents, senders] = self.size;
        let (rows, width, heads) = (queries.rows, layer.width() as f64, layer.heads as f64);
        // Of those that are heard, half have decided before, if they are spread evenly.
        let others = if causal { senders / 2.0 } else { senders };
        let products = 2.0 * width * (1.0 + others);
        self.take(rows, [products, 2.0 * products]);
        let saved = match self.torch {
            None => self.entries() * heads,
            // Queries and keys with the terms added; masks and scores, over lists or over all agents.
            Some(_) => {
                let (places, of_a_place) = (senders + 1.0, 6.0 + 5.0 * heads);
                let of_places = match pays(places.ceil() as i64, agents as i64) {
                    true => places * (of_a_place + 3.0 * width),
                    false => agents * of_a_place,
                };
                let numbers = rows * (2.0 * width + of_places);
                self.room(0, numbers);
                numbers
            }
        };
        let sends: Vec<&Value> = [queries, memory].into_iter().chain(terms).collect();
        self.learned(Of::Agents, [rows, saved], queries.width, &sends)
    }

    fn of_others(&mut self, heard: &Value) -> Value {
        self.push(Of::Agents, [heard.rows, 0.0], heard.width, &[])
    }

    fn mean_of_senders(&mut self, x: &Value, _: &Links) -> Value {
        self.push(Of::Agents, [self.rows().min(x.rows), 0.0], x.width, &[x])
    }

    fn gru_cell(&mut self, input: &Value, hidden: &Value, state: &Value) -> Value {
        let sizes = [state.rows, input.rows * input.width as f64];
        self.learned(Of::Agents, sizes, state.width, &[input, hidden, state])
    }

    fn lstm_cell(&mut self, input: &Value, hidden: &Value, state: &Value) -> Value {
        let sizes = [state.rows, 1.25 * input.rows * input.width as f64];
        self.learned(Of::Agents, sizes, state.width, &[input, hidden, state])
    }

    fn columns(&mut self, x: &Value, range: Range<usize>) -> Value {
        self.push(x.of, [x.rows, 0.0], range.len(), &[x])
    }

    fn of_turn(&mut self, x: &Value) -> Value {
        match self.in_turn {
            true => self.push(x.of, [self.rows(), 0.0], x.width, &[]),
            false => *x,
        }
    }

    fn remember(&mut self, _: usize, x: &Value) -> Value {
        let [teams, agents, _] = self.size;
        match self.in_turn {
            true => self.push(x.of, [teams * agents, 0.0], x.width, &[]),
            false => *x,
        }
    }
}
