//! How a name that a user typed finds the name that a document declares.

/// Result of [`lookup`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// Exactly one name is meant.
    Found(&'a str),
    /// Several names are equally near.
    Ambiguous(Vec<&'a str>),
    /// No name is meant.
    Missing,
}

/// Case, dashes and underscores removed: `part-number-marker`, `PartNumberMarker` and
/// `part_number_marker` fold to the same text.
pub fn fold(name: &str) -> String {
    name.chars().filter(|c| *c != '-' && *c != '_').flat_map(char::to_lowercase).collect()
}

/// Finds `name` among `declared`: as written, else without regard to case, else folded, and at each
/// step only when one name fits.
pub fn lookup<'a>(name: &str, declared: impl IntoIterator<Item = &'a str>) -> Lookup<'a> {
    let folded = fold(name);
    let mut near: Vec<&str> = Vec::new();
    for candidate in declared {
        if candidate == name {
            return Lookup::Found(candidate);
        }
        if fold(candidate) == folded && !near.contains(&candidate) {
            near.push(candidate);
        }
    }
    let same_letters: Vec<&str> =
        near.iter().copied().filter(|candidate| candidate.eq_ignore_ascii_case(name)).collect();
    match (same_letters.as_slice(), near.as_slice()) {
        ([only], _) | (_, [only]) => Lookup::Found(only),
        (_, []) => Lookup::Missing,
        _ => Lookup::Ambiguous(near),
    }
}

/// Up to three declared names that are most like `name`, best first.
pub fn nearest<'a>(name: &str, declared: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let folded = fold(name);
    let mut scored: Vec<(f64, &str)> = declared
        .into_iter()
        .map(|candidate| {
            let other = fold(candidate);
            let contains =
                !folded.is_empty() && (other.contains(&folded) || folded.contains(&other));
            let similar = strsim::jaro_winkler(&folded, &other);
            (if contains { similar.max(0.85) } else { similar }, candidate)
        })
        .filter(|(score, _)| *score >= 0.75)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(3).map(|(_, candidate)| candidate.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_name_wins_over_its_folded_twin() {
        let declared = ["max-parts", "MaxParts"];
        assert_eq!(lookup("max-parts", declared), Lookup::Found("max-parts"));
        assert_eq!(lookup("MaxParts", declared), Lookup::Found("MaxParts"));
        assert_eq!(lookup("maxparts", declared), Lookup::Found("MaxParts"));
        assert_eq!(lookup("max_parts", declared), Lookup::Ambiguous(declared.to_vec()));
    }

    #[test]
    fn other_spellings_find_the_declared_name() {
        let declared = ["bucket", "Key", "uploadId"];
        assert_eq!(lookup("Bucket", declared), Lookup::Found("bucket"));
        assert_eq!(lookup("upload_id", declared), Lookup::Found("uploadId"));
        assert_eq!(lookup("upload", declared), Lookup::Missing);
    }

    #[test]
    fn near_names_come_best_first() {
        assert_eq!(nearest("partz", ["buckets", "parts", "part_copies"])[0], "parts");
        assert!(nearest("zzz", ["buckets", "parts"]).is_empty());
    }
}
