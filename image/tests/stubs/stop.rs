//! Ctrl-C, SIGTERM and a closed terminal: what was started ends, and nothing is left.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use crate::host::{DEAF, Host, RUNS, WAITS, is_running, said, send, wait_until};

fn host() -> Host {
    let host = Host::new();
    host.image("x_1.raw", 1);
    host
}

#[test]
fn a_machine_that_is_not_kept_leaves_nothing() {
    for (signal, number) in
        [("INT", 2), ("TERM", 15), ("HUP", 1), ("QUIT", 3), ("ALRM", 14), ("USR1", 10), ("USR2", 12)]
    {
        let host = host();
        let mut run = host.starts(host.pattern(RUNS, &["run", "x_1.raw"]), "qemu");
        assert!(!host.names("temporary").is_empty());
        send(signal, &run.id().to_string());
        assert_eq!(run.wait().unwrap().signal(), Some(number));
        assert!(host.names("temporary").is_empty(), "{signal}");
        assert!(!is_running(&host.process("qemu")) && !is_running(&host.process("swtpm")), "{signal}");
    }
}

#[test]
fn a_machine_that_is_kept_goes_on_later() {
    let host = host();
    let mut run = host.starts(host.pattern(RUNS, &["run", "x_1.raw", "--persist", "m"]), "qemu");
    send("TERM", &run.id().to_string());
    assert_eq!(run.wait().unwrap().signal(), Some(15));
    assert!(!is_running(&host.process("qemu")));
    host.succeeds(&["run", "--persist", "m"]);
}

/// As with `pattern run IMAGE | head`: a machine that nobody sees any more is not left running.
#[test]
fn a_machine_whose_console_nobody_reads_is_ended() {
    let host = host();
    let machine =
        "echo booted; trap 'echo ended >\"$STUBS/ended\"; exit 0' TERM; while :; do sleep 0.1; done";
    let mut command = host.pattern(machine, &["run", "x_1.raw", "--persist", "m"]);
    let mut run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(run.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = run.wait_with_output().unwrap();
    assert_eq!((line.as_str(), output.status.code(), said(&output).as_str()), ("booted\n", Some(141), ""));
    assert!(host.path("stubs/ended").exists() && !is_running(&host.process("qemu")));
    assert!(!is_running(&host.process("swtpm")));
    host.succeeds(&["run", "--persist", "m"]);
}

/// cp does not end by itself here.
#[test]
fn a_copy_that_is_stopped_leaves_nothing() {
    let host = host();
    host.program(
        "stubs/bin/cp",
        "#!/bin/sh\necho half >m/disk.part\necho $$ >\"$STUBS/cp\"\nexec sleep 1000\n",
    );
    let mut run = host.starts(host.pattern(RUNS, &["run", "x_1.raw", "--persist", "m"]), "cp");
    assert!(host.path("m/disk.part").exists());
    send("INT", &run.id().to_string());
    assert_eq!(run.wait().unwrap().signal(), Some(2));
    assert!(!host.path("m").exists() && !is_running(&host.process("cp")));
}

/// gpg does not end by itself here.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_folder_or_keys_that_are_half_made_are_removed() {
    let host = host();
    let before = host.names("");
    for step in ["gpg", "openssl"] {
        host.program(
            &format!("stubs/bin/{step}"),
            &format!("#!/bin/sh\necho $$ >\"$STUBS/{step}\"\nexec sleep 1000\n"),
        );
        for (signal, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
            for command in ["init", "gen-keyring"] {
                let mut run = host.starts(host.pattern(RUNS, &[command, "new"]), step);
                send(signal, &run.id().to_string());
                assert_eq!(run.wait().unwrap().signal(), Some(number), "{step} {command}");
                assert!(!is_running(&host.process(step)));
                assert_eq!(host.names(""), before, "{step} {signal} {command}");
            }
        }
        fs::remove_file(host.path(&format!("stubs/bin/{step}"))).unwrap();
    }
    host.succeeds(&["init", "new"]);
}

/// QEMU ignores what asks it to end.
#[test]
fn a_second_ctrl_c_does_not_wait() {
    for (signal, number) in [("INT", 2), ("QUIT", 3)] {
        let host = host();
        let mut run = host.starts(host.pattern(DEAF, &["run", "x_1.raw"]), "ready");
        let process = run.id().to_string();
        wait_until("the second one ends it", || {
            send(signal, &process);
            run.try_wait().unwrap().is_some()
        });
        assert_eq!(run.wait().unwrap().signal(), Some(number));
        wait_until("QEMU is gone", || !is_running(&host.process("ready")));
    }
}

#[test]
fn nothing_outlives_a_run_that_is_killed() {
    let host = host();
    let mut run = host.starts(host.pattern(RUNS, &["run", "x_1.raw"]), "qemu");
    run.kill().unwrap();
    run.wait().unwrap();
    for script in ["qemu", "swtpm"] {
        wait_until("it is gone", || !is_running(&host.process(script)));
    }
}

/// Writing to the terminal fails after that, and println! panics when it fails.
#[test]
fn a_closed_terminal_leaves_nothing() {
    for persist in ["", "--persist m"] {
        let host = host();
        let run = format!(
            "trap : HUP; {} run x_1.raw {persist}; echo $? >stubs/status",
            env!("CARGO_BIN_EXE_pattern")
        );
        let mut terminal = Command::new("script");
        // The shell of the terminal ends with it. The one below it waits for the status.
        terminal.args(["--quiet", "--command", &format!("sh -c '{run}'; :"), "/dev/null"]);
        host.furnish(&mut terminal, RUNS);
        drop(host.starts(terminal, "qemu"));
        let status = || fs::read_to_string(host.path("stubs/status")).unwrap_or_default();
        wait_until("it has ended", || status().ends_with('\n'));
        assert_eq!(status(), "129\n", "{persist}");
        assert!(host.names("temporary").is_empty() && !is_running(&host.process("qemu")), "{persist}");
    }
}

/// nohup(1) lets a long run outlive its terminal.
#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let host = host();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" run x_1.raw", env!("CARGO_BIN_EXE_pattern")]);
    host.furnish(&mut command, WAITS);
    let mut run = host.starts(command, "qemu");
    send("HUP", &run.id().to_string());
    fs::write(host.path("stubs/go"), "").unwrap();
    assert!(run.wait().unwrap().success());
}
