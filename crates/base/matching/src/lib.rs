//! Joins source and target objects into translations and explains each decision.
