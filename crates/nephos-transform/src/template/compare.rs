//! `eq`, `lt` and their kin, with Go's rule that only like may be compared with like.

use std::cmp::Ordering;

use super::value::Val;

/// `eq first others...`: whether the first equals any other.
pub(super) fn equals_any(first: &Val<'_>, others: &[Val<'_>]) -> Result<bool, String> {
    if others.is_empty() {
        return Err("eq has nothing to compare with".to_owned());
    }
    for other in others {
        if equals(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equals(a: &Val<'_>, b: &Val<'_>) -> Result<bool, String> {
    if a.is_nil() || b.is_nil() {
        return Ok(a.is_nil() && b.is_nil());
    }
    match ordering(a, b) {
        Some(order) => Ok(order.is_eq()),
        None => match (a, b) {
            (Val::Bool(a), Val::Bool(b)) => Ok(a == b),
            _ => Err(incomparable(a, b)),
        },
    }
}

/// `lt`, `le`, `gt`, `ge`.
pub(super) fn order(a: &Val<'_>, b: &Val<'_>) -> Result<Ordering, String> {
    ordering(a, b).ok_or_else(|| incomparable(a, b))
}

fn incomparable(a: &Val<'_>, b: &Val<'_>) -> String {
    let hint = match (a, b) {
        (Val::Number(_), Val::Int(_)) | (Val::Int(_), Val::Number(_)) => {
            "; numbers of the body are floats: write the constant as 1.0"
        }
        _ => "",
    };
    format!("{} cannot be compared with {}{hint}", a.described(), b.described())
}

fn ordering(a: &Val<'_>, b: &Val<'_>) -> Option<Ordering> {
    let integer = |v: &Val<'_>| match v {
        Val::Int(n) => Some(*n),
        Val::Byte(n) => Some(i64::from(*n)),
        _ => None,
    };
    match (a, b) {
        (Val::Str(a), Val::Str(b)) => Some((**a).cmp(b)),
        (Val::Number(a), Val::Number(b)) => match (a.as_i128(), b.as_i128()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        (Val::Number(a), Val::Float(b)) => a.as_f64()?.partial_cmp(b),
        (Val::Float(a), Val::Number(b)) => a.partial_cmp(&b.as_f64()?),
        (Val::Float(a), Val::Float(b)) => a.partial_cmp(b),
        _ => Some(integer(a)?.cmp(&integer(b)?)),
    }
}
