//! What reads a worker's answers: any bytes end as an error or as the answer that was asked for.

use super::answers::{Answers, LONGEST, Lost};
use super::*;
use commformer_env::Rng;
use std::io::Write;
use std::thread::{sleep, spawn};

/// Mutated answers.
const CASES: u64 = 30_000;

const SEEDS: [&str; 7] = [
    "1 done\n",
    "1 {\"ok\":null}\n",
    "1 {\"error\":\"Traceback\\nValueError: \\u00e4\",\"where\":\"step 3 of its env 0\"}\n",
    "1 {\"ok\":{\"agents\":2,\"obs_dim\":3,\"discrete\":true,\"actions\":4,\"masked\":true,\"leaves\":false,\
     \"metrics\":[\"steps\"],\"agent_names\":[\"a\",\"b\"],\"action_names\":[],\"notes\":[\"padded\"]}}\n",
    "1 {\"ok\":{\"size\":[9,9],\"shapes\":[{\"role\":{\"agent\":0},\"circle\":[0.5,0,1e3]}],\"agents\":[[1,0],null]}}\n",
    "1 {\"ok\":null}\n1 {\"ok\":null}\n",
    "1 {\"ok\":{\"size\":[1,1],\"scenery\":[{\"role\":\"note\",\"text\":[1,2,3,\"word\"]}]}}\n1 done\n",
];

const WORDS: [&str; 13] = [
    "\n",
    " ",
    "done",
    "1 ",
    "2 ",
    "-",
    "null",
    "[[[[[[[[",
    "18446744073709551616",
    "\0",
    "\u{fe0f}",
    "{\"ok\":",
    "done {\"kind\":\"a warning\"}",
];

fn below(bound: usize, rng: &mut Rng) -> usize {
    rng.below(bound as u32) as usize
}

/// A line or two with one to four changes.
fn mutated(case: u64) -> Vec<u8> {
    let rng = &mut Rng::new(19, case);
    let mut line = SEEDS[case as usize % SEEDS.len()].as_bytes().to_vec();
    for _ in 0..=below(4, rng) {
        let from = below(line.len() + 1, rng);
        let to = from + below((line.len() - from).min(30) + 1, rng);
        match below(6, rng) {
            0 => line
                .iter_mut()
                .skip(from)
                .take(1)
                .for_each(|byte| *byte ^= 1 << below(8, rng)),
            1 => line.truncate(from),
            2 => drop(line.drain(from..to)),
            3 => drop(line.splice(from..from, line[from..to].repeat(300))),
            4 => drop(line.splice(from..to, WORDS[below(WORDS.len(), rng)].bytes())),
            _ => drop(line.splice(from..from, [rng.next_u32() as u8])),
        }
    }
    line
}

/// A worker that has ended, and what it is to answer; its lines come from the other end of the socket.
fn worker() -> (Process, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut guard = Guard::new(Command::new("true").spawn().unwrap());
    guard.end();
    assert!(guard.status().is_some());
    // Nothing prints: its pipe is over at once.
    let (pipe, _) = io::pipe().unwrap();
    let process = Process {
        name: "worker 0".into(),
        make: "a:b".into(),
        guard,
        answers: Answers::new(ours),
        printed: Printed::keep(pipe).unwrap(),
        limits: [Duration::from_millis(20); 2],
        asked: 1,
        pending: VecDeque::new(),
        answered: Instant::now(),
        task: TaskSpec::default(),
    };
    (process, theirs)
}

fn expect_answer(process: &mut Process) {
    process.pending.clear();
    process.pending.push_back(Pending {
        number: 1,
        sent: Instant::now(),
        patience: Patience::Work,
    });
}

#[test]
fn no_line_panics_hangs_or_is_taken_for_another() {
    let (mut process, _) = worker();
    let (mut sound, mut faults) = (0, 0);
    for case in 0..CASES {
        let line = mutated(case);
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        process.answers = Answers::new(ours);
        expect_answer(&mut process);
        // Longer ones than a socket holds are tried below.
        theirs.write_all(&line).unwrap();
        // Some hang up, others wait.
        let waits = case % 500 == 0;
        let kept = waits.then(|| theirs.try_clone().unwrap());
        drop(theirs);
        let first = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let start = Instant::now();
        // Half of them as what they were made from, the others as anything.
        let kind = match case % 2 {
            0 => [0, 2, 2, 3, 1, 2, 1][case as usize % SEEDS.len()],
            _ => case / 2 % 4,
        };
        let result = match kind {
            0 => process
                .done("was to step")
                .map(|()| assert!(first == b"1 done" || first.starts_with(b"1 done {"))),
            1 => process.answer::<Option<Picture>>("was to draw").map(drop),
            2 => process.answer::<()>("was to open").map(drop),
            _ => (process.answer::<TaskSpec>("was started")).map(|task| drop(task.problem())),
        };
        assert!(start.elapsed() < Duration::from_secs(2), "{case}");
        drop(kept);
        match result {
            Ok(()) => {
                sound += 1;
                let number = String::from_utf8(first.to_vec()).unwrap();
                assert_eq!(number.split(' ').next().unwrap().parse(), Ok(1), "{case}");
            }
            Err(fault) => {
                faults += 1;
                // What is shown of it is bounded, and no terminal obeys it.
                assert!(fault.what.len() + fault.said.len() < line.len() + 10 * SHOWN + 300);
                let ours = fault.what.starts_with("answered what");
                assert!(!ours || !fault.said.contains(char::is_control), "{fault:?}");
            }
        }
    }
    println!("{CASES} answers: {sound} were sound, {faults} are faults");
    assert!(sound > 100 && faults > 100, "{sound} {faults}");
}

#[test]
fn a_line_without_an_end_is_given_up_and_takes_no_more_memory_than_its_bound() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut answers = Answers::new(ours);
    theirs.write_all(b"x").unwrap();
    // The bound is no multiple of what is read at once.
    assert_eq!(answers.line(Instant::now()), Err(Lost::Late));
    let writer = spawn(move || {
        let part = [b'x'; 1 << 16];
        (0..)
            .take_while(|_| theirs.write_all(&part).is_ok())
            .count()
    });
    let deadline = Instant::now() + Duration::from_secs(60);
    assert_eq!(answers.line(deadline), Err(Lost::TooLong));
    // A vector doubles as it grows.
    assert!(answers.held() <= 2 * LONGEST + (64 << 10));
    drop(answers);
    assert!(writer.join().unwrap() >= LONGEST >> 16);
}

#[test]
fn who_sends_a_byte_now_and_then_is_late() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut answers = Answers::new(ours);
    let writer = spawn(move || {
        while theirs.write_all(b"x").is_ok() {
            sleep(Duration::from_millis(5));
        }
    });
    let start = Instant::now();
    assert_eq!(
        answers.line(start + Duration::from_millis(100)),
        Err(Lost::Late)
    );
    assert!(start.elapsed() < Duration::from_secs(1));
    // What has come by the deadline counts, though nobody has looked until then.
    drop(answers);
    writer.join().unwrap();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(b"1 done\n2 do").unwrap();
    let mut answers = Answers::new(ours);
    assert_eq!(answers.line(start), Ok(b"1 done".to_vec()));
    assert_eq!(answers.line(start), Err(Lost::Late));
    theirs.write_all(b"ne\n").unwrap();
    assert_eq!(answers.line(start), Ok(b"2 done".to_vec()));
    drop(theirs);
    assert_eq!(answers.line(start), Err(Lost::Ended));
}

#[test]
fn one_that_is_dropped_has_ended() {
    let (mut process, _) = worker();
    let child = Command::new("sleep").arg("100").spawn().unwrap();
    let there = std::path::PathBuf::from(format!("/proc/{}", child.id()));
    process.guard = Guard::new(child);
    assert!(there.exists());
    drop(process);
    // Not even to be taken note of.
    assert!(!there.exists());
}
