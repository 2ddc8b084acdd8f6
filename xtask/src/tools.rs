//! The programs that set-up and the build need.

use std::env;
use std::process::{Command, Stdio};

use crate::Failure;

/// A program, how to see that it works, and where it comes from.
struct Tool {
    name: &'static str,
    probe: Vec<String>,
    debian: &'static str,
    fedora: &'static str,
}

/// Checks for Python with pip and for a C++ compiler; names those missing and how to get them.
pub fn check() -> Result<(), Failure> {
    let compiler = compiler(env::var("CXX").ok().as_deref());
    missing(&tools(compiler), works).map_or(Ok(()), |sentence| Err(Failure::new(sentence)))
}

/// The C++ compiler as the build will call it: `CXX` may hold a wrapper as well.
fn compiler(cxx: Option<&str>) -> Vec<String> {
    let words: Vec<String> = cxx
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    if words.is_empty() {
        vec!["c++".to_owned()]
    } else {
        words
    }
}

fn tools(mut compiler: Vec<String>) -> [Tool; 3] {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect();
    compiler.push("--version".to_owned());
    [
        Tool {
            name: "python3",
            probe: words("python3 --version"),
            debian: "python3",
            fedora: "python3",
        },
        Tool {
            name: "pip (python3 -m pip)",
            probe: words("python3 -m pip --version"),
            debian: "python3-pip",
            fedora: "python3-pip",
        },
        Tool {
            name: "a C++ compiler (c++, or what CXX names)",
            probe: compiler,
            debian: "g++",
            fedora: "gcc-c++",
        },
    ]
}

fn works(probe: &[String]) -> bool {
    let Some((program, arguments)) = probe.split_first() else {
        return false;
    };
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The sentence that names the missing programs; `None` where all work.
fn missing(tools: &[Tool], works: impl Fn(&[String]) -> bool) -> Option<String> {
    let absent: Vec<_> = tools.iter().filter(|tool| !works(&tool.probe)).collect();
    if absent.is_empty() {
        return None;
    }
    let join = |part: fn(&Tool) -> &str, by: &str| {
        let parts: Vec<_> = absent.iter().map(|tool| part(tool)).collect();
        parts.join(by)
    };
    Some(format!(
        "set-up needs {}, which did not run; install with `sudo apt install {}` (Debian, Ubuntu) \
         or `sudo dnf install {}` (Fedora) and repeat the command.",
        join(|tool| tool.name, " and "),
        join(|tool| tool.debian, " "),
        join(|tool| tool.fedora, " "),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_programs_are_named_with_their_packages() {
        let tools = tools(compiler(None));
        assert_eq!(missing(&tools, |_| true), None);

        let sentence = missing(&tools, |probe| probe[0] != "c++").expect("one is missing");
        assert!(
            sentence.starts_with("set-up needs a C++ compiler"),
            "{sentence}"
        );
        assert!(sentence.contains("apt install g++`"), "{sentence}");
        assert!(sentence.contains("dnf install gcc-c++`"), "{sentence}");
        assert!(!sentence.contains("python3"), "{sentence}");

        let sentence = missing(&tools, |probe| probe[0] == "c++").expect("two are missing");
        assert!(
            sentence.contains("apt install python3 python3-pip`"),
            "{sentence}"
        );
    }

    #[test]
    fn the_compiler_is_the_one_that_the_build_uses() {
        assert_eq!(compiler(None), ["c++"]);
        assert_eq!(compiler(Some(" ")), ["c++"]);
        assert_eq!(compiler(Some("ccache clang++")), ["ccache", "clang++"]);
    }

    #[test]
    fn a_program_that_is_not_there_does_not_work() {
        assert!(!works(&["commformer-no-such-program".to_owned()]));
        assert!(!works(&[]));
    }
}
