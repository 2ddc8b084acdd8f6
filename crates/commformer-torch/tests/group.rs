//! Processes that meet, exchange tensors and lose each other. Every test starts this program again, once for each process.

#[path = "../../../tests/src/ports.rs"]
mod ports;

use commformer_torch::group::{Group, GroupError, Rendezvous, Waits};
use ports::port;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tch::Tensor;

const PATIENCE: Duration = Duration::from_secs(20);

/// Which part this process plays, if it was started by a test.
const PART: &str = "COMMFORMER_TEST_PART";

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

/// Hangs like a process of a machine that hangs.
fn stop() {
    let pid = std::process::id().to_string();
    let kill = Command::new("kill").args(["-STOP", &pid]).status();
    assert!(kill.unwrap().success());
}

/// What the processes of a group print in their parts, each with whether it ended well.
fn play(part: &str, size: usize) -> Vec<(bool, String)> {
    let port = port();
    let all: Vec<Child> = (0..size)
        .map(|rank| start(part, rank, size, port))
        .collect();
    all.into_iter().map(end).collect()
}

/// Whether it ended well, and what it printed.
fn end(child: Child) -> (bool, String) {
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.success(), text.concat())
}

#[test]
fn one_of_them() {
    let Ok(part) = std::env::var(PART) else {
        return;
    };
    let at = Rendezvous::from_env().unwrap().unwrap();
    let short = Duration::from_secs(3);
    let waits = match part.as_str() {
        "late" => (short, PATIENCE),
        "hanging" | "stopping" | "stopping first" => (PATIENCE, short),
        _ => (PATIENCE, PATIENCE),
    };
    let waits = Waits {
        meeting: waits.0,
        answer: waits.1,
    };
    let begun = Instant::now();
    let mut watch = || {
        let sees = part == "watched" && at.rank == 0 && begun.elapsed() > short;
        sees.then(|| "process 2 was never started".to_owned())
    };
    let mut group = match Group::meet(&at, waits, &mut watch) {
        Ok(group) => group,
        Err(error) => return println!("said: {error}"),
    };
    let rank = at.rank;
    // Who leaves before another has connected to all is one that did not come, and is not named.
    group.gather(&Tensor::from_slice(&[0.0_f32])).unwrap();
    match part.as_str() {
        "exchange" => {
            let mine = Tensor::from_slice(&[rank as f32, 10.0]);
            let all = group.gather(&mine).unwrap();
            for (other, tensor) in all.iter().enumerate() {
                assert_eq!(Vec::<f32>::try_from(tensor).unwrap(), [other as f32, 10.0]);
            }
            // Longer than the room, shorter, as long, and much shorter.
            let mut room = 0;
            let size = at.size;
            for (length, expected) in [(0, 0), (3, 3), (5, 5), (4, 5), (5, 5), (1, 1)] {
                let mine = vec![rank as u8; length * rank];
                let texts = group.gather_bytes(&mine, &mut room).unwrap();
                for (other, text) in texts.iter().enumerate() {
                    assert_eq!(*text, vec![other as u8; length * other]);
                }
                assert_eq!(room, expected * (size - 1));
            }
            let mut sum = Tensor::from_slice(&[1.0_f32, rank as f32]);
            group.sum(&mut sum).unwrap();
            let size = size as f32;
            assert_eq!(
                Vec::<f32>::try_from(&sum).unwrap(),
                [size, size * (size - 1.0) / 2.0]
            );
        }
        "dying with words after it" if rank == 1 => std::process::abort(),
        "dying with words after it" => {
            if rank == 0 {
                // The other one has said all that it says by then.
                thread::sleep(Duration::from_millis(500));
            }
            let lost = group.gather(&Tensor::from_slice(&[1.0_f32])).unwrap_err();
            println!("said: {lost}");
            group.leave(&lost.to_string());
        }
        "leaving" if rank == 1 => group.leave("the disk is full"),
        "leaving first" if rank == 0 => group.leave("the disk is full"),
        "dying" if rank == 1 => std::process::abort(),
        "stopping" if rank == 1 => stop(),
        "stopping first" if rank == 0 => stop(),
        "hanging" if rank == 1 => thread::sleep(2 * short),
        "leaving" | "leaving first" | "dying" | "hanging" | "stopping" | "stopping first" => {
            let lost = group.gather(&Tensor::from_slice(&[1.0_f32])).unwrap_err();
            println!("said: {lost}");
            // Who asks again is answered at once: the engine is not asked, whose handle a call that hangs may have.
            let again = group.gather(&Tensor::from_slice(&[1.0_f32])).unwrap_err();
            let sum = group.sum(&mut Tensor::from_slice(&[1.0_f32])).unwrap_err();
            for again in [again, sum] {
                let words = "they were lost in an earlier call";
                assert!(again.to_string().contains(words), "{again}");
            }
        }
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
    // The first has the meeting place, which ends with it.
    for (part, leaves) in [("leaving", 1), ("leaving first", 0)] {
        let ended = play(part, 3);
        for rank in (0..3).filter(|rank| *rank != leaves) {
            let (ended_well, said) = &ended[rank];
            assert!(ended_well, "{said}");
            let words = format!("process {leaves} ended: the disk is full");
            assert!(said.contains(&words), "{said}");
        }
    }
}

#[test]
fn whoever_lost_another_is_not_named_in_its_place() {
    let ended = play("dying with words after it", 3);
    for rank in [0, 2] {
        let (ended_well, said) = &ended[rank];
        let words = format!("process {rank} of 3 lost the others (process 1 did not answer)");
        assert!(*ended_well && said.contains(&words), "{said}");
    }
}

#[test]
fn nobody_waits_for_ever_for_one_that_died_or_hangs() {
    let begun = Instant::now();
    for size in [2, 4] {
        let ended = play("dying", size);
        for rank in (0..size).filter(|rank| *rank != 1) {
            let words =
                format!("process {rank} of {size} lost the others (process 1 did not answer)");
            assert!(ended[rank].0 && ended[rank].1.contains(&words), "{ended:?}");
        }
    }
    assert!(begun.elapsed() < PATIENCE);
    let ended = play("hanging", 3);
    for rank in [0, 2] {
        let (ended_well, said) = &ended[rank];
        let words = format!("process {rank} of 3 lost the others (process 1 did not answer)");
        assert!(*ended_well && said.contains(&words), "{said}");
    }
    assert!(begun.elapsed() < 3 * PATIENCE);
}

/// Also where it is the one that holds the store, which then answers no question.
#[test]
fn one_that_is_stopped_is_named() {
    for (part, stopped) in [("stopping", 1), ("stopping first", 0)] {
        let begun = Instant::now();
        let port = port();
        let mut all: Vec<Child> = (0..3).map(|rank| start(part, rank, 3, port)).collect();
        let mut hangs = all.remove(stopped);
        let ended: Vec<_> = all.into_iter().map(end).collect();
        hangs.kill().unwrap();
        hangs.wait().unwrap();
        for (ended_well, said) in ended {
            assert!(ended_well, "{said}");
            let words = format!("lost the others (process {stopped} did not answer)");
            assert!(said.contains(&words), "{said}");
        }
        assert!(begun.elapsed() < PATIENCE);
    }
}

#[test]
fn one_that_is_never_started_is_missed() {
    let port = port();
    let [first, second] = [0, 2].map(|rank| start("late", rank, 4, port));
    let begun = Instant::now();
    let words = format!("processes 1, 3 of 4 did not come to 127.0.0.1:{port} within 3 s");
    for child in [first, second] {
        let (ended_well, said) = end(child);
        assert!(ended_well && said.contains(&words), "{said}");
    }
    assert!(begun.elapsed() < PATIENCE);
}

/// 127.0.0.2 stands for the machine's other addresses: who listens on all of them is reached there, too.
#[test]
fn a_store_for_this_machine_listens_at_no_other_address() {
    let port = port();
    let begun = Instant::now();
    let store = start("exchange", 0, 2, port);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(20));
    }
    assert!(TcpStream::connect(("127.0.0.2", port)).is_err());
    for child in [store, start("exchange", 1, 2, port)] {
        let (ended_well, said) = end(child);
        assert!(ended_well, "{said}");
    }
}

/// Whoever has started the others knows when one has ended, and all of them hear of it.
#[test]
fn what_the_first_sees_ends_the_meeting_of_all() {
    let port = port();
    let begun = Instant::now();
    for child in [0, 1].map(|rank| start("watched", rank, 3, port)) {
        let (ended_well, said) = end(child);
        let words = "said: not all processes met: process 2 was never started";
        assert!(ended_well && said.contains(words), "{said}");
    }
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn two_processes_with_one_number_are_a_sentence() {
    let port = port();
    let first = start("exchange", 1, 3, port);
    let store = start("exchange", 0, 3, port);
    let second = start("exchange", 1, 3, port);
    let third = thread::spawn(move || {
        thread::sleep(Duration::from_secs(4));
        end(start("exchange", 2, 3, port))
    });
    let ended = [first, second].map(end);
    let refused = format!("said: another process is number 1 at 127.0.0.1:{port} already");
    assert_eq!(
        ended
            .iter()
            .filter(|(_, said)| said.contains(&refused))
            .count(),
        1,
        "{ended:?}"
    );
    // The others go on.
    for (ended_well, said) in ended.into_iter().chain([end(store), third.join().unwrap()]) {
        assert!(ended_well, "{said}");
    }
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
    let waits = Waits {
        meeting: Duration::from_secs(3),
        ..Waits::default()
    };
    let error = Group::meet(&at, waits, &mut || None).unwrap_err();
    assert!(matches!(error, GroupError::Meeting { .. }));
    let said = error.to_string();
    assert!(
        said.contains("process 0 of 2 did not meet the others at 127.0.0.1"),
        "{said}"
    );
    assert!(said.to_lowercase().contains("in use"), "{said}");
}
