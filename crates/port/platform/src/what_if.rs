//! Wraps any machine and changes nothing: the rehearsal.
//!
//! What must stay true: no `execute` or `revert` ever reaches the wrapped
//! machine, and the numbers are those of the real run, because both come from
//! the same `prepare`.

use crate::change::{Before, Change, Outcome, Undone};
use crate::facts::{
    EntraDevice, Facts, HiveInfo, HiveRef, HiveRootAccess, JoinState, LocalGroup, Profile,
};
use crate::join::{JoinProof, JoinTarget, Reach, Secret};
use crate::machine::{Cx, Machine, MachineError};
use crate::seen::{Scope, SidsSeen};
use crate::sid::SidText;

/// A machine that only pretends to change.
pub struct WhatIf<'m> {
    inner: &'m mut dyn Machine,
    intended: Vec<(Change, Before)>,
}

impl<'m> WhatIf<'m> {
    /// Wraps `inner`.
    pub fn new(inner: &'m mut dyn Machine) -> WhatIf<'m> {
        WhatIf {
            inner,
            intended: Vec::new(),
        }
    }

    /// What would have been changed, in order, with exact counts.
    pub fn intended(&self) -> &[(Change, Before)] {
        &self.intended
    }
}

impl Machine for WhatIf<'_> {
    fn facts(&mut self) -> Result<Facts, MachineError> {
        self.inner.facts()
    }

    fn join_state(&mut self) -> Result<JoinState, MachineError> {
        self.inner.join_state()
    }

    fn profiles(&mut self) -> Result<Vec<Profile>, MachineError> {
        self.inner.profiles()
    }

    fn local_groups(&mut self) -> Result<Vec<LocalGroup>, MachineError> {
        self.inner.local_groups()
    }

    fn hives(&mut self) -> Result<Vec<HiveInfo>, MachineError> {
        self.inner.hives()
    }

    fn hive_root_access(&mut self, hive: &HiveRef) -> Result<HiveRootAccess, MachineError> {
        self.inner.hive_root_access(hive)
    }

    fn account_rights(&mut self, sid: &SidText) -> Result<Vec<String>, MachineError> {
        self.inner.account_rights(sid)
    }

    fn sids_seen(&mut self, scope: &Scope) -> Result<SidsSeen, MachineError> {
        self.inner.sids_seen(scope)
    }

    fn reach(&mut self, target: &JoinTarget) -> Result<Reach, MachineError> {
        self.inner.reach(target)
    }

    fn prove_join(&mut self, target: &JoinTarget) -> Result<JoinProof, MachineError> {
        self.inner.prove_join(target)
    }

    fn restarts(&mut self) -> bool {
        self.inner.restarts()
    }

    fn registration(&mut self) -> Result<Option<EntraDevice>, MachineError> {
        self.inner.registration()
    }

    fn enrolments(&mut self) -> Result<Vec<String>, MachineError> {
        self.inner.enrolments()
    }

    fn prove_sign_in(&mut self, name: &str, password: &Secret) -> Result<(), MachineError> {
        self.inner.prove_sign_in(name, password)
    }

    fn prepare(&mut self, change: &Change, cx: &mut Cx<'_>) -> Result<Before, MachineError> {
        self.inner.prepare(change, cx)
    }

    fn execute(
        &mut self,
        change: &Change,
        before: &Before,
        _cx: &mut Cx<'_>,
    ) -> Result<Outcome, MachineError> {
        self.intended.push((change.clone(), before.clone()));
        Ok(Outcome {
            counts: before.counts.clone(),
            notes: before.notes.clone(),
            reboot: false,
        })
    }

    fn revert(
        &mut self,
        _change: &Change,
        _before: &Before,
        _cx: &mut Cx<'_>,
    ) -> Result<Undone, MachineError> {
        Ok(Undone::default())
    }

    fn finish(&mut self) -> Result<(), MachineError> {
        Ok(())
    }
}
