//! Enrolment, check-in, hand-over to the engine, reports.
