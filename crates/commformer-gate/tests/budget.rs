//! What a budget does to gates that answer to its price.

use commformer_gate::{Budget, BudgetConfig, BudgetState, Price, TargetConfig};
use proptest::prelude::*;

const STEPS: usize = 40_000;
const WINDOW: usize = 1_000;

fn target(rate: f64) -> TargetConfig {
    TargetConfig {
        rate,
        ..TargetConfig::default()
    }
}

fn budget(target: TargetConfig) -> Budget {
    Budget::new(BudgetConfig::Target(target)).unwrap()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The rates that a gate, which answers to a price with a rate, goes through.
fn run(budget: &mut Budget, mut gate: impl FnMut(f64) -> f64) -> Vec<f64> {
    let bound = match budget.config() {
        BudgetConfig::Target(target) => target.bound,
        _ => 0.0,
    };
    let mut step = || {
        let price = budget.price();
        assert_eq!(price.message, 0.0);
        let rate = gate(price.receiving);
        budget.update(rate, 1.0);
        for x in [budget.price().receiving, budget.state().multiplier] {
            assert!((0.0..=bound).contains(&x), "{x}");
        }
        rate
    };
    (0..STEPS).map(|_| step()).collect()
}

/// The late rates are on the target, and swing no more than the early ones.
fn settles(rates: &[f64], target: f64) -> Result<(), TestCaseError> {
    let swing = |rates: &[f64]| {
        let far = |rate: &f64| (rate - target).abs();
        rates.iter().map(far).fold(0.0, f64::max)
    };
    let (early, late) = (swing(&rates[..WINDOW]), swing(&rates[STEPS - WINDOW..]));
    prop_assert!(late < 0.02, "late rates are up to {late} from {target}");
    prop_assert!(late <= early + 1e-9, "early {early}, late {late}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A gate that is at once where the price puts it.
    #[test]
    fn an_instant_gate_settles_on_the_target(
        rate in 0.1f64..0.9,
        slope in 0.5f64..4.0,
        settled_price in 0.0f64..6.0,
    ) {
        let benefit = settled_price + (rate / (1.0 - rate)).ln() / slope;
        let mut budget = budget(target(rate));
        let rates = run(&mut budget, |price| sigmoid(slope * (benefit - price)));
        settles(&rates, rate)?;
    }

    /// A gate that learns: its logit sums what receiving earns.
    #[test]
    fn a_learning_gate_settles_on_the_target(
        rate in 0.1f64..0.9,
        speed in 0.05f64..2.0,
        benefit in 0.05f64..5.0,
        start in -3.0f64..3.0,
    ) {
        let mut logit = start;
        let mut budget = budget(target(rate));
        let rates = run(&mut budget, |price| {
            logit += speed * (benefit - price);
            sigmoid(logit)
        });
        settles(&rates, rate)?;
    }

    #[test]
    fn price_and_multiplier_stay_in_their_bounds(
        rate in 0.0f64..=1.0,
        bound in 0.01f64..20.0,
        step in 0.001f64..5.0,
        damping in 0.0f64..5.0,
        rates in prop::collection::vec(any::<f64>(), 0..100),
    ) {
        let mut budget = budget(TargetConfig { rate, step, damping, bound });
        for rate in rates {
            budget.update(rate, 1.0);
            for x in [budget.price().receiving, budget.state().multiplier] {
                prop_assert!((0.0..=bound).contains(&x), "{}", x);
            }
        }
    }

    #[test]
    fn a_restored_budget_goes_on_bit_by_bit(
        rates in prop::collection::vec(0.0f64..=1.0, 1..100),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut whole, mut restored) = (budget(target(0.3)), budget(target(0.3)));
        let cut = cut.index(rates.len());
        for &rate in &rates[..cut] {
            whole.update(rate, 1.0);
        }
        restored.restore(whole.state()).unwrap();
        for &rate in &rates[cut..] {
            let bits = |budget: &Budget| budget.price().receiving.to_bits();
            prop_assert_eq!(bits(&whole), bits(&restored));
            whole.update(rate, 1.0);
            restored.update(rate, 1.0);
        }
        prop_assert_eq!(whole.state(), restored.state());
    }
}

/// Why there is damping: the same gate under the multiplier alone swings for ever.
#[test]
fn without_damping_a_learning_gate_swings_on() {
    let swing = |damping: f64| {
        let mut logit = 0.0;
        let mut budget = budget(TargetConfig {
            damping,
            ..target(0.5)
        });
        let rates = run(&mut budget, |price| {
            logit += 0.1 * (1.0 - price);
            sigmoid(logit)
        });
        let late = &rates[STEPS - WINDOW..];
        late.iter()
            .fold(0.0, |far, rate| f64::max(far, (rate - 0.5).abs()))
    };
    assert!(swing(0.0) > 0.2, "{}", swing(0.0));
    assert!(swing(0.5) < 1e-6, "{}", swing(0.5));
}

#[test]
fn two_updates_are_those_worked_out_by_hand() {
    let mut budget = budget(target(0.25));
    assert_eq!(budget.price(), Price::default());
    budget.update(0.75, 1.0);
    // Violation 0.5: the multiplier is 0.1 * 0.5 and the price 0.5 * 0.5 more.
    assert!((budget.state().multiplier - 0.05).abs() < 1e-12);
    assert!((budget.price().receiving - 0.3).abs() < 1e-12);
    budget.update(0.15, 1.0);
    // Violation -0.1: 0.05 - 0.01 = 0.04, and the price 0.04 - 0.05 is cut off at 0.
    assert!((budget.state().multiplier - 0.04).abs() < 1e-12);
    assert_eq!(budget.price().receiving, 0.0);
}

#[test]
fn a_target_is_a_ceiling() {
    let mut seldom = budget(target(0.5));
    run(&mut seldom, |_| 0.2);
    assert_eq!(seldom.price(), Price::default());
    let mut stubborn = budget(target(0.5));
    run(&mut stubborn, |_| 1.0);
    assert_eq!(stubborn.price().receiving, 10.0);
}

#[test]
fn fixed_prices_stay() {
    for (config, message) in [(BudgetConfig::Off, 0.0), (BudgetConfig::Cost(0.25), 0.25)] {
        let mut budget = Budget::new(config).unwrap();
        budget.update(1.0, 1.0);
        let expected = Price {
            message,
            receiving: 0.0,
        };
        assert_eq!(budget.price(), expected);
        assert_eq!(budget.state(), BudgetState::default());
        budget.restore(BudgetState::default()).unwrap();
    }
}

#[test]
fn rates_that_are_no_numbers_are_ignored() {
    let mut budget = budget(target(0.25));
    budget.update(0.5, 1.0);
    let before = budget.state();
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        budget.update(odd, 1.0);
        assert_eq!(budget.state(), before);
    }
    budget.update(0.75, f64::NAN);
    assert_eq!(budget.state(), before);
}

#[test]
fn each_bad_constant_is_named() {
    let check = |config: BudgetConfig, name: &str| {
        let message = Budget::new(config).unwrap_err().to_string();
        assert!(message.contains(name), "{message}");
    };
    check(BudgetConfig::Cost(-1.0), "`cost`");
    check(BudgetConfig::Cost(f64::NAN), "`cost`");
    let good = TargetConfig::default();
    for bad in [-0.1, f64::NAN, f64::INFINITY] {
        check(
            BudgetConfig::Target(TargetConfig { rate: bad, ..good }),
            "`rate`",
        );
        check(
            BudgetConfig::Target(TargetConfig { step: bad, ..good }),
            "`step`",
        );
        check(
            BudgetConfig::Target(TargetConfig {
                damping: bad,
                ..good
            }),
            "`damping`",
        );
        check(
            BudgetConfig::Target(TargetConfig { bound: bad, ..good }),
            "`bound`",
        );
    }
    check(
        BudgetConfig::Target(TargetConfig { rate: 1.1, ..good }),
        "`rate`",
    );
    check(
        BudgetConfig::Target(TargetConfig { step: 0.0, ..good }),
        "`step`",
    );
    check(
        BudgetConfig::Target(TargetConfig { bound: 0.0, ..good }),
        "`bound`",
    );
}

#[test]
fn each_bad_state_is_refused_and_changes_nothing() {
    let mut budget = budget(target(0.25));
    budget.update(0.5, 1.0);
    let before = budget.state();
    for multiplier in [-0.1, 10.1, f64::NAN, f64::INFINITY] {
        let error = budget
            .restore(BudgetState {
                multiplier,
                ..before
            })
            .unwrap_err();
        assert_eq!(error.name, "multiplier");
    }
    for violation in [-1.1, 1.1, f64::NAN] {
        let error = budget
            .restore(BudgetState {
                violation,
                ..before
            })
            .unwrap_err();
        assert_eq!(error.name, "violation");
    }
    assert_eq!(budget.state(), before);
    assert!(
        Budget::new(BudgetConfig::Off)
            .unwrap()
            .restore(before)
            .is_err()
    );
}

#[test]
fn the_allowed_rate_falls_along_the_ramp() {
    let mut budget = budget(target(0.2));
    let allowed = |ramp| budget.allowed(ramp).unwrap();
    assert_eq!([allowed(0.0), allowed(0.5)], [1.0, 0.6]);
    assert!((allowed(1.0) - 0.2).abs() < 1e-12 && allowed(7.0) == allowed(1.0));
    // Open in 0.7 of the steps where 0.6 are allowed.
    budget.update(0.7, 0.5);
    assert!((budget.state().violation - 0.1).abs() < 1e-12);
    assert_eq!(Budget::new(BudgetConfig::Off).unwrap().allowed(0.5), None);
}
