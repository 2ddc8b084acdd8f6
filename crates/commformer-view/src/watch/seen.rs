//! What a run's folder shows, read again and again at little cost.

use super::life::Life;
use crate::log::{LogError, RunLog};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// What was seen when it was last looked.
#[derive(Debug)]
pub struct Seen {
    /// The folder.
    pub folder: PathBuf,
    /// `None` as long as the folder holds no run.
    pub log: Option<RunLog>,
    /// What goes on there.
    pub life: Life,
    /// Why the log is not of now.
    pub trouble: Option<LogError>,
    /// Bytes of the metrics that the log has taken.
    taken: u64,
    /// The last line of those: while it stands there, all before it is what it was.
    last: Vec<u8>,
    /// Lines taken.
    lines: usize,
}

impl Seen {
    /// Nothing yet.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            log: None,
            life: Life::Stopped,
            trouble: None,
            taken: 0,
            last: Vec::new(),
            lines: 0,
        }
    }

    /// Looks again. Whether there is anything new.
    pub fn look(&mut self) -> bool {
        let life = Life::of(&self.folder);
        let lives = life == self.life;
        self.life = life;
        let (news, trouble) = match self.look_at_log() {
            Ok(news) => (news, None),
            Err(error) => {
                if is_missing(&error) {
                    self.begin(None);
                }
                (true, Some(error))
            }
        };
        let troubles = trouble.is_some() || self.trouble.is_some();
        self.trouble = trouble;
        news || troubles || !lives
    }

    /// Whether no run is there, though maybe soon.
    pub fn is_awaited(&self) -> bool {
        self.log.is_none() && self.trouble.as_ref().is_none_or(is_missing)
    }

    fn look_at_log(&mut self) -> Result<bool, LogError> {
        let begun = RunLog::begun(&self.folder)?;
        let another = self
            .log
            .as_ref()
            .is_none_or(|log| log.config != begun.config);
        if another {
            self.begin(Some(begun));
        }
        let path = self.folder.join(RunLog::METRICS);
        let news = self.look_at_metrics(&path);
        Ok(news.map_err(|source| LogError::File { path, source })? || another)
    }

    fn look_at_metrics(&mut self, path: &Path) -> io::Result<bool> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            // A run writes it a moment after its configuration.
            Err(error) if error.kind() == ErrorKind::NotFound && self.taken == 0 => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let cut = !self.goes_on(&mut file)?;
        if cut {
            let log = self.log.take();
            self.begin(log.map(|log| RunLog {
                iterations: Vec::new(),
                evaluations: Vec::new(),
                unreadable: Vec::new(),
                ..log
            }));
        }
        file.seek(SeekFrom::Start(self.taken))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // A line without an end is being written.
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        bytes.truncate(whole);
        let Some(log) = &mut self.log else {
            return Ok(cut);
        };
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.lines += 1;
            if !log.take(&String::from_utf8_lossy(line)) {
                log.unreadable.push(self.lines);
            }
        }
        if let Some(last) = bytes.split_inclusive(|byte| *byte == b'\n').next_back() {
            self.last = last.to_owned();
        }
        self.taken += whole as u64;
        Ok(cut || whole > 0)
    }

    /// Whether what was taken still stands in the file. A run that is taken up cuts it, and what it does
    /// again differs in its times at least.
    fn goes_on(&self, file: &mut File) -> io::Result<bool> {
        if file.metadata()?.len() < self.taken {
            return Ok(false);
        }
        file.seek(SeekFrom::Start(self.taken - self.last.len() as u64))?;
        let mut there = vec![0; self.last.len()];
        // It may be cut this very moment.
        match file.read_exact(&mut there) {
            Ok(()) => Ok(there == self.last),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Begins with a log that holds nothing yet.
    fn begin(&mut self, log: Option<RunLog>) {
        self.log = log;
        self.taken = 0;
        self.last.clear();
        self.lines = 0;
    }
}

fn is_missing(error: &LogError) -> bool {
    matches!(error, LogError::File { source, .. } if source.kind() == ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{CONFIG, evaluation, iteration};
    use super::*;
    use std::fs;
    use std::io::Write;

    /// A folder, and how to add to its metrics.
    fn folder() -> (tempfile::TempDir, impl Fn(&str)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RunLog::METRICS);
        let add = move |text: &str| {
            let file = File::options().append(true).create(true).open(&path);
            file.unwrap().write_all(text.as_bytes()).unwrap();
        };
        (folder, add)
    }

    /// The numbers of the iterations and the steps of the evaluations.
    fn taken(seen: &Seen) -> (Vec<u64>, Vec<u64>) {
        let log = seen.log.as_ref().unwrap();
        let iterations = log.iterations.iter().map(|of| of.number);
        let evaluations = log.evaluations.iter().map(|of| of.steps);
        (iterations.collect(), evaluations.collect())
    }

    #[test]
    fn a_run_is_awaited_and_then_followed() {
        let (folder, add) = folder();
        let mut seen = Seen::new(&folder.path().join("later"));
        seen.look();
        assert!(seen.is_awaited());
        let mut seen = Seen::new(folder.path());
        seen.look();
        assert!(seen.is_awaited());
        fs::write(folder.path().join("config.toml"), CONFIG).unwrap();
        assert!(seen.look() && !seen.is_awaited());
        assert!(!seen.look());
        // A line counts once it has its end.
        let line = iteration(1, 0.5);
        let (first, second) = line.split_at(40);
        add(first);
        assert!(!seen.look());
        add(&format!("{second}\n{}\n", evaluation(1, 0.5)));
        assert!(seen.look());
        assert_eq!(taken(&seen), (vec![1], vec![1000]));
        assert!(!seen.look());
        assert_eq!(
            seen.log.as_ref().unwrap(),
            &RunLog::read(folder.path()).unwrap()
        );
    }

    #[test]
    fn a_run_that_goes_on_from_earlier_is_read_anew() {
        let (folder, add) = folder();
        fs::write(folder.path().join("config.toml"), CONFIG).unwrap();
        let line = |number| iteration(number, 0.5) + "\n";
        add(&(line(1) + &line(2) + &line(3)));
        let mut seen = Seen::new(folder.path());
        seen.look();
        // Shorter than before.
        let cut = || {
            let file = File::options()
                .write(true)
                .open(folder.path().join(RunLog::METRICS));
            file.unwrap().set_len(line(1).len() as u64).unwrap();
        };
        cut();
        assert!(seen.look());
        assert_eq!(taken(&seen).0, [1]);
        add(&(line(2) + &line(3)));
        seen.look();
        // Cut, and longer again before anybody looks: the last line is another.
        cut();
        let again = |number| line(number).replace("\"elapsed\":", "\"elapsed\":0.");
        add(&(again(2) + "spoiled\n" + &again(3) + &again(4)));
        assert!(seen.look());
        assert_eq!(taken(&seen).0, [1, 2, 3, 4]);
        let log = seen.log.as_ref().unwrap();
        assert_eq!(log, &RunLog::read(folder.path()).unwrap());
        assert_eq!(log.unreadable, [3]);
    }

    #[test]
    fn another_run_in_the_folder_is_another_run() {
        let (folder, add) = folder();
        let config = folder.path().join("config.toml");
        fs::write(&config, CONFIG).unwrap();
        add(&(iteration(1, 0.5) + "\n"));
        let mut seen = Seen::new(folder.path());
        seen.look();
        // A configuration that is damaged leaves what was seen.
        fs::write(&config, "[").unwrap();
        assert!(seen.look() && seen.trouble.is_some());
        assert_eq!(taken(&seen).0, [1]);
        fs::remove_file(&config).unwrap();
        seen.look();
        assert!(seen.is_awaited());
        fs::write(&config, "[run]\nseed = 2\n").unwrap();
        assert!(seen.look() && seen.trouble.is_none());
        assert_eq!(seen.log.as_ref().unwrap().seed(), Some(2));
        assert_eq!(taken(&seen).0, [1]);
        fs::remove_file(folder.path().join(RunLog::METRICS)).unwrap();
        seen.look();
        seen.look();
        assert!(taken(&seen).0.is_empty());
    }
}
