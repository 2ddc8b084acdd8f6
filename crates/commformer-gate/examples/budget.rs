//! A budget finds the price at which agents receive in a quarter of their steps. The agents are a model: in each step
//! receiving is worth a number, drawn evenly from 0 to 1, and they receive where it is worth more than it costs.
//!
//! ```sh
//! cargo run -p commformer-gate --example budget
//! ```

use commformer_gate::budget::{Budget, BudgetConfig, BudgetError, TargetConfig};

fn main() -> Result<(), BudgetError> {
    let target = TargetConfig {
        rate: 0.25,
        ..TargetConfig::default()
    };
    let mut budget = Budget::new(BudgetConfig::Target(target))?;
    let mut rate = 1.0;
    for update in 0..60 {
        let price = budget.price().receiving;
        rate = (1.0 - price).clamp(0.0, 1.0);
        if update % 10 == 0 {
            println!("update {update:2}: price {price:.3}, receiving in {rate:.3} of the steps");
        }
        budget.update(rate, 1.0);
    }
    assert!((rate - target.rate).abs() < 0.02, "{rate}");
    Ok(())
}

#[test]
fn it_runs() -> Result<(), BudgetError> {
    main()
}
