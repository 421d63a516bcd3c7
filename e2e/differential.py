"""Differential test of the local S3 endpoint: the same raw requests to it and to S3 servers that nobody
here wrote, and every difference in the answers explained.

    python e2e/differential.py NEPHOS_BINARY [--peers localstack,seaweedfs] [--only GROUP] [--list]
                               [--show SERVER] [--propose]

Each server starts with empty storage and gets the same signed requests in the same order. What is
compared is the status, the error code, the headers in `HEADERS` and the XML, with ids and dates
replaced by placeholders. `differences.toml` beside this file says, for each known difference, which
side is right and the sentence of AWS's documentation it rests on. The script ends with 0 only if
every difference is explained there and nothing there is stale. A peer that cannot be had on this
machine (no Python 3.13, for example) is left out with a printed reason.
"""

import argparse
import base64
import concurrent.futures
import contextlib
import dataclasses
import datetime
import fnmatch
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.parse
import xml.etree.ElementTree as ElementTree
import zlib

HERE = pathlib.Path(__file__).resolve().parent
MIB = 1024 * 1024
REGION = "us-east-1"
UNAVAILABLE = 69
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

# Headers whose value is compared.
HEADERS = """
accept-ranges access-control-allow-headers access-control-allow-methods access-control-allow-origin
access-control-expose-headers access-control-max-age allow cache-control content-disposition
content-encoding content-language content-length content-range content-type etag expires location
x-amz-abort-rule-id x-amz-bucket-region x-amz-delete-marker x-amz-missing-meta x-amz-mp-parts-count
x-amz-storage-class x-amz-tagging-count x-amz-website-redirect-location
""".split()
FAMILIES = ("x-amz-checksum-", "x-amz-meta-", "x-amz-server-side-encryption")
# Headers of which only the presence is compared, as the value is each server's own.
PRESENT = """
last-modified x-amz-abort-date x-amz-copy-source-version-id x-amz-expiration x-amz-version-id
""".split()
# Elements whose text is each server's own.
OPAQUE = set("""
ContinuationToken CreationDate DisplayName HostId ID Initiated LastModified NextContinuationToken
NextUploadIdMarker NextVersionIdMarker RequestId UploadId UploadIdMarker VersionId VersionIdMarker
DeleteMarkerVersionId CopySourceVersionId
""".split())
# Of an error only the code and the elements that name the thing are compared: messages are each
# server's own words.
UNCOMPARED_IN_ERRORS = set("""
AWSAccessKeyId CanonicalRequest CanonicalRequestBytes Expires HostId MaxAllowedSkewMilliseconds Message
RequestId RequestTime Resource ServerTime SignatureProvided StringToSign StringToSignBytes
""".split())


# --- signing -------------------------------------------------------------------------------------


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def md5(data):
    return hashlib.md5(data).hexdigest()


def base64_of(data):
    return base64.b64encode(data).decode()


def content_md5(data):
    return base64_of(hashlib.md5(data).digest())


def quote(text, safe="/-_.~"):
    return urllib.parse.quote(text, safe=safe)


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


@dataclasses.dataclass
class Signer:
    """Signature Version 4, written here so that every part of it can be made wrong."""

    key: str
    secret: str

    def scope(self, stamp):
        return f"{stamp[:8]}/{REGION}/s3/aws4_request"

    def sign(self, stamp, text):
        signing = f"AWS4{self.secret}".encode()
        for part in self.scope(stamp).split("/"):
            signing = mac(signing, part)
        return mac(signing, text).hex()

    def request(self, stamp, method, path, query, headers, payload):
        """The signature of a request, and the names of the headers it covers."""
        headers = {name.lower(): " ".join(str(value).split()) for name, value in headers.items()}
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{self.scope(stamp)}\n{sha256(canonical.encode())}"
        return self.sign(stamp, text), names

    def chunk(self, stamp, previous, data, kind="AWS4-HMAC-SHA256-PAYLOAD"):
        hashes = f"{sha256(b'')}\n{sha256(data)}" if kind.endswith("PAYLOAD") else sha256(data)
        return self.sign(stamp, f"{kind}\n{stamp}\n{self.scope(stamp)}\n{previous}\n{hashes}")


def stamp_of(moment):
    return moment.strftime("%Y%m%dT%H%M%SZ")


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def canonical_query(query):
    pairs = sorted((quote(k, safe="-_.~"), quote("" if v is None else str(v), safe="-_.~")) for k, v in query)
    return "&".join(f"{k}={v}" for k, v in pairs)


# --- checksums -----------------------------------------------------------------------------------


def reflected_table(polynomial):
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (polynomial if value & 1 else 0)
        table.append(value)
    return table


CRC32C_TABLE = reflected_table(0x82F63B78)
CRC64NVME_TABLE = reflected_table(0x9A6C9329AC4BC9B5)


def table_crc(table, bits, data):
    ones = (1 << bits) - 1
    crc = ones
    for byte in data:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 255]
    return crc ^ ones


RAW_CHECKSUMS = {
    "CRC32": lambda data: struct.pack(">I", zlib.crc32(data)),
    "CRC32C": lambda data: struct.pack(">I", table_crc(CRC32C_TABLE, 32, data)),
    "CRC64NVME": lambda data: struct.pack(">Q", table_crc(CRC64NVME_TABLE, 64, data)),
    "SHA1": lambda data: hashlib.sha1(data).digest(),
    "SHA256": lambda data: hashlib.sha256(data).digest(),
}


def checksum(algorithm, data):
    return base64_of(RAW_CHECKSUMS[algorithm](data))


def composite(algorithm, *parts):
    joined = b"".join(RAW_CHECKSUMS[algorithm](part) for part in parts)
    return f"{checksum(algorithm, joined)}-{len(parts)}"


def multipart_etag(*parts):
    return f'"{md5(b"".join(hashlib.md5(part).digest() for part in parts))}-{len(parts)}"'


# --- the conversation with one server ------------------------------------------------------------


@dataclasses.dataclass
class Answer:
    """What a server sent back, and where values for later requests are found in it."""

    status: int = 0
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""

    def header(self, name):
        return self.headers.get(name, f"no-{name}")

    def root(self):
        with contextlib.suppress(ElementTree.ParseError):
            return ElementTree.fromstring(self.body)

    def text(self, element):
        root = self.root()
        for found in root.iter() if root is not None else ():
            if local_name(found.tag) == element:
                return found.text or ""
        return f"no-{element}"


def local_name(tag):
    return tag.rpartition("}")[2]


class Conversation:
    """The steps sent to one server, in order, and what it answered to each."""

    def __init__(self, name, port, key, secret):
        self.name, self.port, self.key, self.secret = name, port, key, secret
        self.signer = Signer(key, secret)
        self.group = ""
        self.known = {f"127.0.0.1:{port}": "HOST"}
        self.steps = {}
        self.requests = {}

    def remember(self, label, value):
        """Where this value comes back in a later answer it is compared by its label."""
        self.known[value] = f"<{label}>"
        return value

    def step(self, name, method, target, query=(), headers=None, body=b"", **signing):
        """Sends one request and keeps the answer under its name.

        `target` is bucket/key, unencoded. How it is signed can be changed: `secret`, `key`, `when`,
        `payload` (the x-amz-content-sha256), `anonymous`, `encoded` (the target is sent as it is),
        `presign` (seconds the URL is good for), `unsigned` (headers added after signing),
        `chunks` (an aws-chunked body: see `chunked`), `tamper` (what to do to the path and query).
        """
        body = body.encode() if isinstance(body, str) else body
        query = [(k, v) for k, v in (query.items() if isinstance(query, dict) else query)]
        path = "/" + (target if signing.get("encoded") else quote(target))
        wire_query, headers, body = self.signed(
            method, path, query, {k: str(v) for k, v in (headers or {}).items()}, body, signing)
        url = path + (f"?{wire_query}" if wire_query else "")
        if "tamper" in signing:
            url = signing["tamper"](url)
        return self.send(name, method, url, headers, body)

    def signed(self, method, path, query, headers, body, signing):
        signer = Signer(signing.get("key", self.key), signing.get("secret", self.secret))
        stamp = stamp_of(signing.get("when") or now())
        host = {"Host": f"127.0.0.1:{self.port}"}
        plain = "&".join(
            quote(k, safe="-_.~") + ("" if v is None else "=" + quote(str(v), safe="-_.~")) for k, v in query
        )
        if signing.get("anonymous"):
            return plain, {**host, **headers}, body
        if "presign" in signing:
            covered = {**host, **headers}
            names = ";".join(sorted(name.lower() for name in covered))
            query = query + [
                ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
                ("X-Amz-Credential", f"{signer.key}/{signer.scope(stamp)}"),
                ("X-Amz-Date", stamp),
                ("X-Amz-Expires", str(signing["presign"])),
                ("X-Amz-SignedHeaders", names),
            ]
            wire = canonical_query(query)
            found, _ = signer.request(stamp, method, path, wire, covered, "UNSIGNED-PAYLOAD")
            return f"{wire}&X-Amz-Signature={found}", {**covered, **signing.get("unsigned", {})}, body
        payload = signing.get("payload") or sha256(body)
        headers = {**host, "x-amz-date": stamp, "x-amz-content-sha256": payload, **headers}
        found, names = signer.request(stamp, method, path, canonical_query(query), headers, payload)
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={signer.key}/{signer.scope(stamp)}, "
            f"SignedHeaders={names}, Signature={found}"
        )
        if "chunks" in signing:
            body = signing["chunks"](signer, stamp, found)
        return plain, {**headers, **signing.get("unsigned", {})}, body

    def send(self, name, method, url, headers, body):
        name = f"{self.group}/{name}"
        if name in self.steps:
            raise SystemExit(f"two steps are called {name}")
        sent = {name.lower() for name in headers}
        if "content-length" not in sent and "transfer-encoding" not in sent and (body or method in ("PUT", "POST")):
            headers["Content-Length"] = str(len(body))
        answer = self.exchange(method, url, headers, body)
        self.requests[name] = (method, url, headers, body)
        self.steps[name] = (answer, self.aspects(method, "origin" in sent or method == "OPTIONS", answer))
        return answer

    def exchange(self, method, url, headers, body):
        if self.port is None:
            return Answer()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, url, skip_host=True, skip_accept_encoding=True)
            for header, value in headers.items():
                connection.putheader(header, value.encode() if isinstance(value, str) else value)
            # A server may refuse before it has read the body, and close.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.endheaders()
                connection.send(body)
            response = connection.getresponse()
            found = {k.lower(): v for k, v in response.getheaders()}
            return Answer(response.status, found, response.read())
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, {}, f"no answer: {type(error).__name__}".encode())
        finally:
            connection.close()

    # What of an answer is compared.

    def place(self, text):
        if text in self.known:
            return self.known[text]
        for value, label in self.known.items():
            if len(value) > 8 and value in text:
                text = text.replace(value, label)
        return text

    def aspects(self, method, cross_origin, answer):
        """The compared parts of an answer, by name."""
        root = answer.root()
        found = {"status": str(answer.status)}
        is_object = root is None and 200 <= answer.status < 300 and method in ("GET", "HEAD")
        for header, value in answer.headers.items():
            if header == "content-length" and not is_object:
                continue
            if header.startswith("access-control-") and not cross_origin:
                continue
            # The type of an error's body, and of no body, says nothing.
            if header == "content-type" and (answer.status >= 300 or not (answer.body or method == "HEAD")):
                continue
            if header in PRESENT:
                found[f"header {header}"] = self.known.get(value, value if value == "null" else "present")
            elif header in HEADERS or header.startswith(FAMILIES):
                found[f"header {header}"] = self.place(value)
        if root is None:
            if answer.body:
                short = len(answer.body) < 100
                found["body"] = self.place(answer.body.decode("latin-1")) if short else sha256(answer.body)
        elif local_name(root.tag) == "Error":
            found["code"] = root.findtext("Code") or root.findtext(f"{{{NAMESPACE}}}Code") or ""
            for child in root:
                if local_name(child.tag) not in UNCOMPARED_IN_ERRORS | {"Code"}:
                    found[f"error {local_name(child.tag)}"] = self.place(child.text or "")
        else:
            self.flatten(root, local_name(root.tag), found)
            found["namespace"] = root.tag.rpartition("}")[0].lstrip("{")
        return found

    def flatten(self, element, path, found):
        children = {}
        for child in element:
            children.setdefault(local_name(child.tag), []).append(child)
        for attribute, value in element.attrib.items():
            found[f"body {path}@{local_name(attribute)}"] = value
        if not children:
            text = element.text or ""
            name = local_name(element.tag)
            if text in self.known:
                text = self.known[text]
            elif name in OPAQUE and text not in ("", "null"):
                text = "present"
            elif name != "Message":
                text = self.place(text)
            else:
                text = "words"
            found[f"body {path}"] = text
        for name, several in children.items():
            for index, child in enumerate(several):
                self.flatten(child, f"{path}/{name}" + (f"#{index + 1}" if index else ""), found)


def chunked(pieces, trailers=(), signed=False, wrong_signature=False, sign_trailer=True):
    """The aws-chunked encoding of a body, with or without a signature on each chunk."""

    def encode(signer, stamp, seed):
        out, previous = b"", seed
        for piece in [*pieces, b""]:
            line = f"{len(piece):x}"
            if signed:
                previous = signer.chunk(stamp, previous, piece)
                line += ";chunk-signature=" + ("0" * 64 if wrong_signature else previous)
            out += line.encode() + b"\r\n" + (piece + b"\r\n" if piece else b"")
        for name, value in trailers:
            out += f"{name}:{value}\r\n".encode()
        if signed and trailers and sign_trailer:
            text = "".join(f"{name}:{value}\n" for name, value in trailers).encode()
            found = signer.chunk(stamp, previous, text, "AWS4-HMAC-SHA256-TRAILER")
            out += f"x-amz-trailer-signature:{found}\r\n".encode()
        return out + b"\r\n"

    return encode


# --- the steps -----------------------------------------------------------------------------------

GROUPS = {}


def group(steps):
    GROUPS[steps.__name__] = steps
    return steps


def element(name, *children, **texts):
    inner = "".join(children) + "".join(f"<{k}>{v}</{k}>" for k, v in texts.items())
    return f"<{name}>{inner}</{name}>"


def document(name, *children, **texts):
    return element(name, *children, **texts).replace(f"<{name}>", f'<{name} xmlns="{NAMESPACE}">', 1)


def complete_body(*parts):
    """Each part is a number and an ETag, and perhaps checksum elements."""
    rows = [element("Part", *more, PartNumber=number, ETag=etag) for number, etag, *more in parts]
    return document("CompleteMultipartUpload", *rows)


@group
def buckets(s):
    s.step("create", "PUT", "d-buckets")
    s.step("create-again", "PUT", "d-buckets")
    s.step("create-with-own-region", "PUT", "d-buckets-region", body=document(
        "CreateBucketConfiguration", LocationConstraint="us-east-1"))
    s.step("create-elsewhere", "PUT", "d-buckets-eu", body=document(
        "CreateBucketConfiguration", LocationConstraint="eu-west-1"))
    s.step("create-nowhere", "PUT", "d-buckets-mars", body=document(
        "CreateBucketConfiguration", LocationConstraint="mars-north-1"))
    s.step("create-malformed", "PUT", "d-buckets-bad", body="<CreateBucketConfiguration>")
    for label, name in [
        ("short", "ab"), ("upper", "D-Buckets-Upper"), ("underscore", "d_buckets"), ("dots", "d..buckets"),
        ("address", "192.168.5.4"), ("long", "d" * 64), ("dash-end", "d-buckets-"), ("xn", "xn--buckets"),
        ("s3alias", "buckets-s3alias"),
    ]:
        s.step(f"create-named-{label}", "PUT", name)
    s.step("head", "HEAD", "d-buckets")
    s.step("head-elsewhere", "HEAD", "d-buckets-eu")
    s.step("head-missing", "HEAD", "d-buckets-none")
    s.step("location", "GET", "d-buckets", {"location": None})
    s.step("location-elsewhere", "GET", "d-buckets-eu", {"location": None})
    s.step("location-missing", "GET", "d-buckets-none", {"location": None})
    s.step("list-prefix", "GET", "", {"prefix": "d-buckets"})
    page = s.step("list-page", "GET", "", {"prefix": "d-buckets", "max-buckets": 1})
    s.step("list-next-page", "GET", "", {
        "prefix": "d-buckets", "max-buckets": 1, "continuation-token": page.text("ContinuationToken")})
    s.step("list-region", "GET", "", {"prefix": "d-buckets", "bucket-region": "eu-west-1"})
    s.step("list-max-zero", "GET", "", {"max-buckets": 0})
    s.step("put-into-missing", "PUT", "d-buckets-none/key", body=b"x")
    s.step("get-from-missing", "GET", "d-buckets-none/key")
    s.step("delete-missing", "DELETE", "d-buckets-none")
    s.step("put-object", "PUT", "d-buckets/key", body=b"x")
    s.step("delete-not-empty", "DELETE", "d-buckets")
    s.step("delete-object", "DELETE", "d-buckets/key")
    s.step("delete", "DELETE", "d-buckets")
    s.step("head-deleted", "HEAD", "d-buckets")
    s.step("delete-again", "DELETE", "d-buckets")
    s.step("delete-elsewhere", "DELETE", "d-buckets-eu")


@group
def objects(s):
    s.step("bucket", "PUT", "d-objects")
    at = "d-objects/plain"
    put = s.step("put", "PUT", at, body=b"hello world")
    etag = put.header("etag")
    first = s.step("get", "GET", at)
    s.step("head", "HEAD", at)
    s.step("put-empty", "PUT", "d-objects/empty")
    s.step("get-empty", "GET", "d-objects/empty")
    s.step("get-missing", "GET", "d-objects/none")
    s.step("head-missing", "HEAD", "d-objects/none")
    s.step("put-headers", "PUT", "d-objects/headers", headers={
        "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "max-age=60",
        "Content-Disposition": 'attachment; filename="a.txt"', "Content-Encoding": "gzip",
        "Content-Language": "de", "Expires": "Wed, 21 Oct 2037 07:28:00 GMT",
        "x-amz-meta-Colour": "Blue", "x-amz-meta-two": "b c", "x-amz-website-redirect-location": "/there",
    }, body=b"with headers")
    s.step("get-headers", "GET", "d-objects/headers")
    s.step("head-headers", "HEAD", "d-objects/headers")
    s.step("get-overrides", "GET", "d-objects/headers", {
        "response-content-type": "image/png", "response-cache-control": "no-store",
        "response-content-disposition": "inline", "response-content-encoding": "identity",
        "response-content-language": "fr", "response-expires": "Thu, 01 Dec 2037 16:00:00 GMT"})
    s.step("head-overrides", "HEAD", "d-objects/headers", {"response-content-type": "image/png"})
    s.step("get-override-anonymous", "GET", "d-objects/headers", {"response-content-type": "image/png"},
           anonymous=True)
    s.step("put-meta-empty", "PUT", "d-objects/meta-empty", headers={"x-amz-meta-none": ""}, body=b"x")
    s.step("head-meta-empty", "HEAD", "d-objects/meta-empty")
    s.step("put-meta-utf8", "PUT", "d-objects/meta-utf8", headers={"x-amz-meta-name": "=?UTF-8?B?w7w=?="}, body=b"x")
    s.step("head-meta-utf8", "HEAD", "d-objects/meta-utf8")
    s.step("put-meta-2k", "PUT", "d-objects/meta-2k", headers={"x-amz-meta-a": "v" * 2047}, body=b"x")
    s.step("put-meta-over-2k", "PUT", "d-objects/meta-over", headers={"x-amz-meta-a": "v" * 2049}, body=b"x")
    s.step("put-storage-class", "PUT", "d-objects/ia", headers={"x-amz-storage-class": "STANDARD_IA"}, body=b"x")
    s.step("head-storage-class", "HEAD", "d-objects/ia")
    s.step("put-storage-class-standard", "PUT", "d-objects/std", headers={"x-amz-storage-class": "STANDARD"},
        body=b"x")
    s.step("put-storage-class-unknown", "PUT", "d-objects/bad", headers={"x-amz-storage-class": "SOLID"}, body=b"x")
    s.step("put-glacier", "PUT", "d-objects/cold", headers={"x-amz-storage-class": "GLACIER"}, body=b"x")
    s.step("get-glacier", "GET", "d-objects/cold")
    s.step("put-aws-chunked-encoding", "PUT", "d-objects/enc", headers={"Content-Encoding": "aws-chunked,gzip"},
           body=b"x")
    s.step("head-aws-chunked-encoding", "HEAD", "d-objects/enc")
    s.step("put-expected-owner-wrong", "PUT", "d-objects/owned",
        headers={"x-amz-expected-bucket-owner": "999999999999"}, body=b"x")
    s.step("get-expected-owner-invalid", "GET", at, headers={"x-amz-expected-bucket-owner": "abc"})

    for label, value in [
        ("first", "bytes=0-4"), ("middle", "bytes=2-3"), ("open", "bytes=6-"), ("suffix", "bytes=-5"),
        ("suffix-long", "bytes=-500"), ("past-end", "bytes=6-500"), ("at-end", "bytes=11-"),
        ("beyond", "bytes=50-60"), ("backwards", "bytes=5-2"), ("suffix-zero", "bytes=-0"),
        ("several", "bytes=0-1,3-4"), ("words", "bytes=a-b"), ("other-unit", "lines=0-4"),
        ("no-unit", "0-4"), ("empty", "bytes="), ("spaces", "bytes= 0-4"),
    ]:
        s.step(f"range-{label}", "GET", at, headers={"Range": value})
    s.step("range-head", "HEAD", at, headers={"Range": "bytes=0-4"})
    s.step("range-head-beyond", "HEAD", at, headers={"Range": "bytes=50-60"})
    s.step("range-of-empty", "GET", "d-objects/empty", headers={"Range": "bytes=0-4"})

    modified = first.header("last-modified")
    past, future = "Sat, 01 Jan 2000 00:00:00 GMT", "Wed, 01 Jan 2098 00:00:00 GMT"
    for label, headers in [
        ("match", {"If-Match": etag}), ("match-unquoted", {"If-Match": etag.strip('"')}),
        ("match-star", {"If-Match": "*"}), ("match-wrong", {"If-Match": '"0"'}),
        ("match-list", {"If-Match": f'"0", {etag}'}),
        ("none-match", {"If-None-Match": etag}), ("none-match-star", {"If-None-Match": "*"}),
        ("none-match-wrong", {"If-None-Match": '"0"'}),
        ("modified-since-same", {"If-Modified-Since": modified}),
        ("modified-since-past", {"If-Modified-Since": past}),
        ("modified-since-future", {"If-Modified-Since": future}),
        ("modified-since-words", {"If-Modified-Since": "yesterday"}),
        ("unmodified-since-same", {"If-Unmodified-Since": modified}),
        ("unmodified-since-past", {"If-Unmodified-Since": past}),
        ("match-and-unmodified-past", {"If-Match": etag, "If-Unmodified-Since": past}),
        ("none-match-and-modified-past", {"If-None-Match": etag, "If-Modified-Since": past}),
        ("match-wrong-and-none-match-wrong", {"If-Match": '"0"', "If-None-Match": '"0"'}),
    ]:
        s.step(f"if-{label}", "GET", at, headers=headers)
    s.step("if-head-none-match", "HEAD", at, headers={"If-None-Match": etag})
    s.step("if-head-match-wrong", "HEAD", at, headers={"If-Match": '"0"'})
    s.step("if-range-match", "GET", at, headers={"Range": "bytes=0-4", "If-Match": etag})
    s.step("if-missing-match", "GET", "d-objects/none", headers={"If-Match": etag})

    s.step("put-if-none-match-exists", "PUT", at, headers={"If-None-Match": "*"}, body=b"x")
    s.step("put-if-none-match-new", "PUT", "d-objects/once", headers={"If-None-Match": "*"}, body=b"x")
    for label, headers in [
        ("none-match-etag", {"If-None-Match": etag}), ("match-star", {"If-Match": "*"}),
        ("both", {"If-Match": etag, "If-None-Match": "*"}),
    ]:
        s.step(f"put-for-if-{label}", "PUT", f"d-objects/{label}", body=b"hello world")
        s.step(f"put-if-{label}", "PUT", f"d-objects/{label}", headers=headers, body=b"x")
    s.step("put-if-match", "PUT", at, headers={"If-Match": etag}, body=b"hello again")
    s.step("put-if-match-stale", "PUT", at, headers={"If-Match": etag}, body=b"x")
    s.step("put-if-match-missing", "PUT", "d-objects/none", headers={"If-Match": etag}, body=b"x")
    s.step("delete-if-match-wrong", "DELETE", "d-objects/once", headers={"If-Match": '"0"'})
    s.step("delete-if-match", "DELETE", "d-objects/once", headers={"If-Match": f'"{md5(b"x")}"'})

    s.step("md5", "PUT", "d-objects/md5", headers={"Content-MD5": content_md5(b"abc")}, body=b"abc")
    s.step("md5-wrong", "PUT", "d-objects/md5", headers={"Content-MD5": content_md5(b"abd")}, body=b"abc")
    s.step("md5-invalid", "PUT", "d-objects/md5", headers={"Content-MD5": "abc"}, body=b"abc")
    s.step("md5-short", "PUT", "d-objects/md5", headers={"Content-MD5": base64_of(b"abc")}, body=b"abc")
    s.step("md5-empty", "PUT", "d-objects/md5", headers={"Content-MD5": ""}, body=b"abc")
    s.step("sha256-wrong", "PUT", "d-objects/sha", payload=sha256(b"other"), body=b"abc")
    s.step("sha256-wrong-get", "GET", "d-objects/sha")
    s.step("sha256-not-hex", "PUT", "d-objects/sha-not-hex", payload="abc", body=b"abc")
    s.step("unsigned-payload", "PUT", "d-objects/sha", payload="UNSIGNED-PAYLOAD", body=b"abc")
    s.step("no-length", "PUT", "d-objects/nolen", unsigned={"Transfer-Encoding": "chunked"},
        body=b"3\r\nabc\r\n0\r\n\r\n",
           payload="UNSIGNED-PAYLOAD")
    s.step("delete", "DELETE", at)
    s.step("delete-again", "DELETE", at)
    s.step("get-deleted", "GET", at)
    s.step("post-object", "POST", at)


@group
def delete_many(s):
    s.step("bucket", "PUT", "d-delete-many")
    for key in ("a", "b", "c", "d/e", "f&lt;g", "h", "i"):
        s.step(f"put-{quote(key, safe='')}", "PUT", f"d-delete-many/{key.replace('&lt;', '<')}", body=b"x")

    def delete(name, body, headers=None, **signing):
        return s.step(name, "POST", "d-delete-many", {"delete": None}, headers=headers or {
            "Content-MD5": content_md5(body.encode())}, body=body, **signing)

    def request(*keys, **more):
        return document("Delete", *[element("Object", Key=key) for key in keys], **more)

    delete("two", request("b", "a"))
    delete("missing", request("none", "c"))
    delete("quiet", request("d/e", "none", Quiet="true"))
    delete("escaped", request("f&lt;g"))
    delete("repeated", request("h", "h"))
    delete("version-null", document("Delete", element("Object", Key="i", VersionId="null")))
    delete("version-unknown", document("Delete", element("Object", Key="i", VersionId="0123456789")))
    delete("empty", document("Delete"))
    delete("malformed", "<Delete><Object>")
    delete("no-key", document("Delete", element("Object", VersionId="null")))
    delete("empty-key", request(""))
    delete("too-many", request(*[f"k{n}" for n in range(1001)]))
    delete("a-thousand", request(*[f"k{n}" for n in range(1000)], Quiet="true"))
    delete("no-md5", request("a"), {"x-amz-meta-none": "1"})
    delete("wrong-md5", request("a"), {"Content-MD5": content_md5(b"other")})
    delete("crc32", request("a"), {"x-amz-checksum-crc32": checksum("CRC32", request("a").encode()),
                                   "x-amz-sdk-checksum-algorithm": "CRC32"})
    delete("crc32-wrong", request("a"), {"x-amz-checksum-crc32": checksum("CRC32", b"other"),
                                         "x-amz-sdk-checksum-algorithm": "CRC32"})
    delete("if-match", document("Delete", element("Object", Key="none", ETag=f'"{md5(b"x")}"')))
    s.step("list-after", "GET", "d-delete-many", {"list-type": 2})


@group
def copy(s):
    s.step("bucket", "PUT", "d-copy")
    source = {"x-amz-copy-source": "/d-copy/from"}
    put = s.step("put", "PUT", "d-copy/from", headers={
        "x-amz-meta-colour": "blue", "Content-Type": "text/plain", "Cache-Control": "no-cache",
        "x-amz-tagging": "a=1&b=2", "x-amz-storage-class": "STANDARD_IA"}, body=b"copied bytes")
    etag = put.header("etag")
    s.step("plain", "PUT", "d-copy/to", headers=source)
    s.step("plain-head", "HEAD", "d-copy/to")
    s.step("plain-tags", "GET", "d-copy/to", {"tagging": None})
    s.step("no-slash", "PUT", "d-copy/to2", headers={"x-amz-copy-source": "d-copy/from"})
    s.step("encoded", "PUT", "d-copy/to2", headers={"x-amz-copy-source": "d-copy%2Ffrom"})
    s.step("replace", "PUT", "d-copy/replaced", headers={
        **source, "x-amz-metadata-directive": "REPLACE", "x-amz-meta-size": "big", "Content-Type": "image/gif"})
    s.step("replace-head", "HEAD", "d-copy/replaced")
    s.step("meta-without-replace", "PUT", "d-copy/kept", headers={**source, "x-amz-meta-size": "big"})
    s.step("meta-without-replace-head", "HEAD", "d-copy/kept")
    s.step("directive-unknown", "PUT", "d-copy/kept", headers={**source, "x-amz-metadata-directive": "MERGE"})
    s.step("tags-replace", "PUT", "d-copy/tagged", headers={
        **source, "x-amz-tagging-directive": "REPLACE", "x-amz-tagging": "c=3"})
    s.step("tags-replace-get", "GET", "d-copy/tagged", {"tagging": None})
    s.step("tags-replace-none", "PUT", "d-copy/untagged", headers={**source, "x-amz-tagging-directive": "REPLACE"})
    s.step("tags-replace-none-head", "HEAD", "d-copy/untagged")
    s.step("tags-directive-unknown", "PUT", "d-copy/untagged", headers={**source, "x-amz-tagging-directive": "MERGE"})
    s.step("self", "PUT", "d-copy/from", headers=source)
    s.step("self-replace", "PUT", "d-copy/from", headers={
        **source, "x-amz-metadata-directive": "REPLACE", "x-amz-meta-colour": "green"})
    s.step("self-replace-head", "HEAD", "d-copy/from")
    s.step("self-storage-class", "PUT", "d-copy/from", headers={**source, "x-amz-storage-class": "STANDARD"})
    s.step("source-missing-key", "PUT", "d-copy/to", headers={"x-amz-copy-source": "/d-copy/none"})
    s.step("source-missing-bucket", "PUT", "d-copy/to", headers={"x-amz-copy-source": "/d-copy-none/from"})
    s.step("target-missing-bucket", "PUT", "d-copy-none/to", headers=source)
    s.step("source-without-key", "PUT", "d-copy/to", headers={"x-amz-copy-source": "d-copy"})
    s.step("source-unknown-version", "PUT", "d-copy/to", headers={
        "x-amz-copy-source": "/d-copy/from?versionId=0123456789"})
    s.step("source-null-version", "PUT", "d-copy/to", headers={"x-amz-copy-source": "/d-copy/from?versionId=null"})
    past, future = "Sat, 01 Jan 2000 00:00:00 GMT", "Wed, 01 Jan 2098 00:00:00 GMT"
    for label, headers in [
        ("match", {"if-match": etag}), ("match-wrong", {"if-match": '"0"'}),
        ("none-match", {"if-none-match": etag}), ("none-match-wrong", {"if-none-match": '"0"'}),
        ("modified-past", {"if-modified-since": past}), ("modified-future", {"if-modified-since": future}),
        ("unmodified-past", {"if-unmodified-since": past}),
        ("match-and-unmodified-past", {"if-match": etag, "if-unmodified-since": past}),
        ("none-match-and-modified-past", {"if-none-match": etag, "if-modified-since": past}),
    ]:
        s.step(f"if-{label}", "PUT", "d-copy/to", headers={
            **source, **{f"x-amz-copy-source-{name}": value for name, value in headers.items()}})
    s.step("target-if-none-match", "PUT", "d-copy/to", headers={**source, "If-None-Match": "*"})
    s.step("target-if-match", "PUT", "d-copy/to", headers={**source, "If-Match": '"0"'})
    s.step("with-range", "PUT", "d-copy/ranged", headers={**source, "x-amz-copy-source-range": "bytes=0-3"})
    s.step("checksum-added", "PUT", "d-copy/summed", headers={**source, "x-amz-checksum-algorithm": "SHA256"})
    s.step("checksum-added-head", "HEAD", "d-copy/summed", headers={"x-amz-checksum-mode": "ENABLED"})
    s.step("get-copied", "GET", "d-copy/to")


@group
def listing(s):
    s.step("bucket", "PUT", "d-listing")
    keys = ["a", "b/1", "b/2", "b/c/3", "d d", "e+f", "g", "h/", "ü", "z%2F"]
    for index, key in enumerate(keys):
        s.step(f"put-{index}", "PUT", f"d-listing/{key}", body=key.encode())
    both = [
        ("all", {}), ("prefix", {"prefix": "b/"}), ("prefix-none", {"prefix": "nothing"}),
        ("delimiter", {"delimiter": "/"}), ("prefix-delimiter", {"prefix": "b/", "delimiter": "/"}),
        ("delimiter-word", {"delimiter": "b/"}), ("delimiter-empty", {"delimiter": ""}),
        ("url", {"encoding-type": "url"}), ("url-delimiter", {"encoding-type": "url", "delimiter": " "}),
        ("encoding-unknown", {"encoding-type": "base64"}), ("max-zero", {"max-keys": 0}),
        ("max-two", {"max-keys": 2}), ("max-large", {"max-keys": 5000}), ("max-negative", {"max-keys": -1}),
        ("max-words", {"max-keys": "many"}), ("max-huge", {"max-keys": 99999999999}),
        ("max-empty", {"max-keys": ""}),
        ("delimiter-two", {"delimiter": "/", "max-keys": 2}),
    ]
    for label, query in both:
        s.step(f"v1-{label}", "GET", "d-listing", query)
    for label, query in [
        ("marker", {"marker": "b/2"}), ("marker-between", {"marker": "c"}), ("marker-end", {"marker": "zzz"}),
        ("marker-prefix", {"marker": "b/", "delimiter": "/"}),
        ("marker-inside-prefix", {"marker": "b/1", "delimiter": "/"}),
        ("marker-delimiter-max", {"marker": "a", "delimiter": "/", "max-keys": 1}),
    ]:
        s.step(f"v1-{label}", "GET", "d-listing", query)
    for label, query in both:
        s.step(f"v2-{label}", "GET", "d-listing", {"list-type": 2, **query})
    page = s.step("v2-page", "GET", "d-listing", {"list-type": 2, "max-keys": 3})
    page = s.step("v2-next-page", "GET", "d-listing", {
        "list-type": 2, "max-keys": 3, "continuation-token": page.text("NextContinuationToken")})
    s.step("v2-token-and-start-after", "GET", "d-listing", {
        "list-type": 2, "start-after": "g", "continuation-token": page.text("NextContinuationToken")})
    page = s.step("v2-delimiter-page", "GET", "d-listing", {"list-type": 2, "max-keys": 2, "delimiter": "/"})
    s.step("v2-delimiter-next-page", "GET", "d-listing", {
        "list-type": 2, "max-keys": 2, "delimiter": "/", "continuation-token": page.text("NextContinuationToken")})
    for label, query in [
        ("start-after", {"start-after": "b/2"}), ("start-after-end", {"start-after": "zzz"}),
        ("start-after-delimiter", {"start-after": "b/1", "delimiter": "/"}),
        ("start-after-empty", {"start-after": ""}),
        ("owner", {"fetch-owner": "true", "max-keys": 1}), ("no-owner", {"fetch-owner": "false", "max-keys": 1}),
        ("token-empty", {"continuation-token": ""}), ("token-made-up", {"continuation-token": "abc"}),
    ]:
        s.step(f"v2-{label}", "GET", "d-listing", {"list-type": 2, **query})
    s.step("type-three", "GET", "d-listing", {"list-type": 3})
    s.step("v2-restore-status", "GET", "d-listing", {"list-type": 2, "max-keys": 1},
           headers={"x-amz-optional-object-attributes": "RestoreStatus"})
    s.step("v2-missing-bucket", "GET", "d-listing-none", {"list-type": 2})
    s.step("versions-unversioned", "GET", "d-listing", {"versions": None, "max-keys": 2})


BIG = b"0123456789abcdef" * (5 * MIB // 16)
LAST = b"the last part"


@group
def multipart(s):
    s.step("bucket", "PUT", "d-multi")
    s.step("bucket-for-probes", "PUT", "d-multi-probe")
    at = "d-multi/object"

    def create(name, target=at, headers=None):
        return s.remember(name, s.step(name, "POST", target, {"uploads": None}, headers=headers).text("UploadId"))

    def part(name, upload, number, body, target=at, headers=None, **more):
        return s.step(name, "PUT", target, {"partNumber": number, "uploadId": upload}, headers=headers,
            body=body, **more)

    def parts(name, upload, target=at, **query):
        return s.step(name, "GET", target, {
            "uploadId": upload, **{k.replace("_", "-"): v for k, v in query.items()}})

    def complete(name, upload, body, target=at, headers=None):
        return s.step(name, "POST", target, {"uploadId": upload}, headers=headers, body=body)

    def uploads(name, **query):
        return s.step(name, "GET", "d-multi", {"uploads": None, **{k.replace("_", "-"): v for k, v in query.items()}})

    upload = create("create", headers={"Content-Type": "text/plain", "x-amz-meta-colour": "blue"})
    parts("list-none", upload)
    one = part("part-1", upload, 1, BIG).header("etag")
    part("part-3-old", upload, 3, b"to be replaced")
    three = part("part-3", upload, 3, LAST).header("etag")
    part("part-0", upload, 0, b"x")
    part("part-10001", upload, 10001, b"x")
    part("part-negative", upload, -1, b"x")
    part("part-words", upload, "one", b"x")
    part("part-no-upload", "0123456789", 1, b"x")
    part("part-other-key", upload, 1, b"x", target="d-multi/other")
    refused = create("create-refused", "d-multi-probe/refused")
    part("part-md5-wrong", refused, 4, b"x", headers={"Content-MD5": content_md5(b"y")},
         target="d-multi-probe/refused")
    part("part-md5-invalid", refused, 4, b"x", headers={"Content-MD5": "x"}, target="d-multi-probe/refused")
    part("part-sha256-wrong", refused, 4, b"x", payload=sha256(b"y"), target="d-multi-probe/refused")
    s.step("part-without-upload", "PUT", "d-multi-probe/no-upload", {"partNumber": 1}, body=b"x")
    parts("list", upload)
    parts("list-max-1", upload, max_parts=1)
    parts("list-next", upload, max_parts=1, part_number_marker=1)
    parts("list-past-end", upload, part_number_marker=3)
    parts("list-max-0", upload, max_parts=0)
    parts("list-max-large", upload, max_parts=5000)
    parts("list-max-negative", upload, max_parts=-1)
    parts("list-max-words", upload, max_parts="all")
    parts("list-marker-words", upload, part_number_marker="one")
    parts("list-marker-negative", upload, part_number_marker=-1)
    parts("list-marker-large", upload, part_number_marker=20000)
    parts("list-no-upload", "0123456789")
    parts("list-other-key", upload, target="d-multi/other")

    good = complete_body((1, one), (3, three))
    # Each of these on an upload of its own, as some servers take what others refuse.
    only = b"the only part"
    right = (1, f'"{md5(only)}"')
    for label, body, headers in [
        ("empty", "", {}), ("no-parts", document("CompleteMultipartUpload"), {}),
        ("malformed", "<CompleteMultipartUpload><Part>", {}), ("other-root", document("Completed"), {}),
        ("no-number", document("CompleteMultipartUpload", element("Part", ETag=right[1])), {}),
        ("no-etag", document("CompleteMultipartUpload", element("Part", PartNumber=1)), {}),
        ("duplicate", complete_body(right, right), {}), ("part-0", complete_body((0, right[1])), {}),
        ("part-10001", complete_body((10001, right[1])), {}),
        ("size-wrong", complete_body(right), {"x-amz-mp-object-size": "5"}),
        ("size-words", complete_body(right), {"x-amz-mp-object-size": "five"}),
        ("if-match-missing", complete_body(right), {"If-Match": '"0"'}),
        ("if-none-match-etag", complete_body(right), {"If-None-Match": '"0"'}),
        ("escaped-quotes", complete_body((1, right[1].replace('"', "&quot;"))), {}),
        ("no-namespace", complete_body(right).replace(f' xmlns="{NAMESPACE}"', ""), {}),
    ]:
        probe = f"d-multi-probe/{label}"
        own = create(f"probe-{label}", probe)
        part(f"probe-{label}-part", own, 1, only, target=probe)
        complete(f"complete-{label}", own, body, target=probe, headers=headers)
    complete("complete-order", upload, complete_body((3, three), (1, one)))
    complete("complete-missing-part", upload, complete_body((1, one), (2, three)))
    complete("complete-wrong-etag", upload, complete_body((1, one), (3, one)))
    complete("complete-other-key", upload, good, target="d-multi/other")
    complete("complete-no-upload", "0123456789", good)
    complete("complete", upload, good, headers={"x-amz-mp-object-size": str(len(BIG) + len(LAST))})
    complete("complete-again", upload, good)
    complete("complete-again-differently", upload, complete_body((1, one)))
    s.step("abort-completed", "DELETE", at, {"uploadId": upload})
    parts("list-completed", upload)
    head = s.step("head", "HEAD", at)
    s.step("get-across-parts", "GET", at, headers={"Range": f"bytes={len(BIG) - 4}-{len(BIG) + 3}"})
    s.step("get-part-1", "HEAD", at, {"partNumber": 1})
    s.step("get-part-2", "GET", at, {"partNumber": 2})
    s.step("get-part-3", "GET", at, {"partNumber": 3})
    s.step("get-part-0", "GET", at, {"partNumber": 0})
    s.step("get-part-words", "GET", at, {"partNumber": "two"})
    s.step("get-part-10001", "GET", at, {"partNumber": 10001})
    s.step("get-part-and-range", "GET", at, {"partNumber": 2}, headers={"Range": "bytes=0-3"})
    s.step("head-part-9", "HEAD", at, {"partNumber": 9})
    s.step("put-plain", "PUT", "d-multi/plain", body=b"one piece")
    s.step("get-plain-part-1", "GET", "d-multi/plain", {"partNumber": 1})
    s.step("get-plain-part-2", "GET", "d-multi/plain", {"partNumber": 2})
    s.step("put-empty", "PUT", "d-multi/empty")
    s.step("get-empty-part-1", "GET", "d-multi/empty", {"partNumber": 1})
    s.step("copy-multipart", "PUT", "d-multi/copied", headers={"x-amz-copy-source": "/d-multi/object"})
    s.step("copy-multipart-head", "HEAD", "d-multi/copied", {"partNumber": 1})

    upload = create("create-small")
    one = part("small-1", upload, 1, b"small").header("etag")
    two = part("small-2", upload, 2, b"second").header("etag")
    complete("complete-too-small", upload, complete_body((1, one), (2, two)))
    complete("complete-if-none-match", upload, complete_body((2, two)), headers={"If-None-Match": "*"})
    complete("complete-if-match-wrong", upload, complete_body((2, two)), headers={"If-Match": '"0"'})
    complete("complete-if-match", upload, complete_body((2, two)), headers={"If-Match": head.header("etag")})
    s.step("get-subset", "GET", at)

    upload = create("create-unquoted")
    part("unquoted-7", upload, 7, b"seven")
    complete("complete-unquoted", upload, complete_body((7, md5(b"seven"))))
    s.step("get-part-7", "GET", at, {"partNumber": 7})

    upload = create("create-empty-part", "d-multi/nothing")
    part("empty-part", upload, 1, b"", target="d-multi/nothing")
    complete("complete-empty-part", upload, complete_body((1, f'"{md5(b"")}"')), target="d-multi/nothing")
    s.step("get-nothing", "GET", "d-multi/nothing")

    upload = create("create-aborted", "d-multi/aborted")
    part("aborted-1", upload, 1, b"x", target="d-multi/aborted")
    s.step("abort-other-key", "DELETE", at, {"uploadId": upload})
    s.step("abort", "DELETE", "d-multi/aborted", {"uploadId": upload})
    s.step("abort-again", "DELETE", "d-multi/aborted", {"uploadId": upload})
    s.step("abort-unknown", "DELETE", "d-multi/aborted", {"uploadId": "0123456789"})
    part("part-to-aborted", upload, 2, b"x", target="d-multi/aborted")
    parts("list-aborted", upload, target="d-multi/aborted")
    complete("complete-aborted", upload, complete_body((1, f'"{md5(b"x")}"')), target="d-multi/aborted")
    s.step("create-missing-bucket", "POST", "d-multi-none/object", {"uploads": None})
    part("part-missing-bucket", upload, 1, b"x", target="d-multi-none/object")
    s.step("create-storage-class-unknown", "POST", at, {"uploads": None}, headers={"x-amz-storage-class": "SOLID"})

    uploads("uploads-none")
    for number, key in enumerate(["a", "b", "b", "c/1", "c/2", "d"], 1):
        create(f"upload-{number}", f"d-multi/{key}")
    known = {label: value for value, label in s.known.items()}
    uploads("uploads")
    page = uploads("uploads-max-1", max_uploads=1)
    uploads("uploads-next", max_uploads=1, key_marker=page.text("NextKeyMarker"),
            upload_id_marker=page.text("NextUploadIdMarker"))
    uploads("uploads-key-marker", key_marker="b")
    uploads("uploads-both-markers", key_marker="b", upload_id_marker=known.get("<upload-2>", "none"))
    uploads("uploads-id-marker-only", upload_id_marker=known.get("<upload-2>", "none"))
    uploads("uploads-id-marker-unknown", key_marker="b", upload_id_marker="unknown")
    uploads("uploads-prefix", prefix="c/")
    uploads("uploads-delimiter", delimiter="/")
    uploads("uploads-delimiter-max", delimiter="/", max_uploads=4)
    uploads("uploads-max-0", max_uploads=0)
    uploads("uploads-max-large", max_uploads=5000)
    uploads("uploads-max-negative", max_uploads=-1)
    uploads("uploads-max-words", max_uploads="all")
    uploads("uploads-url", encoding_type="url", prefix="c/")
    s.step("uploads-missing-bucket", "GET", "d-multi-none", {"uploads": None})
    s.step("delete-bucket-with-uploads", "DELETE", "d-multi")


@group
def part_copy(s):
    s.step("bucket", "PUT", "d-part-copy")
    s.step("put-big", "PUT", "d-part-copy/big", body=BIG + LAST)
    small = s.step("put-small", "PUT", "d-part-copy/small", body=b"0123456789").header("etag")
    at = "d-part-copy/object"
    upload = s.remember("upload", s.step("create", "POST", at, {"uploads": None}).text("UploadId"))

    def part(name, number, source, upload=upload, **headers):
        return s.step(name, "PUT", at, {"partNumber": number, "uploadId": upload}, headers={
            "x-amz-copy-source": source,
            **{f"x-amz-copy-source-{k.replace('_', '-')}": v for k, v in headers.items()}})

    one = part("whole", 1, "/d-part-copy/big").text("ETag")
    two = part("range", 2, "/d-part-copy/big", range="bytes=5242880-5242892").text("ETag")
    part("range-small", 3, "/d-part-copy/small", range="bytes=2-4")
    part("range-past-end", 4, "/d-part-copy/small", range="bytes=2-40")
    part("range-beyond", 4, "/d-part-copy/small", range="bytes=20-40")
    part("range-open", 4, "/d-part-copy/small", range="bytes=2-")
    part("range-suffix", 4, "/d-part-copy/small", range="bytes=-2")
    part("range-backwards", 4, "/d-part-copy/small", range="bytes=4-2")
    part("range-words", 4, "/d-part-copy/small", range="bytes=a-b")
    part("range-no-unit", 4, "/d-part-copy/small", range="0-2")
    part("missing-key", 4, "/d-part-copy/none")
    part("missing-bucket", 4, "/d-part-copy-none/small")
    part("no-upload", 4, "/d-part-copy/small", upload="0123456789")
    part("number-0", 0, "/d-part-copy/small")
    part("number-10001", 10001, "/d-part-copy/small")
    part("if-match", 4, "/d-part-copy/small", if_match=small)
    part("if-match-wrong", 4, "/d-part-copy/small", if_match='"0"')
    part("if-none-match", 4, "/d-part-copy/small", if_none_match=small)
    part("if-unmodified-past", 4, "/d-part-copy/small", if_unmodified_since="Sat, 01 Jan 2000 00:00:00 GMT")
    s.step("list", "GET", at, {"uploadId": upload})
    s.step("complete", "POST", at, {"uploadId": upload}, body=complete_body((1, one), (2, two)))
    s.step("head", "HEAD", at)


ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]
MODE = {"x-amz-checksum-mode": "ENABLED"}


@group
def checksums(s):
    s.step("bucket", "PUT", "d-sums")
    for algorithm in ALGORITHMS:
        header, at, body = f"x-amz-checksum-{algorithm.lower()}", f"d-sums/{algorithm}", b"summed " + algorithm.encode()
        right, wrong = checksum(algorithm, body), checksum(algorithm, b"other")
        s.step(f"{algorithm}-put", "PUT", at, headers={header: right}, body=body)
        s.step(f"{algorithm}-wrong", "PUT", f"{at}-refused", headers={header: wrong}, body=body)
        s.step(f"{algorithm}-invalid", "PUT", f"{at}-refused", headers={header: "abc"}, body=body)
        s.step(f"{algorithm}-head", "HEAD", at, headers=MODE)
        s.step(f"{algorithm}-head-without-mode", "HEAD", at)
        s.step(f"{algorithm}-named-only", "PUT", f"{at}-named", headers={
            "x-amz-sdk-checksum-algorithm": algorithm}, body=body)
        s.step(f"{algorithm}-trailer", "PUT", f"{at}-trailer", headers={
            "Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(body)), "x-amz-trailer": header,
        }, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER", chunks=chunked([body], [(header, right)]))
        s.step(f"{algorithm}-trailer-get", "GET", f"{at}-trailer", headers=MODE)
        s.step(f"{algorithm}-trailer-wrong", "PUT", f"{at}-trailer-wrong", headers={
            "Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(body)), "x-amz-trailer": header,
        }, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER", chunks=chunked([body], [(header, wrong)]))
    body, crc = b"plain body", "x-amz-checksum-crc32"
    s.step("default", "PUT", "d-sums/default", body=body)
    s.step("default-get", "GET", "d-sums/default", headers=MODE)
    s.step("default-range", "GET", "d-sums/CRC32", headers={**MODE, "Range": "bytes=0-3"})
    s.step("mode-unknown", "GET", "d-sums/CRC32", headers={"x-amz-checksum-mode": "on"})
    s.step("two", "PUT", "d-sums/two", headers={
        crc: checksum("CRC32", body), "x-amz-checksum-sha1": checksum("SHA1", body)}, body=body)
    s.step("named-otherwise", "PUT", "d-sums/two", headers={
        crc: checksum("CRC32", body), "x-amz-sdk-checksum-algorithm": "SHA1"}, body=body)
    s.step("named-unknown", "PUT", "d-sums/two", headers={"x-amz-sdk-checksum-algorithm": "MD5"}, body=body)

    def streamed(name, pieces, payload, trailers=(), length=None, named=None, **how):
        whole = b"".join(pieces)
        headers = {"Content-Encoding": "aws-chunked",
                   "x-amz-decoded-content-length": str(len(whole) if length is None else length)}
        if named or trailers:
            headers["x-amz-trailer"] = named or trailers[0][0]
        s.step(name, "PUT", f"d-sums/{name}", headers=headers, payload=payload,
               chunks=chunked(pieces, trailers, **how))

    signed, with_trailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    unsigned = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    pieces = [b"a" * 8192, b"b" * 8192, b"c" * 10]
    trailer = [(crc, checksum("CRC32", b"".join(pieces)))]
    streamed("stream-signed", pieces, signed, signed=True)
    s.step("stream-signed-get", "HEAD", "d-sums/stream-signed", headers=MODE)
    streamed("stream-signed-wrong", pieces, signed, signed=True, wrong_signature=True)
    streamed("stream-signed-trailer", pieces, with_trailer, trailer, signed=True)
    streamed("stream-unsigned-pieces", pieces, unsigned, trailer)
    s.step("stream-unsigned-get", "HEAD", "d-sums/stream-unsigned-pieces", headers=MODE)
    streamed("stream-length-wrong", pieces, unsigned, trailer, length=5)
    streamed("stream-trailer-missing", pieces, unsigned, named=crc)
    streamed("stream-trailer-unnamed", pieces, unsigned, [("x-amz-checksum-sha1", "x")], named=crc)
    streamed("stream-empty", [], unsigned, [(crc, checksum("CRC32", b""))])


@group
def multipart_checksums(s):
    s.step("bucket", "PUT", "d-multi-sums")
    s.step("bucket-for-probes", "PUT", "d-multi-sums-probe")
    last = b"a last part"

    def create(name, target, **headers):
        return s.remember(name, s.step(name, "POST", target, {"uploads": None}, headers={
            f"x-amz-checksum-{k}": v for k, v in headers.items()}).text("UploadId"))

    def part(name, target, upload, number, body, headers=None):
        return s.step(name, "PUT", target, {"partNumber": number, "uploadId": upload}, headers=headers, body=body)

    def complete(name, target, upload, parts, headers=None):
        return s.step(name, "POST", target, {"uploadId": upload}, body=complete_body(*parts), headers=headers)

    def summed(algorithm, value):
        return f"<Checksum{algorithm}>{value}</Checksum{algorithm}>"

    for algorithm in ("CRC32", "SHA256"):
        header, at = f"x-amz-checksum-{algorithm.lower()}", f"d-multi-sums/composite-{algorithm}"
        one, two = checksum(algorithm, BIG), checksum(algorithm, last)
        etags = f'"{md5(BIG)}"', f'"{md5(last)}"'
        upload = create(f"{algorithm}-create", at, algorithm=algorithm)
        part(f"{algorithm}-1", at, upload, 1, BIG, {header: one})
        part(f"{algorithm}-2-wrong", at, upload, 2, last, {header: one})
        part(f"{algorithm}-2-other", at, upload, 2, last, {"x-amz-checksum-sha1": checksum("SHA1", last)})
        part(f"{algorithm}-2", at, upload, 2, last, {header: two})
        s.step(f"{algorithm}-list", "GET", at, {"uploadId": upload})
        complete(f"{algorithm}-complete-part-wrong", at, upload, [
            (1, etags[0], summed(algorithm, two)), (2, etags[1], summed(algorithm, two))])
        complete(f"{algorithm}-complete-part-none", at, upload, [(1, etags[0]), (2, etags[1])])
        parts = [(1, etags[0], summed(algorithm, one)), (2, etags[1], summed(algorithm, two))]
        for label, headers in [
            ("wrong", {header: two}), ("wrong-composite", {header: composite(algorithm, last, last)}),
            ("type-other", {"x-amz-checksum-type": "FULL_OBJECT"}),
        ]:
            probe = f"d-multi-sums-probe/{algorithm}-{label}"
            own = create(f"{algorithm}-{label}-create", probe, algorithm=algorithm)
            part(f"{algorithm}-{label}-part", probe, own, 1, last, {header: two})
            complete(f"{algorithm}-complete-{label}", probe, own, [(1, etags[1], summed(algorithm, two))], headers)
        complete(f"{algorithm}-complete", at, upload, parts, {
            header: composite(algorithm, BIG, last), "x-amz-checksum-type": "COMPOSITE"})
        s.step(f"{algorithm}-head", "HEAD", at, headers=MODE)
        s.step(f"{algorithm}-head-part", "HEAD", at, {"partNumber": 2}, headers=MODE)
        s.step(f"{algorithm}-attributes", "GET", at, {"attributes": None}, headers={
            "x-amz-object-attributes": "Checksum,ObjectParts"})

    for algorithm in ("CRC32", "CRC64NVME"):
        header, at = f"x-amz-checksum-{algorithm.lower()}", f"d-multi-sums/full-{algorithm}"
        upload = create(f"{algorithm}-full-create", at, algorithm=algorithm, type="FULL_OBJECT")
        big = BIG if algorithm == "CRC32" else b"one small part"
        etag = part(f"{algorithm}-full-1", at, upload, 1, big, {header: checksum(algorithm, big)}).header("etag")
        part(f"{algorithm}-full-2-unsummed", at, upload, 2, last)
        s.step(f"{algorithm}-full-list", "GET", at, {"uploadId": upload})
        for label, headers in [
            ("wrong", {header: checksum(algorithm, b"other"), "x-amz-checksum-type": "FULL_OBJECT"}),
            ("type-other", {"x-amz-checksum-type": "COMPOSITE"}), ("type-none", {header: checksum(algorithm, last)}),
        ]:
            probe = f"d-multi-sums-probe/{algorithm}-full-{label}"
            own = create(f"{algorithm}-full-{label}-create", probe, algorithm=algorithm, type="FULL_OBJECT")
            part(f"{algorithm}-full-{label}-part", probe, own, 1, last, {header: checksum(algorithm, last)})
            complete(f"{algorithm}-full-complete-{label}", probe, own, [(1, f'"{md5(last)}"')], headers)
        complete(f"{algorithm}-full-complete", at, upload, [(1, etag)], {
            header: checksum(algorithm, big), "x-amz-checksum-type": "FULL_OBJECT"})
        s.step(f"{algorithm}-full-head", "HEAD", at, headers=MODE)
        s.step(f"{algorithm}-full-attributes", "GET", at, {"attributes": None}, headers={
            "x-amz-object-attributes": "Checksum,ObjectParts,ETag,ObjectSize,StorageClass"})

    at = "d-multi-sums/none"
    upload = create("none-create", at)
    etag = part("none-1", at, upload, 1, last).header("etag")
    part("none-2-crc32", at, upload, 2, last, {"x-amz-checksum-crc32": checksum("CRC32", last)})
    s.step("none-list", "GET", at, {"uploadId": upload})
    complete("none-complete", at, upload, [(1, etag)])
    s.step("none-head", "HEAD", at, headers=MODE)
    s.step("create-sha-full", "POST", at, {"uploads": None}, headers={
        "x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-type": "FULL_OBJECT"})
    s.step("create-nvme-composite", "POST", at, {"uploads": None}, headers={
        "x-amz-checksum-algorithm": "CRC64NVME", "x-amz-checksum-type": "COMPOSITE"})
    s.step("create-type-alone", "POST", at, {"uploads": None}, headers={"x-amz-checksum-type": "COMPOSITE"})
    s.step("create-algorithm-unknown", "POST", at, {"uploads": None}, headers={"x-amz-checksum-algorithm": "MD5"})
    s.step("create-type-unknown", "POST", at, {"uploads": None}, headers={
        "x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "HALF"})
    s.step("uploads-left", "GET", "d-multi-sums", {"uploads": None})


@group
def attributes(s):
    s.step("bucket", "PUT", "d-attributes")
    s.step("put", "PUT", "d-attributes/plain", body=b"plain", headers={
        "x-amz-checksum-sha1": checksum("SHA1", b"plain")})

    def ask(name, key, wanted, **headers):
        s.step(name, "GET", f"d-attributes/{key}", {"attributes": None}, headers={
            **({"x-amz-object-attributes": wanted} if wanted else {}),
            **{f"x-amz-{k.replace('_', '-')}": v for k, v in headers.items()}})

    everything = "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"
    ask("plain", "plain", everything)
    ask("one", "plain", "ObjectSize")
    ask("spaces", "plain", "ETag, ObjectSize")
    ask("none", "plain", None)
    ask("unknown", "plain", "Size")
    ask("missing", "none", everything)
    at = "d-attributes/parts"
    upload = s.step("create", "POST", at, {"uploads": None}).text("UploadId")
    rows = []
    for number, body in [(1, BIG), (4, BIG), (6, LAST)]:
        answer = s.step(f"part-{number}", "PUT", at, {"partNumber": number, "uploadId": upload}, body=body)
        rows.append((number, answer.header("etag")))
    s.step("complete", "POST", at, {"uploadId": upload}, body=complete_body(*rows))
    ask("parts", "parts", everything)
    ask("parts-max-1", "parts", "ObjectParts", max_parts=1)
    ask("parts-next", "parts", "ObjectParts", max_parts=1, part_number_marker=1)
    ask("parts-max-0", "parts", "ObjectParts", max_parts=0)
    ask("parts-past-end", "parts", "ObjectParts", part_number_marker=6)
    ask("parts-max-words", "parts", "ObjectParts", max_parts="all")


def customer_key(letter, copy_source=False, **wrong):
    key = letter.encode() * 32
    prefix = f"x-amz-{'copy-source-' if copy_source else ''}server-side-encryption-customer-"
    fields = {"algorithm": "AES256", "key": base64_of(key), "key_md5": content_md5(key), **wrong}
    return {f"{prefix}{name.replace('_', '-')}": value for name, value in fields.items() if value is not None}


@group
def sse_c(s):
    s.step("bucket", "PUT", "d-sse-c")
    at, mine, other = "d-sse-c/secret", customer_key("k"), customer_key("o")
    s.step("put", "PUT", at, headers=mine, body=b"secret bytes")
    s.step("get", "GET", at, headers=mine)
    s.step("get-range", "GET", at, headers={**mine, "Range": "bytes=2-5"})
    s.step("head", "HEAD", at, headers=mine)
    for label, headers in [("without-key", {}), ("other-key", other)]:
        s.step(f"get-{label}", "GET", at, headers=headers)
        s.step(f"head-{label}", "HEAD", at, headers=headers)
        s.step(f"attributes-{label}", "GET", at, {"attributes": None}, headers={
            **headers, "x-amz-object-attributes": "ObjectSize"})
    s.step("attributes", "GET", at, {"attributes": None}, headers={**mine, "x-amz-object-attributes": "ObjectSize"})
    for label, headers in [
        ("md5-wrong", customer_key("k", key_md5=content_md5(b"x"))), ("md5-none", customer_key("k", key_md5=None)),
        ("key-none", customer_key("k", key=None)), ("key-short", customer_key("k", key=base64_of(b"short"))),
        ("key-not-base64", customer_key("k", key="???")), ("algorithm-none", customer_key("k", algorithm=None)),
        ("algorithm-unknown", customer_key("k", algorithm="AES128")),
        ("and-sse-s3", {**mine, "x-amz-server-side-encryption": "AES256"}),
        ("and-kms", {**mine, "x-amz-server-side-encryption": "aws:kms"}),
    ]:
        s.step(f"put-{label}", "PUT", "d-sse-c/refused", headers=headers, body=b"x")
    s.step("get-md5-wrong", "GET", at, headers=customer_key("k", key_md5=content_md5(b"x")))
    s.step("put-plain", "PUT", "d-sse-c/plain", body=b"plain")
    s.step("get-plain-with-key", "GET", "d-sse-c/plain", headers=mine)
    s.step("head-plain-with-key", "HEAD", "d-sse-c/plain", headers=mine)
    source = {"x-amz-copy-source": "/d-sse-c/secret"}
    s.step("copy-without-key", "PUT", "d-sse-c/copied", headers=source)
    s.step("copy-other-key", "PUT", "d-sse-c/copied", headers={**source, **customer_key("o", copy_source=True)})
    s.step("copy", "PUT", "d-sse-c/copied", headers={**source, **customer_key("k", copy_source=True)})
    s.step("copy-get", "GET", "d-sse-c/copied")
    s.step("copy-to-other-key", "PUT", "d-sse-c/copied", headers={
        **source, **customer_key("k", copy_source=True), **other})
    s.step("copy-to-other-key-get", "GET", "d-sse-c/copied", headers=other)
    s.step("self-copy-other-key", "PUT", at, headers={**source, **customer_key("k", copy_source=True), **other})

    at = "d-sse-c/parts"
    upload = s.remember("upload", s.step("create", "POST", at, {"uploads": None}, headers=mine).text("UploadId"))

    def part(name, number, body, headers, **more):
        return s.step(name, "PUT", at, {"partNumber": number, "uploadId": upload}, headers=headers, body=body)

    one = part("part-1", 1, b"secret part", mine).header("etag")
    part("part-without-key", 2, b"x", {})
    part("part-other-key", 2, b"x", other)
    s.step("part-copy", "PUT", at, {"partNumber": 3, "uploadId": upload}, headers={
        **mine, "x-amz-copy-source": "/d-sse-c/plain"})
    s.step("part-copy-without-key", "PUT", at, {"partNumber": 3, "uploadId": upload}, headers={
        "x-amz-copy-source": "/d-sse-c/plain"})
    s.step("list-parts", "GET", at, {"uploadId": upload})
    s.step("complete", "POST", at, {"uploadId": upload}, body=complete_body((1, one)))
    s.step("parts-get", "GET", at, headers=mine)
    s.step("parts-get-without-key", "GET", at)
    s.step("parts-head-part", "HEAD", at, {"partNumber": 1}, headers=mine)
    upload = s.step("create-plain", "POST", at, {"uploads": None}).text("UploadId")
    part("part-key-unexpected", 1, b"x", mine)


@group
def encryption(s):
    s.step("bucket", "PUT", "d-encryption")
    sse = "x-amz-server-side-encryption"
    s.step("put-default", "PUT", "d-encryption/default", body=b"x")
    s.step("put-s3", "PUT", "d-encryption/s3", headers={sse: "AES256"}, body=b"x")
    s.step("head-s3", "HEAD", "d-encryption/s3")
    s.step("get-s3", "GET", "d-encryption/s3")
    s.step("get-with-header", "GET", "d-encryption/s3", headers={sse: "AES256"})
    s.step("put-unknown", "PUT", "d-encryption/bad", headers={sse: "AES512"}, body=b"x")
    s.step("put-key-without-kms", "PUT", "d-encryption/bad", headers={f"{sse}-aws-kms-key-id": "k"}, body=b"x")
    s.step("put-s3-with-key", "PUT", "d-encryption/bad", headers={
        sse: "AES256", f"{sse}-aws-kms-key-id": "k"}, body=b"x")
    s.step("create-s3", "POST", "d-encryption/multi", {"uploads": None}, headers={sse: "AES256"})
    s.step("get-configuration", "GET", "d-encryption", {"encryption": None})

    def rule(*rows, **default):
        return document("ServerSideEncryptionConfiguration", element(
            "Rule", element("ApplyServerSideEncryptionByDefault", **default), *rows))

    def configure(name, body):
        s.step(name, "PUT", "d-encryption", {"encryption": None}, body=body,
               headers={"Content-MD5": content_md5(body.encode())})

    configure("configure-s3", rule("<BucketKeyEnabled>true</BucketKeyEnabled>", SSEAlgorithm="AES256"))
    s.step("get-configured", "GET", "d-encryption", {"encryption": None})
    configure("configure-unknown", rule(SSEAlgorithm="DES"))
    configure("configure-none", document("ServerSideEncryptionConfiguration"))
    configure("configure-s3-with-key", rule(SSEAlgorithm="AES256", KMSMasterKeyID="k"))
    configure("configure-malformed", "<ServerSide")
    s.step("delete-configuration", "DELETE", "d-encryption", {"encryption": None})
    s.step("delete-configuration-again", "DELETE", "d-encryption", {"encryption": None})
    s.step("get-after-delete", "GET", "d-encryption", {"encryption": None})
    s.step("get-missing-bucket", "GET", "d-encryption-none", {"encryption": None})


@group
def kms(s):
    s.step("bucket", "PUT", "d-kms")
    sse = "x-amz-server-side-encryption"
    arn = f"arn:aws:kms:{REGION}:000000000000:key/134f2428-cec1-4b25-a1ae-9048164dba47"
    kms = {sse: "aws:kms", f"{sse}-aws-kms-key-id": arn}
    s.step("put", "PUT", "d-kms/named", headers=kms, body=b"x")
    s.step("get", "GET", "d-kms/named")
    s.step("head", "HEAD", "d-kms/named")
    s.step("put-bucket-key", "PUT", "d-kms/bucket-key", headers={**kms, f"{sse}-bucket-key-enabled": "true"},
        body=b"x")
    s.step("head-bucket-key", "HEAD", "d-kms/bucket-key")
    s.step("put-default-key", "PUT", "d-kms/default", headers={sse: "aws:kms"}, body=b"x")
    s.step("put-context", "PUT", "d-kms/context", headers={
        **kms, f"{sse}-context": base64_of(b'{"a":"b"}')}, body=b"x")
    s.step("put-dsse", "PUT", "d-kms/dsse", headers={**kms, sse: "aws:kms:dsse"}, body=b"x")
    s.step("get-with-header", "GET", "d-kms/named", headers=kms)
    s.step("copy", "PUT", "d-kms/copied", headers={**kms, "x-amz-copy-source": "/d-kms/named"})
    s.step("copy-to-plain", "PUT", "d-kms/copied-plain", headers={"x-amz-copy-source": "/d-kms/named"})
    upload = s.remember("upload", s.step("create", "POST", "d-kms/multi", {"uploads": None},
        headers=kms).text("UploadId"))
    etag = s.step("part", "PUT", "d-kms/multi", {"partNumber": 1, "uploadId": upload}, body=b"x").header("etag")
    s.step("complete", "POST", "d-kms/multi", {"uploadId": upload}, body=complete_body((1, etag)))
    body = document("ServerSideEncryptionConfiguration", element(
        "Rule", element("ApplyServerSideEncryptionByDefault", SSEAlgorithm="aws:kms", KMSMasterKeyID=arn),
        BucketKeyEnabled="true"))
    s.step("configure", "PUT", "d-kms", {"encryption": None}, body=body, headers={
        "Content-MD5": content_md5(body.encode())})
    s.step("configured", "GET", "d-kms", {"encryption": None})
    s.step("put-by-default", "PUT", "d-kms/by-default", body=b"x")
    s.step("put-s3-against-default", "PUT", "d-kms/against", headers={sse: "AES256"}, body=b"x")


@group
def versioning(s):
    s.step("bucket", "PUT", "d-versions")
    at = "d-versions/key"

    def configure(name, body, target="d-versions", **headers):
        return s.step(name, "PUT", target, {"versioning": None}, body=body, headers=headers)

    def status(value, **more):
        return document("VersioningConfiguration", Status=value, **more)

    def versions(name, **query):
        return s.step(name, "GET", "d-versions", {
            "versions": None, **{k.replace("_", "-"): v for k, v in query.items()}})

    def version(label, answer):
        return s.remember(label, answer.header("x-amz-version-id"))

    s.step("status-never", "GET", "d-versions", {"versioning": None})
    s.step("put-before", "PUT", at, body=b"before")
    s.step("get-null-before", "GET", at, {"versionId": "null"})
    s.step("get-unknown-before", "GET", at, {"versionId": "0123456789"})
    configure("unknown-status", status("On"))
    configure("no-status", document("VersioningConfiguration"))
    configure("malformed", "<Versioning")
    configure("missing-bucket", status("Enabled"), "d-versions-none")
    configure("enable", status("Enabled"))
    s.step("status-enabled", "GET", "d-versions", {"versioning": None})
    first = version("v1", s.step("put-1", "PUT", at, body=b"first"))
    second = version("v2", s.step("put-2", "PUT", at, body=b"second", headers={"x-amz-meta-n": "2"}))
    s.step("get-latest", "GET", at)
    s.step("get-first", "GET", at, {"versionId": first})
    s.step("head-second", "HEAD", at, {"versionId": second})
    s.step("get-null", "GET", at, {"versionId": "null"})
    s.step("get-unknown", "GET", at, {"versionId": "0123456789"})
    s.step("get-empty-version", "GET", at, {"versionId": ""})
    s.step("head-unknown", "HEAD", at, {"versionId": "0123456789"})
    s.step("get-other-key", "GET", "d-versions/other", {"versionId": first})
    marker = version("marker", s.step("delete", "DELETE", at))
    s.step("get-deleted", "GET", at)
    s.step("head-deleted", "HEAD", at)
    s.step("get-marker", "GET", at, {"versionId": marker})
    s.step("head-marker", "HEAD", at, {"versionId": marker})
    s.step("delete-again", "DELETE", at)
    s.step("delete-never-was", "DELETE", "d-versions/never")
    s.step("list-objects", "GET", "d-versions", {"list-type": 2})
    versions("list")
    versions("list-prefix", prefix="ne")
    page = versions("list-max-2", max_keys=2)
    versions("list-next", max_keys=2, key_marker=page.text("NextKeyMarker"),
             version_id_marker=page.text("NextVersionIdMarker"))
    versions("list-key-marker", key_marker="key")
    versions("list-version-marker-only", version_id_marker=first)
    versions("list-version-marker-unknown", key_marker="key", version_id_marker="unknown")
    versions("list-max-0", max_keys=0)
    versions("list-delimiter", delimiter="e")
    versions("list-url", encoding_type="url")
    s.step("delete-marker", "DELETE", at, {"versionId": marker})
    s.step("delete-first", "DELETE", at, {"versionId": first})
    s.step("delete-first-again", "DELETE", at, {"versionId": first})
    s.step("delete-null", "DELETE", at, {"versionId": "null"})
    s.step("delete-unknown", "DELETE", at, {"versionId": "0123456789"})
    versions("list-after-deletes")

    s.step("copy-version", "PUT", "d-versions/copied", headers={
        "x-amz-copy-source": f"/d-versions/key?versionId={second}"})
    s.step("copy-of-deleted", "PUT", "d-versions/copied", headers={"x-amz-copy-source": "/d-versions/never"})
    s.step("copy-of-marker", "PUT", "d-versions/copied", headers={
        "x-amz-copy-source": f"/d-versions/key?versionId={marker}"})
    s.step("copy-latest", "PUT", "d-versions/copied", headers={"x-amz-copy-source": "/d-versions/copied",
                                                                "x-amz-metadata-directive": "REPLACE"})
    s.step("tag-version", "PUT", at, {"tagging": None, "versionId": second}, body=document(
        "Tagging", element("TagSet", element("Tag", Key="a", Value="1"))))
    s.step("tags-of-version", "GET", at, {"tagging": None, "versionId": second})
    s.step("tags-of-unknown", "GET", at, {"tagging": None, "versionId": "0123456789"})
    s.step("attributes-of-version", "GET", at, {"attributes": None, "versionId": second}, headers={
        "x-amz-object-attributes": "ObjectSize"})
    upload = s.remember("upload", s.step("create", "POST", "d-versions/multi", {"uploads": None}).text("UploadId"))
    etag = s.step("part", "PUT", "d-versions/multi", {"partNumber": 1, "uploadId": upload}, body=b"x").header("etag")
    s.step("complete", "POST", "d-versions/multi", {"uploadId": upload}, body=complete_body((1, etag)))
    body = document("Delete", element("Object", Key="multi"), element("Object", Key="key", VersionId=second),
                    element("Object", Key="never-either"))
    s.step("delete-many", "POST", "d-versions", {"delete": None}, body=body, headers={
        "Content-MD5": content_md5(body.encode())})

    configure("suspend", status("Suspended"))
    s.step("status-suspended", "GET", "d-versions", {"versioning": None})
    s.step("put-suspended", "PUT", at, body=b"null version")
    s.step("put-suspended-again", "PUT", at, body=b"another null version")
    s.step("get-suspended", "GET", at)
    s.step("get-suspended-null", "GET", at, {"versionId": "null"})
    s.step("delete-suspended", "DELETE", at)
    s.step("get-suspended-deleted", "GET", at)
    s.step("head-suspended-marker", "HEAD", at, {"versionId": "null"})
    versions("list-suspended", prefix="key")
    s.step("delete-suspended-marker", "DELETE", at, {"versionId": "null"})
    versions("list-suspended-after", prefix="key")
    s.step("delete-bucket-with-versions", "DELETE", "d-versions")
    configure("mfa", status("Enabled", MfaDelete="Enabled"))


@group
def tagging(s):
    s.step("bucket", "PUT", "d-tags")
    at = "d-tags/key"

    def tags(*pairs):
        return document("Tagging", element("TagSet", *[element("Tag", Key=k, Value=v) for k, v in pairs]))

    def put(name, body, target=at):
        return s.step(name, "PUT", target, {"tagging": None}, body=body, headers={
            "Content-MD5": content_md5(body.encode())})

    s.step("put-with-tags", "PUT", at, headers={"x-amz-tagging": "colour=blue&size=big%20one"}, body=b"x")
    s.step("get", "GET", at, {"tagging": None})
    s.step("get-object", "GET", at)
    s.step("head-object", "HEAD", at)
    put("replace", tags(("a", "1"), ("b", "")))
    s.step("get-replaced", "GET", at, {"tagging": None})
    put("repeated-key", tags(("a", "1"), ("a", "2")))
    put("eleven", tags(*[(f"k{n}", "v") for n in range(11)]))
    put("long-key", tags(("k" * 129, "v")))
    put("long-value", tags(("k", "v" * 257)))
    put("aws-prefix", tags(("aws:k", "v")))
    put("odd-characters", tags(("k", "a,b;c")))
    put("empty-key", tags(("", "v")))
    put("malformed", "<Tagging><TagSet>")
    put("no-set", document("Tagging"))
    put("missing-key", tags(("a", "1")), "d-tags/none")
    put("none", tags())
    s.step("get-none", "GET", at, {"tagging": None})
    s.step("head-none", "HEAD", at)
    put("again", tags(("a", "1")))
    s.step("delete", "DELETE", at, {"tagging": None})
    s.step("get-deleted", "GET", at, {"tagging": None})
    s.step("get-missing-key", "GET", "d-tags/none", {"tagging": None})
    s.step("delete-missing-key", "DELETE", "d-tags/none", {"tagging": None})
    s.step("header-malformed", "PUT", at, headers={"x-amz-tagging": "colour=blue&size"}, body=b"x")
    s.step("header-repeated", "PUT", at, headers={"x-amz-tagging": "a=1&a=2"}, body=b"x")
    s.step("header-eleven", "PUT", at, headers={"x-amz-tagging": "&".join(f"k{n}=v" for n in range(11))}, body=b"x")
    s.step("header-aws-prefix", "PUT", at, headers={"x-amz-tagging": "aws:k=v"}, body=b"x")
    upload = s.step("create", "POST", "d-tags/multi", {"uploads": None}, headers={
        "x-amz-tagging": "a=1"}).text("UploadId")
    etag = s.step("part", "PUT", "d-tags/multi", {"partNumber": 1, "uploadId": upload}, body=b"x").header("etag")
    s.step("complete", "POST", "d-tags/multi", {"uploadId": upload}, body=complete_body((1, etag)))
    s.step("get-multi", "GET", "d-tags/multi", {"tagging": None})

    s.step("bucket-get-none", "GET", "d-tags", {"tagging": None})
    put("bucket-put", tags(("team", "blue"), ("cost", "1")), "d-tags")
    s.step("bucket-get", "GET", "d-tags", {"tagging": None})
    put("bucket-repeated", tags(("a", "1"), ("a", "2")), "d-tags")
    put("bucket-aws-prefix", tags(("aws:k", "v")), "d-tags")
    put("bucket-malformed", "<Tagging>", "d-tags")
    s.step("bucket-delete", "DELETE", "d-tags", {"tagging": None})
    s.step("bucket-get-deleted", "GET", "d-tags", {"tagging": None})
    s.step("bucket-delete-again", "DELETE", "d-tags", {"tagging": None})


@group
def cors(s):
    s.step("bucket", "PUT", "d-cors")
    s.step("put-object", "PUT", "d-cors/key", body=b"x")

    def preflight(name, origin="http://one.example", method="PUT", headers=None, target="d-cors/key"):
        s.step(name, "OPTIONS", target, anonymous=True, headers={
            **({"Origin": origin} if origin else {}),
            **({"Access-Control-Request-Method": method} if method else {}),
            **({"Access-Control-Request-Headers": headers} if headers else {})})

    def put(name, body):
        s.step(name, "PUT", "d-cors", {"cors": None}, body=body, headers={"Content-MD5": content_md5(body.encode())})

    s.step("get-none", "GET", "d-cors", {"cors": None})
    preflight("preflight-none")
    s.step("get-object-none", "GET", "d-cors/key", headers={"Origin": "http://one.example"})
    one = element("CORSRule", *[f"<AllowedMethod>{m}</AllowedMethod>" for m in ("PUT", "GET")],
                  "<AllowedHeader>x-amz-*</AllowedHeader>", "<AllowedHeader>content-type</AllowedHeader>",
                  "<ExposeHeader>ETag</ExposeHeader>", "<ExposeHeader>x-amz-version-id</ExposeHeader>",
                  ID="one", AllowedOrigin="http://one.example", MaxAgeSeconds=300)
    sub = element("CORSRule", AllowedOrigin="http://*.sub.example", AllowedMethod="GET")
    star = element("CORSRule", AllowedOrigin="*", AllowedMethod="HEAD")
    put("put", document("CORSConfiguration", one, sub, star))
    s.step("get", "GET", "d-cors", {"cors": None})
    preflight("preflight")
    preflight("preflight-headers", headers="x-amz-date, Content-Type")
    preflight("preflight-header-refused", headers="x-other")
    preflight("preflight-method-refused", method="DELETE")
    preflight("preflight-origin-refused", origin="http://two.example")
    preflight("preflight-wildcard", origin="http://a.sub.example", method="GET")
    preflight("preflight-star", origin="http://any.example", method="HEAD")
    preflight("preflight-no-origin", origin=None)
    preflight("preflight-no-method", method=None)
    preflight("preflight-method-unknown", method="PATCH")
    preflight("preflight-bucket", target="d-cors")
    preflight("preflight-missing-bucket", target="d-cors-none/key")
    s.step("get-object", "GET", "d-cors/key", headers={"Origin": "http://one.example"})
    s.step("get-object-star", "HEAD", "d-cors/key", headers={"Origin": "http://any.example"})
    s.step("get-object-refused", "GET", "d-cors/key", headers={"Origin": "http://two.example"})
    s.step("get-object-no-origin", "GET", "d-cors/key")
    s.step("put-object-origin", "PUT", "d-cors/key", headers={"Origin": "http://one.example"}, body=b"y")
    s.step("get-missing-origin", "GET", "d-cors/none", headers={"Origin": "http://one.example"})
    put("put-method-unknown", document("CORSConfiguration",
        element("CORSRule", AllowedOrigin="*", AllowedMethod="PATCH")))
    put("put-no-origin", document("CORSConfiguration", element("CORSRule", AllowedMethod="GET")))
    put("put-two-stars", document("CORSConfiguration",
        element("CORSRule", AllowedOrigin="http://*.*", AllowedMethod="GET")))
    put("put-expose-star", document("CORSConfiguration", element(
        "CORSRule", AllowedOrigin="*", AllowedMethod="GET", ExposeHeader="*")))
    put("put-no-rules", document("CORSConfiguration"))
    put("put-malformed", "<CORS")
    s.step("delete", "DELETE", "d-cors", {"cors": None})
    s.step("get-deleted", "GET", "d-cors", {"cors": None})
    s.step("delete-again", "DELETE", "d-cors", {"cors": None})


@group
def lifecycle(s):
    s.step("bucket", "PUT", "d-lifecycle")

    def put(name, *rules, **headers):
        body = document("LifecycleConfiguration", *rules)
        s.step(name, "PUT", "d-lifecycle", {"lifecycle": None}, body=body, headers={
            "Content-MD5": content_md5(body.encode()), **headers})

    def rule(name, *children, where=element("Filter", Prefix="logs/"), status="Enabled"):
        return element("Rule", where, *children, ID=name, Status=status)

    expire = element("Expiration", Days=30)
    s.step("get-none", "GET", "d-lifecycle", {"lifecycle": None})
    put("put", rule("logs", expire), rule("uploads", element(
        "AbortIncompleteMultipartUpload", DaysAfterInitiation=7), where=element("Filter", Prefix="up/")))
    s.step("get", "GET", "d-lifecycle", {"lifecycle": None})
    s.step("put-expiring", "PUT", "d-lifecycle/logs/1", body=b"x")
    s.step("head-expiring", "HEAD", "d-lifecycle/logs/1")
    s.step("get-expiring", "GET", "d-lifecycle/logs/1")
    s.step("put-not-expiring", "PUT", "d-lifecycle/other", body=b"x")
    upload = s.remember("upload", s.step("create-expiring", "POST", "d-lifecycle/up/1",
        {"uploads": None}).text("UploadId"))
    s.step("list-expiring", "GET", "d-lifecycle/up/1", {"uploadId": upload})
    put("put-transitions", rule("cold", element("Transition", Days=30, StorageClass="STANDARD_IA"),
                                element("Transition", Days=90, StorageClass="GLACIER"),
                                element("NoncurrentVersionExpiration", NoncurrentDays=10),
                                where=element("Filter", element("And",
                                    element("Tag", Key="a", Value="b"), Prefix="p/"))))
    s.step("get-transitions", "GET", "d-lifecycle", {"lifecycle": None})
    put("put-old-prefix", element("Rule", expire, ID="old", Prefix="", Status="Disabled"))
    s.step("get-old-prefix", "GET", "d-lifecycle", {"lifecycle": None})
    put("put-no-id", element("Rule", element("Filter", Prefix=""), expire, Status="Enabled"))
    put("put-minimum-size", rule("all", expire),
        **{"x-amz-transition-default-minimum-object-size": "varies_by_storage_class"})
    put("put-minimum-size-unknown", rule("all", expire), **{"x-amz-transition-default-minimum-object-size": "big"})
    put("put-none")
    put("put-no-action", rule("none"))
    put("put-no-status", element("Rule", element("Filter", Prefix=""), expire, ID="x"))
    put("put-status-unknown", rule("x", expire, status="On"))
    put("put-no-filter", element("Rule", expire, ID="x", Status="Enabled"))
    put("put-same-ids", rule("x", expire), rule("x", expire))
    put("put-filter-and-prefix", element("Rule",
        element("Filter", Prefix=""), expire, ID="x", Prefix="", Status="Enabled"))
    put("put-days-0", rule("x", element("Expiration", Days=0)))
    put("put-days-and-date", rule("x", element("Expiration", Days=1, Date="2030-01-01T00:00:00Z")))
    put("put-date-not-midnight", rule("x", element("Expiration", Date="2030-01-01T10:00:00Z")))
    put("put-long-id", rule("x" * 256, expire))
    put("put-filter-two", rule("x", expire, where=element("Filter", element("Tag", Key="a", Value="b"), Prefix="p")))
    s.step("put-malformed", "PUT", "d-lifecycle", {"lifecycle": None}, body="<Life", headers={
        "Content-MD5": content_md5(b"<Life")})
    s.step("put-no-md5", "PUT", "d-lifecycle", {"lifecycle": None}, body=document(
        "LifecycleConfiguration", rule("x", expire)))
    s.step("delete", "DELETE", "d-lifecycle", {"lifecycle": None})
    s.step("get-deleted", "GET", "d-lifecycle", {"lifecycle": None})
    s.step("delete-again", "DELETE", "d-lifecycle", {"lifecycle": None})


@group
def policy(s):
    s.step("bucket", "PUT", "d-policy")
    s.step("put-object", "PUT", "d-policy/public/key", body=b"public")

    def put(name, body):
        s.step(name, "PUT", "d-policy", {"policy": None}, body=body if isinstance(body, str) else json.dumps(body))

    def statement(**changes):
        return {"Version": "2012-10-17", "Statement": [{
            "Sid": "one", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::d-policy/public/*", **changes}]}

    s.step("get-none", "GET", "d-policy", {"policy": None})
    s.step("status-none", "GET", "d-policy", {"policyStatus": None})
    put("put", statement())
    s.step("get", "GET", "d-policy", {"policy": None})
    s.step("status", "GET", "d-policy", {"policyStatus": None})
    put("put-words", "not json")
    put("put-empty", "")
    put("put-array", "[]")
    put("put-no-statement", {"Version": "2012-10-17"})
    put("put-other-bucket", statement(Resource="arn:aws:s3:::another-bucket/*"))
    put("put-effect-unknown", statement(Effect="Maybe"))
    put("put-no-principal", {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::d-policy/*"}]})
    put("put-action-unknown", statement(Action="s3:Fetch"))
    put("put-version-unknown", {**statement(), "Version": "2020-01-01"})
    s.step("delete", "DELETE", "d-policy", {"policy": None})
    s.step("get-deleted", "GET", "d-policy", {"policy": None})
    s.step("delete-again", "DELETE", "d-policy", {"policy": None})


@group
def bucket_settings(s):
    s.step("bucket", "PUT", "d-settings")
    s.step("put-object", "PUT", "d-settings/key", body=b"x")

    def put(name, what, body, target="d-settings", **headers):
        s.step(name, "PUT", target, {what: None}, body=body, headers={
            "Content-MD5": content_md5(body.encode()), **headers})

    for what in ("acl", "accelerate", "requestPayment", "logging", "notification", "website", "replication",
                 "object-lock", "ownershipControls", "publicAccessBlock", "analytics", "inventory", "metrics",
                 "intelligent-tiering"):
        s.step(f"get-{what}", "GET", "d-settings", {what: None})

    def ownership(value):
        return document("OwnershipControls", element("Rule", ObjectOwnership=value))

    put("ownership-put", "ownershipControls", ownership("ObjectWriter"))
    s.step("ownership-get", "GET", "d-settings", {"ownershipControls": None})
    put("ownership-unknown", "ownershipControls", ownership("Nobody"))
    put("ownership-none", "ownershipControls", document("OwnershipControls"))
    s.step("ownership-delete", "DELETE", "d-settings", {"ownershipControls": None})
    s.step("ownership-get-deleted", "GET", "d-settings", {"ownershipControls": None})
    s.step("ownership-at-creation", "PUT", "d-settings-owned",
        headers={"x-amz-object-ownership": "BucketOwnerPreferred"})
    s.step("ownership-at-creation-get", "GET", "d-settings-owned", {"ownershipControls": None})
    s.step("ownership-at-creation-unknown", "PUT", "d-settings-owned2", headers={"x-amz-object-ownership": "Nobody"})

    put("block-put", "publicAccessBlock", document(
        "PublicAccessBlockConfiguration", BlockPublicAcls="true", BlockPublicPolicy="false"))
    s.step("block-get", "GET", "d-settings", {"publicAccessBlock": None})
    put("block-none", "publicAccessBlock", document("PublicAccessBlockConfiguration"))
    put("block-malformed", "publicAccessBlock", "<Public")
    s.step("block-delete", "DELETE", "d-settings", {"publicAccessBlock": None})
    s.step("block-get-deleted", "GET", "d-settings", {"publicAccessBlock": None})

    s.step("acl-object", "GET", "d-settings/key", {"acl": None})
    s.step("acl-object-missing", "GET", "d-settings/none", {"acl": None})
    s.step("acl-put-private", "PUT", "d-settings", {"acl": None}, headers={"x-amz-acl": "private"})
    s.step("acl-put-unknown", "PUT", "d-settings", {"acl": None}, headers={"x-amz-acl": "everybody"})
    s.step("acl-put-nothing", "PUT", "d-settings", {"acl": None})
    s.step("acl-put-object-private", "PUT", "d-settings/key", {"acl": None}, headers={"x-amz-acl": "private"})
    s.step("acl-put-object-unknown", "PUT", "d-settings/key", {"acl": None}, headers={"x-amz-acl": "everybody"})
    s.step("acl-put-object-malformed", "PUT", "d-settings/key", {"acl": None}, body="<Access")
    s.step("acl-with-object", "PUT", "d-settings/key2", headers={"x-amz-acl": "private"}, body=b"x")
    s.step("acl-with-object-unknown", "PUT", "d-settings/key2", headers={"x-amz-acl": "everybody"}, body=b"x")
    s.step("acl-with-object-owner", "PUT", "d-settings/key2",
        headers={"x-amz-acl": "bucket-owner-full-control"}, body=b"x")

    put("payment-put", "requestPayment", document("RequestPaymentConfiguration", Payer="Requester"))
    s.step("payment-get", "GET", "d-settings", {"requestPayment": None})
    put("payment-unknown", "requestPayment", document("RequestPaymentConfiguration", Payer="Nobody"))
    put("accelerate-put", "accelerate", document("AccelerateConfiguration", Status="Enabled"))
    s.step("accelerate-get", "GET", "d-settings", {"accelerate": None})
    put("website-put", "website", document("WebsiteConfiguration", element("IndexDocument", Suffix="index.html")))
    s.step("website-get", "GET", "d-settings", {"website": None})
    s.step("website-delete", "DELETE", "d-settings", {"website": None})
    s.step("acl-missing-bucket", "GET", "d-settings-none", {"acl": None})
    s.step("torrent", "GET", "d-settings/key", {"torrent": None})
    s.step("legal-hold", "GET", "d-settings/key", {"legal-hold": None})
    s.step("retention", "GET", "d-settings/key", {"retention": None})


@group
def presigned(s):
    s.step("bucket", "PUT", "d-presigned")
    at = "d-presigned/a key"
    ago = datetime.timedelta(hours=1)
    s.step("put", "PUT", at, presign=300, body=b"presigned")
    s.step("get", "GET", at, presign=300)
    s.step("head", "HEAD", at, presign=300)
    s.step("get-override", "GET", at, {"response-content-type": "image/png"}, presign=300)
    s.step("get-expired", "GET", at, presign=60, when=now() - ago)
    s.step("get-from-the-future", "GET", at, presign=60, when=now() + ago)
    s.step("get-too-long", "GET", at, presign=604801)
    s.step("get-negative", "GET", at, presign=-1)
    s.step("get-expires-words", "GET", at, presign="soon")
    s.step("get-other-key", "GET", at, presign=300, tamper=lambda url: url.replace("a%20key", "another"))
    s.step("get-more-query", "GET", at, presign=300, tamper=lambda url: url + "&response-content-type=a/b")
    s.step("get-signature-wrong", "GET", at, presign=300, tamper=lambda url: url[:-4] + "0000")
    s.step("get-signature-none", "GET", at, presign=300, tamper=lambda url: url.rpartition("&")[0])
    s.step("get-date-none", "GET", at, presign=300, tamper=lambda url: re.sub("&X-Amz-Date=[^&]*", "", url))
    s.step("get-credential-malformed", "GET", at, presign=300,
           tamper=lambda url: re.sub("(X-Amz-Credential=)[^&]*", r"\1abc", url))
    s.step("get-unknown-key", "GET", at, presign=300, key="AKIAIOSFODNN7EXAMPLE")
    s.step("get-secret-wrong", "GET", at, presign=300, secret="wrong")
    s.step("put-signed-header", "PUT", "d-presigned/typed", presign=300, headers={"Content-Type": "text/plain"},
        body=b"x")
    s.step("put-header-changed", "PUT", "d-presigned/typed", presign=300, headers={"Content-Type": "text/plain"},
           unsigned={"Content-Type": "image/png"}, body=b"x")
    s.step("put-header-unsigned", "PUT", "d-presigned/typed", presign=300, body=b"x",
           unsigned={"x-amz-meta-colour": "blue"})
    s.step("delete", "DELETE", at, presign=300)
    s.step("get-deleted", "GET", at, presign=300)
    s.step("list", "GET", "d-presigned", {"list-type": 2}, presign=300)


BOUNDARY = "a-boundary-of-the-form"


def form(fields, content=b"form bytes", filename="photo.txt", content_type="text/plain"):
    out = b""
    for name, value in fields:
        out += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    if content is not None:
        out += (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
                f"Content-Type: {content_type}\r\n\r\n").encode() + content + b"\r\n"
    return out + f"--{BOUNDARY}--\r\n".encode()


@group
def post_forms(s):
    s.step("bucket", "PUT", "d-forms")

    def post(name, conditions=(), fields=(), key=None, hours=1, wrong=False, content=b"form bytes",
             headers=None, drop=(), expiration=None, policy=None):
        moment = now()
        stamp = stamp_of(moment)
        own = {"x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": f"{s.key}/{s.signer.scope(stamp)}",
               "x-amz-date": stamp}
        ends = moment + datetime.timedelta(hours=hours)
        text = json.dumps({
            "expiration": expiration or ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "conditions": [{"bucket": "d-forms"}, ["starts-with", "$key", ""], *[{k: v} for k, v in own.items()],
                           *conditions]})
        encoded = base64_of((policy or text).encode())
        found = "0" * 64 if wrong else s.signer.sign(stamp, encoded)
        rows = [("key", key or f"by-{name}"), *own.items(), ("policy", encoded), ("x-amz-signature", found), *fields]
        rows = [(field, value) for field, value in rows if field not in drop]
        return s.step(name, "POST", "d-forms", anonymous=True, body=form(rows, content), headers=headers or {
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})

    post("post")
    s.step("get", "GET", "d-forms/by-post")
    post("filename", key="to/${filename}")
    s.step("get-filename", "HEAD", "d-forms/to/photo.txt")
    created = [{"success_action_status": "201"}]
    post("status-201", created, [("success_action_status", "201")])
    post("status-200", [{"success_action_status": "200"}], [("success_action_status", "200")])
    post("status-204", [{"success_action_status": "204"}], [("success_action_status", "204")])
    post("status-unknown", [{"success_action_status": "418"}], [("success_action_status", "418")])
    there = "http://there.example/done"
    post("redirect", [{"success_action_redirect": there}], [("success_action_redirect", there)])
    post("redirect-query", [["starts-with", "$success_action_redirect", "http"]],
        [("success_action_redirect", there + "?a=1")])
    post("headers", [["starts-with", "$Content-Type", "image/"], {"x-amz-meta-colour": "blue"},
        {"Cache-Control": "no-cache"}],
         [("Content-Type", "image/gif"), ("x-amz-meta-colour", "blue"), ("Cache-Control", "no-cache")], key="typed")
    s.step("get-headers", "HEAD", "d-forms/typed")
    post("tagging", [["starts-with", "$tagging", ""]], [
        ("tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>")], key="tagged")
    s.step("get-tagging", "GET", "d-forms/tagged", {"tagging": None})
    post("expired", hours=-1)
    post("expiration-words", expiration="tomorrow")
    post("signature-wrong", wrong=True)
    post("condition-not-met", [{"x-amz-meta-colour": "blue"}], [("x-amz-meta-colour", "red")])
    post("condition-prefix-not-met", [["starts-with", "$key", "other/"]])
    post("condition-eq", [["eq", "$key", "by-condition-eq"]])
    post("condition-field-missing", [{"x-amz-meta-colour": "blue"}])
    post("field-without-condition", (), [("x-amz-meta-colour", "blue")])
    post("field-ignored", (), [("x-ignore-this", "blue")])
    post("length", [["content-length-range", 1, 20]])
    post("length-too-large", [["content-length-range", 1, 5]])
    post("length-too-small", [["content-length-range", 50, 60]])
    post("policy-not-json", policy="words")
    post("policy-without-conditions", policy='{"expiration": "2098-01-01T00:00:00Z"}')
    post("policy-condition-unknown", [["ends-with", "$key", "x"]])
    post("without-key", drop=("key",))
    post("without-policy", drop=("policy",))
    post("without-signature", drop=("x-amz-signature",))
    post("without-date", drop=("x-amz-date",))
    post("without-file", content=None)
    post("empty-file", content=b"", key="empty")
    post("not-multipart", headers={"Content-Type": "application/x-www-form-urlencoded"})
    post("no-boundary", headers={"Content-Type": "multipart/form-data"})
    s.step("missing-bucket", "POST", "d-forms-none", anonymous=True, body=form([("key", "a")]), headers={
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
    s.step("anonymous", "POST", "d-forms", anonymous=True, body=form([("key", "anonymous")]), headers={
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
    s.step("list", "GET", "d-forms", {"list-type": 2})


@group
def keys(s):
    s.step("bucket", "PUT", "d-keys")
    names = [
        ("unicode", "ключ/日本/🗝"), ("space", "a b  c"), ("plus", "a+b"), ("percent", "100%25"), ("dots", "a/../b"),
        ("dot", "./a"), ("only-dots", ".."), ("slashes", "a//b///c"), ("leading-slash", "/lead"),
            ("trailing-slash", "trail/"),
        ("query", "a?b=c&d"), ("hash", "a#b"), ("quotes", "\"'`"), ("brackets", "{[<>]}|\\^~"),
            ("semicolon", "a;b:c,d=e@f$"),
        ("control", "a\x01b"), ("newline", "a\nb"), ("nfd", "e\u0301"), ("case", "CaSe"), ("long", "k" * 1024),
        ("long-unicode", "ü" * 512), ("segment", "s" * 300 + "/x"),
    ]
    for label, key in names:
        s.step(f"{label}-put", "PUT", f"d-keys/{key}", body=label.encode())
        s.step(f"{label}-get", "GET", f"d-keys/{key}")
    s.step("too-long-put", "PUT", f"d-keys/{'k' * 1025}", body=b"x")
    s.step("too-long-unicode-put", "PUT", f"d-keys/{'ü' * 513}", body=b"x")
    s.step("too-long-get", "GET", f"d-keys/{'k' * 1025}")
    s.step("case-other-get", "GET", "d-keys/case")
    s.step("nfc-get", "GET", "d-keys/\u00e9")
    s.step("list", "GET", "d-keys", {"list-type": 2, "encoding-type": "url"})
    s.step("list-dots", "GET", "d-keys", {"list-type": 2, "prefix": "a/.."})
    s.step("list-slashes", "GET", "d-keys", {"list-type": 2, "prefix": "a/", "delimiter": "/"})
    s.step("list-quotes", "GET", "d-keys", {"list-type": 2, "prefix": "\""})
    s.step("copy-odd", "PUT", "d-keys/ö copy", headers={"x-amz-copy-source": "/d-keys/" + quote("ключ/日本/🗝")})
    s.step("copy-plus", "PUT", "d-keys/plus copy", headers={"x-amz-copy-source": "/d-keys/a%2Bb"})
    s.step("copy-plus-as-space", "PUT", "d-keys/space copy", headers={"x-amz-copy-source": "/d-keys/a+b++c"})
    s.step("plus-unencoded", "GET", "d-keys/a+b", encoded=True)
    s.step("empty-key", "PUT", "d-keys/", body=b"x")


@group
def errors(s):
    s.step("bucket", "PUT", "d-errors")
    at = "d-errors/key"
    s.step("put", "PUT", at, body=b"x")
    hour = datetime.timedelta(hours=1)
    s.step("secret-wrong", "GET", at, secret="wrong")
    s.step("secret-wrong-head", "HEAD", at, secret="wrong")
    s.step("key-unknown", "GET", at, key="AKIAIOSFODNN7EXAMPLE")
    s.step("anonymous-get", "GET", at, anonymous=True)
    s.step("anonymous-put", "PUT", "d-errors/anonymous", anonymous=True, body=b"y")
    s.step("anonymous-list", "GET", "d-errors", anonymous=True)
    s.step("anonymous-buckets", "GET", "", anonymous=True)
    s.step("clock-behind", "GET", at, when=now() - hour)
    s.step("clock-ahead", "GET", at, when=now() + hour)
    s.step("authorization-malformed", "GET", at, anonymous=True, headers={"Authorization": "AWS4-HMAC-SHA256 words"})
    s.step("authorization-other", "GET", at, anonymous=True, headers={"Authorization": "Basic YTpi"})
    s.step("path-tampered", "GET", at, tamper=lambda url: url + "2")
    s.step("query-tampered", "GET", "d-errors", {"list-type": 2}, tamper=lambda url: url + "&prefix=a")
    s.step("header-tampered", "GET", at, headers={"x-amz-meta-a": "b"}, unsigned={"x-amz-meta-a": "c"})
    s.step("method-bucket", "POST", "d-errors")
    s.step("method-service", "PUT", "")
    s.step("method-patch", "PATCH", at)
    s.step("method-delete-service", "DELETE", "")
    s.step("subresource-unknown", "GET", at, {"nothing": None})
    s.step("select", "POST", at, {"select": None, "select-type": 2}, body=document("SelectObjectContentRequest"))
    s.step("restore", "POST", at, {"restore": None}, body=document("RestoreRequest", Days=1))
    s.step("rename", "PUT", "d-errors/renamed", {"renameObject": None},
        headers={"x-amz-rename-source": "/d-errors/key"})
    s.step("write-offset", "PUT", "d-errors/offset", headers={"x-amz-write-offset-bytes": "1"}, body=b"y")
    s.step("uploads-as-put", "PUT", "d-errors/uploads", {"uploads": None})


# --- servers -------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Unavailable(Exception):
    pass


@contextlib.contextmanager
def server(name, command, port, log, **options):
    """A server in a process of its own, from the moment it listens."""
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, **options)
    try:
        deadline = time.monotonic() + 600
        while True:
            if process.poll() is not None:
                said = pathlib.Path(log).read_text(errors="replace").strip().splitlines()
                why = said[-1] if said else f"exit {process.returncode}"
                if process.returncode == UNAVAILABLE:
                    raise Unavailable(why)
                raise SystemExit(f"FAILED: {name} ended at its start: {why}")
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            if time.monotonic() > deadline:
                raise SystemExit(f"FAILED: {name} does not listen on port {port}")
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_it_answers(talk):
    """SeaweedFS listens before its storage is ready, LocalStack loads its S3 on the first request."""
    for _ in range(200):
        answer = talk.step("ready", "PUT", "d-ready-bucket")
        if answer.status in (200, 409):
            answer = talk.step("ready-object", "PUT", "d-ready-bucket/key", body=b"x")
        talk.steps.clear()
        if answer.status == 200 and talk.requests.get("/ready-object"):
            for target in ("d-ready-bucket/key", "d-ready-bucket"):
                talk.step(target, "DELETE", target)
            talk.steps.clear()
            talk.requests.clear()
            return
        time.sleep(0.1)
    raise SystemExit(f"FAILED: {talk.name} stores nothing: {answer.status} {answer.body[:200]}")


def converse(name, groups, folder, nephos):
    """Runs all steps against a server that starts empty."""
    port = free_port()
    if name == "nephos":
        command = [nephos, "local", "serve", "--port", str(port), "--dir", f"{folder}/nephos"]
    else:
        command = [str(HERE / "peers"), name, str(port), f"{folder}/{name}"]
    keys = ("test", "test") if name == "localstack" else ("nephos", "nephos-local")
    with server(name, command, port, f"{folder}/{name}.log"):
        talk = Conversation(name, port, *keys)
        wait_until_it_answers(talk)
        walk(talk, groups)
    return talk


def walk(talk, groups):
    for name in groups:
        talk.group = name.replace("_", "-")
        GROUPS[name](talk)


# --- differences ---------------------------------------------------------------------------------


def compare(nephos, peer):
    """For each step, the aspects in which the two answers differ. All else follows from the status."""
    for name, (_, ours) in nephos.steps.items():
        theirs = peer.steps[name][1]
        aspects = {**ours, **theirs} if ours["status"] == theirs["status"] else ("status", "code")
        found = {}
        for aspect in aspects:
            if ours.get(aspect) == theirs.get(aspect):
                continue
            if aspect.startswith("body ") and (aspect in ours) != (aspect in theirs):
                # An element that one side lacks is one difference, whatever is in it.
                whole = first_absent(aspect, theirs if aspect in ours else ours)
                if whole != aspect:
                    found[whole] = ("elements", None) if aspect in ours else (None, "elements")
                    continue
            found[aspect] = (ours.get(aspect), theirs.get(aspect))
        if found:
            yield name, found


def first_absent(aspect, other):
    """The outermost element around this one that the other answer does not have."""
    names = aspect.split("/")
    for depth in range(2, len(names)):
        outer = "/".join(names[:depth])
        if not any(has == outer or has.startswith(outer + "/") for has in other):
            return outer
    return aspect


def explained(entries, peer, step, aspect):
    """The explanations of one difference: an entry, and its patterns of steps and aspects that match."""
    for index, entry in enumerate(entries):
        if peer in entry["peers"]:
            steps = [pattern for pattern in entry["steps"] if fnmatch.fnmatchcase(step, pattern)]
            aspects = [pattern for pattern in entry["aspects"] if fnmatch.fnmatchcase(aspect, pattern)]
            if steps and aspects:
                yield index, steps, aspects


def read_explanations(path, steps):
    entries = tomllib.loads(path.read_text()).get("difference", []) if path.exists() else []
    for entry in entries:
        missing = {"peers", "steps", "aspects", "right", "why", "source"} - entry.keys()
        unknown = [pattern for pattern in entry["steps"] if not fnmatch.filter(steps, pattern)]
        if missing or unknown:
            raise SystemExit(f"FAILED: {path.name}: {entry} lacks {missing}, or names no step: {unknown}")
    return entries


def judge(nephos, peers, entries, groups):
    """Prints what is not explained and what explains nothing; how many of both there are."""
    used, problems, summary = set(), 0, [f"{len(nephos.steps)} requests"]
    for peer in peers:
        agreeing, count = len(nephos.steps), 0
        for step, found in compare(nephos, peer):
            agreeing -= 1
            for aspect, (ours, theirs) in sorted(found.items()):
                covering = list(explained(entries, peer.name, step, aspect))
                for index, by_steps, by_aspects in covering:
                    used.update((index, peer.name, pattern) for pattern in by_steps)
                    used.update((index, pattern) for pattern in by_aspects)
                if not covering:
                    problems += 1
                    print(f"DIFFERS {step}: {aspect}: nephos {ours!r}, {peer.name} {theirs!r}")
                count += bool(covering)
        summary.append(f"{agreeing} agree with {peer.name}, {count} differences from it explained")
    ran, names = {peer.name for peer in peers}, {name.replace("_", "-") for name in groups}
    everything = len(groups) == len(GROUPS)
    for index, entry in enumerate(entries):
        # Where only some groups or peers ran, what an entry says of the others is not known.
        here = [step for step in entry["steps"] if everything or step.partition("/")[0] in names]
        for step in here:
            for peer in ran.intersection(entry["peers"]):
                if (index, peer, step) not in used:
                    problems += 1
                    print(f"STALE {step}: {peer} does not differ: {entry['why']}")
        if everything and ran.issuperset(entry["peers"]):
            for pattern in entry["aspects"]:
                if (index, pattern) not in used:
                    problems += 1
                    print(f"STALE {here[0]}, …: nothing differs in {pattern!r}: {entry['why']}")
    return problems, "; ".join(summary)


def show(talk):
    for name, (answer, _) in talk.steps.items():
        method, url, headers, body = talk.requests[name]
        print(f"\n## {name}\n> {method} {url[:300]}")
        for header, value in headers.items():
            if header not in ("Host", "Authorization", "x-amz-date", "x-amz-content-sha256", "Content-Length"):
                print(f"> {header}: {value[:200]}")
        if body:
            print(f"> {body[:600].decode('latin-1')}")
        print(f"< {answer.status}")
        for header, value in sorted(answer.headers.items()):
            if header not in ("date", "server", "connection", "x-amz-id-2", "x-amz-request-id"):
                print(f"< {header}: {value[:300]}")
        if answer.body:
            print(f"< {answer.body[:3000].decode('utf-8', 'replace')}")


def propose(nephos, peers, entries):
    """What `differences.toml` does not explain yet, by peer and by what differs."""
    for peer in peers:
        together = {}
        for step, found in compare(nephos, peer):
            left = [a for a in sorted(found) if not list(explained(entries, peer.name, step, a))]
            if left:
                together.setdefault((step.partition("/")[0], tuple(left)), []).append(step)
        for (_, aspects), steps in together.items():
            print("\n[[difference]]")
            print(f"peers = [{json.dumps(peer.name)}]\nsteps = {json.dumps(steps)}\naspects = {json.dumps(aspects)}")
            print('right = ""\nwhy = ""\nsays = ""\nsource = ""')
            for step in steps[:3]:
                for aspect in aspects[:6]:
                    print(f"# {step}: {aspect}: nephos {nephos.steps[step][1].get(aspect)!r}, "
                          f"{peer.name} {peer.steps[step][1].get(aspect)!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nephos", nargs="?", help="the nephos binary")
    parser.add_argument("--peers", default="localstack,seaweedfs", help="which servers to compare with")
    parser.add_argument("--only", action="append", choices=sorted(GROUPS), help="run this group (repeatable)")
    parser.add_argument("--list", action="store_true", help="print the names of the steps")
    parser.add_argument("--show", help="run one server and print every request and answer")
    parser.add_argument("--propose", action="store_true", help="print entries for what is not explained")
    arguments = parser.parse_args()
    groups = arguments.only or list(GROUPS)
    # Values captured from answers are made up here: the names of the steps do not depend on them.
    dry = Conversation("none", None, "none", "none")
    walk(dry, list(GROUPS))
    if arguments.list:
        print("\n".join(dry.steps))
        return
    if not arguments.nephos:
        parser.error("the nephos binary is needed")
    entries = read_explanations(HERE / "differences.toml", dry.steps)
    nephos = os.path.abspath(arguments.nephos)
    with tempfile.TemporaryDirectory() as folder:
        if arguments.show:
            return show(converse(arguments.show, groups, folder, nephos))
        names = ["nephos", *filter(None, arguments.peers.split(","))]
        with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
            running = [pool.submit(converse, name, groups, folder, nephos) for name in names]
        talks = []
        for name, future in zip(names, running):
            try:
                talks.append(future.result())
            except Unavailable as why:
                print(f"skipped {name}: {why}", flush=True)
        if not talks or talks[0].name != "nephos":
            raise SystemExit("FAILED: nephos did not run")
        if arguments.propose:
            return propose(talks[0], talks[1:], entries)
        problems, summary = judge(talks[0], talks[1:], entries, groups)
        print(summary)
        if problems:
            raise SystemExit(f"FAILED: {problems} differences are not explained or explanations stale")


if __name__ == "__main__":
    main()
