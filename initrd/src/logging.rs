//! Where the stages log: the kernel log, or the console when the command line asks for it.

use std::fs::OpenOptions;
use std::io::Write;

use kernlog::KernelLog;
use log::{LevelFilter, Log, Metadata, Record};
use pattern::boot::flags::{Flags, LogLevel, LogTarget};
use pattern::plain::plain;

/// Starts logging under a program's name; a target that can't be opened leaves the messages on standard error.
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

/// Passes on what our own modules say, under the program's name: the TPM library logs errors for answers that we
/// expect.
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
            // What is read from a disk must not write lines of its own, nor reach the terminal's controls.
            let line = plain(&record.args().to_string());
            let args = format_args!("{line}");
            self.target.log(&Record::builder().args(args).level(record.level()).target(&self.name).build());
        }
    }

    fn flush(&self) {
        self.target.flush();
    }
}

/// Plain lines to a terminal or pipe, opened anew for each: a console may be hung up in between.
struct Lines(&'static str);

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if let Ok(mut file) = OpenOptions::new().append(true).open(self.0) {
            // There is nowhere left to report that logging failed.
            writeln!(file, "{}: {}\r", record.target(), record.args()).ok();
        }
    }

    fn flush(&self) {}
}
