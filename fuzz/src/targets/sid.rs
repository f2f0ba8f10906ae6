//! SIDs, GUIDs and ids in their text and binary forms.
//!
//! The binary form is read from the bytes, the text forms from the bytes as text.

use crate::{Target, leave_alone};
use gw_model::{
    AdminId, AgentId, AuditId, BatchId, CustomerId, DeviceId, DirectoryId, Guid, JobId, LicenceId,
    ObjectId, OrderId, ProfileId, PskId, RunId, RunbookId, TranslationId,
};
use gw_platform::SidText;
use gw_secdesc::Sid;
use std::{fmt::Display, str::FromStr};

pub(crate) const TARGET: Target = Target {
    name: "sid",
    seeds,
    repair: leave_alone,
    run,
};

fn run(data: &[u8]) {
    if let Ok((sid, length)) = Sid::parse(data) {
        assert_eq!(sid.as_bytes(), &data[..length], "a SID changed on its way");
        assert_eq!(Sid::from_bytes(&data[..length]), Ok(sid.clone()));
        known(&sid);
    }
    let _ = Sid::from_bytes(data);
    let text = String::from_utf8_lossy(data);
    if let Ok(sid) = text.parse::<Sid>() {
        known(&sid);
    }
    stable::<SidText>(&text);
    stable::<Guid>(&text);
    let ids: [fn(&str); 16] = [
        stable::<CustomerId>,
        stable::<DirectoryId>,
        stable::<ObjectId>,
        stable::<ProfileId>,
        stable::<TranslationId>,
        stable::<RunbookId>,
        stable::<BatchId>,
        stable::<DeviceId>,
        stable::<AgentId>,
        stable::<RunId>,
        stable::<OrderId>,
        stable::<PskId>,
        stable::<LicenceId>,
        stable::<JobId>,
        stable::<AdminId>,
        stable::<AuditId>,
    ];
    for read in ids {
        read(&text);
    }
}

/// A SID that was read has a text that both types read, and the same bytes again.
fn known(sid: &Sid) {
    let text = sid.to_string();
    // Without a part after the authority it is bytes that somebody wrote, and no account.
    if sid.rid().is_none() {
        assert!(text.parse::<Sid>().is_err(), "{text}");
        return;
    }
    assert_eq!(text.parse::<Sid>().as_ref(), Ok(sid), "{text}");
    assert!(text.parse::<SidText>().is_ok(), "{text} is refused");
    let _ = (sid.domain(), sid.rid(), sid.is_never_mapped());
}

/// What was read has a text that is read as the same.
fn stable<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        let again = read.to_string().parse::<T>().ok();
        assert!(again.is_some_and(|again| again == read), "{read} changed");
    }
}

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let sid: Sid = "S-1-5-21-397955417-626881126-188441444-1105".parse()?;
    let hex = "01".repeat(16);
    let mut out = vec![sid.to_bytes(), "S-1-0x0123456789AB-1".into()];
    out.extend(["S-1-5-18", "s-1-12-1-1-2-3-4"].map(|text| text.as_bytes().to_vec()));
    out.push(b"{00299570-246d-11d0-a768-00aa006e0529}".to_vec());
    out.extend(
        [
            "cus", "dir", "obj", "prf", "tra", "rbk", "bat", "dev", "agt", "run", "ord", "psk",
            "lic", "job", "adm", "aud",
        ]
        .map(|kind| format!("{kind}_{hex}").into_bytes()),
    );
    Ok(out)
}
