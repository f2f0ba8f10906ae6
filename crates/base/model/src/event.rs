//! The catalogue of events that a person can see: on the device's Application log, under Agent
//! Logs, and in the audit trail. A number, once given, keeps its meaning for ever.

use serde::{Deserialize, Serialize};

/// How urgent an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Life-cycle.
    Info,
    /// Watch it.
    Warning,
    /// Somebody must act.
    Error,
}

/// The number of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventCode(pub u16);

/// One entry of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Its number.
    pub code: EventCode,
    /// How urgent.
    pub severity: Severity,
    /// What happened.
    pub title: &'static str,
    /// What to do, if anything.
    pub remedy: Option<&'static str>,
}

macro_rules! catalogue {
    ($($number:literal $name:ident $severity:ident $title:literal $(=> $remedy:literal)?;)*) => {
        impl EventCode {
            $(#[doc = $title] pub const $name: Self = Self($number);)*

            /// The entry of the catalogue.
            #[must_use]
            pub fn entry(self) -> Option<&'static Event> {
                EVENTS.iter().find(|event| event.code == self)
            }
        }

        /// Every event, in the order of its number.
        pub const EVENTS: &[Event] = &[$(Event {
            code: EventCode($number),
            severity: Severity::$severity,
            title: $title,
            remedy: catalogue!(@remedy $($remedy)?),
        },)*];
    };
    (@remedy) => { None };
    (@remedy $remedy:literal) => { Some($remedy) };
}

catalogue! {
    1000 AGENT_STARTED Info "The agent started";
    1001 ENROLLED Info "The agent enrolled";
    1002 WAITING_FOR_IMPORT Warning "The server does not know this computer yet" => "Import the directory that holds the computer; the agent enrols by itself";
    1003 WAITING_FOR_APPROVAL Warning "The agent waits for an administrator's approval" => "Approve the device in the console";
    1004 IDENTITY_CHANGED Warning "The hardware differs from the one that enrolled" => "Approve the device again; its keys were dropped";
    1010 SERVER_UNREACHABLE Warning "The server cannot be reached" => "Check the network and the server's address";
    1011 SERVER_NOT_TRUSTED Error "The server is not the one that the pre-shared key names" => "Check the address; a wrong server or a proxy answers in its place";
    1012 ANSWER_UNSIGNED Warning "An unsigned answer was ignored" => "A proxy or captive portal answers in the server's place";
    1013 CLOCK_SKEW Warning "The device's clock differs from the server's" => "Correct the clock or the time source";
    1020 ORDER_RECEIVED Info "An order was received";
    1021 ORDER_TAMPERED Error "An order was refused: its signature does not hold" => "Look for a proxy that changes traffic; tell your security team";
    1022 ORDER_EXPIRED Warning "An order was refused: it came too late to start" => "Check in again to get a fresh order";
    1023 ORDER_FOREIGN Error "An order was refused: it is for another device" => "Tell your security team";
    1024 ORDER_REPLAYED Error "An order was refused: it was seen before" => "Tell your security team";
    1025 ALREADY_FINISHED Warning "An order was refused: this runbook finished on this device" => "Order it again with force if that is really meant";
    1026 ORDER_WITHDRAWN Info "An order was withdrawn before it began";
    2000 RUN_STARTED Info "A run started";
    2001 STEP_STARTED Info "A step started";
    2002 STEP_DONE Info "A step is done";
    2003 STEP_FAILED Error "A step failed" => "Read the detail; the device is taken back by itself";
    2004 PREFLIGHT_BLOCKED Error "The run cannot start" => "Mend what the check names, then check again";
    2005 PREFLIGHT_WARNING Warning "A check found something worth knowing";
    2006 RUN_RESUMED Info "A run continues where it stopped";
    2007 WAITING_FOR_ESCROW Warning "The run waits until the server holds the fallback administrator's password" => "Check that the device reaches the server; a server that is older than the agent has to be updated";
    2008 FALLBACK_RETIRED Info "The fallback administrator was switched off";
    2009 FALLBACK_STAYS Warning "The fallback administrator could not be switched off" => "Look at the local accounts of the device";
    2010 MIGRATED Info "The device is in the target, and verified";
    2011 RESTORED Warning "The device never left the source; everything is as before" => "Read the failed step, mend its cause, order again";
    2012 RETURNED Warning "The device is in the source again; everything is as before" => "Read the failed step, mend its cause, order again";
    2013 HELD Error "The device is in no directory; local sign-in works and the agent keeps trying" => "Read the failed step; give the device a return ticket or mend the target";
    2014 REHEARSED Info "A rehearsal ended; nothing was changed";
    2020 USER_MIGRATED Info "A user's profile is bound to the target user";
    2021 USER_UNMAPPED Warning "A profile was left alone: its user is not in the Translation Table" => "Match the user, then run again";
    2022 USER_FAILED Error "A user's profile is not as it should be";
    3000 REPORT_QUEUED Info "A report waits until the server can be reached";
    3001 REPORT_SENT Info "A report was delivered";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_errors_name_a_remedy() {
        assert!(EVENTS.windows(2).all(|pair| pair[0].code < pair[1].code));
        for event in EVENTS {
            assert_eq!(event.code.entry(), Some(event));
            let needs = event.severity == Severity::Error && event.code != EventCode::USER_FAILED;
            assert!(
                !needs || event.remedy.is_some(),
                "{} has no remedy",
                event.title
            );
        }
    }
}
