//! Processes that meet, exchange tensors and lose each other. Every test starts this program again, once for each process.

use commformer_torch::group::{Group, GroupError, Rendezvous};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tch::{Kind, Tensor};

const PATIENCE: Duration = Duration::from_secs(20);

/// Which part this process plays, if it was started by a test.
const PART: &str = "COMMFORMER_TEST_PART";

fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn start(part: &str, rank: usize, size: usize, port: u16) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "one_of_them", "--nocapture", "--test-threads=1"])
        .env(PART, part)
        .env("MASTER_ADDR", "127.0.0.1")
        .env("MASTER_PORT", port.to_string())
        .env("RANK", rank.to_string())
        .env("WORLD_SIZE", size.to_string())
        .env("COMMFORMER_INTERFACE", "127.0.0.1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What the processes of a group print in their parts, each with whether it ended well.
fn play(part: &str, size: usize) -> Vec<(bool, String)> {
    let port = port();
    let all: Vec<Child> = (0..size)
        .map(|rank| start(part, rank, size, port))
        .collect();
    let ended = all.into_iter().map(|child| {
        let output = child.wait_with_output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.success(), text.concat())
    });
    ended.collect()
}

#[test]
fn one_of_them() {
    let Ok(part) = std::env::var(PART) else {
        return;
    };
    let at = Rendezvous::from_env().unwrap().unwrap();
    let patience = if part == "late" {
        Duration::from_secs(2)
    } else {
        PATIENCE
    };
    let mut group = match Group::meet(&at, patience) {
        Ok(group) => group,
        Err(error) => panic!("{error}"),
    };
    let rank = at.rank;
    match part.as_str() {
        "exchange" => {
            let mine = Tensor::from_slice(&[rank as f32, 10.0]);
            let all = group.gather(&mine).unwrap();
            for (other, tensor) in all.iter().enumerate() {
                assert_eq!(Vec::<f32>::try_from(tensor).unwrap(), [other as f32, 10.0]);
            }
            let texts = group.gather_bytes(&vec![rank as u8; 3 * rank]).unwrap();
            for (other, text) in texts.iter().enumerate() {
                assert_eq!(*text, vec![other as u8; 3 * other]);
            }
            let mut sum = Tensor::from_slice(&[1.0_f32, rank as f32]);
            group.sum(&mut sum).unwrap();
            let size = at.size as f32;
            assert_eq!(
                Vec::<f32>::try_from(&sum).unwrap(),
                [size, size * (size - 1.0) / 2.0]
            );
            let mut told = Tensor::full([2], rank as i64, (Kind::Int64, tch::Device::Cpu));
            group.broadcast(&mut told, 1).unwrap();
            assert_eq!(Vec::<i64>::try_from(&told).unwrap(), [1, 1]);
            group.wait(PATIENCE).unwrap();
        }
        "leaving" if rank == 1 => group.leave("the disk is full"),
        "dying" if rank == 1 => std::process::abort(),
        "leaving" | "dying" => {
            let lost = group.gather(&Tensor::from_slice(&[1.0_f32])).unwrap_err();
            println!("said: {lost}");
        }
        "hanging" if rank == 1 => std::thread::sleep(Duration::from_secs(6)),
        "hanging" => match group.wait(Duration::from_secs(2)) {
            Ok(()) => panic!("process 1 sleeps"),
            Err(error) => println!("said: {error}"),
        },
        other => panic!("no part {other}"),
    }
}

#[test]
fn processes_exchange_tensors_and_bytes_in_the_order_of_their_ranks() {
    for size in [2, 3] {
        for (ended_well, said) in play("exchange", size) {
            assert!(ended_well, "{said}");
        }
    }
}

#[test]
fn whoever_leaves_is_named_to_the_others() {
    let ended = play("leaving", 3);
    for rank in [0, 2] {
        let (ended_well, said) = &ended[rank];
        assert!(ended_well, "{said}");
        assert!(said.contains("process 1 ended: the disk is full"), "{said}");
    }
}

#[test]
fn nobody_waits_for_ever_for_one_that_died_or_hangs() {
    let begun = Instant::now();
    let ended = play("dying", 2);
    assert!(
        ended[0].0 && ended[0].1.contains("process 0 of 2 lost the others"),
        "{ended:?}"
    );
    let ended = play("hanging", 3);
    let (ended_well, said) = &ended[0];
    assert!(ended_well, "{said}");
    assert!(
        said.contains("process 0 of 3 lost the others") && said.contains("1"),
        "{said}"
    );
    assert!(begun.elapsed() < 3 * PATIENCE);
}

#[test]
fn one_that_is_never_started_is_missed() {
    let mut first = start("late", 0, 2, port());
    let begun = Instant::now();
    let status = first.wait().unwrap();
    assert!(!status.success() && begun.elapsed() < PATIENCE);
}

#[test]
fn two_runs_on_one_port_are_a_sentence() {
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let at = Rendezvous {
        host: "127.0.0.1".into(),
        port: taken.local_addr().unwrap().port(),
        rank: 0,
        size: 2,
        local_rank: 0,
        store_is_there: false,
        prefix: "x".into(),
        interface: None,
    };
    let error = Group::meet(&at, Duration::from_secs(3)).unwrap_err();
    assert!(matches!(error, GroupError::Meeting { .. }));
    let said = error.to_string();
    assert!(
        said.contains("process 0 of 2 did not meet the others at 127.0.0.1"),
        "{said}"
    );
    assert!(said.to_lowercase().contains("in use"), "{said}");
}
