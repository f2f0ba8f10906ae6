//! The Translation Table: who becomes whom.

use gw_model::{ObjectId, ProfileId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::objects::{ObjectKind, ObjectRef};

/// One source object and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TranslationRow {
    /// The source object.
    pub source: ObjectRef,
    /// Its counterpart, when there is exactly one.
    pub target: Option<ObjectRef>,
    /// The profile that decided.
    #[schema(value_type = String)]
    pub profile_id: ProfileId,
    /// What was decided.
    pub state: TranslationState,
}

/// What matching decided for one source object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TranslationState {
    /// One counterpart; it is in the table.
    Matched,
    /// None; it gets a fresh profile on the target.
    Unmatched,
    /// Several; it is left out until someone decides.
    Ambiguous,
}

/// Which rows are wanted, ordered by the source's name.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TranslationQuery {
    /// Only rows where a name, UPN or SID on either side contains this; case does not matter.
    pub q: Option<String>,
    /// Only in this state.
    #[param(inline)]
    pub state: Option<TranslationState>,
    /// Only of this kind.
    #[param(inline)]
    pub kind: Option<ObjectKind>,
    /// Only decided by this profile.
    #[param(value_type = Option<String>)]
    pub profile_id: Option<ProfileId>,
    /// `next_cursor` of the page before; ignored by the CSV export.
    pub cursor: Option<String>,
    /// Rows per page, 1 to 500; ignored by the CSV export.
    pub limit: Option<u32>,
}

/// How many rows there are in each state, for the filters given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TranslationCounts {
    /// In the table.
    pub matched: u64,
    /// Without a counterpart.
    pub unmatched: u64,
    /// With several.
    pub ambiguous: u64,
}

/// How matching came to its decision for one source object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The row it explains.
    pub row: TranslationRow,
    /// Stable code of the decision, such as `matched`, `bound`, `no_candidate`, `ambiguous_targets`.
    pub code: String,
    /// The sentences, in the order in which the decision was made.
    pub sentences: Vec<String>,
    /// Objects that came into question, at most 20.
    #[schema(value_type = Vec<String>)]
    pub candidate_ids: Vec<ObjectId>,
}

/// Which profile's decision is meant.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProfileQuery {
    /// The profile; any that looked at the object when absent.
    #[param(value_type = Option<String>)]
    pub profile_id: Option<ProfileId>,
}
