"""Every operation of the S3 API against what docs/local-s3.md says of it.

    python e2e/operations.py PATH_TO_NEPHOS

The tables of operations must name exactly those of the installed botocore, and PostObject. Each is
called through boto3, with what botocore's model requires: `absent` answers 501 NotImplemented and
changes nothing, `real` and `recorded` succeed, and what a Put of a setting was given, its Get tells
back. A sub-resource is not taken for its bucket or object by methods that S3 does not have for it,
and headers are answered as the table of headers says. The client is botocore's throughout.
"""

import contextlib
import datetime
import itertools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import boto3
import botocore
import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import botocore.httpsession
from botocore.config import Config

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "local-s3.md"
REGION = "us-east-1"
KEYS = ("nephos", "nephos-local")
CHECKS = 0
FAILED = []
FORM = "PostObject"
BODY = b"body"
MIB = 1024 * 1024


def check(condition, what, found=None):
    global CHECKS
    CHECKS += 1
    if condition:
        print(f"ok   {what}", flush=True)
        return
    FAILED.append(what)
    print(f"FAILED: {what}{'' if found is None else f': {found}'}", flush=True)


# --- the page and the model ----------------------------------------------------------------------


def documented():
    """Operation to status, as the page's tables say; a name that stands twice is an error."""
    found = {}
    for line in PAGE.read_text().splitlines():
        row = re.match(r"\| ([A-Z]\w+) \| (real|recorded|absent) \|", line)
        if row:
            check(row[1] not in found, f"{row[1]} is documented once")
            found[row[1]] = row[2]
    return found


def documented_headers():
    """Header to the status and code that it is answered with; 200 and none where it is ignored."""
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (?:(\d{3}) (\w+)|ignored) \|", PAGE.read_text(), re.MULTILINE)
    return {header: (int(status or 200), code) for header, status, code in rows}


@contextlib.contextmanager
def endpoint(nephos, folder):
    command = [nephos, "local", "serve", "--port", "0", "--dir", folder, "--durability", "fast"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield re.search(r"http://\S+", process.stderr.readline()).group()
    finally:
        process.send_signal(signal.SIGTERM)
        check(process.wait(timeout=30) == 0, "the endpoint ends with 0 on SIGTERM")


def connect(url):
    # Prefixes of hosts are for DNS, which an endpoint on an address has none of.
    config = Config(
        retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, inject_host_prefix=False, proxies={}
    )
    return boto3.client(
        "s3", endpoint_url=url, region_name=REGION, config=config,
        aws_access_key_id=KEYS[0], aws_secret_access_key=KEYS[1],
    )


def method_of(s3, operation):
    names = {api: name for name, api in s3.meta.method_to_api_mapping.items()}
    return getattr(s3, names[operation])


def minimal(shape):
    """The least that a shape requires; a list has one member, so that it says something."""
    if shape.type_name == "structure":
        members = shape.required_members or (list(shape.members)[:1] if getattr(shape, "is_tagged_union", 0) else [])
        return {name: minimal(shape.members[name]) for name in members}
    if shape.type_name == "list":
        return [minimal(shape.member)]
    if shape.type_name == "map":
        return {minimal(shape.key): minimal(shape.value)}
    if shape.type_name == "string":
        return (shape.enum or ["x"])[0]
    values = {
        "integer": 1, "long": 1, "boolean": True, "float": 1.0, "double": 1.0, "blob": BODY,
        "timestamp": datetime.datetime(2030, 1, 1),
    }
    return values[shape.type_name]


# --- what operations are called with -------------------------------------------------------------


DAYS = {"Days": 3}
BLOCK = {"BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": True, "RestrictPublicBuckets": False}
CORS_RULE = {
    "ID": "rule", "AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["https://*.example.com"],
    "AllowedHeaders": ["x-amz-*"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 60,
}
LIFECYCLE_RULES = [
    {
        "ID": "current", "Status": "Enabled", "Expiration": DAYS, "AbortIncompleteMultipartUpload": {
            "DaysAfterInitiation": 2,
        },
        "Filter": {"And": {"Prefix": "a/", "ObjectSizeGreaterThan": 10, "ObjectSizeLessThan": 100}},
        "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}],
    },
    {
        "ID": "earlier", "Status": "Disabled", "Filter": {"Tag": {"Key": "a", "Value": "b"}},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 5, "NewerNoncurrentVersions": 2},
        "NoncurrentVersionTransitions": [{"NoncurrentDays": 4, "StorageClass": "STANDARD_IA"}],
    },
]
# What the model does not require and S3 does, or what says more than the least.
GIVEN = {
    "PutBucketAcl": {"ACL": "private"},
    "PutObjectAcl": {"ACL": "private"},
    "PutBucketCors": {"CORSConfiguration": {"CORSRules": [CORS_RULE]}},
    "PutBucketEncryption": {
        "ServerSideEncryptionConfiguration": {
            "Rules": [{
                "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/mine"},
                "BucketKeyEnabled": True,
            }],
        },
    },
    "PutBucketLifecycle": {
        "LifecycleConfiguration": {"Rules": [{"ID": "old", "Prefix": "a/", "Status": "Enabled", "Expiration": DAYS}]},
    },
    "PutBucketLifecycleConfiguration": {"LifecycleConfiguration": {"Rules": LIFECYCLE_RULES}},
    "PutBucketOwnershipControls": {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
    "PutBucketVersioning": {"VersioningConfiguration": {"Status": "Enabled"}},
    "PutPublicAccessBlock": {"PublicAccessBlockConfiguration": BLOCK},
    "PutObject": {"Body": BODY},
    "UploadPart": {"Body": BODY},
    "PutObjectRetention": {
        "Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": datetime.datetime(2030, 1, 1)},
    },
    "PutObjectLegalHold": {"LegalHold": {"Status": "ON"}},
    "PutObjectLockConfiguration": {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}},
    "RestoreObject": {"RestoreRequest": {"Days": 1}},
    "UpdateObjectEncryption": {
        "ObjectEncryption": {"SSEKMS": {"KMSKeyArn": f"arn:aws:kms:{REGION}:000000000000:key/mine"}},
    },
    "PutBucketAbac": {"AbacStatus": {"Status": "Enabled"}},
    "WriteGetObjectResponse": {"Body": BODY},
}
# What is not set and cannot be, has an error of its own.
NOT_SET = {
    "GetBucketReplication": "ReplicationConfigurationNotFoundError",
    "GetBucketWebsite": "NoSuchWebsiteConfiguration",
    "GetObjectLockConfiguration": "ObjectLockConfigurationNotFoundError",
}
# What the headers of the page are sent with: a method, a path, a value, and more headers.
SENT = {
    "if-none-match": ("PUT", "{full}/key", '"tag"'),
    "x-amz-acl": ("PUT", "{full}/new", "public-read"),
    "x-amz-bucket-namespace": ("PUT", "{missing}", "account-regional"),
    "x-amz-bucket-object-lock-enabled": ("PUT", "{missing}", "true"),
    "x-amz-bypass-governance-retention": ("DELETE", "{full}/key", "true"),
    "x-amz-checksum-md5": ("PUT", "{full}/new", "AAAAAAAAAAAAAAAAAAAAAA=="),
    "x-amz-confirm-remove-self-bucket-access": ("PUT", "{full}?policy", "true"),
    "x-amz-expected-bucket-owner": ("GET", "{full}/key", "111111111111"),
    "x-amz-grant-read": ("PUT", "{full}/new", "id=somebody"),
    "x-amz-if-match-size": ("DELETE", "{full}/key", "4"),
    "x-amz-mfa": ("DELETE", "{full}/key", "device 123456"),
    "x-amz-object-annotation-directive": ("PUT", "{full}/new", "COPY", {"x-amz-copy-source": "{full}/key"}),
    "x-amz-object-lock-mode": ("PUT", "{full}/new", "GOVERNANCE"),
    "x-amz-object-ownership": ("PUT", "{missing}", "ObjectWriter"),
    "x-amz-optional-object-attributes": ("GET", "{full}", "RestoreStatus"),
    "x-amz-request-payer": ("GET", "{full}/key", "requester"),
    "x-amz-storage-class": ("PUT", "{full}/new", "EXPRESS_ONEZONE"),
    "x-amz-write-offset-bytes": ("PUT", "{full}/key", "4"),
}
# The Put that comes before a Get or a Delete, where the names do not say so.
PUT_BY = {"GetBucketPolicyStatus": "PutBucketPolicy"}


class Place:
    """A bucket with an object and an upload of one part, an empty bucket, and one that is not there."""

    numbers = itertools.count()

    def __init__(self, s3):
        number = next(self.numbers)
        self.full, self.empty, self.missing = (f"{kind}-{number}" for kind in ("full", "empty", "missing"))
        s3.create_bucket(Bucket=self.full)
        s3.create_bucket(Bucket=self.empty)
        s3.put_object(Bucket=self.full, Key="key", Body=BODY, Tagging="a=b", Metadata={"c": "d"})
        self.upload = s3.create_multipart_upload(Bucket=self.full, Key="large")["UploadId"]
        part = s3.upload_part(Bucket=self.full, Key="large", UploadId=self.upload, PartNumber=1, Body=BODY)
        self.parts = [{"PartNumber": 1, "ETag": part["ETag"]}]

    def parameters(self, s3, operation):
        """What a call needs, over the full bucket."""
        model = s3.meta.service_model.operation_model(operation)
        given = minimal(model.input_shape) if model.input_shape else {}
        members = model.input_shape.members if model.input_shape else {}
        own = {"Bucket": self.full, "Key": "large" if "UploadId" in members else "key", "UploadId": self.upload}
        own["CopySource"] = {"Bucket": self.full, "Key": "key"}
        given.update({name: value for name, value in own.items() if name in given})
        given.update(GIVEN.get(operation, {}))
        if operation == "CompleteMultipartUpload":
            given["MultipartUpload"] = {"Parts": self.parts}
        if operation == "PutBucketPolicy":
            given["Policy"] = policy(given["Bucket"])
        if operation == "DeleteBucket":
            given["Bucket"] = self.empty
        if operation == "CreateBucket":
            given["Bucket"] = self.missing
        if operation == "CopyObject":
            given["Key"] = "copy"
        if operation == "DeleteObjects":
            given["Delete"] = {"Objects": [{"Key": "key"}]}
        return given


def policy(bucket):
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [allow]})


def call(s3, operation, parameters):
    """Status, code, and the answer, its body read."""
    try:
        answer = method_of(s3, operation)(**parameters)
    except botocore.exceptions.ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"], {}
    except Exception as error:  # Whatever else a client says of an answer is no success.
        return 0, f"{type(error).__name__}: {error}", {}
    told = answer.pop("ResponseMetadata")
    if hasattr(answer.get("Body"), "read"):
        answer["Body"] = answer["Body"].read()
    return told["HTTPStatusCode"], "", answer


# --- the checks ----------------------------------------------------------------------------------


def state(s3, table, place):
    """Everything that can be seen: which buckets there are, their settings, uploads, versions and objects."""
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    found = {"buckets": buckets}
    settings = [name for name in table if name.startswith("Get") and name.replace("Get", "Put", 1) in table]
    settings = [name for name in settings if "Object" not in name and is_present(table, name.replace("Get", "Put", 1))]
    for bucket in {place.full, place.empty} & set(buckets):
        versions = s3.list_object_versions(Bucket=bucket)
        found[bucket, "versions"] = versions.get("Versions"), versions.get("DeleteMarkers")
        found[bucket, "uploads"] = s3.list_multipart_uploads(Bucket=bucket).get("Uploads")
        for operation in settings:
            found[bucket, operation] = call(s3, operation, {"Bucket": bucket})
        for version in versions.get("Versions", []):
            for operation in ("GetObject", "GetObjectTagging", "GetObjectAcl"):
                found[bucket, operation] = call(s3, operation, {"Bucket": bucket, "Key": version["Key"]})
    return found


class Watched:
    """A place that is to stay as it is; after a change, a new one."""

    def __init__(self, s3, table):
        self.s3, self.table = s3, table
        self.renew()

    def renew(self):
        self.place = Place(self.s3)
        self.before = state(self.s3, self.table, self.place)

    def changes(self):
        """The names of what changed since the last look."""
        before, after = self.before, state(self.s3, self.table, self.place)
        changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        if changed:
            self.renew()
        return changed


def is_present(table, operation):
    return table.get(operation, "absent") != "absent"


def absent(s3, watched, operation):
    """Refused over a bucket with an object, an empty one, and none, each of which is left as it was."""
    members = s3.meta.service_model.operation_model(operation).input_shape.members
    for over in ("full", "empty", "missing") if "Bucket" in members else ("",):
        parameters = watched.place.parameters(s3, operation)
        if over:
            parameters["Bucket"] = getattr(watched.place, over)
        status, code, answer = call(s3, operation, parameters)
        what = f"{operation} over {over}" if over else operation
        check((status, code) == (501, "NotImplemented"), f"{what} is absent", (status, code, answer))
        changed = watched.changes()
        check(not changed, f"{what} changes nothing", changed)


def present(s3, table, operation):
    """Succeeds, and what was put is what is told."""
    place = Place(s3)
    family = PUT_BY.get(operation, re.sub("^(Get|Delete)", "Put", operation))
    put = family != operation and is_present(table, family)
    if put:
        check(200 <= call(s3, family, place.parameters(s3, family))[0] < 300, f"{operation}: {family} comes first")
    status, code, _ = call(s3, operation, place.parameters(s3, operation))
    if operation in NOT_SET:
        check((status, code) == (404, NOT_SET[operation]), f"{operation} answers that nothing is set", (status, code))
        return
    check(200 <= status < 300, f"{operation} is {table[operation]}", (status, code))
    teller = re.sub("^(Put|Delete)", "Get", operation)
    if operation.startswith("Put") or put and operation.startswith("Delete"):
        payload = s3.meta.service_model.operation_model(family).input_shape.serialization.get("payload")
        given = place.parameters(s3, family).get(payload)
        told = call(s3, teller, place.parameters(s3, teller))[2]
        told = tells(told.get(payload, told), given)
        if operation.startswith("Delete"):
            check(not told, f"{operation} removes what {family} was given")
        elif given is not None:
            check(told, f"{teller} tells what {operation} was given")


def tells(told, given):
    """Whether an answer holds everything that was given; it may hold more."""
    if isinstance(given, dict):
        return isinstance(told, dict) and all(name in told and tells(told[name], given[name]) for name in given)
    if isinstance(given, list):
        return isinstance(told, list) and len(told) == len(given) and all(map(tells, told, given))
    return told == given


def form(s3, url, status):
    """The one operation that clients send without a client library."""
    place = Place(s3)
    post = s3.generate_presigned_post(place.full, "by-form")
    boundary = "boundary"
    fields = [f'name="{name}"\r\n\r\n{value}' for name, value in post["fields"].items()]
    fields.append(f'name="file"; filename="f"\r\n\r\n{BODY.decode()}')
    body = "".join(f"--{boundary}\r\nContent-Disposition: form-data; {field}\r\n" for field in fields)
    headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    answer = send("POST", f"{url}/{place.full}", headers, f"{body}--{boundary}--\r\n".encode())
    check(answer[0] == (204 if status == "real" else 501), f"{FORM} is {status}", answer)
    stored = call(s3, "GetObject", {"Bucket": place.full, "Key": "by-form"})[2].get("Body")
    check(stored == (BODY if status == "real" else None), f"{FORM} stores what it says", stored)


def send(method, url, headers=None, body=b"", sign=False):
    """Status and code of a request that boto3 has no method for."""
    request = botocore.awsrequest.AWSRequest(method, url, headers or {}, body)
    if sign:
        credentials = botocore.credentials.Credentials(*KEYS)
        botocore.auth.S3SigV4Auth(credentials, "s3", REGION).add_auth(request)
    answer = botocore.httpsession.URLLib3Session(proxies={}).send(request.prepare())
    code = re.search(rb"<Code>(\w+)</Code>", answer.content) if answer.status_code >= 400 else None
    return answer.status_code, code[1].decode() if code else ""


def sub_resources(model, table):
    """The sub-resources of buckets and of objects, with the methods that are present for each."""
    found = {}
    for operation in model.operation_names:
        shape, http = model.operation_model(operation).input_shape, model.operation_model(operation).http
        name = http["requestUri"].partition("?")[2].split("&")[0]
        if name and "=" not in name:
            methods = found.setdefault(("Key" not in shape.members, name), set())
            methods |= {http["method"]} if is_present(table, operation) else set()
    return sorted(found.items())


def misuse(s3, url, watched):
    """`DELETE /bucket?versioning` is not `DELETE /bucket`: S3 says 405 of methods that a sub-resource has not."""
    for (of_bucket, name), methods in sub_resources(s3.meta.service_model, watched.table):
        for method in sorted({"PUT", "POST", "DELETE"} - methods):
            place = watched.place
            paths = [place.empty, place.missing] if of_bucket else [f"{place.full}/key"]
            answers = [send(method, f"{url}/{path}?{name}", sign=True) for path in paths]
            what = f"{method} /bucket{'' if of_bucket else '/key'}?{name}"
            check(all(400 <= status < 502 for status, _ in answers), f"{what} is refused", answers)
            changed = watched.changes()
            check(not changed, f"{what} changes nothing", changed)


def headers(url, watched):
    """Headers are refused or ignored as the page says, and what is refused changes nothing."""
    told = documented_headers()
    check(told.keys() == SENT.keys(), "every header of the page is checked", sorted(told.keys() ^ SENT.keys()))
    for header in sorted(told.keys() & SENT.keys()):
        names = vars(watched.place)
        method, path, value, *more = SENT[header]
        given = {name: text.format(**names) for name, text in {header: value, **(more or [{}])[0]}.items()}
        body = policy(watched.place.full).encode() if path.endswith("?policy") else b""
        answer = send(method, f"{url}/{path.format(**names)}", given, body, sign=True)
        ignored = told[header][0] == 200
        said = 200 <= answer[0] < 300 if ignored else answer == told[header]
        check(said, f"{header} is {'ignored' if ignored else told[header][1]}", answer)
        changed = watched.changes()
        if not ignored:
            check(not changed, f"{header} changes nothing", changed)


def main():
    nephos = os.path.abspath(sys.argv[1])
    table = documented()
    with tempfile.TemporaryDirectory() as folder, endpoint(nephos, folder) as url:
        s3 = connect(url)
        model = s3.meta.service_model
        known = {*model.operation_names, FORM}
        print(f"botocore {botocore.__version__}: {len(known) - 1} operations", flush=True)
        check(not known - set(table), "every operation is documented", sorted(known - set(table)))
        check(not set(table) - known, "every documented operation exists", sorted(set(table) - known))
        watched = Watched(s3, table)
        for operation in sorted(known & set(table)):
            if not is_present(table, operation) and operation != FORM:
                absent(s3, watched, operation)
        misuse(s3, url, watched)
        headers(url, watched)
        for operation in sorted(known & set(table)):
            if is_present(table, operation) and operation != FORM:
                present(s3, table, operation)
        form(s3, url, table.get(FORM))
    counts = {status: list(table.values()).count(status) for status in ("real", "recorded", "absent")}
    print(", ".join(f"{count} {status}" for status, count in counts.items()))
    print(f"{CHECKS - len(FAILED)} passed, {len(FAILED)} failed")
    raise SystemExit(bool(FAILED))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main()
