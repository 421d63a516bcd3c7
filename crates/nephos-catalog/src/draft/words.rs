//! Words of paths and titles: how they are spelled in SQL, and whether they say a thing or a deed.

use heck::ToSnakeCase;

use crate::fold;

/// Deeds. A path's last segment that begins with one is an action on what stands before it.
const VERBS: &[&str] = &[
    "abort",
    "accept",
    "acknowledge",
    "activate",
    "add",
    "analyze",
    "apply",
    "approve",
    "archive",
    "assign",
    "attach",
    "authenticate",
    "authorize",
    "bulk",
    "calculate",
    "cancel",
    "capture",
    "clear",
    "clone",
    "close",
    "compute",
    "confirm",
    "connect",
    "convert",
    "create",
    "deactivate",
    "decline",
    "delete",
    "demote",
    "deny",
    "deploy",
    "deregister",
    "destroy",
    "detach",
    "disable",
    "disconnect",
    "drain",
    "edit",
    "enable",
    "evaluate",
    "exchange",
    "execute",
    "fetch",
    "finalize",
    "find",
    "finish",
    "flush",
    "generate",
    "get",
    "insert",
    "introspect",
    "invoke",
    "join",
    "leave",
    "list",
    "login",
    "logout",
    "lookup",
    "migrate",
    "modify",
    "move",
    "mute",
    "patch",
    "pause",
    "pay",
    "ping",
    "poll",
    "promote",
    "publish",
    "purge",
    "put",
    "reactivate",
    "read",
    "reboot",
    "recover",
    "refresh",
    "register",
    "reject",
    "remove",
    "rename",
    "render",
    "reopen",
    "replace",
    "requeue",
    "resend",
    "reset",
    "resize",
    "restart",
    "resume",
    "retry",
    "revoke",
    "rollback",
    "rotate",
    "send",
    "set",
    "show",
    "signin",
    "signout",
    "simulate",
    "start",
    "stop",
    "submit",
    "subscribe",
    "suspend",
    "terminate",
    "trigger",
    "unarchive",
    "unassign",
    "unblock",
    "undelete",
    "unfollow",
    "unlink",
    "unlock",
    "unmute",
    "unpublish",
    "unregister",
    "unsubscribe",
    "update",
    "upsert",
    "validate",
    "verify",
    "void",
];

/// Deeds that are things as often: `POST ../export` is an action, `GET ../export` reads a thing.
const NOUN_VERBS: &[&str] = &[
    "backup", "batch", "block", "build", "check", "copy", "count", "download", "export", "filter",
    "follow", "import", "invite", "like", "link", "lock", "mark", "merge", "open", "preview",
    "query", "refund", "release", "report", "restore", "run", "scan", "search", "star", "sync",
    "test", "transfer", "upload", "watch",
];

/// Deeds that read and change nothing.
const READS: &[&str] =
    &["all", "fetch", "filter", "find", "get", "list", "lookup", "query", "read", "search", "show"];

/// Words whose plural is not made with an `s`.
const IRREGULAR: &[(&str, &str)] =
    &[("person", "people"), ("child", "children"), ("index", "indexes"), ("datum", "data")];

/// Words that have no plural, or are one.
const UNCOUNTED: &[&str] = &[
    "children",
    "config",
    "content",
    "data",
    "equipment",
    "feedback",
    "following",
    "health",
    "history",
    "info",
    "information",
    "inventory",
    "media",
    "metadata",
    "money",
    "news",
    "people",
    "series",
    "staff",
    "storage",
    "weather",
];

/// Words that end in an `s` by chance.
const ABBREVIATIONS: &[&str] = &[
    "alias", "aws", "canvas", "cors", "dns", "gas", "gps", "https", "ios", "kms", "sas", "sms",
    "sns", "sqs", "sts", "tls", "vps",
];

/// `snake_case` of ASCII letters and digits, which SQL reads without quotes; empty when nothing is
/// left.
pub(super) fn snake(text: &str) -> String {
    let ascii: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect();
    let name = calm(&ascii).to_snake_case();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// Writes `IPs` and `IPv6` as `Ips` and `Ipv6`: an abbreviation with an ending is one word.
fn calm(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|byte| byte.is_ascii_uppercase()).count();
        let after = &bytes[at + run..];
        let ends_word = |byte: Option<&u8>| byte.is_none_or(|b| !b.is_ascii_lowercase());
        let has_ending = matches!(after.first(), Some(b's')) && ends_word(after.get(1))
            || matches!(after.first(), Some(b'v')) && after.get(1).is_some_and(u8::is_ascii_digit);
        if run >= 2 && has_ending {
            out.push(char::from(bytes[at]));
            out.push_str(&text[at + 1..at + run].to_ascii_lowercase());
            at += run;
        } else {
            let taken = run.max(1);
            out.push_str(&text[at..at + taken]);
            at += taken;
        }
    }
    out
}

/// What a segment says when it is an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Certainly one.
    Verb,
    /// One, unless something is read there.
    Perhaps,
    /// A thing.
    Thing,
}

/// Whether a segment, in snake case, says a deed.
pub(super) fn deed(name: &str) -> Deed {
    let (first, rest) = name.split_once('_').unwrap_or((name, ""));
    if VERBS.contains(&first) {
        Deed::Verb
    } else if NOUN_VERBS.contains(&first) && (rest.is_empty() || !is_plural(name)) {
        Deed::Perhaps
    } else {
        Deed::Thing
    }
}

/// Whether an action, in snake case, reads.
pub(super) fn reads(name: &str) -> bool {
    READS.contains(&name.split('_').next().unwrap_or_default())
}

/// Whether the last word of a name is a plural.
pub(super) fn is_plural(name: &str) -> bool {
    let word = name.rsplit('_').next().unwrap_or_default();
    IRREGULAR.iter().any(|(_, plural)| word == *plural)
        || (word.len() > 2
            && !ABBREVIATIONS.contains(&word)
            && word.ends_with('s')
            && !["ss", "us", "is"].iter().any(|end| word.ends_with(end)))
}

/// The plural of the last word of a name.
pub(super) fn plural(name: &str) -> String {
    let (before, word) = name.rsplit_once('_').map_or(("", name), |(b, w)| (b, w));
    if is_plural(name) || UNCOUNTED.contains(&word) {
        return name.to_owned();
    }
    let many = match IRREGULAR.iter().find(|(one, _)| *one == word) {
        Some((_, many)) => (*many).to_owned(),
        None => match word.strip_suffix('y') {
            Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
            _ if ["s", "x", "z", "ch", "sh"].iter().any(|end| word.ends_with(end)) => {
                format!("{word}es")
            }
            _ => format!("{word}s"),
        },
    };
    if before.is_empty() { many } else { format!("{before}_{many}") }
}

/// The singular of the last word of a name.
pub(super) fn singular(name: &str) -> String {
    let (before, word) = name.rsplit_once('_').map_or(("", name), |(b, w)| (b, w));
    if !is_plural(name) || UNCOUNTED.contains(&word) && word != "people" && word != "children" {
        return name.to_owned();
    }
    let one = match IRREGULAR.iter().find(|(_, many)| *many == word) {
        Some((one, _)) => (*one).to_owned(),
        None => match word {
            _ if word.ends_with("ies") && word.len() > 4 => format!("{}y", &word[..word.len() - 3]),
            _ if ["sses", "xes", "ches", "shes", "zes", "uses"]
                .iter()
                .any(|end| word.ends_with(end))
                && word != "caches" =>
            {
                word[..word.len() - 2].to_owned()
            }
            _ => word[..word.len() - 1].to_owned(),
        },
    };
    if before.is_empty() { one } else { format!("{before}_{one}") }
}

/// `name`, or the first of `others`, or `name_2`, `name_3`, ..: the first that `taken` does not
/// hold. Names that differ in case and underscores only are the same to a user.
pub(super) fn unique(name: &str, others: &[String], taken: &mut Vec<String>) -> String {
    let is_free = |candidate: &String| {
        !candidate.is_empty() && !taken.iter().any(|other| fold(other) == fold(candidate))
    };
    let mut found = name.to_owned();
    if !is_free(&found) {
        let other = others.iter().find(|other| is_free(other));
        let mut number = 1;
        found = other.cloned().unwrap_or_default();
        while !is_free(&found) {
            number += 1;
            found = format!("{name}_{number}");
        }
    }
    taken.push(found.clone());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ones_that_sql_reads_without_quotes() {
        assert_eq!(snake("findByStatus"), "find_by_status");
        assert_eq!(snake("API keys"), "api_keys");
        assert_eq!(snake("user-agents"), "user_agents");
        assert_eq!(snake("2fa"), "_2fa");
        assert_eq!(snake("Reserved IPs"), "reserved_ips");
        assert_eq!(snake("reservedIPv6"), "reserved_ipv6");
        assert_eq!(snake("HTTPServers"), "http_servers");
        assert_eq!(snake("größe"), "gr_e");
        assert_eq!(snake("日本"), "");
    }

    #[test]
    fn plurals_and_singulars() {
        let pairs = [
            ("pet", "pets"),
            ("category", "categories"),
            ("key", "keys"),
            ("box", "boxes"),
            ("address", "addresses"),
            ("status", "statuses"),
            ("api_key", "api_keys"),
            ("person", "people"),
            ("batch", "batches"),
        ];
        for (one, many) in pairs {
            assert_eq!(plural(one), many);
            assert_eq!(singular(many), one);
            assert_eq!(plural(many), many);
        }
        assert_eq!(plural("metadata"), "metadata");
        assert_eq!(singular("releases"), "release");
        assert_eq!(singular("status"), "status");
    }

    #[test]
    fn deeds_and_things() {
        assert_eq!(deed("find_by_status"), Deed::Verb);
        assert_eq!(deed("reboot"), Deed::Verb);
        assert_eq!(deed("export"), Deed::Perhaps);
        assert_eq!(deed("test_runs"), Deed::Thing);
        assert_eq!(deed("droplets"), Deed::Thing);
        assert!(reads("search") && !reads("export"));
    }

    #[test]
    fn a_taken_name_gets_the_next_best() {
        let mut taken = vec!["list".to_owned()];
        assert_eq!(unique("list", &["list_by_org".to_owned()], &mut taken), "list_by_org");
        assert_eq!(unique("List", &["listByOrg".to_owned()], &mut taken), "List_2");
    }
}
