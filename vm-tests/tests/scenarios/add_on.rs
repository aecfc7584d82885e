//! A word of the kernel command line for one machine, without a new image: the owner puts a signed add-on there and announces it, and
//! the volume opens by itself with it, also after another announcement that comes to nothing and after one that does not. Words that
//! the image does not list are refused. An add-on that somebody else puts there is not accepted by the way: the recovery key is asked
//! for, and nothing can be announced in that boot.

use pattern_vm_tests::Computer;

use crate::owner::{ASKED, ESP, MUTABLE, is_not_asked, runs};

const ADD_ONS: &str = "::/loader/addons";
const WITH_ADD_ON: &str = "opened it by the TPM, with the addition to the kernel image that was announced";
const WORD: &str = "mitigations=off";
const REPORT: &str = "pattern check-update; echo owner: status $?; sync\n";
const ACCEPT: &str = "pattern rebind --ahead --additions; echo owner: announced $?\n";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn add_on() {
    let mut computer = Computer::production("add_on");
    let key = computer.recovery_key();
    prepare(&computer);
    announced(&mut computer);
    beside_another_announcement(&mut computer);
    unlisted(&mut computer);
    of_somebody_else(&mut computer, &key);
    removed(&mut computer);
}

fn prepare(computer: &Computer) {
    for (name, words) in [("word", WORD), ("quiet", "quiet"), ("shell", "rd.systemd.debug_shell=ttyS0")] {
        computer.make_add_on(name, words);
        let file = format!("{name}.addon.efi");
        computer.sign(&file);
        computer.copy_to_esp(ESP, &file);
    }
    computer.make_other_certificate();
    computer.copy_to_esp(ESP, "db.auth");
}

/// It is predicted as a question, refused without the owner's word, and opens with it.
fn announced(computer: &mut Computer) {
    let put = "mkdir -p /boot/loader/addons; cp /boot/word.addon.efi /boot/loader/addons; sync\n";
    let said = runs(
        computer,
        &format!("{put}{REPORT}pattern rebind --ahead; echo owner: refused $?\n{ACCEPT}{REPORT}"),
    );
    let advice = "with words of the add-on /loader/addons/word.addon.efi; to have it open all the same, run: pattern rebind --ahead \
                  --additions";
    let [before, rest] = parts(&said, "owner: status 1");
    assert!(before.contains(advice), "{before}");
    let [refused, rest] = parts(&rest, "owner: refused 1");
    let why = "an addition that the volume is not bound to: /loader/addons/word.addon.efi: mitigations=off";
    assert!(refused.contains(why), "{refused}");
    let [accepted, rest] = parts(&rest, "owner: announced 0");
    assert!(accepted.contains("accepted /loader/addons/word.addon.efi: mitigations=off"), "{accepted}");
    assert!(rest.contains("owner: status 0"), "{rest}");
    opens_with_it(computer);
    let said = runs(computer, &format!("echo owner: $(grep -o {WORD} /proc/cmdline)\n{REPORT}"));
    assert!(said.contains(&format!("owner: {WORD}")) && said.contains("owner: status 0"), "{said}");
}

/// Of a change of firmware keys, which first does not come about.
fn beside_another_announcement(computer: &mut Computer) {
    // What is written to efivarfs begins with the variable's attributes.
    let ahead = "tail -c +5 /boot/db.auth >/run/db.auth; pattern rebind --ahead db=/run/db.auth; echo owner: announced $?\n";
    let said = runs(computer, ahead);
    assert!(said.contains("owner: announced 0"), "{said}");
    opens_with_it(computer);
    let add = "cat /boot/db.auth >/sys/firmware/efi/efivars/db-d719b2cb-3d3a-4596-a3bc-dad00e67656f\n";
    let add = format!("{MUTABLE} /sys/firmware/efi/efivars/db-*; {add}");
    let said = runs(computer, &format!("{add}pattern rebind --ahead; echo owner: announced $?\n{REPORT}"));
    assert!(said.contains("owner: announced 0") && said.contains("owner: status 0"), "{said}");
    opens_with_it(computer);
}

fn unlisted(computer: &mut Computer) {
    let put = "cp /boot/shell.addon.efi /boot/loader/addons; sync\n";
    let remove = "rm /boot/loader/addons/shell.addon.efi\n";
    let said = runs(computer, &format!("{put}{REPORT}{ACCEPT}{remove}{REPORT}"));
    let [before, rest] = parts(&said, "owner: status 1");
    assert!(!before.contains("to have it open all the same"), "{before}");
    let [refused, rest] = parts(&rest, "owner: announced 1");
    let why = "an addition that can't be announced: /loader/addons/shell.addon.efi: this image does not list \
               \"rd.systemd.debug_shell=ttyS0\" in boot.add_on_words";
    assert!(refused.contains(why), "{refused}");
    assert!(rest.contains("owner: status 0"), "{rest}");
}

/// They have the machine while it is off, and an add-on that its owner made for another one.
fn of_somebody_else(computer: &mut Computer, key: &str) {
    computer.copy_to_esp(ADD_ONS, "quiet.addon.efi");
    computer.write_to_esp(ESP, "owner.sh", format!("{ACCEPT}echo owner: end\n").as_bytes());
    let mut guest = computer.start();
    guest.expect(ASKED);
    guest.send(key);
    let said = guest.expect("owner: end");
    let why = "the TPM did not open /dev/vda6 in this boot, so changes can't be told from those that somebody else made";
    assert!(said.contains(why) && said.contains("owner: announced 1"), "{said}");
    drop(guest);
    computer.remove_from_esp("::/owner.sh");
    computer.remove_from_esp(&format!("{ADD_ONS}/quiet.addon.efi"));
    opens_with_it(computer);
}

fn removed(computer: &mut Computer) {
    let remove = "rm /boot/loader/addons/word.addon.efi; sync\n";
    let said = runs(computer, &format!("{remove}pattern rebind --ahead; echo owner: announced $?\n{REPORT}"));
    assert!(said.contains("owner: announced 0") && said.contains("owner: status 0"), "{said}");
    for _ in 0..2 {
        let mut guest = computer.start();
        is_not_asked(&mut guest);
        assert!(!guest.console().contains(WITH_ADD_ON), "{}", guest.console());
    }
}

fn opens_with_it(computer: &mut Computer) {
    let mut guest = computer.start();
    is_not_asked(&mut guest);
    assert!(guest.console().contains(WITH_ADD_ON), "{}", guest.console());
}

fn parts(text: &str, between: &str) -> [String; 2] {
    let (before, after) = text.split_once(between).unwrap_or_else(|| panic!("no {between:?}: {text}"));
    [before.to_owned(), after.to_owned()]
}
