//! Lifecycle rules: what they say of an object or an upload, and the settings that hold them.

use crate::clock;
use crate::error::malformed_xml;
use crate::service::Endpoint;
use crate::setting::{Setting, to_xml};
use crate::store::record::{ObjectRecord, Tags, UploadRecord};
use http::{HeaderMap, HeaderValue};
use s3s::dto::{
    BucketLifecycleConfiguration, DeleteBucketLifecycleInput, DeleteBucketLifecycleOutput,
    GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput, LifecycleRule,
    LifecycleRuleFilter, PutBucketLifecycleConfigurationInput,
    PutBucketLifecycleConfigurationOutput,
};
use s3s::{S3Result, s3_error};
use std::collections::HashSet;

/// S3's limit for the rules of a bucket.
const MAX_RULES: usize = 1000;

/// S3's limit for the name of a rule.
const MAX_ID: usize = 255;

/// What may be said of the smallest object that makes a transition.
const MINIMUM_SIZES: [&str; 2] = ["all_storage_classes_128K", "varies_by_storage_class"];

/// What is long by default, and may be made short to watch rules work.
pub(crate) const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// What rules look at.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) key: &'a str,
    /// None for uploads, which have no size yet.
    pub(crate) size: Option<u64>,
    pub(crate) tags: &'a Tags,
}

impl<'a> Subject<'a> {
    pub(crate) fn of(key: &'a str, record: &'a ObjectRecord) -> Self {
        Self { key, size: Some(record.size), tags: &record.described.tags }
    }
}

/// When something is due: S3 counts whole days and acts at midnight, UTC.
pub(crate) fn due(since: i64, days: i32, day: i64) -> i64 {
    let at = since + i64::from(days) * day;
    if day == DAY_MILLIS { at.div_euclid(DAY_MILLIS) * DAY_MILLIS + DAY_MILLIS } else { at }
}

/// Whether a rule is in force and means this object or upload.
pub(crate) fn applies(rule: &LifecycleRule, subject: Subject<'_>) -> bool {
    rule.status.as_str() == "Enabled"
        && rule.prefix.as_ref().is_none_or(|prefix| subject.key.starts_with(prefix.as_str()))
        && rule.filter.as_ref().is_none_or(|filter| passes(filter, subject))
}

fn passes(filter: &LifecycleRuleFilter, subject: Subject<'_>) -> bool {
    let and = filter.and.as_ref();
    let mut prefixes = filter.prefix.iter().chain(and.and_then(|and| and.prefix.as_ref()));
    let mut tags =
        filter.tag.iter().chain(and.and_then(|and| and.tags.as_ref()).into_iter().flatten());
    let mut larger = filter
        .object_size_greater_than
        .into_iter()
        .chain(and.and_then(|and| and.object_size_greater_than));
    let mut smaller = filter
        .object_size_less_than
        .into_iter()
        .chain(and.and_then(|and| and.object_size_less_than));
    let size = subject.size.and_then(|size| i64::try_from(size).ok());
    prefixes.all(|prefix| subject.key.starts_with(prefix.as_str()))
        && tags.all(|tag| {
            subject.tags.iter().any(|(key, value)| {
                tag.key.as_deref() == Some(key) && tag.value.as_deref() == Some(value)
            })
        })
        && larger.all(|bound| size.is_some_and(|size| size > bound))
        && smaller.all(|bound| size.is_some_and(|size| size < bound))
}

/// When an unfinished upload is aborted, and by which rule: the earliest that applies.
pub(crate) fn abort_date<'a>(
    rules: &'a [LifecycleRule],
    key: &str,
    initiated: i64,
    day: i64,
) -> Option<(i64, &'a LifecycleRule)> {
    let subject = Subject { key, size: None, tags: &Tags::new() };
    rules
        .iter()
        .filter(|rule| applies(rule, subject))
        .filter_map(|rule| {
            let days = rule.abort_incomplete_multipart_upload.as_ref()?.days_after_initiation?;
            Some((due(initiated, days, day), rule))
        })
        .min_by_key(|(date, _)| *date)
}

/// When an object expires, and by which rule.
pub(crate) fn expiry_date<'a>(
    rules: &'a [LifecycleRule],
    subject: Subject<'_>,
    modified: i64,
    day: i64,
) -> Option<(i64, &'a LifecycleRule)> {
    rules
        .iter()
        .filter(|rule| applies(rule, subject))
        .filter_map(|rule| {
            let expiration = rule.expiration.as_ref()?;
            let date = expiration.date.clone().map(|date| clock::seconds(date) * 1000);
            let days = expiration.days.map(|days| due(modified, days, day));
            Some((date.or(days)?, rule))
        })
        .min_by_key(|(date, _)| *date)
}

impl Endpoint {
    pub(crate) async fn set_lifecycle(
        &self,
        input: PutBucketLifecycleConfigurationInput,
    ) -> S3Result<PutBucketLifecycleConfigurationOutput> {
        let mut configuration = input.lifecycle_configuration.ok_or_else(malformed_xml)?;
        check(&configuration)?;
        let smallest = input.transition_default_minimum_object_size.as_ref();
        if smallest.is_some_and(|size| !MINIMUM_SIZES.contains(&size.as_str())) {
            return Err(s3_error!(
                InvalidRequest,
                "Invalid TransitionDefaultMinimumObjectSize found"
            ));
        }
        for rule in &mut configuration.rules {
            // S3 names the rules that have no name.
            rule.id.get_or_insert_with(|| format!("{:032x}", rand::random::<u128>()));
        }
        let smallest = smallest.map_or(MINIMUM_SIZES[0], |size| size.as_str()).to_owned();
        self.set(input.bucket.clone(), Setting::LifecycleSize, smallest).await?;
        self.set(input.bucket, Setting::Lifecycle, to_xml(&configuration)?).await?;
        Ok(PutBucketLifecycleConfigurationOutput {
            transition_default_minimum_object_size: input.transition_default_minimum_object_size,
        })
    }

    pub(crate) fn lifecycle(
        &self,
        input: &GetBucketLifecycleConfigurationInput,
    ) -> S3Result<GetBucketLifecycleConfigurationOutput> {
        let found: BucketLifecycleConfiguration =
            self.existing_setting(&input.bucket, Setting::Lifecycle, || {
                s3_error!(
                    NoSuchLifecycleConfiguration,
                    "The lifecycle configuration does not exist"
                )
            })?;
        let smallest = self.setting_text(&input.bucket, Setting::LifecycleSize)?;
        Ok(GetBucketLifecycleConfigurationOutput {
            rules: Some(found.rules),
            transition_default_minimum_object_size: smallest.map(Into::into),
        })
    }

    pub(crate) async fn unset_lifecycle(
        &self,
        input: DeleteBucketLifecycleInput,
    ) -> S3Result<DeleteBucketLifecycleOutput> {
        self.unset(input.bucket, Setting::Lifecycle).await?;
        Ok(DeleteBucketLifecycleOutput {})
    }

    /// The rules of a bucket, in force or not.
    pub(crate) fn rules(&self, bucket: &str) -> S3Result<Vec<LifecycleRule>> {
        let found: Option<BucketLifecycleConfiguration> =
            self.setting(bucket, Setting::Lifecycle)?;
        Ok(found.map(|found| found.rules).unwrap_or_default())
    }

    /// The headers that tell when an upload will be aborted.
    pub(crate) fn announce_abort(
        &self,
        headers: &mut HeaderMap,
        bucket: &str,
        key: &str,
        upload: &UploadRecord,
    ) -> S3Result<()> {
        let rules = self.rules(bucket)?;
        let Some((date, rule)) = abort_date(&rules, key, upload.initiated, self.day) else {
            return Ok(());
        };
        if let Some(date) = clock::http_date(date) {
            headers.insert("x-amz-abort-date", date);
        }
        if let Ok(id) = HeaderValue::from_str(rule.id.as_deref().unwrap_or_default()) {
            headers.insert("x-amz-abort-rule-id", id);
        }
        Ok(())
    }

    /// The header that tells when an object will expire.
    pub(crate) fn announce_expiry(
        &self,
        headers: &mut HeaderMap,
        bucket: &str,
        subject: Subject<'_>,
        modified: i64,
    ) -> S3Result<()> {
        let rules = self.rules(bucket)?;
        let Some((date, rule)) = expiry_date(&rules, subject, modified, self.day) else {
            return Ok(());
        };
        let id = rule.id.as_deref().unwrap_or_default();
        let date = clock::http_date(date);
        if let Some(date) = date.as_ref().and_then(|date| date.to_str().ok())
            && let Ok(value) =
                HeaderValue::from_str(&format!("expiry-date=\"{date}\", rule-id=\"{id}\""))
        {
            headers.insert("x-amz-expiration", value);
        }
        Ok(())
    }
}

fn check(configuration: &BucketLifecycleConfiguration) -> S3Result<()> {
    let rules = &configuration.rules;
    if rules.is_empty() || rules.len() > MAX_RULES {
        return Err(malformed_xml());
    }
    let mut ids = HashSet::new();
    for rule in rules {
        check_rule(rule)?;
        let id = rule.id.as_deref().unwrap_or_default();
        if id.len() > MAX_ID {
            return Err(s3_error!(
                InvalidArgument,
                "ID length should not exceed allowed limit of {MAX_ID}"
            ));
        }
        if !id.is_empty() && !ids.insert(id) {
            return Err(s3_error!(
                InvalidArgument,
                "Rule ID must be unique. Found same ID for more than one rule"
            ));
        }
    }
    Ok(())
}

fn check_rule(rule: &LifecycleRule) -> S3Result<()> {
    if !["Enabled", "Disabled"].contains(&rule.status.as_str())
        || rule.prefix.is_some() == rule.filter.is_some()
    {
        return Err(malformed_xml());
    }
    let filter = rule.filter.as_ref();
    let conditions = filter.map_or(0, |filter| {
        [
            filter.prefix.is_some(),
            filter.tag.is_some(),
            filter.and.is_some(),
            filter.object_size_greater_than.is_some(),
            filter.object_size_less_than.is_some(),
        ]
        .into_iter()
        .filter(|given| *given)
        .count()
    });
    if conditions > 1 {
        return Err(malformed_xml());
    }
    let abort = rule.abort_incomplete_multipart_upload.as_ref();
    let tagged = filter.is_some_and(|filter| {
        filter.tag.is_some() || filter.and.as_ref().is_some_and(|and| and.tags.is_some())
    });
    if abort.is_some() && tagged {
        return Err(s3_error!(
            InvalidRequest,
            "AbortIncompleteMultipartUpload cannot be specified with Tags."
        ));
    }
    let noncurrent = rule.noncurrent_version_expiration.as_ref();
    let expiration = rule.expiration.as_ref();
    let acts = abort.is_some()
        || noncurrent.is_some()
        || expiration.is_some()
        || rule.transitions.as_ref().is_some_and(|list| !list.is_empty())
        || rule.noncurrent_version_transitions.as_ref().is_some_and(|list| !list.is_empty());
    if !acts {
        return Err(s3_error!(
            InvalidRequest,
            "At least one action needs to be specified in a rule."
        ));
    }
    let given = expiration.map_or(1, |expiration| {
        usize::from(expiration.date.is_some())
            + usize::from(expiration.days.is_some())
            + usize::from(expiration.expired_object_delete_marker.is_some())
    });
    if given != 1 {
        return Err(malformed_xml());
    }
    let days = [
        abort.and_then(|abort| abort.days_after_initiation),
        expiration.and_then(|expiration| expiration.days),
        noncurrent.and_then(|noncurrent| noncurrent.noncurrent_days),
    ];
    if days.into_iter().flatten().any(|days| days <= 0) {
        return Err(s3_error!(InvalidArgument, "'Days' for actions must be a positive integer"));
    }
    let date = expiration.and_then(|expiration| expiration.date.clone());
    if date.is_some_and(|date| clock::seconds(date).rem_euclid(DAY_MILLIS / 1000) != 0) {
        return Err(s3_error!(InvalidArgument, "'Date' must be at midnight GMT"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use s3s::dto::{AbortIncompleteMultipartUpload, ExpirationStatus};

    fn rule(prefix: &str, days: i32) -> LifecycleRule {
        LifecycleRule {
            abort_incomplete_multipart_upload: Some(AbortIncompleteMultipartUpload {
                days_after_initiation: Some(days),
            }),
            expiration: None,
            filter: Some(LifecycleRuleFilter {
                prefix: Some(prefix.to_owned()),
                ..LifecycleRuleFilter::default()
            }),
            id: Some(format!("{prefix}{days}")),
            noncurrent_version_expiration: None,
            noncurrent_version_transitions: None,
            prefix: None,
            status: ExpirationStatus::from_static("Enabled"),
            transitions: None,
        }
    }

    #[test]
    fn days_end_at_midnight() {
        assert_eq!(due(1, 1, DAY_MILLIS), 2 * DAY_MILLIS);
        assert_eq!(due(DAY_MILLIS - 1, 1, DAY_MILLIS), 2 * DAY_MILLIS);
        assert_eq!(due(5, 2, 10), 25);
    }

    #[test]
    fn the_earliest_rule_that_applies_aborts() {
        let rules = [rule("logs/", 7), rule("", 9), rule("logs/", 3)];
        let (date, by) = abort_date(&rules, "logs/a", 0, DAY_MILLIS).unwrap();
        assert_eq!((date, by.id.as_deref()), (4 * DAY_MILLIS, Some("logs/3")));
        let (_, by) = abort_date(&rules, "other", 0, DAY_MILLIS).unwrap();
        assert_eq!(by.id.as_deref(), Some("9"));
    }

    #[test]
    fn rules_are_checked() {
        let checked = |change: &dyn Fn(&mut LifecycleRule)| {
            let mut rule = rule("", 1);
            change(&mut rule);
            check_rule(&rule)
        };
        assert!(checked(&|_| {}).is_ok());
        assert!(checked(&|rule| rule.prefix = Some(String::new())).is_err());
        assert!(checked(&|rule| rule.abort_incomplete_multipart_upload = None).is_err());
        assert!(checked(&|rule| rule.status = ExpirationStatus::from_static("On")).is_err());
        let abort = |days| Some(AbortIncompleteMultipartUpload { days_after_initiation: days });
        assert!(checked(&|rule| rule.abort_incomplete_multipart_upload = abort(Some(0))).is_err());
    }
}
