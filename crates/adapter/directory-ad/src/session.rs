//! A signed-in connection: searches, reads and changes with a time limit each.

use crate::{
    entry::Entry,
    result::{Asked, refused},
};
use futures::FutureExt;
use gw_directory::{BindAccount, ConnectionSettings, DirectoryError};
use ldap3::{
    Ldap, LdapConnAsync, LdapError, LdapResult, Mod, Scope, SearchOptions,
    asn1::parse_tag,
    controls::{MakeCritical, PagedResults, RawControl},
};
use std::{collections::HashSet, future::Future, panic::AssertUnwindSafe, time::Duration};
use tokio::task::JoinHandle;

/// A search within one naming context.
#[derive(Debug, Clone)]
pub(crate) struct Search<'a> {
    /// Where it starts.
    pub(crate) base: &'a str,
    /// How deep it goes.
    pub(crate) scope: Scope,
    /// RFC 4515 text; values in it went through `escape::filter`.
    pub(crate) filter: &'a str,
    /// Attributes asked for.
    pub(crate) attributes: &'a [&'a str],
}

/// A connection; dropped, it is cut.
pub(crate) struct Session {
    ldap: Ldap,
    driver: JoinHandle<()>,
    /// Host as configured.
    pub(crate) host: String,
    /// Account as configured.
    pub(crate) account: String,
    limit: Duration,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Session {
    pub(crate) fn new(
        connection: LdapConnAsync,
        ldap: Ldap,
        settings: &ConnectionSettings,
    ) -> Self {
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!(error = %error, "LDAP connection ended");
            }
        });
        Self {
            ldap,
            driver,
            host: settings.host.clone(),
            account: settings.bind.account.clone(),
            limit: settings.timeouts.answer,
        }
    }

    /// Simple bind; the connection is TLS by construction.
    pub(crate) async fn sign_in(&self, bind: &BindAccount) -> Result<(), DirectoryError> {
        let mut ldap = self.ldap.clone();
        ldap.with_timeout(self.limit);
        let call = ldap.simple_bind(&bind.account, bind.password.expose());
        let result = self.guarded("signing in", call).await?;
        self.accept("sign in", "", result)
    }

    /// Says good-bye; a server that does not listen any more does not matter.
    pub(crate) async fn close(mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(2), self.ldap.unbind()).await;
    }

    /// One page. Returns the cookie of the next; empty on the last.
    pub(crate) async fn page(
        &self,
        search: &Search<'_>,
        size: u32,
        cookie: Vec<u8>,
        mut take: impl FnMut(Entry) + Send,
    ) -> Result<Vec<u8>, DirectoryError> {
        let size = i32::try_from(size.clamp(1, 1000)).unwrap_or(1000);
        let paged = PagedResults { size, cookie }.critical().into();
        let result = self
            .search(search, vec![paged, domain_scope()], 0, &mut take)
            .await?;
        let cookie = page_cookie(&result);
        self.accept("search the directory", search.base, result)?;
        cookie.ok_or_else(|| self.malformed("a page of results has no cookie"))
    }

    /// The first few entries; the server may know more.
    pub(crate) async fn sample(
        &self,
        search: &Search<'_>,
        most: i32,
    ) -> Result<Vec<Entry>, DirectoryError> {
        let mut entries = Vec::new();
        let result = self
            .search(search, vec![domain_scope()], most, &mut |entry| {
                entries.push(entry)
            })
            .await?;
        // 4 is sizeLimitExceeded: what was asked for.
        if result.rc != 4 {
            self.accept("search the directory", search.base, result)?;
        }
        Ok(entries)
    }

    /// One object by its DN (or `<GUID=…>`); `None` if it is not there or may not be seen.
    pub(crate) async fn read(
        &self,
        dn: &str,
        attributes: &[&str],
    ) -> Result<Option<Entry>, DirectoryError> {
        self.read_with(dn, attributes, Vec::new()).await
    }

    /// As [`Session::read`], with request controls.
    pub(crate) async fn read_with(
        &self,
        dn: &str,
        attributes: &[&str],
        controls: Vec<RawControl>,
    ) -> Result<Option<Entry>, DirectoryError> {
        let search = Search {
            base: dn,
            scope: Scope::Base,
            filter: "(objectClass=*)",
            attributes,
        };
        let mut found = None;
        let result = self
            .search(&search, controls, 0, &mut |entry| found = Some(entry))
            .await?;
        match self.accept("read", dn, result) {
            Ok(()) => Ok(found),
            Err(DirectoryError::NoSuchObject { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All values of a multi-valued attribute, slice by slice: AD never sends more than 1,500 at
    /// once (MS-ADTS 3.1.1.3.1.3.3).
    pub(crate) async fn all_values(
        &self,
        dn: &str,
        attribute: &str,
    ) -> Result<Vec<Vec<u8>>, DirectoryError> {
        let mut all = Vec::new();
        let mut start = 0_usize;
        loop {
            let asked = format!(
                "{attribute};range={start}-{}",
                start.saturating_add(SLICE - 1)
            );
            let Some(entry) = self.read(dn, &[&asked]).await? else {
                return Err(DirectoryError::NoSuchObject {
                    dn: dn.into(),
                    matched: None,
                    domain_dn: None,
                });
            };
            let Some((values, next)) = entry.ranged(attribute) else {
                all.extend_from_slice(entry.values(attribute));
                return Ok(all);
            };
            all.extend_from_slice(values);
            match next {
                None => return Ok(all),
                Some(next) if next > start => start = next,
                Some(_) => return Err(self.malformed("a ranged attribute does not advance")),
            }
        }
    }

    /// Adds an object. The raw result, because its codes mean different things to different callers.
    pub(crate) async fn add(
        &self,
        dn: &str,
        attributes: Vec<(&'static str, Vec<Vec<u8>>)>,
    ) -> Result<LdapResult, DirectoryError> {
        let attributes = attributes
            .into_iter()
            .map(|(name, values)| (name.as_bytes().to_vec(), values.into_iter().collect()))
            .collect();
        let mut ldap = self.ldap.clone();
        ldap.with_timeout(self.limit);
        self.guarded("creating an object", ldap.add(dn, attributes))
            .await
    }

    /// Replaces attributes of an object, all or none.
    pub(crate) async fn replace(
        &self,
        dn: &str,
        attributes: Vec<(&'static str, Vec<Vec<u8>>)>,
    ) -> Result<LdapResult, DirectoryError> {
        let changes = attributes
            .into_iter()
            .map(|(name, values)| {
                let values: HashSet<Vec<u8>> = values.into_iter().collect();
                Mod::Replace(name.as_bytes().to_vec(), values)
            })
            .collect();
        let mut ldap = self.ldap.clone();
        ldap.with_timeout(self.limit);
        self.guarded("changing an object", ldap.modify(dn, changes))
            .await
    }

    /// `Ok` if the result is success.
    pub(crate) fn accept(
        &self,
        what: &str,
        dn: &str,
        result: LdapResult,
    ) -> Result<(), DirectoryError> {
        match result.rc {
            0 => Ok(()),
            _ => Err(refused(
                &Asked {
                    host: &self.host,
                    account: &self.account,
                    what,
                    dn,
                },
                &result,
            )),
        }
    }

    /// An answer that lacks what it must have.
    pub(crate) fn malformed(&self, what: &str) -> DirectoryError {
        DirectoryError::Malformed {
            host: self.host.clone(),
            what: what.into(),
        }
    }

    async fn search(
        &self,
        search: &Search<'_>,
        controls: Vec<RawControl>,
        most: i32,
        take: &mut (dyn FnMut(Entry) + Send),
    ) -> Result<LdapResult, DirectoryError> {
        let mut ldap = self.ldap.clone();
        if !controls.is_empty() {
            ldap.with_controls(controls);
        }
        ldap.with_timeout(self.limit)
            .with_search_options(SearchOptions::new().sizelimit(most));
        let mut broken = false;
        let call = async {
            let attributes = search.attributes.to_vec();
            let mut stream = ldap
                .streaming_search(search.base, search.scope, search.filter, attributes)
                .await?;
            while let Some(found) = stream.next().await? {
                if found.is_ref() || found.is_intermediate() {
                    continue;
                }
                match Entry::from_result(found) {
                    Some(entry) => take(entry),
                    None => broken = true,
                }
            }
            Ok(stream.finish().await)
        };
        let result = self.guarded("searching", call).await?;
        if broken {
            return Err(self.malformed("an entry is not encoded as LDAP asks"));
        }
        Ok(result)
    }

    /// Runs a library call. Its own assertions about a server's answer become errors here.
    async fn guarded<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, LdapError>>,
    ) -> Result<T, DirectoryError> {
        match AssertUnwindSafe(call).catch_unwind().await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.library_error(what, error)),
            Err(_panic) => Err(self.malformed("it is not encoded as LDAP asks")),
        }
    }

    fn library_error(&self, what: &str, error: LdapError) -> DirectoryError {
        let (host, what) = (self.host.clone(), what.to_owned());
        match error {
            LdapError::Timeout { .. } => DirectoryError::TimedOut {
                what: format!("the answer of {host} while {what}"),
                after: self.limit,
            },
            LdapError::Io { source } => DirectoryError::ConnectionLost {
                host,
                what,
                cause: source.to_string(),
            },
            LdapError::OpSend { .. }
            | LdapError::ResultRecv { .. }
            | LdapError::IdScrubSend { .. }
            | LdapError::MiscSend { .. }
            | LdapError::EndOfStream => DirectoryError::ConnectionLost {
                host,
                what,
                cause: "the domain controller closed it".into(),
            },
            other => DirectoryError::Malformed {
                host,
                what: other.to_string(),
            },
        }
    }
}

/// Values per slice of a ranged attribute; every server version takes 1,000.
const SLICE: usize = 1000;

/// LDAP_SERVER_DOMAIN_SCOPE: no referrals to other partitions (MS-ADTS 3.1.1.3.4.1.4).
fn domain_scope() -> RawControl {
    RawControl {
        ctype: "1.2.840.113556.1.4.1339".into(),
        crit: false,
        val: None,
    }
}

/// LDAP_SERVER_SD_FLAGS: owner and DACL only, because reading the SACL needs a privilege
/// (MS-ADTS 3.1.1.3.4.1.11). BER of SEQUENCE { INTEGER 5 }.
pub(crate) fn owner_and_dacl() -> RawControl {
    RawControl {
        ctype: "1.2.840.113556.1.4.801".into(),
        crit: true,
        val: Some(vec![0x30, 0x03, 0x02, 0x01, 0x05]),
    }
}

/// The cookie of a paged answer (RFC 2696). `None` if the control is missing or broken.
fn page_cookie(result: &LdapResult) -> Option<Vec<u8>> {
    let control = result
        .ctrls
        .iter()
        .find(|control| control.1.ctype == "1.2.840.113556.1.4.319")?;
    cookie_of(control.1.val.as_deref()?)
}

/// The cookie in the control's value: SEQUENCE { size, cookie }.
pub(crate) fn cookie_of(value: &[u8]) -> Option<Vec<u8>> {
    let (_, tag) = parse_tag(value).ok()?;
    tag.expect_constructed()?
        .into_iter()
        .nth(1)?
        .expect_primitive()
}
