//! The fallback administrator: made, signed in, taken back.

use super::Subject;
use super::tools::{Drive, StopAfter, View, must};
use crate::{Change, MachineError, Secret, SecretId};

const NAME: &str = "GodwitFallback";
const PASSWORDS: [&str; 2] = ["Kd7mP-first.Secret-9", "zQ4x-second.Secret-8"];

/// A new administrator signs in with its password and with no other; taken
/// back, it does not, and made once more, it does again. One that was there
/// stays one.
pub fn administrators(subject: &mut dyn Subject) {
    let mut inputs = subject.known().inputs();
    for (number, password) in PASSWORDS.iter().enumerate() {
        inputs.add_secret(id(number), password.as_bytes().to_vec());
    }
    let mut drive = Drive::new(inputs);
    let start = View::of(subject.machine());
    refused(subject, 0, "an account that nobody made");

    let first = make(0);
    let before = drive.prepare(subject.machine(), &first);
    assert_eq!(View::of(subject.machine()), start, "prepare made something");
    run(&mut drive, subject, &first, &before);
    let made = View::of(subject.machine());
    run(&mut drive, subject, &first, &before);
    assert_eq!(
        View::of(subject.machine()),
        made,
        "repeating it changed the device"
    );
    subject.reopen();
    must("sign in", subject.machine().prove_sign_in(NAME, &secret(0)));
    refused(subject, 1, "a wrong password");

    // A second run finds the account of the first, and its way back leaves it so.
    let second = make(1);
    let between = drive.prepare(subject.machine(), &second);
    run(&mut drive, subject, &second, &between);
    must("sign in", subject.machine().prove_sign_in(NAME, &secret(1)));
    refused(subject, 0, "the password of the run before");
    back(&mut drive, subject, &second, &between);
    assert_eq!(
        View::of(subject.machine()).groups,
        made.groups,
        "the first run's administrator"
    );

    for _ in 0..2 {
        back(&mut drive, subject, &first, &before);
        subject.reopen();
        assert_eq!(
            View::of(subject.machine()).groups,
            start.groups,
            "an administrator was left"
        );
        refused(subject, 0, "an account that was taken back");
    }
    // What was taken back can be made again.
    let again = drive.prepare(subject.machine(), &second);
    run(&mut drive, subject, &second, &again);
    must("sign in", subject.machine().prove_sign_in(NAME, &secret(1)));
    back(&mut drive, subject, &second, &again);
    refused(subject, 1, "an account that was taken back twice");
}

fn id(number: usize) -> SecretId {
    SecretId(format!("administrator-{number}"))
}

fn secret(number: usize) -> Secret {
    Secret::new(PASSWORDS[number].as_bytes().to_vec())
}

fn make(number: usize) -> Change {
    Change::MakeAdministrator {
        name: NAME.to_owned(),
        password: id(number),
    }
}

fn run(drive: &mut Drive, subject: &mut dyn Subject, change: &Change, before: &crate::Before) {
    let mut progress = StopAfter::never();
    must(
        "make an administrator",
        drive.execute(subject.machine(), change, before, &mut progress),
    );
}

fn back(drive: &mut Drive, subject: &mut dyn Subject, change: &Change, before: &crate::Before) {
    let mut progress = StopAfter::never();
    must(
        "take an administrator back",
        drive.revert(subject.machine(), change, before, &mut progress),
    );
}

fn refused(subject: &mut dyn Subject, number: usize, who: &str) {
    let answer = subject.machine().prove_sign_in(NAME, &secret(number));
    assert!(
        matches!(answer, Err(MachineError::Refused { .. })),
        "{who} signs in: {answer:?}"
    );
}
