//! The people of both forests: the same person on both sides, named as each side does.

use super::{
    names::person,
    plan::{DomainPlan, UserPlan},
};

const MATCHED: usize = 286;
const NO_ID: usize = 12;
const UNKNOWN_ID: usize = 14;
const TWO_TARGETS: usize = 8;
const TWO_SOURCES: usize = 10;
pub(super) const TARGET_ONLY: usize = 40;

/// People in the source.
pub(super) const PEOPLE: usize = MATCHED + NO_ID + UNKNOWN_ID + TWO_TARGETS + TWO_SOURCES;

/// What matching by `employeeID` makes of the n-th source person.
pub(super) enum Band {
    Matched,
    NoId,
    UnknownId,
    TwoTargets,
    TwoSources,
}

pub(super) fn band(n: usize) -> Band {
    match n {
        n if n < MATCHED => Band::Matched,
        n if n < MATCHED + NO_ID => Band::NoId,
        n if n < MATCHED + NO_ID + UNKNOWN_ID => Band::UnknownId,
        n if n < MATCHED + NO_ID + UNKNOWN_ID + TWO_TARGETS => Band::TwoTargets,
        _ => Band::TwoSources,
    }
}

/// The n-th person in the source.
pub(super) fn source_user(domain: &DomainPlan, n: usize) -> UserPlan {
    let ((first, a), (last, b)) = person(n);
    let account: String = format!("{a}.{b}").chars().take(20).collect();
    let employee_id = match band(n) {
        Band::NoId => None,
        Band::UnknownId => Some(format!("X{n:05}")),
        // Pairs of source people share one id.
        Band::TwoSources => Some(format!("E{:05}", n / 2 * 2)),
        Band::Matched | Band::TwoTargets => Some(format!("E{n:05}")),
    };
    UserPlan {
        cn: format!("{first} {last}"),
        ou: domain.ous[2 + n % 3].clone(),
        upn: format!("{a}.{b}@source.test"),
        mail: format!("{a}.{b}@source.example"),
        display_name: format!("{first} {last}"),
        employee_id,
        password: None,
        enabled: n % 50 != 49,
        sid_history: (n % 40 == 5)
            .then(|| format!("S-1-5-21-515967899-1078145449-1801674531-{}", 5000 + n))
            .into_iter()
            .collect(),
        account,
    }
}

/// The n-th person in the target; `copy` 1 is a second account with the same id.
pub(super) fn target_user(
    domain: &DomainPlan,
    n: usize,
    copy: usize,
    employee_id: Option<String>,
) -> UserPlan {
    let ((first, a), (last, b)) = person(n);
    let mark = if copy == 0 {
        String::new()
    } else {
        format!("-{copy}")
    };
    let initial: String = a.chars().take(3).collect();
    let account: String = format!(
        "{}{initial}{n}{mark}",
        b.chars().take(10).collect::<String>()
    );
    UserPlan {
        cn: format!("{last}, {first}{mark}"),
        ou: domain.ous[3 + n % 3].clone(),
        upn: format!("{b}.{a}{mark}@target.test"),
        mail: format!("{b}.{a}{mark}@target.example"),
        display_name: format!("{last}, {first}"),
        employee_id,
        password: None,
        enabled: true,
        sid_history: Vec::new(),
        account,
    }
}
