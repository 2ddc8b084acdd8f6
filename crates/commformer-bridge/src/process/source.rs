//! What is run in Python, and how it gets there.

use crate::config::PythonConfig;
use crate::options;
use std::io::{self, Write};
use std::process::{Command, Stdio};

/// The Python side, whole: what is run, in this order, in a worker; a check needs no guard.
pub const BEGIN: Part = Part("begin.py", include_str!("../../python/begin.py"));
pub const GUARD: Part = Part("guard.py", include_str!("../../python/guard.py"));
pub const BRIDGE: Part = Part("bridge.py", include_str!("../../python/bridge.py"));

/// A name, and the source.
#[derive(Clone, Copy, Debug)]
pub struct Part(&'static str, &'static str);

/// Arguments with which Python runs what it reads from its input: a list of processes then shows what runs, and no
/// source.
pub fn boot(parts: &[Part]) -> [String; 3] {
    let read = "import os, sys\nfor part in sys.argv.pop(1).split(','):\n    \
                name, size, source = *part.split(':'), b''\n    \
                while len(source) < int(size):\n        \
                part = os.read(0, int(size) - len(source))\n        \
                source += part or sys.exit('no source came')\n    \
                exec(compile(source, name, 'exec'))";
    let sizes = parts
        .iter()
        .map(|Part(name, source)| format!("{name}:{}", source.len()));
    let sizes: Vec<_> = sizes.collect();
    ["-c".into(), read.into(), sizes.join(",")]
}

/// Sends the parts.
pub fn send(parts: &[Part], mut to: impl Write) -> io::Result<()> {
    let sources: Vec<&str> = parts.iter().map(|Part(_, source)| *source).collect();
    to.write_all(sources.concat().as_bytes())
}

/// Tries an environment and prints what is wrong with it, with so many resets; whether anything was.
///
/// # Errors
///
/// If the interpreter does not start.
pub fn check(config: &PythonConfig, resets: u32) -> io::Result<bool> {
    let options = options::encode(&config.options);
    let mut child = Command::new(&config.python)
        .args(boot(&[BEGIN, BRIDGE]))
        .args(["check", &config.make, &options, &resets.to_string()])
        .stdin(Stdio::piped())
        .spawn()?;
    if let Some(input) = child.stdin.take() {
        let _ = send(&[BEGIN, BRIDGE], input);
    }
    Ok(child.wait()?.success())
}
