//! Random sequences of multipart operations, against a model of what S3 promises that is small
//! enough to be believed.

use crate::client::{Answer, completion, open, send, signed_with};
use md5::{Digest, Md5};
use nephos_s3::{Durability, LocalS3, Options, SECRET_ACCESS_KEY};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

const MIB: usize = 1 << 20;
const MIN_PART: usize = 5 * MIB;
const KEYS: [&str; 5] = ["a", "a/b", "a/c", "ab", "z"];

/// Bytes that a number stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Body {
    seed: u8,
    length: usize,
}

impl Body {
    fn bytes(self) -> Vec<u8> {
        let period: Vec<u8> = (0..251).map(|at| self.seed.wrapping_mul(at) ^ self.seed).collect();
        let mut bytes = period.repeat(self.length / period.len() + 1);
        bytes.truncate(self.length);
        bytes
    }
}

/// What a completion says, made from the parts that are there.
#[derive(Debug, Clone, Copy)]
enum Choice {
    All,
    /// Those whose bit is set, in order of their numbers.
    Some(u8),
    Reversed,
    Twice,
    WrongTag,
    Unknown,
}

#[derive(Debug, Clone, Copy)]
enum Condition {
    None,
    Absent,
    Current,
    Another,
}

/// One request. Uploads are named by their place among all that were created.
#[derive(Debug, Clone)]
enum Action {
    Create {
        key: &'static str,
    },
    Part {
        upload: usize,
        number: i32,
        body: Body,
    },
    /// The first and last byte, where not all of the source is meant.
    CopyPart {
        upload: usize,
        number: i32,
        source: &'static str,
        range: Option<(usize, usize)>,
    },
    Parts {
        upload: usize,
        marker: u16,
        limit: u16,
    },
    Uploads {
        prefix: &'static str,
        delimiter: bool,
        limit: usize,
    },
    Complete {
        upload: usize,
        choice: Choice,
        condition: Condition,
    },
    Abort {
        upload: usize,
    },
    Put {
        key: &'static str,
        body: Body,
    },
    Delete {
        key: &'static str,
    },
    Reopen,
}

fn body() -> impl Strategy<Value = Body> {
    let lengths = select(vec![
        0,
        1,
        700,
        8192,
        8193,
        300_000,
        MIN_PART - 1,
        MIN_PART,
        MIN_PART,
        MIN_PART + 77,
    ]);
    (any::<u8>(), lengths).prop_map(|(seed, length)| Body { seed, length })
}

fn number() -> impl Strategy<Value = i32> {
    select(vec![1, 1, 2, 2, 3, 3, 500, 10_000, 0, 10_001])
}

fn action() -> impl Strategy<Value = Action> {
    let key = || select(&KEYS[..]);
    let upload = || 0..6_usize;
    let choice = prop_oneof![
        6 => Just(Choice::All),
        3 => any::<u8>().prop_map(Choice::Some),
        1 => Just(Choice::Reversed),
        1 => Just(Choice::Twice),
        1 => Just(Choice::WrongTag),
        1 => Just(Choice::Unknown),
    ];
    let condition = prop_oneof![
        6 => Just(Condition::None),
        1 => Just(Condition::Absent),
        1 => Just(Condition::Current),
        1 => Just(Condition::Another),
    ];
    let range = proptest::option::of((0..400_000_usize, 0..400_000_usize));
    prop_oneof![
        4 => key().prop_map(|key| Action::Create { key }),
        10 => (upload(), number(), body())
            .prop_map(|(upload, number, body)| Action::Part { upload, number, body }),
        2 => (upload(), number(), key(), range)
            .prop_map(|(upload, number, source, range)| Action::CopyPart { upload, number, source, range }),
        2 => (upload(), select(vec![0, 1, 2, 499, 10_000]), 0..4_u16)
            .prop_map(|(upload, marker, limit)| Action::Parts { upload, marker, limit }),
        2 => (select(vec!["", "a", "a/", "b"]), any::<bool>(), 1..4_usize)
            .prop_map(|(prefix, delimiter, limit)| Action::Uploads { prefix, delimiter, limit }),
        5 => (upload(), choice, condition)
            .prop_map(|(upload, choice, condition)| Action::Complete { upload, choice, condition }),
        1 => upload().prop_map(|upload| Action::Abort { upload }),
        2 => (key(), body()).prop_map(|(key, body)| Action::Put { key, body }),
        1 => key().prop_map(|key| Action::Delete { key }),
        1 => Just(Action::Reopen),
    ]
}

fn tag(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

#[derive(Debug, Clone, PartialEq)]
struct Object {
    bytes: Vec<u8>,
    tag: String,
}

impl Object {
    fn whole(bytes: Vec<u8>) -> Self {
        Self { tag: tag(&bytes), bytes }
    }

    fn of_parts(parts: &[&Self]) -> Self {
        let sums: Vec<u8> = parts.iter().flat_map(|part| hex::decode(&part.tag).unwrap()).collect();
        Self {
            tag: format!("{}-{}", tag(&sums), parts.len()),
            bytes: parts.iter().flat_map(|part| part.bytes.iter().copied()).collect(),
        }
    }
}

/// Numbers and tags, as a completion lists them.
type Listed = Vec<(u16, String)>;

#[derive(Debug)]
enum State {
    Open,
    Completed { listed: Listed, tag: String },
    Aborted,
}

#[derive(Debug)]
struct Upload {
    key: &'static str,
    id: String,
    parts: BTreeMap<u16, Object>,
    state: State,
}

impl Upload {
    fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }
}

/// A status, and the code where it is an error.
type Outcome = (u16, &'static str);

const OK: Outcome = (200, "");
const NO_SUCH_UPLOAD: Outcome = (404, "NoSuchUpload");

#[derive(Debug, Default)]
struct Model {
    objects: BTreeMap<&'static str, Object>,
    uploads: Vec<Upload>,
}

impl Model {
    fn part(&mut self, upload: usize, number: i32, part: Object) -> Outcome {
        let Some(number) = u16::try_from(number).ok().filter(|n| (1..=10_000).contains(n)) else {
            return (400, "InvalidArgument");
        };
        let upload = &mut self.uploads[upload];
        if !upload.is_open() {
            return NO_SUCH_UPLOAD;
        }
        upload.parts.insert(number, part);
        OK
    }

    fn complete(&mut self, upload: usize, listed: &Listed, condition: Condition) -> Outcome {
        let Self { objects, uploads } = self;
        let upload = &mut uploads[upload];
        match &upload.state {
            State::Completed { listed: before, .. } if before == listed => return OK,
            State::Completed { .. } | State::Aborted => return NO_SUCH_UPLOAD,
            State::Open => {}
        }
        if !listed.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return (400, "InvalidPartOrder");
        }
        let chosen: Option<Vec<&Object>> = listed
            .iter()
            .map(|(number, given)| upload.parts.get(number).filter(|part| part.tag == *given))
            .collect();
        let Some(chosen) = chosen else { return (400, "InvalidPart") };
        if chosen[..chosen.len() - 1].iter().any(|part| part.bytes.len() < MIN_PART) {
            return (400, "EntityTooSmall");
        }
        match (condition, objects.get(upload.key)) {
            (Condition::Absent | Condition::Another, Some(_)) => {
                return (412, "PreconditionFailed");
            }
            (Condition::Current | Condition::Another, None) => return (404, "NoSuchKey"),
            _ => {}
        }
        let object = Object::of_parts(&chosen);
        upload.state = State::Completed { listed: listed.clone(), tag: object.tag.clone() };
        upload.parts.clear();
        objects.insert(upload.key, object);
        OK
    }

    /// The open uploads, as S3 lists them: by key, and then in the order in which they were made.
    fn open_uploads(&self) -> Vec<(String, String)> {
        let mut open: Vec<_> = self.uploads.iter().filter(|upload| upload.is_open()).collect();
        // A stable sort.
        open.sort_by_key(|upload| upload.key);
        open.iter().map(|upload| (upload.key.to_owned(), upload.id.clone())).collect()
    }
}

/// The endpoint beside its model.
struct Pair<'a> {
    dir: &'a Path,
    endpoint: Option<LocalS3>,
    model: Model,
}

fn reopened(dir: &Path) -> LocalS3 {
    let options = Options { durability: Durability::Fast, ..Options::default() };
    LocalS3::open(dir, options).unwrap()
}

/// What stands in all elements of a name, in order.
fn texts(answer: &Answer, name: &str) -> Vec<String> {
    let text = answer.text();
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let pieces = text.split(&start).skip(1);
    pieces.map(|piece| piece.split(&end).next().unwrap().replace("&quot;", "\"")).collect()
}

fn outcome(answer: &Answer) -> (u16, String) {
    let code = if answer.status >= 400 { answer.element("Code") } else { String::new() };
    (answer.status, code)
}

fn quoted(tag: &str) -> String {
    format!("\"{tag}\"")
}

impl Pair<'_> {
    async fn request(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        headers: &[(&'static str, String)],
    ) -> Answer {
        let request = signed_with(method, path, body, SECRET_ACCESS_KEY, headers);
        send(self.endpoint.as_ref().unwrap(), request).await
    }

    async fn step(&mut self, action: &Action) {
        // An upload that does not exist yet is the latest one.
        let place = |upload: usize| upload.min(self.model.uploads.len().saturating_sub(1));
        match *action {
            Action::Create { key } => self.create(key).await,
            Action::Put { key, body } => {
                let bytes = body.bytes();
                let answer = self.request("PUT", &format!("/bucket/{key}"), &bytes, &[]).await;
                let object = Object::whole(bytes);
                assert_eq!((answer.status, answer.etag()), (200, quoted(&object.tag)));
                self.model.objects.insert(key, object);
            }
            Action::Delete { key } => {
                let answer = self.request("DELETE", &format!("/bucket/{key}"), b"", &[]).await;
                assert_eq!(answer.status, 204);
                self.model.objects.remove(key);
            }
            Action::Uploads { prefix, delimiter, limit } => {
                self.check_uploads(prefix, delimiter, limit).await;
            }
            Action::Reopen => {
                drop(self.endpoint.take());
                self.endpoint = Some(reopened(self.dir));
            }
            _ if self.model.uploads.is_empty() => {}
            Action::Part { upload, number, body } => {
                self.part(place(upload), number, body).await;
            }
            Action::CopyPart { upload, number, source, range } => {
                self.copy_part(place(upload), number, source, range).await;
            }
            Action::Parts { upload, marker, limit } => {
                self.check_parts(place(upload), marker, limit).await;
            }
            Action::Complete { upload, choice, condition } => {
                self.complete(place(upload), choice, condition).await;
            }
            Action::Abort { upload } => self.abort(place(upload)).await,
        }
    }

    async fn create(&mut self, key: &'static str) {
        let answer = self.request("POST", &format!("/bucket/{key}?uploads="), b"", &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let id = answer.element("UploadId");
        assert!(self.model.uploads.iter().all(|upload| upload.id != id));
        self.model.uploads.push(Upload { key, id, parts: BTreeMap::new(), state: State::Open });
    }

    fn path(&self, upload: usize) -> String {
        let upload = &self.model.uploads[upload];
        format!("/bucket/{}?uploadId={}", upload.key, upload.id)
    }

    async fn part(&mut self, upload: usize, number: i32, body: Body) {
        let bytes = body.bytes();
        let path = format!("{}&partNumber={number}", self.path(upload));
        let answer = self.request("PUT", &path, &bytes, &[]).await;
        let part = Object::whole(bytes);
        let expected = quoted(&part.tag);
        let wanted = self.model.part(upload, number, part);
        assert_eq!(outcome(&answer), (wanted.0, wanted.1.to_owned()));
        if wanted == OK {
            assert_eq!(answer.etag(), expected);
        }
    }

    async fn copy_part(
        &mut self,
        upload: usize,
        number: i32,
        source: &str,
        range: Option<(usize, usize)>,
    ) {
        let path = format!("{}&partNumber={number}", self.path(upload));
        let mut headers = vec![("x-amz-copy-source", format!("/bucket/{source}"))];
        if let Some((first, last)) = range {
            headers.push(("x-amz-copy-source-range", format!("bytes={first}-{last}")));
        }
        let answer = self.request("PUT", &path, b"", &headers).await;
        let bytes = self.model.objects.get(source).map(|object| object.bytes.clone());
        let bytes = match (bytes, range) {
            (Some(bytes), None) => bytes,
            (Some(bytes), Some((first, last))) if first <= last && last < bytes.len() => {
                bytes[first..=last].to_vec()
            }
            // Which of several faults is told is not promised.
            (None, _) | (Some(_), Some(_)) => return assert!(answer.status >= 400),
        };
        let part = Object::whole(bytes);
        let expected = quoted(&part.tag);
        let wanted = self.model.part(upload, number, part);
        assert_eq!(outcome(&answer), (wanted.0, wanted.1.to_owned()));
        if wanted == OK {
            assert_eq!(texts(&answer, "ETag"), [expected]);
        }
    }

    /// What a completion lists. None if there would be nothing in it.
    fn listed(&self, upload: usize, choice: Choice) -> Option<Listed> {
        let upload = &self.model.uploads[upload];
        if let (State::Completed { listed, .. }, Choice::All) = (&upload.state, choice) {
            return Some(listed.clone());
        }
        let mut listed: Listed =
            upload.parts.iter().map(|(number, part)| (*number, part.tag.clone())).collect();
        match choice {
            Choice::All => {}
            Choice::Some(bits) => {
                let mut at = 0;
                listed.retain(|_| {
                    at += 1;
                    bits >> (at - 1) & 1 == 1
                });
            }
            Choice::Reversed => listed.reverse(),
            Choice::Twice => {
                listed = listed.iter().flat_map(|part| [part.clone(), part.clone()]).collect();
            }
            Choice::WrongTag => listed.iter_mut().for_each(|part| part.1 = tag(part.1.as_bytes())),
            Choice::Unknown => listed.push((9999, tag(b""))),
        }
        listed.sort_by_key(|part| if matches!(choice, Choice::Unknown) { part.0 } else { 0 });
        (!listed.is_empty()).then_some(listed)
    }

    async fn complete(&mut self, upload: usize, choice: Choice, condition: Condition) {
        let Some(listed) = self.listed(upload, choice) else { return };
        let current = self.model.objects.get(self.model.uploads[upload].key);
        let current = current.map_or_else(|| tag(b"none"), |object| object.tag.clone());
        let headers = match condition {
            Condition::None => vec![],
            Condition::Absent => vec![("if-none-match", "*".to_owned())],
            Condition::Current => vec![("if-match", quoted(&current))],
            Condition::Another => vec![("if-match", quoted(&tag(b"another")))],
        };
        let parts: Vec<(u16, &str)> = listed.iter().map(|(n, tag)| (*n, tag.as_str())).collect();
        let answer = self.request("POST", &self.path(upload), &completion(&parts), &headers).await;
        let wanted = self.model.complete(upload, &listed, condition);
        assert_eq!(outcome(&answer), (wanted.0, wanted.1.to_owned()), "{}", answer.text());
        if let (OK, State::Completed { tag, .. }) = (wanted, &self.model.uploads[upload].state) {
            assert_eq!(texts(&answer, "ETag"), [quoted(tag)]);
        }
    }

    async fn abort(&mut self, upload: usize) {
        let answer = self.request("DELETE", &self.path(upload), b"", &[]).await;
        let upload = &mut self.model.uploads[upload];
        if upload.is_open() {
            upload.state = State::Aborted;
            assert_eq!(answer.status, 204);
        } else {
            assert_eq!(outcome(&answer), (404, "NoSuchUpload".to_owned()));
        }
    }

    async fn check_parts(&self, upload: usize, marker: u16, limit: u16) {
        let path = format!("{}&part-number-marker={marker}&max-parts={limit}", self.path(upload));
        let answer = self.request("GET", &path, b"", &[]).await;
        let upload = &self.model.uploads[upload];
        if !upload.is_open() {
            assert_eq!(outcome(&answer), (404, "NoSuchUpload".to_owned()));
            return;
        }
        let after: Vec<_> = upload.parts.range(marker + 1..).collect();
        let page = &after[..after.len().min(limit.into())];
        let numbers: Vec<_> = page.iter().map(|part| part.0.to_string()).collect();
        assert_eq!(texts(&answer, "PartNumber"), numbers);
        let sizes: Vec<_> = page.iter().map(|part| part.1.bytes.len().to_string()).collect();
        assert_eq!(texts(&answer, "Size"), sizes);
        let tags: Vec<_> = page.iter().map(|part| quoted(&part.1.tag)).collect();
        assert_eq!(texts(&answer, "ETag"), tags);
        let more = limit > 0 && page.len() < after.len();
        assert_eq!(answer.element("IsTruncated"), more.to_string());
        let next = page.last().map_or(0, |part| *part.0);
        assert_eq!(answer.element("NextPartNumberMarker"), next.to_string());
    }

    /// Follows all pages: what they add up to does not depend on their size.
    async fn check_uploads(&self, prefix: &str, delimiter: bool, limit: usize) {
        let (mut found, mut folders) = (Vec::new(), Vec::new());
        let mut marker = String::new();
        loop {
            let mut path = format!("/bucket?uploads=&prefix={prefix}&max-uploads={limit}{marker}");
            if delimiter {
                path.push_str("&delimiter=/");
            }
            let answer = self
                .request("GET", &path.replace("=a/", "=a%2F").replace("=/", "=%2F"), b"", &[])
                .await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let uploads = texts(&answer, "Upload");
            for upload in &uploads {
                let field = |name: &str| {
                    let rest = upload.split(&format!("<{name}>")).nth(1).unwrap();
                    rest.split('<').next().unwrap().to_owned()
                };
                found.push((field("Key"), field("UploadId")));
            }
            let names = texts(&answer, "CommonPrefixes");
            assert!(uploads.len() + names.len() <= limit);
            folders.extend(
                names.iter().map(|name| name.replace("<Prefix>", "").replace("</Prefix>", "")),
            );
            if answer.element("IsTruncated") == "false" {
                break;
            }
            assert_eq!(uploads.len() + names.len(), limit);
            marker.clear();
            let (key, id) = (answer.element("NextKeyMarker"), texts(&answer, "NextUploadIdMarker"));
            write!(marker, "&key-marker={}", key.replace('/', "%2F")).unwrap();
            if let Some(id) = id.first() {
                write!(marker, "&upload-id-marker={id}").unwrap();
            }
        }
        let matching =
            self.model.open_uploads().into_iter().filter(|(key, _)| key.starts_with(prefix));
        let folder = |key: &str| {
            let at = key[prefix.len()..].find('/').filter(|_| delimiter)?;
            Some(key[..=prefix.len() + at].to_owned())
        };
        let (inside, plain): (Vec<_>, Vec<_>) =
            matching.partition(|(key, _)| folder(key).is_some());
        let mut wanted: Vec<String> = inside.iter().filter_map(|(key, _)| folder(key)).collect();
        wanted.dedup();
        assert_eq!(found, plain);
        assert_eq!(folders, wanted);
    }

    /// Everything that is there is what the model has.
    async fn check_all(&self) {
        for (key, object) in &self.model.objects {
            let answer = self.request("GET", &format!("/bucket/{key}"), b"", &[]).await;
            assert_eq!((answer.status, answer.etag()), (200, quoted(&object.tag)), "{key}");
            assert!(answer.body == object.bytes, "{key} has other bytes");
        }
        let answer = self.request("GET", "/bucket?list-type=2", b"", &[]).await;
        assert_eq!(texts(&answer, "Key"), self.model.objects.keys().copied().collect::<Vec<_>>());
        let sizes = self.model.objects.values().map(|object| object.bytes.len().to_string());
        assert_eq!(texts(&answer, "Size"), sizes.collect::<Vec<_>>());
        for upload in 0..self.model.uploads.len() {
            self.check_parts(upload, 0, 1000).await;
        }
        for delimiter in [false, true] {
            self.check_uploads("", delimiter, 2).await;
        }
    }
}

async fn play(actions: &[Action]) {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = Some(reopened(dir.path()));
    let mut pair = Pair { dir: dir.path(), endpoint, model: Model::default() };
    assert_eq!(pair.request("PUT", "/bucket", b"", &[]).await.status, 200);
    for action in actions {
        pair.step(action).await;
    }
    pair.check_all().await;
    pair.endpoint = None;
    pair.endpoint = Some(open(dir.path()));
    pair.check_all().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_sequence_of_multipart_operations_does_what_the_model_does(
        actions in proptest::collection::vec(action(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(&actions));
    }
}
