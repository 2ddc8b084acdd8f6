//! The page: sections with text, plots and tables.

use super::absent::Absent;
use super::methods::Methods;
use super::outcomes::unended;
use super::run::count;
use crate::theme::{self, Shape};
use askama::Template;
use commformer_env::printable;

/// A part of the page with a head of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Section {
    /// Where links of the page lead to.
    pub id: String,
    pub title: String,
    /// Paragraphs.
    pub text: Vec<String>,
    /// Other pages: a name, and where it is.
    pub links: Vec<(String, String)>,
    pub plots: Vec<Plot>,
    pub shown: Vec<Table>,
    /// What is folded away: its head and its text.
    pub folded: Vec<(String, String)>,
    /// For other programs: a name, and the text of a CSV file.
    pub tables: Vec<(String, String)>,
}

/// A plot.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    /// Its file, without the ending.
    pub file: String,
    pub svg: String,
}

/// A table for people.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub caption: String,
    pub head: Vec<String>,
    /// The first cell of each is its head.
    pub rows: Vec<Vec<String>>,
    /// Whether it is folded away at first.
    pub folded: bool,
}

impl Section {
    /// Adds a plot, if there was something to draw.
    pub fn push(&mut self, prefix: &str, metric: &str, drawn: Option<String>) {
        let plot = drawn.map(|svg| Plot::new(prefix, metric, svg, &self.plots));
        self.plots.extend(plot);
    }
}

impl Plot {
    /// A plot whose file has a name of its own, whatever the metric is called.
    pub fn new(prefix: &str, metric: &str, svg: String, others: &[Self]) -> Self {
        let plain = |c: char| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => c,
            _ => '-',
        };
        let name: String = metric.chars().map(plain).take(60).collect();
        let name = format!("{prefix}-{name}");
        let taken = |file: &String| others.iter().any(|other| other.file == *file);
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        let file = names.find(|file| !taken(file)).unwrap_or(name);
        Self { file, svg }
    }
}

/// What `templates/report.html` shows.
#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct Page<'a> {
    title: String,
    facts: Vec<String>,
    methods: Vec<Head>,
    notes: &'a [String],
    sections: &'a [Section],
    theme: &'static str,
    style: &'static str,
    plots: String,
}

/// A method in the list at the top.
pub(super) struct Head {
    pub name: String,
    pub colour: &'static str,
    /// The class of its mark.
    pub shape: &'static str,
    pub runs: String,
}

impl Head {
    /// Of the method of this number.
    pub fn of(index: usize, name: &str, runs: String) -> Self {
        let (colour, shape) = theme::look(index);
        Self {
            name: name.to_owned(),
            colour: colour.name,
            shape: match shape {
                Shape::Full => "full",
                Shape::Ring => "ring",
                Shape::Triangle => "triangle",
            },
            runs,
        }
    }
}

impl<'a> Page<'a> {
    pub fn new(methods: &Methods, sections: &'a [Section], notes: &'a [String]) -> Self {
        let runs = methods.runs().count();
        let several = methods.list.len() > 1;
        let absent = methods.list.iter();
        let absent: Absent = absent.map(|method| unended(&method.runs)).sum();
        let mut facts = vec![absent.beside(runs - absent.runs())];
        if several {
            facts.push(count(methods.list.len(), "method"));
        }
        let heads = methods.list.iter().enumerate().map(|(index, method)| {
            let runs = method.runs.iter();
            let runs = runs.map(|run| format!("{} ({})", run.name(), run.seed()));
            Head::of(index, &method.name, runs.collect::<Vec<_>>().join(", "))
        });
        Self::across(&methods.task, facts, heads.collect(), sections, notes)
    }

    /// A page of any runs.
    pub fn across(
        title: &str,
        facts: Vec<String>,
        methods: Vec<Head>,
        sections: &'a [Section],
        notes: &'a [String],
    ) -> Self {
        Self {
            title: title.to_owned(),
            facts,
            methods,
            notes,
            sections,
            theme: theme::CSS,
            style: include_str!("../../assets/report.css"),
            plots: theme::svg_style(".plot"),
        }
    }

    pub fn html(&self) -> Result<String, askama::Error> {
        // What a name holds besides letters is shown, and not obeyed by whatever prints the page.
        Ok(printable(&self.render()?).into_owned())
    }
}
