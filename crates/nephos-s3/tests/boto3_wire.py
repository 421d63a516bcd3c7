"""What a client library cannot be made to send, and what its transfer manager sends."""

import base64
import hashlib
import io
import socket
import urllib.parse
import zlib

import botocore.auth
import botocore.awsrequest
import botocore.credentials
from boto3.s3.transfer import TransferConfig

from boto3_client import *


def signed(method, path, body, payload, headers):
    """Sends a request whose framing is written here; returns the status and the answer."""
    address = urllib.parse.urlsplit(URL)
    request = botocore.awsrequest.AWSRequest(method, URL + path, headers=headers)
    request.context["payload_signing_enabled"] = True
    request.headers["X-Amz-Content-SHA256"] = payload
    signer = botocore.auth.S3SigV4Auth(botocore.credentials.Credentials("nephos", SECRET), "s3", "us-east-1")
    signer.payload = lambda request: payload
    signer.add_auth(request)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {address.netloc}", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    return int(answer.split(b" ", 2)[1]), answer


def check_chunked():
    data = bytes(range(256)) * 4096
    crc = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()

    def put(key, trailer, frames, length=len(data), payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER"):
        body = b"".join(b"%x\r\n%s\r\n" % (len(f), f) for f in frames) + b"0\r\n" + trailer + b"\r\n"
        return signed("PUT", f"/{BUCKET}/{key}", body, payload, {
            "Content-Encoding": "aws-chunked", "X-Amz-Trailer": "x-amz-checksum-crc32",
            "X-Amz-Decoded-Content-Length": str(length)})

    good = f"x-amz-checksum-crc32:{crc}\r\n".encode()
    status, answer = put("chunked", good, [data])
    assert status == 200, answer
    got = get("chunked")
    assert got["Body"].read() == data and got.get("ContentEncoding", "") == ""
    assert put("chunked", good, [data[:1000], data[1000:1001], data[1001:]])[0] == 200
    assert get("chunked")["Body"].read() == data
    for name, arguments, code in [
        ("a wrong trailer", (b"x-amz-checksum-crc32:AAAAAA==\r\n", [data]), b"BadDigest"),
        ("no trailer", (b"", [data]), b"InvalidRequest"),
        ("too short", (good, [data], len(data) + 1), b"IncompleteBody"),
        ("too long", (good, [data], len(data) - 1), b"IncompleteBody"),
        ("chunked without a streaming signature", (good, [data], len(data), "UNSIGNED-PAYLOAD"), b"InvalidRequest"),
        ("a hash that is not that of the body", (good, [data], len(data), "0" * 64), b"InvalidRequest"),
    ]:
        status, answer = put("refused", *arguments)
        assert status == 400 and b"<Code>" + code + b"</Code>" in answer, (name, answer)
    status, answer = signed("PUT", f"/{BUCKET}/refused", data, "0" * 64, {})
    assert status == 400 and b"<Code>XAmzContentSHA256Mismatch</Code>" in answer, answer
    status, answer = signed("PUT", f"/{BUCKET}/refused", b"zz\r\n", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", {
        "X-Amz-Trailer": "x-amz-checksum-crc32", "X-Amz-Decoded-Content-Length": "1"})
    assert status == 400 and b"<Code>InvalidRequest</Code>" in answer, answer
    fails("404", 404, s3.head_object, Bucket=BUCKET, Key="refused")


def check_virtual_hosts():
    port = urllib.parse.urlsplit(URL).port
    address = ("127.0.0.1", port)
    for host, path in [(f"{BUCKET}.localhost:{port}", "/new"), (f"{BUCKET}.s3.localhost:{port}", "/new"),
                       (f"{BUCKET}.s3.eu-west-1.amazonaws.com", "/new"), (f"localhost:{port}", f"/{BUCKET}/new"),
                       ("unknown.example", f"/{BUCKET}/new")]:
        request = botocore.awsrequest.AWSRequest("GET", f"http://{host}{path}", headers={"Host": host})
        botocore.auth.S3SigV4Auth(botocore.credentials.Credentials("nephos", SECRET), "s3", "us-east-1").add_auth(request)
        lines = [f"GET {path} HTTP/1.1", "Connection: close"] + [f"{n}: {v}" for n, v in request.headers.items()]
        with socket.create_connection(address) as connection:
            connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
            answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200"), (host, answer)


def check_transfer_manager():
    data = hashlib.shake_256(b"seed").digest(17 * MIB + 3)
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    s3.upload_fileobj(io.BytesIO(data), BUCKET, "managed", Config=config)
    assert s3.head_object(Bucket=BUCKET, Key="managed")["ETag"].endswith('-4"')
    got = io.BytesIO()
    s3.download_fileobj(BUCKET, "managed", got, Config=config)
    assert got.getvalue() == data
    s3.copy({"Bucket": BUCKET, "Key": "managed"}, BUCKET, "managed copy", Config=config)
    assert get("managed copy")["Body"].read() == data


def check_connections_are_not_reused_after_an_unread_body():
    address = urllib.parse.urlsplit(URL)
    refused = f"PUT /{BUCKET}/k HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 1\r\n"
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(f"{refused}Expect: 100-continue\r\n\r\n".encode())
        answer = b""
        while data := connection.recv(65536):
            answer += data
        assert answer.startswith(b"HTTP/1.1 403") and b"connection: close" in answer.lower(), answer
    with socket.create_connection((address.hostname, address.port)) as connection:
        for _ in range(2):
            connection.sendall(f"{refused}\r\nx".encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 403")
