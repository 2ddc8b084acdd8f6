//! The terminal itself: looks, draws, waits for a key, and leaves everything as it was.

use super::curves::Curve;
use super::draw::draw;
use super::seen::Seen;
use super::theme::Theme;
use super::view::View;
use super::{WatchError, print};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Between two looks into the folder.
const PAUSE: Duration = Duration::from_millis(500);

/// Shows a run until the user has enough. Where there is no terminal to show it on, prints it once to
/// `out`, as [`print()`] does.
///
/// # Errors
///
/// [`WatchError`].
pub fn watch(folder: &Path, program: &str, out: &mut dyn Write) -> Result<(), WatchError> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return print(folder, program, out);
    }
    let stop = signals()?;
    let mut terminal = ratatui::try_init()?;
    let shown = show(
        &mut terminal,
        &stop,
        Seen::new(folder),
        View::new(program, Theme::of_environment()),
    );
    ratatui::try_restore()?;
    Ok(shown?)
}

fn show(
    terminal: &mut DefaultTerminal,
    stop: &AtomicBool,
    mut seen: Seen,
    mut view: View,
) -> io::Result<()> {
    let mut next = Instant::now();
    let mut news = true;
    while !stop.load(Ordering::Relaxed) {
        if Instant::now() >= next {
            news |= seen.look();
            next = Instant::now() + PAUSE;
        }
        // Only what differs is written, and only when something does.
        if std::mem::take(&mut news) {
            terminal.draw(|frame| draw(frame, &seen, &view))?;
        }
        if !event::poll(next.saturating_duration_since(Instant::now()))? {
            continue;
        }
        match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                let curves = seen.log.as_ref().map(Curve::all).unwrap_or_default();
                if view.press(key, &curves).is_break() {
                    break;
                }
                news = true;
            }
            Event::Resize(..) => news = true,
            _ => {}
        }
    }
    Ok(())
}

/// Becomes true with a signal that would end the process: the terminal is put back first. When the terminal
/// itself is closed there is nothing to put back, and that signal ends the process as ever.
#[cfg(unix)]
fn signals() -> io::Result<Arc<AtomicBool>> {
    use signal_hook::consts::{SIGINT, SIGTERM};

    let stop = Arc::default();
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// Nothing is watched for here.
#[cfg(not(unix))]
fn signals() -> io::Result<Arc<AtomicBool>> {
    Ok(Arc::default())
}
