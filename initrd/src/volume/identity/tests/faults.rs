//! A TPM that stops answering in the middle. What it was told may be done or not.

use super::*;

/// Does something with a TPM that loses one answer, a later one each time, until none is lost. Each
/// time the next boot has to go on.
fn lose_each(
    machine: &mut Machine,
    mut act: impl FnMut(&Candidate<'_>, Means<'_>) -> Result<()>,
    next: impl Fn(&Machine),
) {
    for number in 0.. {
        let ((tcti, heard), config) = (machine.swtpm.losing(number), config(true));
        let volume = Candidate { device: &machine.device, uuid: &machine.uuid, key: &machine.key };
        let done = act(&volume, means(&config, &tcti));
        machine.restart();
        next(machine);
        if heard.lock().unwrap().codes.len() <= number {
            return done.unwrap();
        }
        if let Err(error) = done {
            assert!(
                format!("{error:#}").contains("the TPM does not answer ("),
                "command {number}: {error:#}"
            );
        }
    }
}

#[test]
fn an_opening_whose_answers_are_lost_is_followed_by_one_that_opens() {
    let mut machine = Machine::new("lost-opening", true);
    let device = machine.device.clone();
    let prove = |volume: &Candidate<'_>, means: Means<'_>| {
        let Seen::Luks2(header) = luks::look(&device)? else { panic!("no volume") };
        let proof = Registry::open(means, None)?.prove(volume, &header)?;
        assert_eq!(proof, Proof::Given);
        Ok(())
    };
    lose_each(&mut machine, prove, |machine| machine.opens(true));
}

#[test]
fn a_volume_that_was_begun_when_answers_are_lost_leaves_no_record() {
    let mut machine = Machine::unknown("lost-beginning");
    let begin = |volume: &Candidate<'_>, means: Means<'_>| Registry::open(means, None)?.begin(volume);
    lose_each(&mut machine, begin, |machine| {
        assert_eq!(machine.known(), 0);
        machine.with(true, |_, registry| registry.forget_unfinished()).unwrap();
        assert!(!machine.with(true, |volume, registry| registry.has(volume.uuid)).unwrap());
    });
}

#[test]
fn a_volume_that_was_listed_when_answers_are_lost_is_finished_by_the_next_boot() {
    let mut machine = Machine::unknown("lost-finish");
    let begin = |machine: &Machine| {
        forget(&machine.swtpm.tcti(), &machine.uuid).unwrap();
        machine.with(true, |volume, registry| registry.begin(volume)).unwrap();
    };
    begin(&machine);
    let finish = |volume: &Candidate<'_>, means: Means<'_>| Registry::open(means, None)?.finish(volume);
    lose_each(&mut machine, finish, |machine| {
        machine.opens(true);
        begin(machine);
    });
}

/// The header is marked as finished after the record. So a boot may finish once more.
#[test]
fn a_volume_that_is_finished_once_more_when_answers_are_lost_stays_the_newest_copy() {
    let mut machine = Machine::new("lost-again", true);
    let finish = |volume: &Candidate<'_>, means: Means<'_>| Registry::open(means, None)?.finish(volume);
    lose_each(&mut machine, finish, |machine| machine.opens(true));
    assert_eq!(machine.known(), 1);
}

/// The counter was removed, and a person entered the volume's key.
#[test]
fn a_volume_that_a_person_vouched_for_when_answers_are_lost_is_never_an_old_copy() {
    let mut machine = Machine::new("lost-vouched", true);
    let gone = |machine: &Machine| {
        machine.with(true, |volume, registry| registry.finish(volume)).unwrap();
        machine.swtpm.connect().forget(&Index::counter(&machine.uuid)).unwrap();
        assert_eq!(machine.prove(true).unwrap(), Proof::Missing(UNCOUNTED));
    };
    gone(&machine);
    let finish = |volume: &Candidate<'_>, means: Means<'_>| Registry::open(means, None)?.finish(volume);
    lose_each(&mut machine, finish, |machine| {
        let proof = machine.prove(true).unwrap();
        assert!(matches!(proof, Proof::Given | Proof::Missing(UNCOUNTED | UNKNOWN)), "{proof:?}");
        gone(machine);
    });
}
