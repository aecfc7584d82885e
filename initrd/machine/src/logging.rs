//! Sends the stages' log to the kernel log, or to the console if the command line asks for it.

use std::fs::OpenOptions;
use std::io::Write;

use kernlog::KernelLog;
use log::{LevelFilter, Log, Metadata, Record};
use pattern::boot::flags::{Flags, LogLevel, LogTarget};
use pattern::plain::plain;

/// Starts logging under a program's name. If the target can't be opened, messages go to standard
/// error.
pub fn start(name: &str, flags: &Flags) {
    let target: Box<dyn Log> = match (flags.log_target, KernelLog::new()) {
        (LogTarget::Kmsg, Ok(kernel)) => Box::new(kernel),
        (LogTarget::Kmsg, Err(_)) => Box::new(Lines("/dev/stderr")),
        (LogTarget::Console, _) => Box::new(Lines("/dev/console")),
    };
    if log::set_boxed_logger(Box::new(Ours { name: name.to_owned(), target })).is_ok() {
        log::set_max_level(filter(flags.log_level));
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::Error,
        LogLevel::Warn => LevelFilter::Warn,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Debug => LevelFilter::Debug,
    }
}

/// Passes on messages of our own modules only, under the program's name. The TPM library logs
/// errors for answers that are expected here.
struct Ours {
    name: String,
    target: Box<dyn Log>,
}

impl Log for Ours {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("pattern") && self.target.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // Text from a disk must not make log lines of its own, nor control the terminal.
            let line = plain(&record.args().to_string());
            let args = format_args!("{line}");
            self.target.log(&Record::builder().args(args).level(record.level()).target(&self.name).build());
        }
    }

    fn flush(&self) {
        self.target.flush();
    }
}

/// Writes plain lines to a terminal or pipe. It is opened again for each line, because a console
/// may be hung up meanwhile.
struct Lines(&'static str);

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if let Ok(mut file) = OpenOptions::new().append(true).open(self.0) {
            // Nowhere is left to report that logging failed.
            writeln!(file, "{}: {}\r", record.target(), record.args()).ok();
        }
    }

    fn flush(&self) {}
}
