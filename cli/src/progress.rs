//! Progress of long work on standard error; silent when that is not a terminal.

use std::{
    io::IsTerminal,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::Global;

/// A progress bar counting `unit`s; hidden where progress is not wanted.
pub(crate) fn bar(global: &Global, what: &str, unit: &str, total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if global.quiet || global.json || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let template = format!("{{msg}} {{bar:32}} {{pos}}/{{len}} {unit}, {{eta}} left");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A flag that the first interrupt (Ctrl-C) sets; the second ends the process.
pub(crate) fn cancel_on_interrupt() -> Arc<AtomicBool> {
    let cancel = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&cancel);
    // Without a handler, the default of ending at once stays in place.
    let _ = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    cancel
}

/// Says something at once, beside a progress bar.
pub(crate) fn tell(text: &str) {
    use std::io::Write;
    // Nothing can be done when standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "{}", crate::output::printable(text, false));
}
