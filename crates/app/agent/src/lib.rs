//! The agent: enrols, checks in, accepts orders, runs the engine as a child process, and reports.
//!
//! What must stay true:
//! - Nothing that arrives is acted upon before its signature holds; an unsigned answer is a
//!   network failure.
//! - An order that is refused changes nothing on the device: the engine is not even started.
//! - Everything that matters is on stable storage before it is announced, so that the process may
//!   die at any instruction.
//! - Time, network, device and engine are seams, so that all of it can be tested with a mock clock.

mod agent;
mod call;
mod clock;
mod enrolment;
mod facts;
mod http;
mod identity;
mod orders;
mod password;
mod queue;
mod rundir;
mod runs;
mod schedule;
mod state;
mod tls;
mod transport;

pub use agent::{
    Agent, AgentError, AgentStatus, Asked, Config, OrderStatus, Parts, ask, read_status,
};
pub use call::CallError;
pub use clock::{ServerClock, SystemTime, TimeSource};
pub use facts::{DeviceView, FactsError, FromMachine, OpenMachine, Restart};
pub use http::HttpTransport;
pub use identity::{Enrolled, Hardware, Identity, prepare_image};
pub use orders::{HeldOrder, Ledger, Me, OrderPhase, OrderRefusal, accept};
pub use queue::Queue;
pub use rundir::{RunDirError, seen};
pub use runs::{ChildEngine, Engine, EngineExit, Verb};
pub use schedule::{Due, due, next_wakeup};
pub use state::{AtRest, FileModes, StateError, StateFolder};
pub use tls::{Roots, TlsError};
pub use transport::{NetworkError, RawAnswer, Transport};
