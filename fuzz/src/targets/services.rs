//! What people hand to the server as text: lists of computers as CSV, licence strings, recovery keys,
//! cursors of pages; and the chunks in which it keeps agents' logs.

use crate::{Target, leave_alone};
use gw_model::Licence;
use gw_services::{exercise, issue_licence, read_licence};
use gw_wire::keys::SigningKey;
use serde_json::json;

pub(crate) const TARGET: Target = Target {
    name: "services",
    seeds,
    repair: leave_alone,
    run: exercise,
};

fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let licence: Licence = serde_json::from_value(json!({
        "id": format!("lic_{}", "01".repeat(16)), "product": "migration_agent",
        "licensee": "Example", "source": "source.test", "target": "target.test", "devices": 9,
        "trial": false, "not_before": "2026-01-01T00:00:00Z", "not_after": "2027-01-01T00:00:00Z",
    }))?;
    // Any key will do: what is believed is decided by the name of the issuer in the string.
    let secret = hex::encode(SigningKey::from_ed25519_seed(&[4; 32])?.to_pkcs8());
    let text = issue_licence(&secret, &licence)?;
    read_licence(&text)?;
    let recovery = format!("gwr1.{}", "ABCDE-".repeat(10));
    let cursor = format!("{}anna", "0123456789abcdef".repeat(2));
    let mut out = vec![
        text.into_bytes(),
        recovery.into_bytes(),
        cursor.into_bytes(),
    ];
    out.extend(
        [
            "PC-1\nPC-2\n",
            "\u{feff}Owner;Computer\r\nann;PC-1\r\n;\r\nbob;\"Müller, PC\"\r\n",
            "computer,serial\n'=PC,1\n",
        ]
        .map(|text| text.as_bytes().to_vec()),
    );
    Ok(out)
}
