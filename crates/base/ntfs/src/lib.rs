//! Reads an unmounted NTFS volume: records, names, security ids.
