//! An in-memory PC for tests, with the ways in which real ones fail.
//!
//! Its disk knows the difference between written and durable; a power cut keeps
//! an arbitrary part of what was not synced. The [`Fuse`] counts every write
//! and sync of everything that shares it, so a test can cut the power at each
//! of them in turn.

mod areas;
mod areas_build;
mod build;
mod cells;
mod changes;
mod disk;
mod fuse;
mod machine;
mod membership;
mod name;
mod sd;

pub use areas::BytesCell;
pub use build::{Place, SamplePc, sample, sample_between};
pub use cells::{FileCell, GroupCell, HiveCell, ProfileCell, SecurityCell};
pub use disk::Disk;
pub use fuse::{Fuse, PowerFailed};
pub use machine::{FakeDirectory, FakePc, Fault, Phase};
pub use membership::{AccountCell, FakeTenant};
pub use sd::{AceSpec, descriptor};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Known, Subject, areas, run_all};
    use crate::{JoinTarget, Machine, MachineError, WinPath};

    struct Bench(SamplePc);

    impl Subject for Bench {
        fn machine(&mut self) -> &mut dyn Machine {
            &mut self.0.pc
        }

        fn reopen(&mut self) {}

        fn known(&self) -> Known {
            let folder = |name: &str| -> WinPath { format!(r"C:\Users\{name}").parse().unwrap() };
            Known {
                users: self
                    .0
                    .users
                    .iter()
                    .map(|(name, a, b)| (folder(name), a.clone(), b.clone()))
                    .collect(),
                ignored: vec!["%SystemRoot%".to_owned()],
                target: self.0.target.clone(),
                secret: b"target-0".to_vec(),
                online: true,
                new_folder: r"C:\ProgramData\New".parse().unwrap(),
            }
        }
    }

    #[test]
    fn the_fake_pc_conforms() {
        run_all(&mut || Box::new(Bench(sample(Fuse::default(), 3, 25))));
    }

    #[test]
    fn areas_of_the_fake_pc() {
        for mode in [crate::Mode::Replace, crate::Mode::Add] {
            areas(&mut Bench(sample(Fuse::default(), 3, 25)), mode);
        }
    }

    #[test]
    fn a_power_cut_loses_only_what_was_not_synced() {
        let fuse = Fuse::default();
        let mut disk = Disk::new(fuse.clone());
        disk.put("a", Some(vec![1])).unwrap();
        disk.sync().unwrap();
        let mut kept = 0;
        for seed in 0..32 {
            disk.put("b", Some(vec![2])).unwrap();
            fuse.arm(fuse.ticks(), seed);
            assert_eq!(disk.sync(), Err(PowerFailed));
            assert_eq!(disk.put("c", None), Err(PowerFailed), "off stays off");
            disk.power_on();
            fuse.restore();
            assert_eq!(disk.get("a"), Some(&[1u8][..]));
            kept += u32::from(disk.get("b").is_some());
            disk.put("b", None).unwrap();
            disk.sync().unwrap();
        }
        assert!((4..28).contains(&kept), "{kept} of 32 survived");
    }

    #[test]
    fn faults_strike_once_and_the_network_can_fail() {
        let mut sample = sample(Fuse::default(), 1, 1);
        let source: JoinTarget = sample.source.clone();
        assert!(sample.pc.prove_join(&source).is_ok());
        sample.pc.network.get_mut("source.test").unwrap().reachable = false;
        assert!(matches!(
            sample.pc.prove_join(&source),
            Err(MachineError::Network { .. })
        ));
    }
}
