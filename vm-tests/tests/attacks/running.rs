//! What the running system gives away: the volume's key to root, and what is kept to a service that is confined to less.

use pattern_vm_tests::Computer;

use crate::tools::attack::{Attack, BY_STEPS, on_stock, owners_boot};

const KEY: Attack = Attack {
    row: 12,
    name: "root_after_boot",
    what: "the TPM is asked for the volume's key again",
    who: "root in the running system",
    used: "key: given again",
    ..BY_STEPS
};
const CONFINED: Attack = Attack {
    row: 37,
    name: "confined",
    what: "a file of `/home` is read by another path, `/persist/root/home`",
    who: "root in a service with `ProtectHome=yes` and `ProtectSystem=strict`",
    used: "confined: kept",
    ..BY_STEPS
};
/// Of systemd's own plug-in of libcryptsetup, which does not open the volume: it is open already. That of Debian testing does not ask
/// the TPM, since nothing is signed for PCR 11 of the running system.
const REFUSED: &[&str] =
    &["Failed to unseal secret using TPM2", "No signature for current PCR policy in TPM2 signature JSON"];
/// Of `cat`.
const HIDDEN: &[&str] = &["No such file or directory"];

#[test]
#[ignore = "long; `make check-all` runs it"]
fn running() {
    let report = report(Computer::production("running"));
    for (attack, says) in [(KEY, REFUSED), (CONFINED, HIDDEN)] {
        assert!(!uses(attack, &report), "{}: {report}", attack.name);
        let answer = answer(attack, &report);
        let said = says.iter().find(|says| answer.contains(**says));
        let said = said.unwrap_or_else(|| panic!("{}: {answer:?}", attack.name));
        attack.note("ours", &format!("refused: \"{said}\""));
    }
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn running_stock() {
    on_stock("running", |computer| {
        let report = report(computer);
        let words = |attack, refused: &str| {
            if uses(attack, &report) { "**used**".to_owned() } else { refused.to_owned() }
        };
        vec![(KEY, words(KEY, "refused by the TPM")), (CONFINED, words(CONFINED, "refused"))]
    });
}

/// Of a boot that opened the volume, and did not make it.
fn report(mut computer: Computer) -> String {
    owners_boot(&mut computer)
}

fn uses(attack: Attack, report: &str) -> bool {
    report.contains(&format!("report: {}", attack.used))
}

/// What the system said to this attack, up to the next line of the report.
fn answer(attack: Attack, report: &str) -> &str {
    let (subject, _) = attack.used.split_once(' ').expect("a subject and what is said of it");
    let said = report.split_once(&format!("report: {subject} ")).expect("a report").1;
    said.split("report: ").next().unwrap_or(said)
}
