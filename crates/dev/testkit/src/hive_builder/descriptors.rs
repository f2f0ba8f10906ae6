//! Security descriptors of registry keys, in as many shapes as real hives have.

use super::Dice;
use gw_secdesc::{Ace, Acl, SdError, SecurityDescriptor, Sid, ace_flags, ace_types, control};

const FULL: u32 = 0x000f_003f;
const READ: u32 = 0x0002_0019;
const WRITE: u32 = 0x0003_001f;
const SET_VALUE: u32 = 0x0000_0002;
const GENERIC_ALL: u32 = 0x1000_0000;

/// Makes distinct descriptors around one account.
pub struct Descriptors {
    subject: Option<Sid>,
    others: Vec<Sid>,
    dice: Dice,
    made: u32,
}

impl Descriptors {
    /// Descriptors in which `subject` (a user, or none for a machine hive) has
    /// full control and `others` turn up here and there.
    #[must_use]
    pub fn new(subject: Option<&Sid>, others: &[Sid], seed: u64) -> Self {
        Self {
            subject: subject.cloned(),
            others: others.to_vec(),
            dice: Dice::new(seed),
            made: 0,
        }
    }

    /// What the root of the hive and most keys have.
    ///
    /// # Errors
    /// Never with the entries made here.
    pub fn root(&self) -> Result<Vec<u8>, SdError> {
        self.descriptor(self.common(ace_flags::CONTAINER_INHERIT), 0)
    }

    /// The next descriptor that no call before has given.
    ///
    /// # Errors
    /// Never with the entries made here.
    pub fn another(&mut self) -> Result<Vec<u8>, SdError> {
        self.made += 1;
        let number = self.made;
        let inherited = ace_flags::CONTAINER_INHERIT | ace_flags::INHERITED;
        let mut explicit = Vec::new();
        let mut flags = control::DACL_AUTO_INHERITED;
        if let Some(other) = self.pick() {
            match number % 5 {
                0 => explicit.push(Ace::new(ace_types::DENY, 0, SET_VALUE, &other)),
                1 => explicit.push(Ace::new(
                    ace_types::ALLOW,
                    ace_flags::CONTAINER_INHERIT,
                    FULL,
                    &other,
                )),
                _ => explicit.push(Ace::new(ace_types::ALLOW, 0, WRITE, &other)),
            }
        }
        // The number makes each one different: bits of the mask of a capability.
        let capability = known(15, &[3, 1024, 1_065_365_936, number, 7]);
        explicit.push(Ace::new(
            ace_types::ALLOW,
            ace_flags::CONTAINER_INHERIT,
            READ,
            &capability,
        ));
        if number.is_multiple_of(7) {
            flags |= control::DACL_PROTECTED;
        }
        explicit.extend(self.common(inherited));
        let sd = SecurityDescriptor::parse(&self.descriptor(explicit, flags)?)?;
        self.with_extras(sd, number)
    }

    fn with_extras(&mut self, mut sd: SecurityDescriptor, number: u32) -> Result<Vec<u8>, SdError> {
        if number.is_multiple_of(6)
            && let Some(audited) = self.pick().or_else(|| self.subject.clone())
        {
            let audit = ace_flags::AUDIT_SUCCESS | ace_flags::AUDIT_FAILURE;
            let aces = vec![
                Ace::new(ace_types::AUDIT, audit, FULL, &audited),
                Ace::new(ace_types::MANDATORY_LABEL, 0, 1, &known(16, &[4096])),
            ];
            sd.sacl = Some(Acl::new(aces));
            sd.control |= control::SACL_PRESENT;
        }
        if number.is_multiple_of(4)
            && let Some(subject) = &self.subject
        {
            sd.owner = Some(subject.clone());
            sd.group = Some(self.group_of(subject));
        }
        sd.to_bytes()
    }

    fn common(&self, flags: u8) -> Vec<Ace> {
        let mut aces = Vec::new();
        let mut allow = |flags, mask, sid: &Sid| {
            aces.push(Ace::new(ace_types::ALLOW, flags, mask, sid));
        };
        if let Some(subject) = &self.subject {
            allow(flags, FULL, subject);
        }
        allow(flags, FULL, &known(5, &[18]));
        allow(flags, FULL, &known(5, &[32, 544]));
        if self.subject.is_none() {
            allow(flags, READ, &known(5, &[32, 545]));
            allow(
                flags | ace_flags::INHERIT_ONLY,
                GENERIC_ALL,
                &known(3, &[0]),
            );
        }
        allow(flags, READ, &known(5, &[12]));
        allow(flags, READ, &known(15, &[2, 1]));
        aces
    }

    fn descriptor(&self, aces: Vec<Ace>, flags: u16) -> Result<Vec<u8>, SdError> {
        let owner = match &self.subject {
            Some(_) => known(5, &[32, 544]),
            None => known(5, &[18]),
        };
        let mut sd = SecurityDescriptor::new(owner, known(5, &[18]), Acl::new(aces));
        sd.control |= flags;
        sd.to_bytes()
    }

    /// Domain Users of the subject's domain.
    fn group_of(&self, subject: &Sid) -> Sid {
        subject
            .domain()
            .and_then(|domain| domain.with_rid(513))
            .unwrap_or_else(|| subject.clone())
    }

    fn pick(&mut self) -> Option<Sid> {
        let place = self.dice.below(self.others.len());
        self.others.get(place).cloned()
    }
}

/// A SID everybody knows.
pub(super) fn known(authority: u64, sub_authorities: &[u32]) -> Sid {
    // Authorities and counts in this file are far below the limits.
    Sid::new(authority, sub_authorities)
        .unwrap_or_else(|| unreachable!("well-known SIDs have at most 15 sub-authorities"))
}
