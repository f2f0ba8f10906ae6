//! Domain nouns, typed ids, time windows and the device life cycle.
