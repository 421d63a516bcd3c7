"""Buckets and objects."""

import base64
import zlib

import boto3
import botocore
from botocore.config import Config

from boto3_client import *


def check_buckets():
    s3.create_bucket(Bucket=BUCKET)
    s3.create_bucket(Bucket=BUCKET)
    constraint = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket="in-europe", CreateBucketConfiguration=constraint)
    fails("BucketAlreadyOwnedByYou", 409, s3.create_bucket, Bucket="in-europe", CreateBucketConfiguration=constraint)
    assert s3.get_bucket_location(Bucket="in-europe")["LocationConstraint"] == "eu-west-1"
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None
    assert s3.head_bucket(Bucket="in-europe")["BucketRegion"] == "eu-west-1"
    fails("404", 404, s3.head_bucket, Bucket="not-there")
    names = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert names == [BUCKET, "in-europe"], names
    page = s3.list_buckets(MaxBuckets=1)
    assert [b["Name"] for b in page["Buckets"]] == [BUCKET]
    page = s3.list_buckets(MaxBuckets=1, ContinuationToken=page["ContinuationToken"])
    assert [b["Name"] for b in page["Buckets"]] == ["in-europe"] and "ContinuationToken" not in page
    s3.create_multipart_upload(Bucket="in-europe", Key="open")
    s3.put_object(Bucket="in-europe", Key="k", Body=b"")
    fails("BucketNotEmpty", 409, s3.delete_bucket, Bucket="in-europe")
    s3.delete_object(Bucket="in-europe", Key="k")
    s3.delete_bucket(Bucket="in-europe")
    fails("NoSuchBucket", 404, s3.list_objects_v2, Bucket="in-europe")
    fails("InvalidLocationConstraint", 400, s3.create_bucket, Bucket="xyz",
          CreateBucketConfiguration={"LocationConstraint": "us-east-1"})


def check_errors_are_told_in_full():
    answer = fails("NoSuchKey", 404, s3.get_object, Bucket=BUCKET, Key="no such/key")
    error, meta = answer["Error"], answer["ResponseMetadata"]
    assert error["Message"] == "The specified key does not exist."
    assert error["Resource"] == f"/{BUCKET}/no%20such/key", error
    assert len(meta["RequestId"]) == 16 and len(meta["HostId"]) == 64
    headers = meta["HTTPHeaders"]
    assert (headers["x-amz-request-id"], headers["x-amz-id-2"]) == (meta["RequestId"], meta["HostId"]), answer
    assert meta["HTTPHeaders"]["server"] == "nephos" and meta["HTTPHeaders"]["date"].endswith(" GMT")
    fails("NoSuchBucketPolicy", 404, s3.get_bucket_policy, Bucket=BUCKET)
    fails("NotImplemented", 501, s3.list_bucket_metrics_configurations, Bucket=BUCKET)
    fails("NotImplemented", 501, s3.put_object, Bucket=BUCKET, Key="k", Body=b"",
          ObjectLockLegalHoldStatus="ON")
    fails("404", 404, s3.head_object, Bucket=BUCKET, Key="none")


def check_signatures():
    fails("SignatureDoesNotMatch", 403, client(secret="wrong").list_buckets)
    fails("InvalidAccessKeyId", 403, client(key="nobody").list_buckets)
    anonymous = boto3.client("s3", endpoint_url=URL, region_name="us-east-1",
                             config=Config(signature_version=botocore.UNSIGNED))
    fails("AccessDenied", 403, anonymous.list_buckets)
    fails("AccessDenied", 403, anonymous.put_object, Bucket=BUCKET, Key="anonymous", Body=b"x")
    url = s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "none"})
    assert "X-Amz-Signature" in url or "Signature" in url


def check_objects():
    data = bytes(range(256)) * 400
    answer = s3.put_object(Bucket=BUCKET, Key="o", Body=data, ContentType="text/x", CacheControl="no-cache",
                           ContentEncoding="gzip", Metadata={"Color": "red", "n": "1"})
    assert answer["ETag"] == etag(data)
    crc = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
    assert answer["ChecksumCRC32"] == crc and answer["ChecksumType"] == "FULL_OBJECT"
    got = get("o")
    assert got["Body"].read() == data and got["Metadata"] == {"color": "red", "n": "1"}
    assert (got["ContentType"], got["CacheControl"], got["ContentEncoding"]) == ("text/x", "no-cache", "gzip")
    head = s3.head_object(Bucket=BUCKET, Key="o", ChecksumMode="ENABLED")
    assert head["ContentLength"] == len(data) and head["ChecksumCRC32"] == crc
    assert head["LastModified"] == got["LastModified"]
    for header, low, high in [("bytes=0-9", 0, 10), ("bytes=1000-", 1000, None), ("bytes=-7", -7, None)]:
        part = get("o", Range=header)
        assert part["Body"].read() == data[low:high] and part["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert get("o", Range="bytes=5-5")["ContentRange"] == f"bytes 5-5/{len(data)}"
    fails("InvalidRange", 416, get, "o", Range=f"bytes={len(data)}-")
    fails("304", 304, get, "o", IfNoneMatch=etag(data))
    fails("304", 304, get, "o", IfModifiedSince=got["LastModified"])
    fails("PreconditionFailed", 412, get, "o", IfMatch='"x"')
    get("o", IfMatch=etag(data), IfUnmodifiedSince=got["LastModified"])
    over = get("o", ResponseContentType="a/b", ResponseContentDisposition="attachment")
    assert over["ContentType"] == "a/b" and over["ContentDisposition"] == "attachment"
    fails("PreconditionFailed", 412, s3.put_object, Bucket=BUCKET, Key="o", Body=b"", IfNoneMatch="*")
    fails("PreconditionFailed", 412, s3.put_object, Bucket=BUCKET, Key="o", Body=b"", IfMatch='"x"')
    fails("NoSuchKey", 404, s3.put_object, Bucket=BUCKET, Key="new", Body=b"", IfMatch='"x"')
    s3.put_object(Bucket=BUCKET, Key="new", Body=b"", IfNoneMatch="*")
    s3.put_object(Bucket=BUCKET, Key="o", Body=b"2", IfMatch=etag(data))
    assert get("o")["Body"].read() == b"2"
    fails("NoSuchBucket", 404, s3.put_object, Bucket="not-there", Key="o", Body=b"")
    assert get("new")["Body"].read() == b"" and get("new")["ContentType"] == "binary/octet-stream"
    default = plain.put_object(Bucket=BUCKET, Key="default", Body=b"123456789")
    assert default["ChecksumCRC64NVME"] == "rosUhgp5mIg="
    assert get("default")["Body"].read() == b"123456789"


def check_integrity():
    bad = base64.b64encode(b"0" * 16).decode()
    fails("BadDigest", 400, plain.put_object, Bucket=BUCKET, Key="bad", Body=b"x", ContentMD5=bad)
    fails("InvalidDigest", 400, plain.put_object, Bucket=BUCKET, Key="bad", Body=b"x", ContentMD5="xx")
    fails("BadDigest", 400, s3.put_object, Bucket=BUCKET, Key="bad", Body=b"x", ChecksumCRC32="AAAAAA==")
    fails("BadDigest", 400, s3.put_object, Bucket=BUCKET, Key="bad", Body=b"x" * 100000, ChecksumSHA256=base64.b64encode(b"1" * 32).decode())
    fails("InvalidRequest", 400, s3.put_object, Bucket=BUCKET, Key="bad", Body=b"x", ChecksumCRC32="AAAA")
    fails("404", 404, s3.head_object, Bucket=BUCKET, Key="bad")
    for algorithm in ["CRC32", "SHA1", "SHA256"]:
        answer = s3.put_object(Bucket=BUCKET, Key="sum", Body=b"abc" * 50000, ChecksumAlgorithm=algorithm)
        name = "Checksum" + algorithm
        assert get("sum", ChecksumMode="ENABLED")[name] == answer[name]


def check_keys():
    keys = ["a b/c+d", "\u00fc/\u65e5\u672c\U0001f600", "/lead", "//two//", "a/", "%41", "x?y#z&w=1", "<&>\"'", "d/./e", "k" * 1024]
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key="keys/" + key if len(key) < 1000 else key, Body=key.encode())
    s3.put_object(Bucket=BUCKET, Key="/lead", Body=b"slash")
    assert get("/lead")["Body"].read() == b"slash"
    for key in keys:
        name = "keys/" + key if len(key) < 1000 else key
        assert get(name)["Body"].read() == key.encode(), key
    listed = [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix="keys/")["Contents"]]
    expected = sorted(("keys/" + key for key in keys if len(key) < 1000), key=lambda key: key.encode())
    assert listed == expected, (listed, expected)
    fails("KeyTooLongError", 400, s3.put_object, Bucket=BUCKET, Key="k" * 1025, Body=b"")


def check_listing():
    names = [f"list/{folder}/{n:02}" for folder in "abc" for n in range(5)] + ["list/top", "list/z"]
    for name in names:
        s3.put_object(Bucket=BUCKET, Key=name, Body=b"x")
    for size in [1, 2, 3, 1000]:
        for operation in ["list_objects_v2", "list_objects"]:
            pages = s3.get_paginator(operation).paginate(Bucket=BUCKET, Prefix="list/", PaginationConfig={"PageSize": size})
            assert [o["Key"] for page in pages for o in page.get("Contents", [])] == names, (operation, size)
            pages = list(s3.get_paginator(operation).paginate(
                Bucket=BUCKET, Prefix="list/", Delimiter="/", PaginationConfig={"PageSize": size}))
            folders = [p["Prefix"] for page in pages for p in page.get("CommonPrefixes", [])]
            assert folders == ["list/a/", "list/b/", "list/c/"], (operation, size, folders)
            assert [o["Key"] for page in pages for o in page.get("Contents", [])] == ["list/top", "list/z"]
    after = s3.list_objects_v2(Bucket=BUCKET, Prefix="list/", StartAfter="list/c/03", Delimiter="/")
    assert after["CommonPrefixes"] == [{"Prefix": "list/c/"}] and after["KeyCount"] == 3
    empty = s3.list_objects_v2(Bucket=BUCKET, MaxKeys=0)
    assert empty["KeyCount"] == 0 and empty["IsTruncated"] is False
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="nothing")["KeyCount"] == 0
    fails("InvalidArgument", 400, s3.list_objects_v2, Bucket=BUCKET, ContinuationToken="!")
    fails("InvalidArgument", 400, s3.list_objects_v2, Bucket=BUCKET, MaxKeys=-1)
    answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": k} for k in names + ["list/none"]]})
    assert len(answer["Deleted"]) == len(names) + 1 and "Errors" not in answer
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="list/")["KeyCount"] == 0


def check_copy():
    data = b"copy me" * 10000
    s3.put_object(Bucket=BUCKET, Key="src \u00fc", Body=data, Metadata={"a": "1"}, ContentType="text/a")
    source = {"Bucket": BUCKET, "Key": "src \u00fc"}
    answer = s3.copy_object(Bucket=BUCKET, Key="dst", CopySource=source)
    assert answer["CopyObjectResult"]["ETag"] == etag(data)
    got = get("dst")
    assert got["Body"].read() == data and got["Metadata"] == {"a": "1"} and got["ContentType"] == "text/a"
    s3.copy_object(Bucket=BUCKET, Key="dst", CopySource=source, MetadataDirective="REPLACE", Metadata={"b": "2"})
    assert get("dst")["Metadata"] == {"b": "2"} and get("dst")["ContentType"] == "binary/octet-stream"
    fails("InvalidRequest", 400, s3.copy_object, Bucket=BUCKET, Key="src \u00fc", CopySource=source)
    fails("PreconditionFailed", 412, s3.copy_object, Bucket=BUCKET, Key="d", CopySource=source, CopySourceIfMatch='"x"')
    fails("NoSuchKey", 404, s3.copy_object, Bucket=BUCKET, Key="d", CopySource={"Bucket": BUCKET, "Key": "none"})
