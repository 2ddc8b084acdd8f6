//! The links of the documentation to files of the repository, and to their headings.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::ci::ADVICE;
use crate::{Failure, files};

/// Checks that every relative link in `docs/**/*.md` and in the READMEs of the repository, of its crates and of the
/// fuzzers names a file that exists and, where it has an anchor, a heading of it.
pub fn check(root: &Path) -> Result<(), Failure> {
    let crates =
        entries(&root.join("crates")).map_err(|error| files::cannot("read", "crates", &error))?;
    let folders = [root.to_owned(), root.join("tests/fuzz")];
    let readmes = folders.into_iter().chain(crates);
    let readmes = readmes.map(|folder| folder.join("README.md"));
    let mut pages: Vec<_> = readmes.filter(|page| page.is_file()).collect();
    collect(&root.join("docs"), &mut pages)
        .map_err(|error| files::cannot("read", "docs", &error))?;

    let mut broken = Vec::new();
    for page in &pages {
        let name = page.strip_prefix(root).unwrap_or(page).display();
        let text =
            fs::read_to_string(page).map_err(|error| files::cannot("read", &name, &error))?;
        let folder = page.parent().unwrap_or(root);
        for (line, link) in links(&text) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => resolve(root, folder, file),
            };
            if !target.exists() {
                broken.push(format!("{name}:{line}: {file} does not exist"));
            } else if !(anchor.is_empty() || has_heading(&target, anchor)) {
                broken.push(format!("{name}:{line}: {link} names no heading"));
            }
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    for line in &broken {
        println!("{line}");
    }
    Err(Failure::new(format!(
        "{} of the links above lead nowhere; {ADVICE}",
        broken.len()
    )))
}

/// What is in a folder, in the order of names; nothing, if there is none.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Adds the Markdown files below a folder, in the order of their names; `book` holds what mdbook
/// built.
fn collect(folder: &Path, pages: &mut Vec<PathBuf>) -> io::Result<()> {
    if folder.ends_with("docs/book") {
        return Ok(());
    }
    for path in entries(folder)? {
        if path.is_dir() {
            collect(&path, pages)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    Ok(())
}

/// The path that a link means: from the page's folder, or from the repository after a `/`.
fn resolve(root: &Path, folder: &Path, target: &str) -> PathBuf {
    match target.strip_prefix('/') {
        Some(rest) => root.join(rest),
        None => folder.join(target),
    }
}

/// A line of a page: its number, whether it is in a block of code, and itself.
type Line<'a> = (usize, bool, &'a str);

/// The lines of a page, without those that begin and end code.
fn lines(text: &str) -> Vec<Line<'_>> {
    let mut found = Vec::new();
    let mut fence = None;
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(_)) => fence = mark,
            (Some(open), Some(mark)) if open == mark => fence = None,
            (_, None) => found.push((index + 1, fence.is_some(), line)),
            _ => {}
        }
    }
    found
}

/// What a page links to, with the numbers of the lines: `[text](file#anchor)`, `[label]: file`, images too, and what a block
/// of code includes. Leaves out the web and everything else in code.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, is_code, line) in lines(text) {
        let start = line.trim_start();
        match is_code {
            // What mdbook puts there.
            true => found.extend(included(start).map(|link| (number, link))),
            false => {
                let links = inline(line).into_iter().chain(definition(start));
                found.extend(links.filter_map(inside).map(|link| (number, link)));
            }
        }
    }
    found
}

/// Whether a page has a heading of this name; other files have lines in the place of headings, which move.
fn has_heading(page: &Path, anchor: &str) -> bool {
    let is_page = page.extension().is_some_and(|extension| extension == "md");
    let text = fs::read_to_string(page).unwrap_or_default();
    !is_page || headings(&text).iter().any(|known| known == anchor)
}

/// The anchors of a page's headings, as GitHub and mdbook name them: small letters, digits, `-` and `_`, a `-` for each space,
/// and a number behind all but the first of one name.
fn headings(text: &str) -> Vec<String> {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let heading = |(_, is_code, line): Line<'_>| {
        let words = line.trim_start_matches('#');
        let is_heading = !is_code && words.len() < line.len();
        let words = words.strip_prefix(' ').filter(|_| is_heading)?;
        let plain = |letter: char| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            other => other.is_alphanumeric().then_some(other),
        };
        let name = words.trim().to_lowercase();
        let name: String = name.chars().filter_map(plain).collect();
        let before = names.entry(name.clone()).or_default();
        *before += 1;
        match *before {
            1 => Some(name),
            again => Some(format!("{name}-{}", again - 1)),
        }
    };
    lines(text).into_iter().filter_map(heading).collect()
}

/// The file of a line `{{#include FILE}}`.
fn included(line: &str) -> Option<&str> {
    line.strip_prefix("{{#include ")?.strip_suffix("}}")
}

/// What stands between `](` and `)` on a line, outside `code`.
fn inline(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (index, part) in line.split('`').enumerate() {
        // Every second part is code; a link whose text is code has its `](` after it.
        if index % 2 == 0 {
            let tails = part.split("](").skip(1);
            found.extend(
                tails
                    .filter_map(|tail| tail.split_once(')'))
                    .map(|(link, _)| link),
            );
        }
    }
    found
}

/// What a line `[label]: file` defines.
fn definition(line: &str) -> Option<&str> {
    let (label, target) = line.strip_prefix('[')?.split_once("]: ")?;
    (!label.starts_with('^')).then_some(target)
}

/// A link without its title; `None` for the web.
fn inside(link: &str) -> Option<&str> {
    let target = link.split_whitespace().next()?;
    let target = target.trim_start_matches('<').trim_end_matches('>');
    let elsewhere = target.contains("://") || target.starts_with("mailto:");
    (!elsewhere && !target.is_empty()).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn check_links(text: &str, expected: &[(usize, &str)]) {
        assert_eq!(links(text), expected, "{text}");
    }

    #[test]
    fn links_to_files_are_found() {
        check_links("```rust\n{{#include ../a.rs}}\n```", &[(2, "../a.rs")]);
        check_links(
            "See [a](a.md) and ![b](img/b.png).",
            &[(1, "a.md"), (1, "img/b.png")],
        );
        check_links(
            "\n[`code`](src/lib.rs#L3 \"title\")",
            &[(2, "src/lib.rs#L3")],
        );
        check_links("[h](#here)", &[(1, "#here")]);
        check_links("[label]: ../x.md", &[(1, "../x.md")]);
        check_links("- [Draft]()\n- [Page](<page.md>)", &[(2, "page.md")]);
    }

    #[test]
    fn the_web_and_code_are_left_out() {
        check_links("[w](https://example.org/a.md) [m](mailto:a@b)", &[]);
        check_links("`x[i](j)` and [^1]: a note", &[]);
        check_links("```rust\nf[0](a)\n~~~\n[b](b)\n```\n[c](c)", &[(6, "c")]);
    }

    #[test]
    fn links_start_at_the_page_or_at_the_repository() {
        let (root, folder) = (Path::new("/repo"), Path::new("/repo/docs"));
        assert_eq!(resolve(root, folder, "a.md"), Path::new("/repo/docs/a.md"));
        assert_eq!(
            resolve(root, folder, "/README.md"),
            Path::new("/repo/README.md")
        );
    }

    #[test]
    fn a_link_that_leads_nowhere_fails_the_check() {
        let root = Scratch::new("links");
        fs::create_dir_all(root.join("docs/part")).expect("a folder");
        fs::write(root.join("README.md"), "[docs](docs/part/a.md)").expect("written");
        let page = "# A `b`, c\n## Twice\n## Twice\n```\n# code\n```\n[up](../../README.md) [b](#a-b-c) [t](a.md#twice-1)";
        fs::write(root.join("docs/part/a.md"), page).expect("written");
        assert_eq!(check(&root), Ok(()));
        for wrong in ["#code", "#twice-2", "a.md#a", "../../README.md#docs"] {
            let page = page.replace("#a-b-c", wrong);
            fs::write(root.join("docs/part/a.md"), page).expect("written");
            let broken = check(&root).expect_err("broken").to_string();
            assert!(broken.starts_with("1 of the links"), "{wrong}: {broken}");
        }
        fs::write(root.join("docs/part/a.md"), "[up](../README.md)").expect("written");
        for folder in ["crates/a", "tests/fuzz"] {
            fs::create_dir_all(root.join(folder)).expect("a folder");
            fs::write(root.join(folder).join("README.md"), "[up](nowhere.md)").expect("written");
        }
        let broken = check(&root).expect_err("broken").to_string();
        assert!(broken.starts_with("3 of the links"), "{broken}");
    }
}
