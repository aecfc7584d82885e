//! The generator as a program of its own, for tests.

fn main() -> std::process::ExitCode {
    pattern_generator::main(std::env::args_os().skip(1))
}
