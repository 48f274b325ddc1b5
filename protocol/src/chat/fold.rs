//! Folding: names that differ in case alone are the same name. Must not know what a good name is.

use alloc::string::String;

/// Folds case, so that names can be compared. The result is for comparing only.
pub fn fold(name: &str) -> impl Iterator<Item = char> + '_ {
    name.chars().flat_map(char::to_lowercase)
}

/// Whether two names are the same when folded.
#[must_use]
pub fn folds_alike(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    fold(one).eq(fold(other))
}

/// The beginning of a name, folded, as a number: who has the smaller number comes first in the order of folded names.
/// Only names that have the same number have to be compared whole, and almost no two nicks of a room have.
#[must_use]
pub fn fold_head(name: &str) -> u128 {
    let mut head = [0; 16];
    // The order of characters is that of their bytes in UTF-8.
    let folded: String = fold(name).take(head.len()).collect();
    head.iter_mut().zip(folded.bytes()).for_each(|(to, from)| *to = from);
    u128::from_be_bytes(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Two names of every sort: the quick ways say what the plain one says.
    #[test]
    fn folded_names_are_compared_quickly() {
        let names = "a A ab aB b Zoe _ 0 k \u{212a} ä Ä aä İ i straße STRASSE 部屋 guest-1234567890 Guest-1234567890 \
                     guest-12345678901 guest-12345678902 ääääääää ÄÄÄÄÄÄÄÄb";
        let names: Vec<&str> = names.split(' ').collect();
        for (one, other) in names.iter().flat_map(|one| names.iter().map(move |other| (one, other))) {
            let plainly = fold(one).cmp(fold(other));
            assert_eq!(folds_alike(one, other), plainly.is_eq(), "{one} and {other}");
            let heads = fold_head(one).cmp(&fold_head(other));
            assert!(heads == plainly || heads.is_eq(), "{one} and {other}: {heads:?}, {plainly:?}");
        }
        assert_eq!(
            fold_head("Guest-1234567890"),
            fold_head("guest-12345678901"),
            "no more than the beginning"
        );
    }
}
