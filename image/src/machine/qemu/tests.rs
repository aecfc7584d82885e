use super::*;

fn options() -> Options {
    let boot = Boot::Uefi { code: "/fw/code.fd".into(), variables: "vars.fd".into(), secure: false };
    Options { disks: vec!["/d/a,b.raw".into()], ..Options::of(boot, "console.log".into()) }
}

fn line(options: &Options) -> String {
    let words = arguments(options);
    words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[test]
fn emulation_by_default_and_no_network() {
    let line = line(&options());
    assert!(line.contains("-accel tcg,thread=multi -cpu max,-erms,-fsrm,-fsrs -smp 2 -m 2048M"), "{line}");
    assert!(line.contains("-nic none"), "{line}");
    assert!(!line.contains("kvm"), "{line}");
}

#[test]
fn an_update_server_is_all_that_is_reached() {
    let line = line(&Options { server: Some(4711), ..options() });
    assert!(line.contains("-netdev user,id=net,restrict=on,"), "{line}");
    assert!(line.contains("guestfwd=tcp:10.0.2.100:8000-cmd:socat - TCP4:127.0.0.1:4711"), "{line}");
    assert!(!line.contains("-nic none"), "{line}");
}

#[test]
fn an_ssh_server_of_the_guest_is_reached_on_the_loopback_alone() {
    let line = line(&Options { ssh: Some(2222), ..options() });
    assert!(
        line.contains("-netdev user,id=net,restrict=on,ipv6=off,hostfwd=tcp:127.0.0.1:2222-:22 "),
        "{line}"
    );
    assert!(!line.contains("guestfwd"), "{line}");
    let both = super::tests::line(&Options { ssh: Some(2222), server: Some(4711), ..options() });
    assert!(both.contains("127.0.0.1:4711,hostfwd=tcp:127.0.0.1:2222-:22 -device"), "{both}");
}

#[test]
fn kvm_when_asked_for() {
    let line = line(&Options { kvm: true, ..options() });
    assert!(line.contains("-accel kvm -cpu max -smp"), "{line}");
    assert!(!line.contains("tcg"), "{line}");
}

#[test]
fn instructions_are_counted_in_one_thread() {
    let line = line(&Options { instructions: true, ..options() });
    assert!(line.contains("-accel tcg,thread=single -icount shift=0,sleep=off"), "{line}");
}

#[test]
fn with_secure_boot_only_firmware_writes_its_variables() {
    let plain = line(&options());
    assert!(plain.contains("-machine q35,smm=off") && !plain.contains("secure"), "{plain}");
    let boot = Boot::Uefi { code: "code.fd".into(), variables: "vars.fd".into(), secure: true };
    let line = line(&Options { boot, ..options() });
    assert!(line.contains("-machine q35,smm=on"), "{line}");
    assert!(line.contains("-global driver=cfi.pflash01,property=secure,value=on"), "{line}");
}

#[test]
fn a_comma_in_a_path_is_kept() {
    let line = line(&Options { log: "a,b.log".into(), ..options() });
    assert!(line.contains(r#""filename":"/d/a,b.raw""#), "{line}");
    assert!(line.contains("logfile=a,,b.log"), "{line}");
}

#[test]
fn only_the_first_disk_boots() {
    let line = line(&Options { disks: vec!["a".into(), "b".into()], ..options() });
    assert!(line.contains("drive=disk0,serial=disk0,bootindex=1"), "{line}");
    assert!(line.contains("drive=disk1,serial=disk1"), "{line}");
    assert_eq!(line.matches("bootindex").count(), 1, "{line}");
}

#[test]
fn the_first_disk_may_be_a_stick() {
    let disks = vec!["a".into(), "b".into()];
    let line = line(&Options { port: Port::STICK, disks, ..options() });
    assert!(
        line.contains("-device usb-storage,bus=ports.0,removable=on,drive=disk0,serial=disk0,bootindex=1"),
        "{line}"
    );
    assert!(line.contains("-device virtio-blk-pci,drive=disk1"), "{line}");
}

#[test]
fn writes_to_the_first_disk_are_recorded_when_asked_for() {
    assert!(!line(&options()).contains("blklogwrites"));
    let disks = vec!["a".into(), "b".into()];
    let line = line(&Options { writes: Some("w".into()), disks, ..options() });
    assert_eq!(line.matches("blklogwrites").count(), 1, "{line}");
    assert!(line.contains(r#""filename":"w"}"#), "{line}");
    assert!(line.contains(r#""node-name":"disk0"} -device virtio-blk-pci,drive=disk0"#), "{line}");
}

#[test]
fn the_first_disk_may_be_a_server_s() {
    let disks = vec!["a".into(), "b".into()];
    let line = line(&Options { remote: Some("s".into()), disks, ..options() });
    assert!(line.contains(r#""file":{"driver":"nbd","server":{"path":"s","type":"unix"}}"#), "{line}");
    assert!(!line.contains(r#""filename":"a""#) && line.contains(r#""filename":"b""#), "{line}");
}

#[test]
fn what_may_be_secret_is_given_in_a_file() {
    let line = line(&Options { strings: vec!["/c/0,0".into()], ..options() });
    assert!(line.contains("-smbios type=11,path=/c/0,,0"), "{line}");
}

#[test]
fn a_tpm_only_when_asked_for() {
    assert!(!line(&options()).contains("tpm"));
    let line = line(&Options { tpm: true, ..options() });
    assert!(line.contains("-chardev socket,id=tpm,path=tpm.sock"), "{line}");
    assert!(line.contains("-device tpm-tis,tpmdev=tpm0"), "{line}");
}

#[test]
fn more_words_go_to_the_stub() {
    let line = line(&Options { words: "pattern.plan_only a=b,c".into(), ..options() });
    let wanted = "-smbios type=11,value=io.systemd.stub.kernel-cmdline-extra=pattern.plan_only a=b,,c";
    assert!(line.contains(wanted), "{line}");
}

#[test]
fn a_kernel_of_its_own_needs_no_firmware() {
    let boot = Boot::Kernel { kernel: "k".into(), initrd: "i".into() };
    let line = line(&Options { boot, words: "quiet".into(), ..options() });
    assert!(line.contains("-kernel k -initrd i -append quiet -no-reboot"), "{line}");
    assert!(!line.contains("pflash"), "{line}");
}

#[test]
fn a_terminal_gets_the_monitor_too() {
    let line = line(&Options { console: Console::Terminal, ..options() });
    assert!(line.contains("mux=on"), "{line}");
    assert!(line.contains("-mon chardev=console"), "{line}");
}
