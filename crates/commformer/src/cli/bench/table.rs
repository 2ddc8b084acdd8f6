//! A table that is printed row by row, since rows take their time.

/// Titles and widths. A cell that is wider moves what is right of it.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    title: String,
    width: usize,
    left: bool,
}

impl Table {
    pub fn new() -> Self {
        Self {
            columns: Vec::new(),
        }
    }

    /// A column of texts, aligned left, of which `cells` are known.
    pub fn texts<'a>(self, title: &str, cells: impl IntoIterator<Item = &'a str>) -> Self {
        let widest = cells.into_iter().map(|cell| cell.chars().count()).max();
        self.column(title, widest.unwrap_or(0), true)
    }

    /// A column of numbers, aligned right, of up to `width` characters.
    pub fn numbers(self, title: &str, width: usize) -> Self {
        self.column(title, width, false)
    }

    fn column(mut self, title: &str, width: usize, left: bool) -> Self {
        self.columns.push(Column {
            title: title.to_owned(),
            width: width.max(title.chars().count()),
            left,
        });
        self
    }

    /// The titles.
    pub fn head(&self) -> String {
        self.row(self.columns.iter().map(|column| column.title.clone()))
    }

    /// One row; cells may be missing at its end.
    pub fn row(&self, cells: impl IntoIterator<Item = String>) -> String {
        let cells = cells.into_iter().zip(&self.columns).map(|(cell, column)| {
            let width = column.width;
            match column.left {
                true => format!("{cell:width$}"),
                false => format!("{cell:>width$}"),
            }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        line.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_left_and_numbers_right() {
        let table = Table::new()
            .texts("task", ["signal", "x"])
            .numbers("steps/s", 9)
            .texts("note", []);
        let row = |cells: &[&str]| table.row(cells.iter().map(|cell| (*cell).to_owned()));
        assert_eq!(table.head(), "task      steps/s  note");
        assert_eq!(row(&["x", "1,234,567", "ok"]), "x       1,234,567  ok");
        assert_eq!(row(&["signal", "12"]), "signal         12");
        assert_eq!(row(&["much longer", "1"]), "much longer          1");
    }
}
