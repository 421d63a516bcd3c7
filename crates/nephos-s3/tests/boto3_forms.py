"""Uploads by HTML form, as boto3 signs them for others to send."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import urllib.parse
import zlib

from boto3_client import *

ADDRESS = urllib.parse.urlsplit(URL)
BOUNDARY = "----boundary"
KEY32 = bytes(range(32))
VERSION_4 = client(signature_version="s3v4")


def send(fields, content=b"form bytes", filename="photo.txt", host=None, path=f"/{BUCKET}", after=b"", **headers):
    """Sends a form; returns the status, the headers and the answer."""
    body = b""
    for name, value in fields.items():
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    if content is not None:
        body += (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
                 "Content-Type: text/plain\r\n\r\n").encode() + content + b"\r\n"
    body += after + f"--{BOUNDARY}--\r\n".encode()
    connection = http.client.HTTPConnection(ADDRESS.hostname, ADDRESS.port)
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Host": host or ADDRESS.netloc}
    connection.request("POST", path, body, kind | headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read().decode()


def signed(key, fields=None, conditions=None, s3=s3, own=True, **options):
    """The fields of a form; those given are named by a condition, unless `own` is false."""
    named = [{name: value} for name, value in (fields or {}).items()] if own else []
    return s3.generate_presigned_post(BUCKET, key, Fields=dict(fields or {}),
                                      Conditions=[*named, *(conditions or [])], **options)["fields"]


def upload(*args, content=b"form bytes", filename="photo.txt", **kwargs):
    status, headers, answer = send(signed(*args, **kwargs), content, filename)
    assert status == 204 and not answer, (status, answer)
    return headers


def refused(code, status, fields, *args, message="", **kwargs):
    found, headers, answer = send(fields, *args, **kwargs)
    assert found == status and f"<Code>{code}</Code>" in answer and message in answer, (code, found, answer)
    assert "<RequestId>" in answer and headers["x-amz-request-id"] and headers["Content-Type"] == "application/xml"


def check_forms():
    for s3 in (plain, VERSION_4):
        headers = upload("form", s3=s3)
        assert headers["ETag"] == etag(b"form bytes") and headers["Location"] == f"{URL}/{BUCKET}/form"
        assert get("form")["Body"].read() == b"form bytes" and get("form")["ContentType"] == "binary/octet-stream"
    upload("to/${filename}", filename="C:\\folder\\a b.txt")
    assert get("to/a b.txt")["ETag"] == etag(b"form bytes")
    data = hashlib.shake_256(b"form").digest(3 * MIB + 1)
    upload("form large", content=data)
    assert get("form large")["Body"].read() == data
    upload("form empty", content=b"")
    assert get("form empty")["Body"].read() == b""
    # S3 ignores what follows the file.
    late = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="acl"\r\n\r\npublic-read\r\n'.encode()
    assert send(signed("form late"), after=late)[0] == 204


def check_what_forms_keep():
    tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>1 + 2</Value></Tag></TagSet></Tagging>"
    crc = base64.b64encode(zlib.crc32(b"form bytes").to_bytes(4, "big")).decode()
    headers = upload("form kept", {
        "Content-Type": "image/gif", "Cache-Control": "no-cache", "Content-Disposition": "attachment",
        "Content-Encoding": "gzip", "Expires": "Thu, 01 Dec 2033 16:00:00 GMT", "x-amz-meta-Colour": "blue",
        "tagging": tags, "x-amz-storage-class": "STANDARD_IA", "x-amz-website-redirect-location": "/there",
        "x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-crc32": crc, "acl": "private",
        "x-amz-server-side-encryption": "AES256",
        "Content-MD5": base64.b64encode(hashlib.md5(b"form bytes").digest()).decode()})
    assert headers["x-amz-checksum-crc32"] == crc and headers["x-amz-server-side-encryption"] == "AES256"
    got = get("form kept", ChecksumMode="ENABLED")
    assert got["ChecksumCRC32"] == crc and got["ServerSideEncryption"] == "AES256", got
    assert (got["ContentType"], got["CacheControl"], got["ContentDisposition"], got["ContentEncoding"],
            got["ExpiresString"], got["StorageClass"], got["WebsiteRedirectLocation"], got["Metadata"]) == (
        "image/gif", "no-cache", "attachment", "gzip", "Thu, 01 Dec 2033 16:00:00 GMT", "STANDARD_IA", "/there",
        {"colour": "blue"})
    assert s3.get_object_tagging(Bucket=BUCKET, Key="form kept")["TagSet"] == [{"Key": "a", "Value": "1 + 2"}]
    customer = "x-amz-server-side-encryption-customer-"
    headers = upload("form sealed", {
        f"{customer}algorithm": "AES256", f"{customer}key": base64.b64encode(KEY32).decode(),
        f"{customer}key-MD5": base64.b64encode(hashlib.md5(KEY32).digest()).decode()})
    assert headers[f"{customer}algorithm"] == "AES256"
    assert get("form sealed", SSECustomerKey=KEY32, SSECustomerAlgorithm="AES256")["Body"].read() == b"form bytes"
    for name, value, code, status in [
        ("acl", "public-read", "AccessControlListNotSupported", 400), ("acl", "everybody", "InvalidArgument", 400),
        ("x-amz-object-lock-mode", "GOVERNANCE", "NotImplemented", 501),
        ("x-amz-meta-a", "x" * 2100, "MetadataTooLarge", 400), ("x-amz-meta-a", "1\r\nx: y", "InvalidArgument", 400),
        ("Content-Type", "a\nb", "InvalidArgument", 400), ("x-amz-storage-class", "COLD", "InvalidStorageClass", 400),
        ("tagging", "<Tagging", "MalformedXML", 400), ("x-amz-checksum-crc32", "AAAAAA==", "BadDigest", 400),
        ("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==", "BadDigest", 400), ("x-amz-meta-a", "x" * 22000,
         "MaxPostPreDataLengthExceededError", 400),
    ]:
        refused(code, status, signed("form refused", {name: value}))
    refused("KeyTooLongError", 400, signed("k" * 1025))
    refused("InvalidArgument", 400, signed(""), message="greater than 0")
    fails("404", 404, s3.head_object, Bucket=BUCKET, Key="form refused")


def check_policies():
    ends = [["content-length-range", 2, 5]]
    for content, code in [(b"x", "EntityTooSmall"), (b"x" * 6, "EntityTooLarge"), (b"x" * MIB, "EntityTooLarge")]:
        refused(code, 400, signed("form range", conditions=ends), content)
    for content in (b"xx", b"x" * 5):
        assert send(signed("form range", conditions=ends), content)[0] == 204
    denied = "Invalid according to Policy: "
    fields = signed("form policy") | {"key": "another"}
    refused("AccessDenied", 403, fields, message=denied + "Policy Condition failed: [\"eq\", \"$key\"")
    fields = signed("form/", conditions=[["starts-with", "$Content-Type", "image/"]])
    refused("AccessDenied", 403, fields, message=denied + "Policy Condition failed")
    refused("AccessDenied", 403, fields | {"Content-Type": "text/plain"}, message=denied + "Policy Condition failed")
    assert send(fields | {"Content-Type": "image/png"})[0] == 204
    fields = signed("form policy", {"x-amz-meta-a": "1"}, own=False)
    refused("AccessDenied", 403, fields, message=denied + "Extra input fields: x-amz-meta-a")
    refused("AccessDenied", 403, signed("form policy", ExpiresIn=-5), message=denied + "Policy expired.")
    refused("AccessDenied", 403, {"key": "form policy"})
    refused("AccessDenied", 403, {"key": "form policy", "policy": fields["policy"]})
    refused("InvalidArgument", 400, {"policy": "x"}, message="'key'")
    refused("InvalidArgument", 400, signed("form policy"), None, message="exactly one file")
    refused("InvalidAccessKeyId", 403, signed("form policy", s3=client(key="nobody")))
    for fields in (signed("form policy"), signed("form policy", s3=VERSION_4)):
        other = base64.b64encode(b"{}").decode()
        refused("SignatureDoesNotMatch", 403, fields | {"policy": other})
        refused("InvalidToken", 400, fields | {"x-amz-security-token": "x"})
    for policy in ("words", '{"expiration": "2098-01-01T00:00:00Z"}'):
        encoded = base64.b64encode(policy.encode())
        proof = base64.b64encode(hmac.new(SECRET.encode(), encoded, "sha1").digest()).decode()
        fields = {"key": "k", "AWSAccessKeyId": "nephos", "policy": encoded.decode(), "signature": proof}
        refused("InvalidPolicyDocument", 400, fields)
    # Its policy ends a form, not the age of its signature.
    old, scope = "20200101T000000Z", "20200101/eu-central-1/s3/aws4_request"
    own = {"key": "form old", "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": f"nephos/{scope}", "x-amz-date": old}
    policy = {"expiration": "2098-01-01T00:00:00.000Z", "conditions": [{"bucket": BUCKET}, *[{k: v} for k, v in own.items()]]}
    encoded = base64.b64encode(json.dumps(policy).encode())
    secret = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        secret = hmac.new(secret, part.encode(), "sha256").digest()
    proof = hmac.new(secret, encoded, "sha256").hexdigest()
    assert send(own | {"policy": encoded.decode(), "x-amz-signature": proof})[0] == 204


def check_temporary_keys():
    user = json.loads(os.environ["NEPHOS_TEST_USER"])
    for version in (None, "s3v4"):
        s3 = boto3.client("s3", endpoint_url=URL, region_name="eu-central-1", aws_access_key_id=user["access_key_id"],
                          aws_secret_access_key=user["secret_access_key"], aws_session_token=user["session_token"],
                          config=Config(signature_version=version, s3={"addressing_style": "path"}))
        fields = signed("form temporary", s3=s3)
        assert send(fields)[0] == 204
        del fields["x-amz-security-token"]
        refused("InvalidToken", 400, fields)


def check_answers_of_forms():
    for status in ("200", "204"):
        assert send(signed("form answer", {"success_action_status": status}))[::2] == (int(status), "")
    assert send(signed("form answer", {"success_action_status": "418"}))[0] == 204
    key = "form/ü & <1>"
    status, headers, answer = send(signed(key, {"success_action_status": "201"}))
    assert status == 201 and headers["Content-Type"] == "application/xml", answer
    place = f"{URL}/{BUCKET}/{urllib.parse.quote(key)}"
    told = dict(re.findall("<(Location|Bucket|Key|ETag)>([^<]*)<", answer))
    assert headers["Location"] == told["Location"] == place and told["Bucket"] == BUCKET, (headers, answer)
    assert told["Key"] == "form/ü &amp; &lt;1&gt;" and told["ETag"].replace("&quot;", '"') == etag(b"form bytes"), told
    for page, more in [("http://there.example/done", {}), ("https://there.example/?a=1", {"a": "1"})]:
        for name in ("success_action_redirect", "redirect"):
            status, headers, _ = send(signed(key, {name: page, "success_action_status": "201"}))
            query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(headers["Location"]).query))
            assert status == 303 and headers["Location"].startswith(page), headers["Location"]
            assert query == more | {"bucket": BUCKET, "key": key, "etag": etag(b"form bytes")}, query
    for page in ("words", "javascript:alert(1)", "http://there.example/\r\nx: y"):
        status, headers, _ = send(signed(key, {"success_action_redirect": page}))
        assert status == 204 and headers["Location"] == place, (page, status)


def check_where_forms_go():
    port = ADDRESS.port
    host = f"{BUCKET}.localhost:{port}"
    status, headers, _ = send(signed("form/virtual"), host=host, path="/")
    assert status == 204 and headers["Location"] == f"http://{host}/form/virtual", headers.items()
    s3.create_bucket(Bucket="boto3-forms-other")
    refused("AccessDenied", 403, signed("form"), path="/boto3-forms-other", message="$bucket")
    refused("NoSuchBucket", 404, signed("form"), path="/boto3-forms-none")
    refused("MethodNotAllowed", 405, signed("form"), path=f"/{BUCKET}/key")
    refused("PreconditionFailed", 412, signed("form"), **{"Content-Type": "application/x-www-form-urlencoded"})
    refused("MalformedPOSTRequest", 400, signed("form"), **{"Content-Type": "multipart/form-data"})
    refused("MalformedPOSTRequest", 400, signed("form"), **{"Content-Type": "multipart/form-data; boundary=other"})
    rules = {"CORSRules": [{"AllowedMethods": ["POST"], "AllowedOrigins": ["http://page.example"]}]}
    s3.put_bucket_cors(Bucket="boto3-forms-other", CORSConfiguration=rules)
    for fields in ({}, signed("form")):
        headers = send(fields, path="/boto3-forms-other", Origin="http://page.example")[1]
        assert headers["Access-Control-Allow-Origin"] == "http://page.example"
    s3.put_bucket_versioning(Bucket="boto3-forms-other", VersioningConfiguration={"Status": "Enabled"})
    fields = s3.generate_presigned_post("boto3-forms-other", "form")["fields"]
    status, headers, _ = send(fields, path="/boto3-forms-other")
    assert status == 204 and headers["x-amz-version-id"]
    s3.delete_object(Bucket="boto3-forms-other", Key="form", VersionId=headers["x-amz-version-id"])
    s3.delete_bucket(Bucket="boto3-forms-other")
