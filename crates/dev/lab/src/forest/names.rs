//! People for the lab's directories: (as written, in ASCII).

/// Given names, several scripts.
pub(super) const FIRST: &[(&str, &str)] = &[
    ("Anna", "anna"),
    ("Jürgen", "juergen"),
    ("Дмитрий", "dmitrij"),
    ("小龍", "xiaolong"),
    ("محمد", "muhammad"),
    ("Zoë", "zoe"),
    ("Łukasz", "lukasz"),
    ("Σοφία", "sofia"),
    ("Ji-woo", "jiwoo"),
    ("Søren", "soren"),
    ("María José", "mariajose"),
    ("D'Arcy", "darcy"),
    ("שירה", "shira"),
    ("さくら", "sakura"),
    ("Olumide", "olumide"),
    ("Ngọc", "ngoc"),
    ("Siân", "sian"),
    ("Björk", "bjork"),
    ("Ayşe", "ayse"),
    ("Émile", "emile"),
];

/// Family names, several scripts.
pub(super) const LAST: &[(&str, &str)] = &[
    ("Example", "example"),
    ("Müller", "mueller"),
    ("Иванов", "ivanov"),
    ("李", "li"),
    ("علي", "ali"),
    ("O'Brien", "obrien"),
    ("Żółć", "zolc"),
    ("Παπαδοπούλου", "papadop"),
    ("김", "kim"),
    ("Ångström", "angstrom"),
    ("García, Jr.", "garciajr"),
    ("Smith+Jones", "smithjones"),
    ("כהן", "cohen"),
    ("田中", "tanaka"),
    ("Adébáyò", "adebayo"),
    ("Nguyễn", "nguyen"),
    ("ap Rhys", "aprhys"),
    ("Guðmundsdóttir", "gudmunds"),
    ("Şahin", "sahin"),
    ("Lefèvre \"Fils\"", "lefevre"),
];

/// The n-th person; different for every n below 400.
pub(super) fn person(n: usize) -> ((&'static str, &'static str), (&'static str, &'static str)) {
    let first = FIRST[n % FIRST.len()];
    let last = LAST[(n / FIRST.len() + n) % LAST.len()];
    (first, last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn people_do_not_repeat() {
        assert_eq!((0..400).map(person).collect::<BTreeSet<_>>().len(), 400);
    }
}
