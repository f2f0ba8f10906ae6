//! Firewall rules: `v2.30|Action=Allow|…|LUAuth=<SDDL>|LUOwn=<SID>|`.

use super::{Rules, sddl_text};
use gw_secdesc::Sid;

/// Fields that hold SDDL.
const LISTS: [&str; 3] = ["LUAuth", "RUAuth", "RMAuth"];
/// The field that holds the owner of a rule of a packaged application.
const OWNER: &str = "LUOwn";

/// What a rule becomes, and whether its owner is a mapped source who stays.
pub(super) fn translate(rule: &str, rules: &Rules<'_>) -> (Option<String>, bool) {
    let mut kept = false;
    let fields: Vec<String> = rule
        .split('|')
        .map(|field| {
            let Some((name, value)) = field.split_once('=') else {
                return field.to_owned();
            };
            let new = if LISTS.contains(&name) {
                sddl_text::translate(value, rules.map, rules.mode)
            } else if name == OWNER {
                match value.parse::<Sid>() {
                    Ok(owner) => {
                        let heir = rules.heir(&owner).map(ToString::to_string);
                        kept |= heir.is_none() && rules.map.target(&owner).is_some();
                        heir
                    }
                    Err(_) => None,
                }
            } else {
                None
            };
            new.map_or_else(|| field.to_owned(), |new| format!("{name}={new}"))
        })
        .collect();
    let new = fields.join("|");
    ((new != rule).then_some(new), kept)
}

/// Accounts named in a rule.
pub(super) fn sids(rule: &str) -> Vec<Sid> {
    rule.split('|')
        .filter_map(|field| field.split_once('='))
        .filter(|(name, _)| LISTS.contains(name) || *name == OWNER)
        .flat_map(|(_, value)| sddl_text::sids(value))
        .collect()
}
