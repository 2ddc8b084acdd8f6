//! The programs that set-up and the build need.

use std::env;
use std::ffi::OsStr;
use std::process::{Command, Stdio};

use crate::Failure;

/// A program, how to see that it works, and where it comes from.
struct Tool {
    key: &'static str,
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

/// What each program says of its version, under a short name; of one that does not run, how to get it.
pub fn versions() -> Vec<(&'static str, String)> {
    let tools = tools(compiler(env::var("CXX").ok().as_deref()));
    let told = tools.iter().map(|tool| {
        let version = first_line(&tool.probe);
        (tool.key, version.unwrap_or_else(|| tool.absent()))
    });
    told.collect()
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

impl Tool {
    /// That it does not run, and what to install.
    fn absent(&self) -> String {
        let Self { debian, fedora, .. } = self;
        let probe = self.probe.join(" ");
        format!("`{probe}` did not run; install {debian} (Debian, Ubuntu) or {fedora} (Fedora)")
    }
}

fn tools(mut compiler: Vec<String>) -> [Tool; 3] {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect();
    compiler.push("--version".to_owned());
    [
        Tool {
            key: "python3",
            name: "python3",
            probe: words("python3 --version"),
            debian: "python3",
            fedora: "python3",
        },
        Tool {
            key: "pip",
            name: "pip (python3 -m pip)",
            probe: words("python3 -m pip --version"),
            debian: "python3-pip",
            fedora: "python3-pip",
        },
        Tool {
            key: "C++ compiler",
            name: "a C++ compiler (c++, or what CXX names)",
            probe: compiler,
            debian: "g++",
            fedora: "gcc-c++",
        },
    ]
}

fn works(probe: &[String]) -> bool {
    first_line(probe).is_some()
}

/// The first line that a command prints; `None` if it does not run or does not end well.
pub fn first_line<S: AsRef<OsStr>>(command: &[S]) -> Option<String> {
    let (program, arguments) = command.split_first()?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_default().trim();
    output.status.success().then(|| line.to_owned())
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
    fn every_program_tells_its_version_or_where_it_comes_from() {
        let keys: Vec<_> = versions().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["python3", "pip", "C++ compiler"]);
        let [.., compiler] = tools(vec!["no-such-compiler".to_owned()]);
        assert_eq!(
            compiler.absent(),
            "`no-such-compiler --version` did not run; install g++ (Debian, Ubuntu) or gcc-c++ \
             (Fedora)"
        );
        let cargo = first_line(&["cargo", "--version"]).expect("cargo runs this test");
        assert!(cargo.starts_with("cargo 1."), "{cargo}");
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
        assert_eq!(first_line(&["cargo", "no-such-subcommand"]), None);
    }
}
