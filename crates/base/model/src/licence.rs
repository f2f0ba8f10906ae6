//! What a licence allows (A-150…A-155). Signatures are checked elsewhere; this is the rule.

use crate::LicenceId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The product that a licence covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LicenceProduct {
    /// Running runbooks on devices.
    MigrationAgent,
    /// Exporting to a target directory.
    DirSync,
}

/// A licence as issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Licence {
    /// Its id.
    pub id: LicenceId,
    /// What it covers.
    pub product: LicenceProduct,
    /// For whom, for people.
    pub licensee: String,
    /// AD: DNS name of the domain; Entra: the onmicrosoft.com domain.
    pub source: String,
    /// Same shape as `source`.
    pub target: String,
    /// How many devices.
    pub devices: u32,
    /// A trial is a full key for few devices.
    pub trial: bool,
    /// From when.
    pub not_before: DateTime<Utc>,
    /// Until when it may start new devices.
    pub not_after: DateTime<Utc>,
}

/// A licence and how many devices already used it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenceUse {
    /// The licence.
    pub licence: Licence,
    /// Devices counted against it.
    pub used: u32,
}

/// Why a device may not run, worded for the person who can fix it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum LicenceRefusal {
    /// No licence at all for this pair of directories.
    #[error(
        "no Migration Agent licence covers {source_domain} to {target_domain}; paste one under Licences (rehearsals need none)"
    )]
    NoneForPair {
        /// The source's domain.
        source_domain: String,
        /// The target's domain.
        target_domain: String,
    },
    /// There is one, but all its devices are used.
    #[error(
        "all {devices} devices of the licence for {source_domain} to {target_domain} are used; order more, or remove unused ones"
    )]
    Exhausted {
        /// The source's domain.
        source_domain: String,
        /// The target's domain.
        target_domain: String,
        /// The sum of devices over all valid licences of the pair.
        devices: u32,
    },
    /// There is one, but not for today.
    #[error("the licence for {source_domain} to {target_domain} ended on {ended}; renew it")]
    Expired {
        /// The source's domain.
        source_domain: String,
        /// The target's domain.
        target_domain: String,
        /// The last day.
        ended: DateTime<Utc>,
    },
}

/// Which licence a new device is counted against, or why none.
///
/// # Errors
/// The most useful refusal: exhausted before expired before none.
pub fn check_licence(
    now: DateTime<Utc>,
    product: LicenceProduct,
    source: &str,
    target: &str,
    licences: &[LicenceUse],
) -> Result<LicenceId, LicenceRefusal> {
    let same = |a: &str, b: &str| {
        a.trim_end_matches('.')
            .eq_ignore_ascii_case(b.trim_end_matches('.'))
    };
    let (source_domain, target_domain) = (source.to_owned(), target.to_owned());
    let of_pair = || {
        licences.iter().filter(|held| {
            held.licence.product == product
                && same(&held.licence.source, source)
                && same(&held.licence.target, target)
        })
    };
    let valid = |held: &&LicenceUse| held.licence.not_before <= now && now < held.licence.not_after;
    // The one that ends first is used up first.
    let free = of_pair()
        .filter(valid)
        .filter(|held| held.used < held.licence.devices)
        .min_by_key(|held| (held.licence.not_after, held.licence.id));
    if let Some(held) = free {
        return Ok(held.licence.id);
    }
    if of_pair().any(|held| valid(&held)) {
        let devices = of_pair()
            .filter(valid)
            .map(|held| held.licence.devices)
            .sum();
        return Err(LicenceRefusal::Exhausted {
            source_domain,
            target_domain,
            devices,
        });
    }
    match of_pair().map(|held| held.licence.not_after).max() {
        Some(ended) if ended <= now => Err(LicenceRefusal::Expired {
            source_domain,
            target_domain,
            ended,
        }),
        _ => Err(LicenceRefusal::NoneForPair {
            source_domain,
            target_domain,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn held(n: u128, devices: u32, used: u32, ends: &str) -> LicenceUse {
        LicenceUse {
            licence: Licence {
                id: LicenceId(Uuid::from_u128(n)),
                product: LicenceProduct::MigrationAgent,
                licensee: "Lab".into(),
                source: "source.test".into(),
                target: "target.test".into(),
                devices,
                trial: true,
                not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
                not_after: ends.parse().unwrap(),
            },
            used,
        }
    }

    fn ask(licences: &[LicenceUse], target: &str) -> Result<LicenceId, LicenceRefusal> {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        check_licence(
            now,
            LicenceProduct::MigrationAgent,
            "SOURCE.test.",
            target,
            licences,
        )
    }

    #[test]
    fn the_refusal_names_what_to_do() {
        let late = "2027-01-01T00:00:00Z";
        assert_eq!(
            ask(&[held(1, 2, 1, late)], "target.test"),
            Ok(LicenceId(Uuid::from_u128(1)))
        );
        let full = ask(&[held(1, 2, 2, late)], "target.test").unwrap_err();
        assert!(matches!(full, LicenceRefusal::Exhausted { devices: 2, .. }));
        let over = ask(&[held(1, 2, 0, "2026-02-01T00:00:00Z")], "target.test").unwrap_err();
        assert!(over.to_string().contains("renew"));
        let none = ask(&[held(1, 2, 0, late)], "other.test").unwrap_err();
        assert!(none.to_string().contains("paste one under Licences"));
    }

    #[test]
    fn the_licence_that_ends_first_is_used_first() {
        let two = [
            held(1, 5, 0, "2028-01-01T00:00:00Z"),
            held(2, 5, 0, "2027-01-01T00:00:00Z"),
        ];
        assert_eq!(ask(&two, "target.test"), Ok(LicenceId(Uuid::from_u128(2))));
    }
}
