"""End-to-end checks with clients and servers that nobody here wrote.

    python e2e/check.py PATH_TO_NEPHOS

boto3 and the aws CLI against `nephos local serve`; nephos against moto; bytes uploaded by one and
downloaded by the other, in both directions, compared by SHA-256.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

import boto3
import botocore.exceptions
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parent.parent
MIB = 1024 * 1024
REGION = "us-east-1"
CHECKS = 0


def check(condition, what):
    global CHECKS
    CHECKS += 1
    if not condition:
        raise SystemExit(f"FAILED: {what}")
    print(f"ok   {what}", flush=True)


class Server:
    """An S3 endpoint and how to reach it."""

    def __init__(self, name, url, key, secret):
        self.name, self.url, self.key, self.secret = name, url, key, secret

    def environment(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        env.update(
            AWS_ACCESS_KEY_ID=self.key,
            AWS_SECRET_ACCESS_KEY=self.secret,
            AWS_REGION=REGION,
            AWS_DEFAULT_REGION=REGION,
            AWS_EC2_METADATA_DISABLED="true",
            AWS_ENDPOINT_URL_S3=self.url,
        )
        return env

    def boto3(self, **config):
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name=REGION,
            config=Config(retries={"max_attempts": 1}, **config),
        )

    def nephos(self, text, expect=0):
        done = subprocess.run(
            [NEPHOS, "exec", "-o", "json", text],
            env=self.environment(), cwd=ROOT, capture_output=True, text=True, timeout=600,
        )
        if done.returncode != expect:
            raise SystemExit(f"FAILED: {self.name}: exit {done.returncode} from {text}\n{done.stderr}")
        rows = [json.loads(part) for part in re.split(r"(?<=\])\n", done.stdout) if part.strip()]
        return (rows[-1] if rows else []), done.stderr

    def aws(self, *arguments):
        done = subprocess.run(
            [sys.executable, "-m", "awscli", *arguments],
            env=self.environment(), capture_output=True, text=True, timeout=600,
        )
        if done.returncode != 0:
            raise SystemExit(f"FAILED: aws {' '.join(arguments)}\n{done.stderr}")
        return done.stdout


@contextlib.contextmanager
def nephos_server(folder):
    process = subprocess.Popen(
        [NEPHOS, "local", "serve", "--port", "0", "--dir", folder], stderr=subprocess.PIPE, text=True
    )
    try:
        line = process.stderr.readline()
        url = re.search(r"http://\S+", line).group()
        yield Server("nephos local serve", url, "nephos", "nephos-local")
    finally:
        process.send_signal(signal.SIGTERM)
        check(process.wait(timeout=30) == 0, "the endpoint ends with 0 on SIGTERM")


@contextlib.contextmanager
def moto_server():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            time.sleep(0.1)
        yield Server("moto", f"http://127.0.0.1:{port}", "test", "test")
    finally:
        process.kill()
        process.wait()


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def make_file(folder, name, size):
    path = pathlib.Path(folder) / name
    path.write_bytes(random.Random(size).randbytes(size))
    return path


def upload_with_nephos(server, bucket, key, path, part_size):
    """A whole multipart upload in SQL: one statement a part."""
    where = f"@Key='{key}', @bucket='{bucket}', @region='{REGION}'"
    parts = range(1, -(-path.stat().st_size // part_size) + 1)
    text = [
        "SET VARIABLE u = (SELECT UploadId FROM (EXEC "
        f"aws.s3.multipart_uploads.multipart_uploads_Create {where}) c)"
    ]
    for number in parts:
        offset = (number - 1) * part_size
        length = min(part_size, path.stat().st_size - offset)
        text.append(
            f"EXEC aws.s3.parts.parts_Upload {where}, @partNumber={number}, "
            f"@uploadId=getvariable('u') @@file='{path}' OFFSET {offset} LENGTH {length}"
        )
    text.append(
        f"EXEC aws.s3.multipart_uploads.multipart_uploads_Complete {where}, @uploadId=getvariable('u') "
        "@@xml=(SELECT '<CompleteMultipartUpload>' || string_agg('<Part><PartNumber>' || PartNumber || "
        "'</PartNumber><ETag>' || ETag || '</ETag></Part>', '' ORDER BY PartNumber) || "
        f"'</CompleteMultipartUpload>' FROM (EXEC aws.s3.parts.parts_List {where}, "
        "@uploadId=getvariable('u')) p)"
    )
    rows, _ = server.nephos("; ".join(text))
    return rows[0]["ETag"].strip('"'), len(parts)


def sha256_with_nephos(server, bucket, key):
    rows, _ = server.nephos(
        "SELECT encode(sha256(Body), 'hex') AS sum FROM aws.s3.objects "
        f"WHERE Key='{key}' AND bucket='{bucket}' AND region='{REGION}'"
    )
    return rows[0]["sum"]


def bytes_both_ways(server, folder):
    s3 = server.boto3()
    bucket = "both-ways"
    server.nephos(f"INSERT INTO aws.s3.buckets(bucket, region) VALUES ('{bucket}', '{REGION}')")
    for name, size, part_size in [("three", 17 * MIB, 6 * MIB), ("many", 25 * 5 * MIB - 12345, 5 * MIB)]:
        path = make_file(folder, name, size)
        wanted = sha256(path)
        etag, parts = upload_with_nephos(server, bucket, f"by nephos/{name}", path, part_size)
        check(etag.endswith(f"-{parts}"), f"{server.name}: {parts} parts of {size} bytes uploaded by nephos")
        back = pathlib.Path(folder) / "back"
        s3.download_file(bucket, f"by nephos/{name}", str(back))
        check(sha256(back) == wanted, f"{server.name}: {name} by nephos, downloaded by boto3")
        server.aws("s3", "cp", f"s3://{bucket}/by nephos/{name}", str(back), "--quiet")
        check(sha256(back) == wanted, f"{server.name}: {name} by nephos, downloaded by the aws CLI")
        chunks = TransferConfig(multipart_threshold=part_size, multipart_chunksize=part_size)
        s3.upload_file(str(path), bucket, f"by boto3/{name}", Config=chunks)
        check(
            sha256_with_nephos(server, bucket, f"by boto3/{name}") == wanted,
            f"{server.name}: {name} by boto3, downloaded by nephos",
        )
        server.aws("s3", "cp", str(path), f"s3://{bucket}/by aws/{name}", "--quiet")
        check(
            sha256_with_nephos(server, bucket, f"by aws/{name}") == wanted,
            f"{server.name}: {name} by the aws CLI, downloaded by nephos",
        )


def the_example(server):
    done = subprocess.run(
        [NEPHOS, "exec", "-o", "json", "-i", "examples/multipart.sql"],
        env=server.environment(), cwd=ROOT, capture_output=True, text=True, timeout=600,
    )
    check(done.returncode == 0, f"{server.name}: examples/multipart.sql\n{done.stderr}")
    check('"ContentLength":11242920' in done.stdout, f"{server.name}: the example's object has all its bytes")


def raises(code, call):
    try:
        call()
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"] == code
    return False


def multipart_by_boto3(server):
    """The life of an upload as boto3 sees the endpoint."""
    s3 = server.boto3()
    bucket, key = "boto3-only", "a key/ü+&"
    s3.create_bucket(Bucket=bucket)
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    at = {"Bucket": bucket, "Key": key, "UploadId": upload}
    first = b"1" * (5 * MIB)
    for number, body in [(2, b"old"), (1, first), (2, b"new")]:
        etag = s3.upload_part(PartNumber=number, Body=body, **at)["ETag"]
        check(etag == f'"{hashlib.md5(body).hexdigest()}"', f"part {number} has the MD5 of its bytes")
    parts = s3.list_parts(**at)["Parts"]
    check([p["PartNumber"] for p in parts] == [1, 2], "parts are listed in order, overwritten ones once")
    page = s3.list_parts(MaxParts=1, **at)
    check((page["IsTruncated"], page["NextPartNumberMarker"]) == (True, 1), "a page says what comes next")
    done = [{"PartNumber": p["PartNumber"], "ETag": p["ETag"]} for p in parts]
    wrong = [done[0], {"PartNumber": 2, "ETag": '"0"'}]
    check(
        raises("InvalidPart", lambda: s3.complete_multipart_upload(MultipartUpload={"Parts": wrong}, **at)),
        "a wrong ETag is InvalidPart",
    )
    check(
        raises("InvalidPartOrder", lambda: s3.complete_multipart_upload(MultipartUpload={"Parts": done[::-1]}, **at)),
        "parts out of order are InvalidPartOrder",
    )
    s3.complete_multipart_upload(MultipartUpload={"Parts": done}, **at)
    check(s3.get_object(Bucket=bucket, Key=key)["Body"].read() == first + b"new", "the object is its parts")
    check(raises("NoSuchUpload", lambda: s3.list_parts(**at)), "a completed upload is NoSuchUpload")
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key=key, ObjectAttributes=["ETag", "ObjectSize", "ObjectParts"]
    )
    check(attributes["ObjectSize"] == 5 * MIB + 3, "attributes have the size")
    check(attributes["ObjectParts"]["TotalPartsCount"] == 2, "attributes have the parts")
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    check(
        raises("NoSuchUpload", lambda: s3.upload_part(PartNumber=1, Body=b"x", Bucket=bucket, Key=key, UploadId=upload)),
        "an aborted upload is NoSuchUpload",
    )
    other = Server(server.name, server.url, server.key, "wrong").boto3()
    check(raises("SignatureDoesNotMatch", other.list_buckets), "a wrong secret is SignatureDoesNotMatch")
    text, errors = Server(server.name, server.url, server.key, "wrong").nephos(
        f"SELECT * FROM aws.s3.buckets WHERE region='{REGION}'", expect=1
    )
    check("SignatureDoesNotMatch" in errors, "nephos says the same of a wrong secret")
    listed = server.aws("s3api", "list-objects-v2", "--bucket", bucket, "--query", "Contents[].Key")
    check(json.loads(listed) == [key], "the aws CLI lists what boto3 stored")


def main():
    print(f"boto3 {boto3.__version__}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        with nephos_server(f"{folder}/store") as server:
            multipart_by_boto3(server)
            the_example(server)
            bytes_both_ways(server, folder)
        with moto_server() as server:
            the_example(server)
            bytes_both_ways(server, folder)
    print(f"{CHECKS} passed, 0 failed")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    NEPHOS = os.path.abspath(sys.argv[1])
    main()
