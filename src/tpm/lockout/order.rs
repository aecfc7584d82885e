//! Builds the lockout commands as bytes for the TPM (TPM 2.0 Library, Part 3, "Dictionary Attack
//! Functions"). tss-esapi has none of them.
//!
//! The password is not sent over the bus: it is the key of an HMAC over command and answer (Part 1,
//! "Session-based Authorizations"). It has 256 random bits, so what a listener hears does not help
//! in guessing it, and the session needs no salt.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};

use super::{BYTES, Limits};
use crate::token::Reader;

const NO_SESSIONS: u16 = 0x8001;
const SESSIONS: u16 = 0x8002;
const START_AUTH_SESSION: u32 = 0x176;
const LOCK_RESET: u32 = 0x139;
const PARAMETERS: u32 = 0x13a;
/// `TPM_RH_LOCKOUT`, which is also its name.
const LOCKOUT: u32 = 0x4000_000a;
/// `TPM_RH_NULL`.
const NULL: u32 = 0x4000_0007;
const HMAC_SESSION: u8 = 0;
const ALG_NULL: u16 = 0x10;
const ALG_SHA256: u16 = 0x0b;
/// Bytes of tag, size and code.
const HEAD: usize = 10;
const DIGEST: u16 = 32;
/// The TPM ends the session with the command.
const ONCE: u8 = 0;

/// What a TPM is told to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Forget all wrong tries.
    Forget,
    /// Set the limits.
    Limit(Limits),
}

/// Why an order was not carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The TPM returned this error code.
    Code(u32),
    /// The answer is not the TPM's, or not complete.
    NotTheTpm,
}

/// A session for one order.
#[derive(Debug)]
pub struct Session {
    handle: u32,
    ours: [u8; BYTES],
    theirs: Vec<u8>,
}

/// Returns the command that begins a session. The nonce is random, and [`Session::read`] needs it,
/// too.
#[must_use]
pub fn begin(nonce: &[u8; BYTES]) -> Vec<u8> {
    let parameters = [
        &NULL.to_be_bytes()[..],
        &NULL.to_be_bytes(),
        &DIGEST.to_be_bytes(),
        nonce,
        &[0, 0], // no salt
        &[HMAC_SESSION],
        &ALG_NULL.to_be_bytes(),
        &ALG_SHA256.to_be_bytes(),
    ];
    command(NO_SESSIONS, START_AUTH_SESSION, &parameters.concat())
}

impl Session {
    /// Parses the answer to [`begin`].
    ///
    /// # Errors
    /// When it is not a session.
    pub fn read(nonce: [u8; BYTES], answer: &[u8]) -> Result<Self, Refusal> {
        let mut rest = Reader(done(answer, NO_SESSIONS)?);
        let (handle, theirs) = rest.u32().zip(rest.sized()).ok_or(Refusal::NotTheTpm)?;
        Ok(Self { handle, ours: nonce, theirs: theirs.to_vec() })
    }

    /// Returns the command for an order. While no password is set, the password is empty.
    #[must_use]
    pub fn command(&self, order: Order, password: &[u8]) -> Vec<u8> {
        let (code, parameters) = (order.code(), order.parameters());
        let what = [&code.to_be_bytes()[..], &LOCKOUT.to_be_bytes(), &parameters].concat();
        let mac = mac(password, &what, &self.ours, &self.theirs).finalize().into_bytes();
        let authorization = [
            &self.handle.to_be_bytes()[..],
            &DIGEST.to_be_bytes(),
            &self.ours,
            &[ONCE],
            &DIGEST.to_be_bytes(),
            &mac,
        ]
        .concat();
        let size = u32::try_from(authorization.len()).unwrap_or(u32::MAX).to_be_bytes();
        command(SESSIONS, code, &[&LOCKOUT.to_be_bytes()[..], &size, &authorization, &parameters].concat())
    }

    /// Checks the answer. Only somebody who knows the password can confirm that the order was
    /// carried out.
    ///
    /// # Errors
    /// When it was not carried out.
    pub fn check(&self, order: Order, password: &[u8], answer: &[u8]) -> Result<(), Refusal> {
        let mut rest = Reader(done(answer, SESSIONS)?);
        let parts = (rest.u32(), rest.sized(), rest.take(1), rest.sized());
        let (Some(0), Some(theirs), Some([ONCE]), Some(said)) = parts else { return Err(Refusal::NotTheTpm) };
        let what = [&[0; 4][..], &order.code().to_be_bytes()].concat();
        let mac = mac(password, &what, theirs, &self.ours);
        mac.verify_slice(said).map_err(|_| Refusal::NotTheTpm)
    }
}

impl Order {
    fn code(self) -> u32 {
        match self {
            Self::Forget => LOCK_RESET,
            Self::Limit(_) => PARAMETERS,
        }
    }

    fn parameters(self) -> Vec<u8> {
        match self {
            Self::Forget => Vec::new(),
            Self::Limit(Limits { tries, forgets, pause }) => {
                [tries, forgets, pause].map(u32::to_be_bytes).concat()
            }
        }
    }
}

fn command(tag: u16, code: u32, rest: &[u8]) -> Vec<u8> {
    let size = u32::try_from(HEAD + rest.len()).unwrap_or(u32::MAX);
    [&tag.to_be_bytes()[..], &size.to_be_bytes(), &code.to_be_bytes(), rest].concat()
}

/// Returns what follows the head of an answer that reports success.
fn done(answer: &[u8], tag: u16) -> Result<&[u8], Refusal> {
    let mut rest = Reader(answer);
    let head = (rest.u16(), rest.u32(), rest.u32());
    let (Some(found), Some(size), Some(code)) = head else { return Err(Refusal::NotTheTpm) };
    match code {
        0 if found == tag && usize::try_from(size) == Ok(answer.len()) => Ok(rest.0),
        0 => Err(Refusal::NotTheTpm),
        code => Err(Refusal::Code(code)),
    }
}

fn mac(password: &[u8], what: &[u8], newer: &[u8], older: &[u8]) -> Hmac<Sha256> {
    // HMAC accepts a key of any length.
    let mac = Hmac::<Sha256>::new_from_slice(password).unwrap_or_else(|_| Hmac::new(&Default::default()));
    // The nonce of whoever sends the message is the newer one.
    mac.chain_update(Sha256::digest(what)).chain_update(newer).chain_update(older).chain_update([ONCE])
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &[u8] = &[0x5a; BYTES];
    const LIMIT: Order = Order::Limit(Limits { tries: 32, forgets: 7200, pause: 86400 });

    fn session() -> Session {
        let answer =
            [&[0x80, 1, 0, 0, 0, 48, 0, 0, 0, 0][..], &0x0200_0000_u32.to_be_bytes(), &[0, 32], &[2; BYTES]]
                .concat();
        Session::read([1; BYTES], &answer).unwrap()
    }

    /// Answers like a TPM with this password.
    fn answer(order: Order, password: &[u8]) -> Vec<u8> {
        let what = [&[0; 4][..], &order.code().to_be_bytes()].concat();
        let said = mac(password, &what, &[3; BYTES], &[1; BYTES]).finalize().into_bytes();
        [&[0x80, 2, 0, 0, 0, 83, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32][..], &[3; BYTES], &[0, 0, 32], &said].concat()
    }

    #[test]
    fn a_command_has_the_length_that_it_says_and_not_the_password() {
        for (order, length) in [(Order::Forget, 91), (LIMIT, 103)] {
            let command = session().command(order, PASSWORD);
            assert_eq!((command.len(), &command[2..6]), (length, &[0, 0, 0, length as u8][..]));
            assert!(!command.windows(8).any(|window| PASSWORD.starts_with(window)));
        }
        assert!(
            session().command(LIMIT, PASSWORD).ends_with(&[0, 0, 0, 32, 0, 0, 0x1c, 0x20, 0, 1, 0x51, 0x80])
        );
        assert_eq!(begin(&[1; BYTES]).len(), 59);
    }

    #[test]
    fn only_who_knows_the_password_can_say_that_it_was_done() {
        let good = answer(Order::Forget, PASSWORD);
        assert_eq!(session().check(Order::Forget, PASSWORD, &good), Ok(()));
        for (order, password, answer) in [
            (Order::Forget, PASSWORD, answer(Order::Forget, b"")),
            (LIMIT, PASSWORD, good.clone()),
            (Order::Forget, b"", good.clone()),
            (Order::Forget, PASSWORD, good[..82].to_vec()),
            (Order::Forget, PASSWORD, good[..20].to_vec()),
            (Order::Forget, PASSWORD, Vec::new()),
        ] {
            assert_eq!(session().check(order, password, &answer), Err(Refusal::NotTheTpm));
        }
    }

    #[test]
    fn a_refusal_has_the_code_of_the_tpm() {
        let locked = [0x80, 1, 0, 0, 0, 10, 0, 0, 9, 0x21];
        assert_eq!(session().check(LIMIT, PASSWORD, &locked), Err(Refusal::Code(0x921)));
        assert_eq!(Session::read([1; BYTES], &locked).unwrap_err(), Refusal::Code(0x921));
        assert_eq!(Session::read([1; BYTES], &locked[..9]).unwrap_err(), Refusal::NotTheTpm);
    }
}
