//! Active Directory over LDAP: the implementation of `gw-directory`.
//!
//! What must stay true:
//! - nothing but the StartTLS request itself ever leaves on a connection without TLS, and the
//!   certificate is always checked (system store, custom CA or pin; see `tls`);
//! - every step has a time limit;
//! - text that becomes part of a filter or DN goes through `escape`;
//! - no answer of a server, however broken, makes this crate panic: entries are decoded without
//!   assumptions (`entry`), and the LDAP library's own assertions are caught (`session`);
//! - passwords are `Secret`s up to the call that sends them.

mod accounts;
mod check;
mod connect;
mod entry;
mod escape;
mod exercise;
mod facts;
mod import;
mod password;
mod prepare;
mod result;
mod rights;
mod session;
mod starttls;
mod time;
mod tls;
mod token;

pub use exercise::exercise;

use gw_directory::{
    AccountError, AccountFacts, BoxFuture, ComputerAccounts, ComputerName, ConnectionReport,
    ConnectionSettings, DirectoryError, DirectoryReader, DomainFacts, Enabled, ImportRequest,
    ImportSink, ImportSummary, PrepareRequest, PreparedAccount, ResetAccount, ResetProof,
};
use gw_model::Guid;

/// Active Directory over LDAP. Holds no state: every call opens its own connection and closes it.
#[derive(Debug, Clone, Copy, Default)]
pub struct AdDirectory;

impl DirectoryReader for AdDirectory {
    fn test_connection<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
    ) -> BoxFuture<'a, ConnectionReport> {
        Box::pin(check::run(settings))
    }

    fn facts<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
    ) -> BoxFuture<'a, Result<DomainFacts, DirectoryError>> {
        Box::pin(async move {
            let session = connect::open(settings).await?;
            let facts = facts::read(&session).await;
            session.close().await;
            facts
        })
    }

    fn import<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        request: &'a ImportRequest,
        sink: &'a mut dyn ImportSink,
    ) -> BoxFuture<'a, Result<ImportSummary, DirectoryError>> {
        Box::pin(import::run(settings, request, sink))
    }

    fn members<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        group: Guid,
    ) -> BoxFuture<'a, Result<Vec<String>, DirectoryError>> {
        Box::pin(async move {
            let session = connect::open(settings).await?;
            let members = session.all_values(&escape::guid_dn(group), "member").await;
            session.close().await;
            let to_text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
            let mut members: Vec<_> = members?.into_iter().map(to_text).collect();
            members.sort();
            Ok(members)
        })
    }
}

impl ComputerAccounts for AdDirectory {
    fn prepare_account<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        request: &'a PrepareRequest,
    ) -> BoxFuture<'a, Result<PreparedAccount, AccountError>> {
        Box::pin(async move {
            let session = connect::open(settings).await?;
            let prepared = prepare::run(&session, request).await;
            session.close().await;
            prepared
        })
    }

    fn reset_password<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        account: Guid,
    ) -> BoxFuture<'a, Result<ResetAccount, AccountError>> {
        Box::pin(async move {
            let session = connect::open(settings).await?;
            let reset = accounts::reset(&session, account).await;
            session.close().await;
            reset
        })
    }

    fn may_reset<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        account: Guid,
    ) -> BoxFuture<'a, Result<ResetProof, AccountError>> {
        Box::pin(async move {
            let session = connect::open(settings).await?;
            let proof = accounts::may_reset(&session, account).await;
            session.close().await;
            proof
        })
    }

    fn set_enabled<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        account: Guid,
        enabled: Enabled,
    ) -> BoxFuture<'a, Result<(), AccountError>> {
        Box::pin(async move {
            let session = connect::open(settings).await?;
            let done = accounts::set_enabled(&session, account, enabled).await;
            session.close().await;
            done
        })
    }

    fn find_account<'a>(
        &'a self,
        settings: &'a ConnectionSettings,
        name: &'a ComputerName,
    ) -> BoxFuture<'a, Result<Option<AccountFacts>, AccountError>> {
        Box::pin(async move {
            let session = connect::open(settings).await?;
            let found = accounts::by_name(&session, name).await;
            session.close().await;
            found
        })
    }
}
