//! What must stop a run before anything changes: each blocker is planted on a device of its own, by
//! changing the device or what the engine is told. The run must end as it began, say why, and leave
//! the volume as it was; `image_check.py`, which shares no code with the product, compares.

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use gw_hive::{FileTime, Hive, RegValue, kind};
use gw_lab::{
    image::{ImageSpec, Language, Mounted},
    offline::{Device, Documents, Tools, copy, differs},
};
use serde_json::{Value, json};
use std::{fs, path::Path};

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    tools: Tools,
}

const CONFIG: &str = "Windows/System32/config";
const SET: &str = "ControlSet001";
const PROFILES: &str = r"Microsoft\Windows NT\CurrentVersion\ProfileList";
const AT: FileTime = FileTime(134_000_000_000_000_000);

/// What a plant may change.
struct Ground<'a> {
    spec: &'a ImageSpec,
    documents: &'a mut Documents,
    /// Folder of the device.
    dir: &'a Path,
}

/// A blocker: what it is, the check that must find it, and how it is planted.
struct Blocker {
    what: &'static str,
    check: &'static str,
    plant: fn(&mut Ground<'_>) -> Result<()>,
}

const BLOCKERS: [Blocker; 14] = [
    Blocker {
        what: "a server edition",
        check: "server_os",
        plant: |ground| {
            let value = RegValue::string("ServerNT");
            let key = format!(r"{SET}\Control\ProductOptions");
            ground.value("SYSTEM", &key, "ProductType", &value)
        },
    },
    Blocker {
        what: "on battery, nearly empty",
        check: "power",
        plant: |ground| {
            let file = ground.dir.join("device.json");
            let mut device: Value = serde_json::from_slice(&fs::read(&file)?)?;
            device["on_ac_power"] = json!(false);
            device["battery_percent"] = json!(9);
            Ok(fs::write(file, serde_json::to_vec(&device)?)?)
        },
    },
    Blocker {
        what: "too little space",
        check: "disk_space",
        plant: |ground| {
            ground.settings()["min_free_bytes"] = json!(1_u64 << 50);
            Ok(())
        },
    },
    Blocker {
        what: "files that wait for a restart",
        check: "pending_reboot",
        plant: |ground| {
            let text = "\\??\\C:\\Windows\\Temp\\a.tmp\0\0\0";
            let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let value = RegValue::new(kind::MULTI_SZ, bytes);
            let key = format!(r"{SET}\Control\Session Manager");
            ground.value("SYSTEM", &key, "PendingFileRenameOperations", &value)
        },
    },
    Blocker {
        what: "servicing that waits for a restart",
        check: "pending_reboot",
        plant: |ground| {
            let key = r"Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending";
            ground.value("SOFTWARE", key, "", &RegValue::string("x"))
        },
    },
    Blocker {
        what: "a new name that waits for a restart",
        check: "pending_rename",
        plant: |ground| {
            let key = format!(r"{SET}\Control\ComputerName\ActiveComputerName");
            let value = RegValue::string("OLD-NAME");
            ground.value("SYSTEM", &key, "ComputerName", &value)
        },
    },
    Blocker {
        what: "a profile that is registered as .bak",
        check: "profile_health",
        plant: |ground| {
            let sid = ground.user();
            ground.hive("SOFTWARE", &|hive| {
                let mut edit = hive.edit(AT)?;
                Ok(edit.rename_key(&format!(r"{PROFILES}\{sid}"), &format!("{sid}.bak"))?)
            })
        },
    },
    Blocker {
        what: "a temporary profile",
        check: "profile_health",
        plant: |ground| {
            let key = format!(r"{PROFILES}\{}", ground.user());
            let state = RegValue::new(kind::DWORD, 0x800_u32.to_le_bytes());
            ground.value("SOFTWARE", &key, "State", &state)
        },
    },
    Blocker {
        what: "a user's hive that is no hive",
        check: "hive",
        plant: |ground| {
            let user = ground.spec.profiles.iter().find(|user| user.mapped);
            let folder = &user.context("a device without users")?.folder;
            let file = format!("Users/{folder}/NTUSER.DAT");
            ground.volume(&|root| {
                let file = root.join(&file);
                let mut bytes = fs::read(&file)?;
                bytes[..4096].fill(0);
                Ok(fs::write(file, bytes)?)
            })
        },
    },
    Blocker {
        what: "a target that is a source, too",
        check: "table",
        plant: |ground| {
            let pairs = &mut ground.documents.stage["pairs"];
            pairs[0]["target_sid"] = pairs[1]["source_sid"].clone();
            Ok(())
        },
    },
    Blocker {
        what: "a device of another directory",
        check: "source",
        plant: |ground| {
            ground.settings()["leave"] = json!("active_directory");
            ground.documents.order["sources"] = json!([{ "dns_name": "elsewhere.test" }]);
            Ok(())
        },
    },
    Blocker {
        what: "a target that does not answer",
        check: "target_reach",
        plant: |ground| ground.moves(),
    },
    Blocker {
        what: "no way back",
        check: "return_ticket",
        plant: |ground| {
            ground.moves()?;
            ground.documents.stage["return_grade"] = json!("none");
            Ok(())
        },
    },
    Blocker {
        what: "a name that no computer may have",
        check: "computer_name",
        plant: |ground| {
            ground.moves()?;
            ground.documents.stage["computer_name"] = json!("12345");
            Ok(())
        },
    },
];

impl Ground<'_> {
    fn settings(&mut self) -> &mut Value {
        &mut self.documents.order["settings"]
    }

    /// SID of the first user who is mapped.
    fn user(&self) -> String {
        let mut users = self.spec.profiles.iter();
        let user = users.find(|user| user.mapped);
        user.map(|user| user.sid.to_string()).unwrap_or_default()
    }

    /// The order leaves the source and joins a target; nobody answers there.
    fn moves(&mut self) -> Result<()> {
        let settings = self.settings();
        settings["leave"] = json!("active_directory");
        settings["join"] = json!("active_directory");
        self.documents.order["sources"] = json!([{ "dns_name": "source.test" }]);
        self.documents.order["target"] = json!({ "dns_name": "target.test" });
        let stage = &mut self.documents.stage;
        stage["secret"] = json!("target-machine");
        stage["target"] = json!({
            "kind": "active_directory", "dns_name": "target.test", "netbios_name": "TARGET",
            "forest_name": "target.test", "domain_sid": "S-1-5-21-11-22-33", "domain_guid": null,
            "account_name": format!("{}$", self.spec.computer_name),
            "machine_sid": "S-1-5-21-11-22-33-6001", "kvno": 2,
            "controllers": [{ "host": "dc1.target.test", "addresses": ["127.0.0.1"], "site": null }],
        });
        Ok(())
    }

    /// Changes the volume.
    fn volume(&self, change: &dyn Fn(&Path) -> Result<()>) -> Result<()> {
        let mounted = Mounted::open(&self.dir.join("disk.img"), &self.dir.join("mnt"))?;
        let done = change(mounted.root());
        mounted.close()?;
        done
    }

    /// Changes a machine hive.
    fn hive(&self, name: &str, change: &dyn Fn(&mut Hive) -> Result<()>) -> Result<()> {
        self.volume(&|root| {
            let file = root.join(CONFIG).join(name);
            let mut hive = Hive::open(fs::read(&file)?, None, None)?;
            change(&mut hive)?;
            Ok(fs::write(file, hive.into_bytes())?)
        })
    }

    fn value(&self, hive: &str, key: &str, name: &str, value: &RegValue) -> Result<()> {
        self.hive(hive, &|hive| {
            let mut edit = hive.edit(AT)?;
            edit.create_key(key)?;
            Ok(edit.set_value(key, name, value)?)
        })
    }
}

fn main() -> Result<()> {
    let Arguments { tools } = Arguments::parse();
    let spec = ImageSpec::sample(200, Language::En);
    let base = tools.base(&spec)?;
    let none = Device::new(&tools, &base, tools.dir.join("none"), &Documents::of(&spec))?;
    let ended = none.play("engine")?;
    ensure!(ended == "migrated", "without a blocker it ends {ended}");
    println!("nothing planted: migrated");

    let mut wrong = 0;
    for (number, blocker) in BLOCKERS.iter().enumerate() {
        let dir = tools.dir.join(format!("{number}-{}", blocker.check));
        let told = play(&tools, &spec, &base, &dir, blocker)
            .with_context(|| format!("{} ({})", blocker.what, dir.display()))?;
        match told {
            Ok(evidence) => println!("{:<16} {}: {evidence}", blocker.check, blocker.what),
            Err(why) => {
                wrong += 1;
                println!("{:<16} {}: WRONG: {why}", blocker.check, blocker.what);
            }
        }
    }
    println!("{} passed, {wrong} failed", BLOCKERS.len() - wrong);
    if wrong > 0 {
        bail!("{wrong} of {} blockers did not stop a run", BLOCKERS.len());
    }
    Ok(())
}

/// Plays one; what was found, or what is wrong.
fn play(
    tools: &Tools,
    spec: &ImageSpec,
    base: &Path,
    dir: &Path,
    blocker: &Blocker,
) -> Result<Result<String, String>> {
    let planted = dir.join("planted");
    fs::create_dir_all(&planted)?;
    for file in ["disk.img", "device.json"] {
        copy(&base.join(file), &planted.join(file))?;
    }
    let mut documents = Documents::of(spec);
    (blocker.plant)(&mut Ground {
        spec,
        documents: &mut documents,
        dir: &planted,
    })?;
    let device = Device::new(tools, &planted, dir.join("device"), &documents)?;
    device.secret("target-machine", "a machine password of its own")?;
    let ended = device.play("engine")?;
    let records = device.journal()?;
    let found = records.iter().find(|record| {
        record["event"] == "finding"
            && record["check"] == blocker.check
            && record["severity"] == "blocks"
    });
    if ended != "restored" {
        return Ok(Err(format!("it ended {ended}")));
    }
    if let Some(record) = records.iter().find(|record| record["event"] == "intent") {
        return Ok(Err(format!("a change was begun: {}", record["change"])));
    }
    let Some(found) = found else {
        return Ok(Err("no finding names it".to_owned()));
    };
    if let Some(difference) = differs(tools, &planted.join("disk.img"), &device.disk())? {
        return Ok(Err(format!("the volume is another one: {difference}")));
    }
    let evidence = found["evidence"].as_str().unwrap_or_default().to_owned();
    fs::remove_dir_all(dir)?;
    Ok(Ok(evidence))
}
