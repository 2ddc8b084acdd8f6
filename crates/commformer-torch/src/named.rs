//! Saved tensors copied into a model's own, by name.
//!
//! A model lists its tensors under their names on disk; a saved state is another such list, in
//! any order. [`copy_into`] checks that the two agree before it changes anything, and says which
//! tensor does not fit.

use std::collections::{HashMap, HashSet};

use tch::Tensor;
use thiserror::Error;

/// Why a saved state cannot be taken over.
#[derive(Debug, Error)]
pub enum StateError {
    /// The saved state lacks tensors that the model has.
    #[error(
        "the saved state lacks {}; was it saved under another configuration?",
        list(names)
    )]
    Missing {
        /// The missing names.
        names: Vec<String>,
    },

    /// The saved state has tensors that the model does not know.
    #[error(
        "the saved state holds {}, which this configuration does not know; was it saved under another?",
        list(names)
    )]
    Unexpected {
        /// The unexpected names.
        names: Vec<String>,
    },

    /// A saved tensor has another shape than the model's.
    #[error(
        "the saved tensor `{name}` has shape {found:?}, but this configuration needs {expected:?}"
    )]
    Misshapen {
        /// The tensor's name.
        name: String,
        /// The model's shape.
        expected: Vec<i64>,
        /// The saved shape.
        found: Vec<i64>,
    },

    /// A saved tensor has numbers of another kind than the model's, or is undefined.
    #[error("the saved tensor `{name}` holds {found}, but this configuration needs {expected}")]
    Kind {
        /// The tensor's name.
        name: String,
        /// What the model's tensor holds, in words.
        expected: String,
        /// What the saved tensor holds, in words.
        found: String,
    },

    /// A name occurs twice in the saved state.
    #[error("the saved state holds `{name}` twice; keep one of them")]
    Duplicate {
        /// The tensor's name.
        name: String,
    },

    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}

/// Copies the tensors of `state` into those of `parts` that have the same names, in place and
/// without a gradient. A part may be a view, and lie on another device than the saved tensor. A part
/// of floating-point numbers takes those of any precision; another part takes its own kind alone.
///
/// # Errors
/// An error that names the doubled, misshapen, missing or unexpected tensor, or one of another kind;
/// then nothing has changed. [`StateError::Torch`] when libtorch refuses a copy; those before it are then done.
pub fn copy_into(parts: &[(String, Tensor)], state: &[(String, Tensor)]) -> Result<(), StateError> {
    let mut saved = HashMap::new();
    for (name, tensor) in state {
        if saved.insert(name, tensor).is_some() {
            return Err(StateError::Duplicate { name: name.clone() });
        }
    }
    let mut pairs = Vec::with_capacity(parts.len());
    let mut missing = Vec::new();
    for (name, part) in parts {
        let Some(&saved) = saved.get(name) else {
            missing.push(name.clone());
            continue;
        };
        check_kind(name, part, saved)?;
        if saved.size() != part.size() {
            return Err(StateError::Misshapen {
                name: name.clone(),
                expected: part.size(),
                found: saved.size(),
            });
        }
        pairs.push((part.shallow_clone(), saved));
    }
    if !missing.is_empty() {
        return Err(StateError::Missing { names: missing });
    }
    let known: HashSet<_> = parts.iter().map(|(name, _)| name).collect();
    let names = state.iter().map(|(name, _)| name);
    let unexpected: Vec<_> = names
        .filter(|name| !known.contains(name))
        .cloned()
        .collect();
    if !unexpected.is_empty() {
        return Err(StateError::Unexpected { names: unexpected });
    }
    tch::no_grad(|| {
        for (mut part, saved) in pairs {
            part.f_copy_(saved)?;
        }
        Ok(())
    })
}

/// Refuses a tensor that a copy would turn into numbers of another kind in silence.
fn check_kind(name: &str, part: &Tensor, saved: &Tensor) -> Result<(), StateError> {
    let expected = part.f_kind()?;
    let any_precision = part.f_is_floating_point()?;
    let found = match saved.defined() {
        false => "nothing".to_owned(),
        true => {
            let found = saved.f_kind()?;
            if found == expected || any_precision && saved.f_is_floating_point()? {
                return Ok(());
            }
            format!("numbers of kind {found:?}")
        }
    };
    Err(StateError::Kind {
        name: name.to_owned(),
        expected: match any_precision {
            true => "floating-point numbers".to_owned(),
            false => format!("numbers of kind {expected:?}"),
        },
        found,
    })
}

/// The first few names, and how many more there are.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let mut text = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(tensors: &[(&str, &[f32])]) -> Vec<(String, Tensor)> {
        let own =
            |&(name, numbers): &(&str, &[f32])| (name.to_owned(), Tensor::from_slice(numbers));
        tensors.iter().map(own).collect()
    }

    fn numbers(tensors: &[(String, Tensor)]) -> Vec<Vec<f32>> {
        let copy = |(_, tensor): &(String, Tensor)| Vec::try_from(tensor.detach()).unwrap();
        tensors.iter().map(copy).collect()
    }

    #[test]
    fn the_order_does_not_matter_and_leaves_keep_their_gradients() {
        let parts = named(&[("a", &[1.0, 2.0]), ("b", &[3.0])]);
        let leaf = parts[0].1.set_requires_grad(true);
        let state = named(&[("b", &[7.0]), ("a", &[5.0, 6.0])]);
        copy_into(&parts, &state).unwrap();
        assert_eq!(numbers(&parts), [vec![5.0, 6.0], vec![7.0]]);
        assert!(leaf.requires_grad() && leaf.is_leaf());
    }

    #[test]
    fn each_misfit_is_named_and_changes_nothing() {
        let parts = named(&[("a", &[1.0, 2.0]), ("b", &[3.0])]);
        let check = |state: &[(&str, &[f32])], words: &[&str]| {
            let message = copy_into(&parts, &named(state)).unwrap_err().to_string();
            for word in words {
                assert!(message.contains(word), "{message}");
            }
            assert_eq!(numbers(&parts), [vec![1.0, 2.0], vec![3.0]]);
        };
        check(&[("a", &[5.0, 6.0])], &["lacks `b`;"]);
        let a: (&str, &[f32]) = ("a", &[5.0, 6.0]);
        let b: (&str, &[f32]) = ("b", &[7.0]);
        check(&[a, b, ("c", &[1.0])], &["holds `c`, which"]);
        check(&[a, b, a], &["`a` twice"]);
        check(&[a, ("b", &[1.0, 2.0, 3.0])], &["`b`", "[3]", "needs [1]"]);
    }

    #[test]
    fn another_kind_of_numbers_is_refused_and_another_precision_taken() {
        use tch::Kind;
        let mut parts = named(&[("a", &[1.0, 2.0])]);
        parts.push(("count".into(), Tensor::from_slice(&[3_i64])));
        let state = |a: Tensor, count: Tensor| vec![("a".into(), a), ("count".into(), count)];
        let [a, count] = [
            Tensor::from_slice(&[5.0_f32, 6.0]),
            Tensor::from_slice(&[7_i64]),
        ];
        let check = |state: Vec<(String, Tensor)>, words: &[&str]| {
            let error = copy_into(&parts, &state).unwrap_err();
            assert!(matches!(error, StateError::Kind { .. }), "{error}");
            for word in words {
                assert!(error.to_string().contains(word), "{error}");
            }
            assert_eq!(numbers(&parts), [vec![1.0, 2.0], vec![3.0]]);
        };
        // The other tensor would fit: nothing of it is copied either.
        for kind in [Kind::Int64, Kind::Bool, Kind::ComplexFloat] {
            check(
                state(a.to_kind(kind), count.copy()),
                &["`a`", &format!("{kind:?}"), "floating-point"],
            );
        }
        check(
            state(Tensor::new(), count.copy()),
            &["`a` holds nothing", "floating-point"],
        );
        for kind in [Kind::Float, Kind::Int] {
            check(
                state(a.copy(), count.to_kind(kind)),
                &["`count`", &format!("{kind:?}"), "Int64"],
            );
        }
        for kind in [Kind::Double, Kind::Half, Kind::BFloat16] {
            copy_into(&parts, &state(a.to_kind(kind), count.copy())).unwrap();
            assert_eq!(numbers(&parts), [vec![5.0, 6.0], vec![7.0]]);
            let _ = tch::no_grad(|| parts[0].1.shallow_clone().zero_());
        }
    }

    #[test]
    fn long_lists_of_names_are_cut() {
        let parts = named(&[
            ("a", &[]),
            ("b", &[]),
            ("c", &[]),
            ("d", &[]),
            ("e", &[]),
            ("f", &[]),
        ]);
        let message = copy_into(&parts, &[]).unwrap_err().to_string();
        assert!(
            message.contains("`a`, `b`, `c`, `d` and 2 more"),
            "{message}"
        );
    }
}
