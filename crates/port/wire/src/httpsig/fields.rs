//! Header lists: exactly one of each protocol header, whatever a proxy did to the rest.

use super::{Headers, SignatureError};

/// The one value of a header, without surrounding blanks.
pub(super) fn one<'a>(
    headers: &Headers<'a>,
    name: &'static str,
) -> Result<&'a str, SignatureError> {
    let mut found = headers
        .iter()
        .filter(|(candidate, _)| candidate.eq_ignore_ascii_case(name));
    let (_, value) = found.next().ok_or(SignatureError::Missing(name))?;
    if found.next().is_some() {
        return Err(SignatureError::Twice(name));
    }
    Ok(value.trim_matches([' ', '\t']))
}
