//! The fake PC's name, in several places as on a real one: the name that the
//! next start takes and a join is made under, the host name, what LSA calls the
//! domain of the local accounts; and the name of this boot, which follows with
//! a restart.

use super::cells;
use super::changes::Image;
use super::machine::FakePc;
use crate::facts::Pending;
use crate::machine::{Machine, MachineError};
use crate::name::may_make_rename;

const NEXT: &str = "name/next";
const HOST: &str = "name/host";
const ACCOUNTS: &str = "name/accounts";
const ACTIVE: &str = "name/active";

impl FakePc {
    /// Cells of a PC that has always been called `name`.
    pub(super) fn seed_name(&mut self, name: &str) {
        for key in [NEXT, HOST, ACCOUNTS, ACTIVE] {
            let bytes = cells::write(key, &name).ok();
            self.disk.seed(key, bytes);
        }
    }

    /// The name that counts.
    pub(super) fn next_name(&self) -> Result<String, MachineError> {
        let name: Option<String> = self.cell(NEXT)?;
        Ok(name.unwrap_or_else(|| self.facts.computer_name.clone()))
    }

    pub(super) fn pending_rename(&self) -> Result<Option<Pending>, MachineError> {
        let (active, next): (Option<String>, _) = (self.cell(ACTIVE)?, self.next_name()?);
        Ok(active
            .filter(|active| *active != next)
            .map(|active| Pending::RenameOrJoin {
                because: format!("{active} becomes {next} at the next start"),
            }))
    }

    /// Cells that a rename touches. The name of this boot is not one of them
    /// where a restart brings it up to date.
    pub(super) fn name_keys(&self) -> Vec<String> {
        let active = (!self.wants_reboot).then_some(ACTIVE);
        [NEXT, HOST, ACCOUNTS]
            .into_iter()
            .chain(active)
            .map(str::to_owned)
            .collect()
    }

    /// The same cells afterwards.
    pub(super) fn renamed(to: &str, cells: &mut Image) -> Result<(), MachineError> {
        for (key, value) in cells {
            let name = match key.as_str() {
                HOST => to.to_owned(),
                _ => to.to_uppercase(),
            };
            *value = Some(cells::write(key, &name)?);
        }
        Ok(())
    }

    /// Writes the name that counts last.
    pub(super) fn rename(
        &mut self,
        from: &str,
        to: &str,
        mut cells: Image,
    ) -> Result<(), MachineError> {
        let join = self.join_state()?;
        may_make_rename(&self.next_name()?, from, to, &join)?;
        Self::renamed(to, &mut cells)?;
        let last = cells.remove_entry(NEXT).into_iter().collect();
        self.put_all(cells)?;
        self.disk.sync()?;
        self.put_all(last)
    }

    /// Takes the name that counts back first.
    pub(super) fn unrename(&mut self, mut cells: Image) -> Result<(), MachineError> {
        let first = cells.remove_entry(NEXT).into_iter().collect();
        self.put_all(first)?;
        self.disk.sync()?;
        self.put_all(cells)
    }

    /// A start takes the name that counts.
    pub(super) fn complete_rename(&mut self) {
        let next = self.disk.get(NEXT).map(<[u8]>::to_vec);
        self.disk.seed(ACTIVE, next);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Fuse, SamplePc, sample};
    use super::*;
    use crate::change::{Before, Change};
    use crate::conformance::{MemoryInputs, MemoryStore, StopAfter};
    use crate::facts::JoinState;
    use crate::machine::Cx;

    fn change() -> Change {
        Change::Rename {
            from: "PC7".to_owned(),
            to: "pc-New".to_owned(),
        }
    }

    /// A PC in a workgroup.
    fn pc(running: bool) -> SamplePc {
        let mut sample = sample(Fuse::default(), 1, 1);
        let state = JoinState::Workgroup {
            name: "WORKGROUP".to_owned(),
        };
        let state = cells::write("join/state", &state).ok();
        sample.pc.disk.seed("join/state", state);
        sample.pc.wants_reboot = running;
        sample
    }

    fn drive<T>(
        pc: &mut FakePc,
        work: impl FnOnce(&mut FakePc, &mut Cx<'_>) -> Result<T, MachineError>,
    ) -> Result<T, MachineError> {
        let inputs = MemoryInputs::new([], []);
        let (mut store, mut progress) = (MemoryStore::default(), StopAfter::never());
        let mut cx = Cx {
            store: &mut store,
            progress: &mut progress,
            inputs: &inputs,
        };
        work(pc, &mut cx)
    }

    fn rename(pc: &mut FakePc, before: &Before) -> Result<(), MachineError> {
        drive(pc, |pc, cx| pc.execute(&change(), before, cx)).map(drop)
    }

    fn back(pc: &mut FakePc, before: &Before) -> Result<(), MachineError> {
        drive(pc, |pc, cx| pc.revert(&change(), before, cx)).map(drop)
    }

    #[test]
    fn a_rename_is_cut_at_each_instruction_and_repeated_or_taken_back() {
        for running in [false, true] {
            let mut whole = pc(running).pc;
            let start = whole.snapshot();
            let before = drive(&mut whole, |pc, cx| pc.prepare(&change(), cx)).unwrap();
            let begun = whole.fuse.ticks();
            rename(&mut whole, &before).unwrap();
            let instructions = whole.fuse.ticks() - begun;
            whole.restart();
            let goal = whole.snapshot();
            assert!(instructions > 4, "{instructions}");
            // Both directions are cut: the way there, and the way back from there.
            for at in 0..2 * instructions {
                for finish in [false, true] {
                    let mut pc = pc(running).pc;
                    pc.fuse
                        .arm(pc.fuse.ticks() + at, at * 7 + u64::from(finish));
                    let there = rename(&mut pc, &before);
                    assert_eq!(there.is_err(), at < instructions);
                    let both = there.and_then(|()| back(&mut pc, &before));
                    assert_eq!(both.is_err(), pc.fuse.is_off());
                    pc.power_on();
                    if pc.next_name().unwrap() == "PC-NEW" {
                        let all: Vec<_> = pc.snapshot().into_iter().collect();
                        let whole: Vec<_> = goal.clone().into_iter().collect();
                        assert_eq!(all, whole, "called so before it is so, cut at {at}");
                    }
                    match finish {
                        true => rename(&mut pc, &before).unwrap(),
                        false => back(&mut pc, &before).unwrap(),
                    }
                    pc.restart();
                    let wanted = if finish { &goal } else { &start };
                    assert_eq!(&pc.snapshot(), wanted, "cut at {at}, finish {finish}");
                }
            }
        }
    }

    #[test]
    fn a_running_pc_goes_by_its_new_name_after_a_restart() {
        let mut pc = pc(true).pc;
        let before = drive(&mut pc, |pc, cx| pc.prepare(&change(), cx)).unwrap();
        rename(&mut pc, &before).unwrap();
        let facts = pc.facts().unwrap();
        assert_eq!(facts.computer_name, "PC-NEW");
        assert_eq!(
            facts.pending,
            [Pending::RenameOrJoin {
                because: "PC7 becomes PC-NEW at the next start".to_owned()
            }]
        );
        pc.restart();
        assert!(pc.facts().unwrap().pending.is_empty());
    }
}
