use super::*;

fn parse(text: &str) -> Result<Format, FormatError> {
    Format::parse(text, Path::new("some/comparison.toml"))
}

#[track_caller]
fn refused(text: &str, parts: &[&str]) {
    let said = parse(text).unwrap_err().to_string();
    for part in parts.iter().chain(&["comparison.toml"]) {
        assert!(said.contains(part), "{said:?} lacks {part:?}");
    }
}

fn names(all: &[Named]) -> Vec<&str> {
    all.iter().map(|named| named.name.as_str()).collect()
}

#[test]
fn tasks_and_methods_come_in_the_order_of_the_file() {
    let format = parse(
        "seeds = [3, 1]\n[tasks.signal]\n[tasks.mine]\npreset = 'signal'\nenv.agents = 4\n\
         [methods.mat]\nmethod.kind = 'mat'\n[methods.learned]\n[methods.'full-1']\ngraph.mode = 'full'\n",
    )
    .unwrap();
    assert_eq!(names(&format.tasks), ["signal", "mine"]);
    assert_eq!(names(&format.methods), ["mat", "learned", "full-1"]);
    assert_eq!((format.seeds, format.processes), (vec![3, 1], None));
    assert_eq!(format.folder, Path::new("runs/comparison"));
    let presets: Vec<_> = format
        .tasks
        .iter()
        .map(|task| task.preset.as_deref())
        .collect();
    assert_eq!(presets, [Some("signal"), Some("signal")]);
    let format =
        parse("seeds = [1]\n[tasks.signal]\nscale = [-5, 2.5]\n[tasks.signal-gate]\n").unwrap();
    let scales: Vec<_> = format.tasks.iter().map(|task| task.scale).collect();
    assert_eq!(scales, [Some([-5.0, 2.5]), None]);
}

#[test]
fn lists_are_swept_and_a_methods_own_go_over_those_of_all() {
    let methods = |text: &str| {
        let format = parse(&format!("seeds = [1]\n[tasks.signal]\n{text}")).unwrap();
        names(&format.methods)
            .into_iter()
            .map(String::from)
            .collect::<Vec<_>>()
    };
    assert_eq!(methods(""), ["default"]);
    assert_eq!(
        methods("[sweep]\nppo.lr = [1e-3, 3e-4]\n"),
        ["ppo.lr=0.001", "ppo.lr=0.0003"]
    );
    assert_eq!(
        methods(
            "[sweep]\nppo.lr = [1e-3]\nppo.clip = [0.1, 0.2]\n[methods.a]\n[methods.b.sweep]\nppo.lr = [0.5, 0.6]\n"
        ),
        [
            "a+clip=0.1+ppo.lr=0.001",
            "a+clip=0.2+ppo.lr=0.001",
            "b+clip=0.1+ppo.lr=0.5",
            "b+clip=0.1+ppo.lr=0.6",
            "b+clip=0.2+ppo.lr=0.5",
            "b+clip=0.2+ppo.lr=0.6"
        ]
    );
}

#[test]
fn what_cannot_be_is_refused_with_its_key() {
    const TASK: &str = "[tasks.signal]\n";
    refused("seeds = [1", &["not valid TOML"]);
    refused("", &["`seeds` is missing, but must be a list"]);
    refused(TASK, &["`seeds` is missing", "such as [1, 2, 3]"]);
    for seeds in ["1", "[]", "[1, 1]", "[-1]", "[0.5]"] {
        refused(
            &format!("seeds = {seeds}\n{TASK}"),
            &["`seeds` is", "different seeds"],
        );
    }
    refused("seeds = [1]", &["`tasks` is missing", "[tasks.signal]"]);
    refused("seeds = [1]\n[tasks]", &["`tasks` is {}", "[tasks.signal]"]);
    refused(
        "seeds = [1]\ntask = 1",
        &["no `task`", "did you mean `tasks`?"],
    );
    refused("seeds = [1]\n[ppo]\nlr = 1", &["no `ppo`", "[settings]"]);
    refused("seeds = [1]\ntasks = 1", &["`tasks` is 1", "[tasks.NAME]"]);
    refused("seeds = [1]\ntasks.x = 1", &["`tasks.x` is 1", "[tasks.x]"]);
    refused(
        "seeds = [1]\n[tasks.'a/b']",
        &["[tasks.a/b]", "letters, digits"],
    );
    refused(
        "seeds = [1]\n[tasks.signl]",
        &["[tasks.signl]", "did you mean [tasks.signal]?"],
    );
    refused(
        "seeds = [1]\n[tasks.x]\nppo.lr = 1",
        &["[tasks.x]", "preset ="],
    );
    refused(
        &format!("seeds = [1]\nfolder = 1\n{TASK}"),
        &["`folder` is 1", "a path"],
    );
    refused(
        &format!("seeds = [1]\nprocesses = 0\n{TASK}"),
        &["`processes` is 0", "from 1 on"],
    );
    refused(
        &format!("seeds = [1]\n{TASK}preset = 1"),
        &["`tasks.signal.preset` is 1"],
    );
    for scale in [
        "1",
        "[1]",
        "[2, 1]",
        "[1, 1]",
        "[0, 1, 2]",
        "[0, 'a']",
        "[0, inf]",
    ] {
        refused(
            &format!("seeds = [1]\n{TASK}scale = {scale}"),
            &["`tasks.signal.scale` is", "the lower one first"],
        );
    }
    let swept = |text: &str| format!("seeds = [1]\n{TASK}{text}");
    refused(
        &swept("[sweep]\nppo.lr = 1"),
        &["`sweep.ppo.lr` is 1", "a list of values"],
    );
    refused(
        &swept("[methods.a.sweep]\nppo.lr = []"),
        &["`methods.a.sweep.ppo.lr` is []"],
    );
    refused(
        &swept("[methods.a]\n[methods.A]"),
        &["names `A` twice", "capitals make no difference"],
    );
    refused(
        "seeds = [1]\n[tasks.signal]\n[tasks.Signal]\npreset = 'signal'",
        &["names `Signal` twice"],
    );
    let long: Vec<String> = (0..400).map(|value| value.to_string()).collect();
    let list = format!("[{}]", long.join(","));
    refused(
        &swept(&format!("[sweep]\nppo.lr = {list}\nppo.clip = {list}")),
        &["more than 100000 runs"],
    );
}

#[test]
fn a_file_that_is_named_lies_beside_this_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("authors.toml"), "[ppo]\nclip = 0.05\n").unwrap();
    let path = folder.path().join("comparison.toml");
    let text =
        "seeds = [1]\n[tasks.signal]\n[methods.authors]\nconfig = 'authors.toml'\nppo.lr = 0.5\n";
    std::fs::write(&path, text).unwrap();
    let format = Format::read(&path).unwrap();
    let layers = &format.methods[0].layers;
    assert_eq!(layers.len(), 2);
    assert_eq!(layers[0].0["ppo"]["clip"].as_float(), Some(0.05));
    // Its own settings go over those of the file.
    assert_eq!(layers[1].0["ppo"]["lr"].as_float(), Some(0.5));
    // A task has its preset below its file, unless that chooses a task.
    let task = |name: &str, file: &str| {
        std::fs::write(folder.path().join("task.toml"), file).unwrap();
        let text = format!("seeds = [1]\n[tasks.{name}]\nconfig = 'task.toml'\n");
        std::fs::write(&path, text).unwrap();
        Format::read(&path).map(|format| format.tasks[0].preset.clone())
    };
    let settings = "[ppo]\nclip = 0.05\n";
    assert_eq!(task("signal", settings).unwrap().as_deref(), Some("signal"));
    assert_eq!(task("mine", "env.kind = 'signal'\n").unwrap(), None);
    let said = task("mine", settings).unwrap_err().to_string();
    assert!(said.contains("mine"), "{said}");
    std::fs::write(&path, text.replace("authors.toml", "none.toml")).unwrap();
    let said = Format::read(&path).unwrap_err().to_string();
    assert!(said.contains("none.toml"), "{said}");
}

#[test]
fn a_value_that_stands_twice_in_a_list_is_named() {
    let text = "seeds = [1]\n[tasks.signal]\n[sweep]\nppo.lr = [1e-3, 5e-4, 0.0005]\n";
    refused(text, &["`sweep.ppo.lr`", "0.0005 stands twice"]);
    let text = "seeds = [1]\n[tasks.signal]\n[methods.a.sweep]\ngraph.mode = ['full', 'full']\n";
    refused(
        text,
        &["`methods.a.sweep.graph.mode`", "\"full\" stands twice"],
    );
}
