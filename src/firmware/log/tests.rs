use sha2::{Digest as _, Sha256};

use crate::firmware::samples::{bytes, log, log_of, made, value};
use crate::firmware::{Log, LogError, Variable};
use crate::token::Bank;

const BOOTS: [&str; 7] = ["first", "dbx", "db", "other-signer", "kek", "off", "setup"];

#[test]
fn the_log_of_a_boot_leads_to_the_tpms_value_and_to_no_other_boots() {
    for boot in BOOTS {
        for other in BOOTS {
            let checked = log(boot).check(Bank::Sha256, &value(other, Bank::Sha256)).map(|_| ());
            let wanted = if boot == other { Ok(()) } else { Err(LogError::OtherValue(7, Bank::Sha256)) };
            assert_eq!(checked, wanted, "{boot} {other}");
        }
    }
    let words = LogError::OtherValue(7, Bank::Sha256).to_string();
    assert_eq!(words, "the firmware's event log does not lead to the TPM's value of PCR 7 (sha256)");
}

#[test]
fn each_bank_is_replayed_by_its_own_digests() {
    let first = log("first");
    assert!(first.check(Bank::Sha384, &value("first", Bank::Sha384)).is_ok());
    let none = log("dbx").check(Bank::Sha384, &[0; 48]).err().unwrap();
    assert_eq!(none.to_string(), "the firmware's event log has no digests for the sha384 bank");
}

#[test]
fn secure_boot_is_on_where_the_measured_variable_says_so() {
    let on = |boot| log(boot).check(Bank::Sha256, &value(boot, Bank::Sha256)).unwrap().secure_boot();
    assert!(on("first") && on("kek"));
    assert!(!on("off") && !on("setup"));
    // The data of the log says 1, but the measured digest is that of 0.
    let structure = |content: &[u8]| Variable::SecureBoot.structure(content);
    let (lying, value) = made(&[(0x8000_0001, structure(&[1]), structure(&[0]))]);
    assert!(!lying.check(Bank::Sha256, &value).unwrap().secure_boot());
    let (honest, value) = made(&[(0x8000_0001, structure(&[1]), structure(&[1]))]);
    assert!(honest.check(Bank::Sha256, &value).unwrap().secure_boot());
    // A second measurement, of 0, means that Secure Boot was switched off.
    let twice = [1, 0].map(|on| (0x8000_0001, structure(&[on]), structure(&[on])));
    let (twice, value) = made(&twice);
    assert!(!twice.check(Bank::Sha256, &value).unwrap().secure_boot());
    let (empty, value) = made(&[]);
    assert!(!empty.check(Bank::Sha256, &value).unwrap().secure_boot());
}

#[test]
fn the_content_of_a_variable_is_that_of_its_event() {
    let first = log("first");
    let value = value("first", Bank::Sha256);
    let measured = first.check(Bank::Sha256, &value).unwrap();
    let lengths = Variable::ALL.map(|variable| measured.content(variable).unwrap().len());
    assert_eq!(lengths, [1, 837, 839, 1676, 76]);
}

/// Whatever is cut off, the value differs, or it is not a log.
#[test]
fn a_log_that_was_cut_off_is_refused() {
    let (whole, value) = (bytes("dbx"), value("dbx", Bank::Sha256));
    let accepted = (0..whole.len()).filter(|length| {
        Log::parse(&whole[..*length]).is_ok_and(|log| log.check(Bank::Sha256, &value).is_ok())
    });
    // After the last event of PCR 7 there are only events of other registers.
    let least = accepted.min().unwrap();
    let last = whole.windows(8).rposition(|window| window == [7, 0, 0, 0, 0xe0, 0, 0, 0x80]).unwrap();
    assert!(least > last, "{least} {last}");
    let cut = Log::parse(&whole[..whole.len() - 1]).unwrap_err().to_string();
    assert!(cut.starts_with("event ") && cut.ends_with(" of the firmware's event log is malformed"), "{cut}");
}

#[test]
fn events_in_another_order_are_refused() {
    let event = |content: &[u8]| (4, content.to_vec(), content.to_vec());
    let (log, value) = made(&[event(b"a"), event(b"b")]);
    assert!(log.check(Bank::Sha256, &value).is_ok());
    let (other, _) = made(&[event(b"b"), event(b"a")]);
    assert_eq!(other.check(Bank::Sha256, &value).err(), Some(LogError::OtherValue(7, Bank::Sha256)));
}

#[test]
fn what_is_no_log_is_refused() {
    let words = |bytes: &[u8]| Log::parse(bytes).unwrap_err().to_string();
    let not = "the firmware's event log is not in the format of TPM 2.0";
    assert_eq!(words(b""), not);
    assert_eq!(words(&[0; 1000]), not);
    let mut old = bytes("setup").to_vec();
    old[32] = b's';
    assert_eq!(words(&old), not);
    assert_eq!(words(&vec![0; (4 << 20) + 1]), "the firmware's event log is larger than 4 MiB");
    let more = [bytes("setup"), &[7]].concat();
    assert_eq!(Log::parse(&more), Err(LogError::Malformed(44)));
}

/// Intel's firmware often starts the TPM from locality 3, and PCR 0 does not begin with zeros then.
#[test]
fn pcr_0_begins_with_the_locality_that_the_log_names() {
    let of = |locality: u8, pcr: u32, later: u32| {
        let data = [b"StartupLocality\0", &[locality][..]].concat();
        let log = log_of(&[(pcr, 3, data, vec![0; 32]), (later, 8, Vec::new(), vec![7; 32])]);
        log.value(later as u8, Bank::Sha256).unwrap()
    };
    let expected = |last: u8| {
        let mut start = vec![0; 32];
        start[31] = last;
        Sha256::digest([start, vec![7; 32]].concat()).to_vec()
    };
    for (locality, pcr, later, last) in [(3, 0, 0, 3), (4, 0, 0, 4), (0, 0, 0, 0), (3, 0, 1, 0), (3, 1, 0, 0)]
    {
        assert_eq!(of(locality, pcr, later), expected(last), "{locality} {pcr} {later}");
    }
}
