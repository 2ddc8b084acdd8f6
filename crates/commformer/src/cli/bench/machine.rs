//! What this machine can do, to compare with: the rate of a plain matrix product; and what this
//! process took of it: memory.

use super::repeat::repeat;
use commformer_torch::threads::set_intra_op;
use std::sync::Barrier;
use std::thread;
use tch::{Device, Kind, Tensor};

/// Each shape is measured so often, for so many seconds: what else runs on the machine disturbs some
/// of the times.
const ROUNDS: usize = 3;
const SECONDS: f64 = 0.1;

/// The most memory that this process ever had in use, bytes; `None` where the system does not say.
pub(super) fn peak_memory() -> Option<u64> {
    high_water(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// `VmHWM` of a `/proc/PID/status`.
fn high_water(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kib)
}

/// GFLOP/s (a multiply-add is two) of plain matrix products of `threads` threads together, each with one
/// thread of libtorch, as the workers of an update: the best of a square product and one of the
/// shape of a policy whose embeddings have `width` numbers.
///
/// # Errors
///
/// If libtorch refuses, such as for want of memory.
pub(super) fn product_rate(threads: usize, width: usize, device: Device) -> anyhow::Result<f64> {
    set_intra_op(1)?;
    let shapes = match device {
        Device::Cpu => [[512, 512, 512], [1024, width as i64, width as i64]],
        // A GPU needs more to be kept busy, and no more than one thread that calls.
        _ => [[4096, 4096, 4096], [65_536, width as i64, width as i64]],
    };
    let threads = if device == Device::Cpu { threads } else { 1 };
    let mut best: f64 = 0.0;
    for shape in shapes.repeat(ROUNDS) {
        best = best.max(rate_of(shape, threads, device)?);
    }
    Ok(best)
}

/// Of the product (m, k) x (k, n).
fn rate_of([m, k, n]: [i64; 3], threads: usize, device: Device) -> anyhow::Result<f64> {
    let begin = Barrier::new(threads);
    let work = || {
        let factors = || -> Result<[Tensor; 3], tch::TchError> {
            let filled = |rows, columns| Tensor::f_ones([rows, columns], (Kind::Float, device));
            Ok([filled(m, k)?, filled(k, n)?, filled(m, n)?])
        };
        let factors = factors();
        // Everybody waits, also for one who has failed.
        begin.wait();
        let [left, right, mut product] = factors?;
        let done = repeat(SECONDS, || -> Result<(), tch::TchError> {
            product = left.f_matmul(&right)?;
            if device != Device::Cpu {
                // Reading a number waits for it.
                product.f_double_value(&[0, 0])?;
            }
            Ok(())
        })?;
        anyhow::Ok(2e-9 * (m * k * n) as f64 * done.per_second())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut sum = 0.0;
        for worker in workers {
            let rate = worker.join();
            sum +=
                rate.map_err(|_| anyhow::anyhow!("a thread of the matrix product panicked"))??;
        }
        Ok(sum)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read() {
        let status = "Name:\tx\nVmPeak:\t  900 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(high_water(status), Some(1234 * 1024));
        assert_eq!(high_water("Name:\tx\n"), None);
        assert_eq!(high_water("VmHWM:\tmuch\n"), None);
    }

    #[test]
    fn products_have_a_rate() {
        let rate = rate_of([8, 8, 8], 2, Device::Cpu).unwrap();
        assert!(rate.is_finite() && rate > 0.0);
        assert!(rate_of([-1, 8, 8], 2, Device::Cpu).is_err());
    }
}
