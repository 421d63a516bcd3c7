"""Drives a Nephos S3 endpoint with boto3: `boto3_multipart.py URL SECRET_KEY`.

Every check is a function; the first that fails ends the script with its traceback. This file holds
the checks of multipart uploads, and runs those of the files beside it first.
"""

import base64
import hashlib
import zlib

import boto3_forms
import boto3_objects
import boto3_wire
from boto3_client import *


def check_multipart():
    key = "multi/part"
    one, two, three = b"1" * (5 * MIB), b"2" * (5 * MIB + 1), b"3" * 10
    upload = create(key, Metadata={"m": "p"}, ContentType="text/m")
    parts = [put_part(key, upload, 3, two), put_part(key, upload, 1, b"old"), put_part(key, upload, 1, one),
             put_part(key, upload, 9, three), put_part(key, upload, 10, b"left out")]
    first, second, last = parts[2], parts[0], parts[3]
    listed = s3.list_parts(Bucket=BUCKET, Key=key, UploadId=upload)
    assert [(p["PartNumber"], p["Size"], p["ETag"]) for p in listed["Parts"]] == [
        (1, len(one), etag(one)), (3, len(two), etag(two)), (9, 10, etag(three)), (10, 8, etag(b"left out"))]
    assert listed["IsTruncated"] is False and listed["NextPartNumberMarker"] == 10
    assert listed["StorageClass"] == "STANDARD" and listed["Initiator"]["DisplayName"] == "nephos"
    assert listed["Initiator"]["ID"] == listed["Owner"]["ID"]

    fails("InvalidPartOrder", 400, complete, key, upload, [second, first])
    fails("InvalidPartOrder", 400, complete, key, upload, [first, first])
    fails("InvalidPart", 400, complete, key, upload, [first, {"PartNumber": 2, "ETag": first["ETag"]}])
    fails("InvalidPart", 400, complete, key, upload, [{"PartNumber": 1, "ETag": etag(b"old")}])
    fails("InvalidRequest", 400, complete, key, upload, [])
    fails("EntityTooSmall", 400, complete, key, upload, [first, second, last, parts[4]])
    fails("InvalidRequest", 400, complete, key, upload, [first, second, last], MpuObjectSize=1)
    assert len(s3.list_parts(Bucket=BUCKET, Key=key, UploadId=upload)["Parts"]) == 4

    data = one + two + three
    done = complete(key, upload, [first, second, last], MpuObjectSize=len(data))
    tag = hashlib.md5(b"".join(hashlib.md5(p).digest() for p in (one, two, three))).hexdigest() + "-3"
    assert done["ETag"] == f'"{tag}"' and done["ChecksumType"] == "FULL_OBJECT", done
    again = complete(key, upload, [first, second, last])
    assert again["ETag"] == done["ETag"] and again["ChecksumCRC64NVME"] == done["ChecksumCRC64NVME"]
    fails("NoSuchUpload", 404, complete, key, upload, [first])
    got = get(key)
    assert got["Body"].read() == data and got["ETag"] == done["ETag"] and got["Metadata"] == {"m": "p"}
    whole = plain.put_object(Bucket=BUCKET, Key="whole", Body=data)
    assert whole["ChecksumCRC64NVME"] == done["ChecksumCRC64NVME"]

    piece = get(key, PartNumber=3)
    assert piece["Body"].read() == two and piece["PartsCount"] == 3
    assert piece["ContentRange"] == f"bytes {len(one)}-{len(one) + len(two) - 1}/{len(data)}"
    head = s3.head_object(Bucket=BUCKET, Key=key, PartNumber=9)
    assert head["ContentLength"] == 10 and head["ResponseMetadata"]["HTTPStatusCode"] == 206
    fails("InvalidPartNumber", 416, get, key, PartNumber=2)
    fails("InvalidArgument", 400, get, key, PartNumber=0)
    across = get(key, Range=f"bytes={len(one) - 3}-{len(one) + 2}")
    assert across["Body"].read() == b"111222"

    for call in [
        lambda: s3.list_parts(Bucket=BUCKET, Key=key, UploadId=upload),
        lambda: put_part(key, upload, 1, b"x"),
        lambda: s3.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload),
    ]:
        answer = fails("NoSuchUpload", 404, call)
        assert answer["Error"]["Message"].startswith("The specified upload does not exist. The upload ID may be invalid")

    fails("PreconditionFailed", 412, complete, key, *conditional(key), IfNoneMatch="*")


def conditional(key):
    upload = create(key)
    return upload, [put_part(key, upload, 1, b"z")]


def check_upload_ids():
    upload = create("u")
    for bad in ["unknown", "0" * 32, upload[1:], "+" + upload[1:]]:
        fails("NoSuchUpload", 404, s3.list_parts, Bucket=BUCKET, Key="u", UploadId=bad)
        fails("NoSuchUpload", 404, s3.abort_multipart_upload, Bucket=BUCKET, Key="u", UploadId=bad)
    fails("NoSuchUpload", 404, put_part, "another key", upload, 1, b"x")
    fails("NoSuchUpload", 404, s3.list_parts, Bucket=BUCKET, Key="v", UploadId=upload)
    fails("NoSuchBucket", 404, s3.list_parts, Bucket="not-there", Key="u", UploadId=upload)
    fails("NoSuchUpload", 404, complete, "v", upload, [{"PartNumber": 1, "ETag": etag(b"")}])
    for number in [0, -1, 10001]:
        fails("InvalidArgument", 400, put_part, "u", upload, number, b"x")
    put_part("u", upload, 10000, b"x")
    put_part("u", upload, 1, b"x")
    assert s3.abort_multipart_upload(Bucket=BUCKET, Key="u", UploadId=upload)["ResponseMetadata"]["HTTPStatusCode"] == 204
    fails("NoSuchUpload", 404, s3.abort_multipart_upload, Bucket=BUCKET, Key="u", UploadId=upload)
    fails("NoSuchUpload", 404, complete, "u", upload, [{"PartNumber": 1, "ETag": etag(b"x")}])
    fails("NoSuchUpload", 404, s3.list_parts, Bucket=BUCKET, Key="u", UploadId=upload)
    fails("NoSuchBucket", 404, s3.create_multipart_upload, Bucket="not-there", Key="u")


def check_part_paging():
    key, numbers = "pages", [1, 2, 3, 7, 100, 9999, 10000]
    upload = create(key)
    empty = s3.list_parts(Bucket=BUCKET, Key=key, UploadId=upload)
    assert "Parts" not in empty and empty["NextPartNumberMarker"] == 0 and empty["IsTruncated"] is False
    assert empty["MaxParts"] == 1000 and empty["PartNumberMarker"] == 0
    for number in numbers:
        put_part(key, upload, number, str(number).encode())
    for size in [1, 2, 3, 7, 1000]:
        pages = list(s3.get_paginator("list_parts").paginate(
            Bucket=BUCKET, Key=key, UploadId=upload, PaginationConfig={"PageSize": size}))
        assert [p["PartNumber"] for page in pages for p in page.get("Parts", [])] == numbers, size
        assert len(pages) == -(-len(numbers) // size)
    page = s3.list_parts(Bucket=BUCKET, Key=key, UploadId=upload, MaxParts=2, PartNumberMarker=3)
    assert [p["PartNumber"] for p in page["Parts"]] == [7, 100] and page["NextPartNumberMarker"] == 100
    assert page["PartNumberMarker"] == 3 and page["MaxParts"] == 2 and page["IsTruncated"] is True
    for marker in [10000, 70000]:
        page = s3.list_parts(Bucket=BUCKET, Key=key, UploadId=upload, PartNumberMarker=marker)
        assert "Parts" not in page and page["NextPartNumberMarker"] == 0 and page["IsTruncated"] is False
    page = s3.list_parts(Bucket=BUCKET, Key=key, UploadId=upload, MaxParts=0)
    assert "Parts" not in page and page["IsTruncated"] is False
    fails("InvalidArgument", 400, s3.list_parts, Bucket=BUCKET, Key=key, UploadId=upload, MaxParts=-1)
    fails("InvalidArgument", 400, s3.list_parts, Bucket=BUCKET, Key=key, UploadId=upload, PartNumberMarker=-1)
    s3.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload)


def check_part_integrity():
    upload = create("i")
    bad = base64.b64encode(b"0" * 16).decode()
    fails("BadDigest", 400, put_part, "i", upload, 1, b"x", s3=plain, ContentMD5=bad)
    fails("InvalidDigest", 400, put_part, "i", upload, 1, b"x", s3=plain, ContentMD5="nonsense")
    fails("BadDigest", 400, put_part, "i", upload, 1, b"x", ChecksumCRC32="AAAAAA==")
    assert "Parts" not in s3.list_parts(Bucket=BUCKET, Key="i", UploadId=upload)
    fails("InvalidPart", 400, complete, "i", upload, [{"PartNumber": 1, "ETag": etag(b"x")}])


def check_checksums():
    one, two = b"a" * (5 * MIB), b"b" * 100
    fails("InvalidRequest", 400, create, "sums", ChecksumAlgorithm="SHA256", ChecksumType="FULL_OBJECT")
    fails("InvalidRequest", 400, create, "sums", ChecksumType="FULL_OBJECT")

    upload = create("sums", ChecksumAlgorithm="SHA256")
    fails("InvalidRequest", 400, put_part, "sums", upload, 1, one, ChecksumAlgorithm="SHA1")
    parts = []
    for number, data in [(1, one), (2, two)]:
        answer = s3.upload_part(Bucket=BUCKET, Key="sums", UploadId=upload, PartNumber=number, Body=data, ChecksumAlgorithm="SHA256")
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        assert answer["ChecksumSHA256"] == digest
        parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": digest})
    listed = s3.list_parts(Bucket=BUCKET, Key="sums", UploadId=upload)
    assert listed["ChecksumAlgorithm"] == "SHA256" and listed["ChecksumType"] == "COMPOSITE"
    assert [p["ChecksumSHA256"] for p in listed["Parts"]] == [p["ChecksumSHA256"] for p in parts]
    fails("InvalidRequest", 400, complete, "sums", upload, [{k: p[k] for k in ("PartNumber", "ETag")} for p in parts])
    fails("InvalidPart", 400, complete, "sums", upload, [parts[0], {**parts[1], "ChecksumSHA256": parts[0]["ChecksumSHA256"]}])
    done = complete("sums", upload, parts)
    joined = hashlib.sha256(one).digest() + hashlib.sha256(two).digest()
    composite = base64.b64encode(hashlib.sha256(joined).digest()).decode()
    assert done["ChecksumSHA256"] == composite + "-2" and done["ChecksumType"] == "COMPOSITE"
    assert s3.head_object(Bucket=BUCKET, Key="sums", ChecksumMode="ENABLED")["ChecksumSHA256"] == composite + "-2"
    attributes = s3.get_object_attributes(
        Bucket=BUCKET, Key="sums", ObjectAttributes=["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"])
    assert attributes["ETag"] == done["ETag"].strip('"') and attributes["ObjectSize"] == len(one) + len(two)
    assert attributes["Checksum"]["ChecksumSHA256"] == composite and attributes["StorageClass"] == "STANDARD"
    assert attributes["ObjectParts"]["TotalPartsCount"] == 2
    assert [p["Size"] for p in attributes["ObjectParts"]["Parts"]] == [len(one), len(two)]
    page = s3.get_object_attributes(Bucket=BUCKET, Key="sums", ObjectAttributes=["ObjectParts"], MaxParts=1)["ObjectParts"]
    assert page["IsTruncated"] and page["NextPartNumberMarker"] == 1 and len(page["Parts"]) == 1
    page = s3.get_object_attributes(Bucket=BUCKET, Key="sums", ObjectAttributes=["ObjectParts"], PartNumberMarker=1)["ObjectParts"]
    assert not page["IsTruncated"] and page["Parts"][0]["PartNumber"] == 2

    upload = create("full", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    parts = [put_part("full", upload, 1, one), put_part("full", upload, 2, two)]
    crc = base64.b64encode(zlib.crc32(one + two).to_bytes(4, "big")).decode()
    fails("BadDigest", 400, complete, "full", upload, parts, ChecksumCRC32="AAAAAA==")
    fails("InvalidRequest", 400, complete, "full", upload, parts, ChecksumType="COMPOSITE")
    done = complete("full", upload, parts, ChecksumCRC32=crc, ChecksumType="FULL_OBJECT")
    assert done["ChecksumCRC32"] == crc
    assert get("full", ChecksumMode="ENABLED")["Body"].read() == one + two


def check_part_copy():
    data = bytes(range(256)) * 4 * 5 * 1024
    s3.put_object(Bucket=BUCKET, Key="big", Body=data)
    source = {"Bucket": BUCKET, "Key": "big"}
    upload = create("copied")
    ids = dict(Bucket=BUCKET, Key="copied", UploadId=upload, CopySource=source)
    one = s3.upload_part_copy(PartNumber=1, **ids)["CopyPartResult"]
    two = s3.upload_part_copy(PartNumber=2, CopySourceRange="bytes=10-19", **ids)["CopyPartResult"]
    assert one["ETag"] == etag(data) and two["ETag"] == etag(data[10:20]) and two["LastModified"]
    for bad in ["bytes=0-", f"bytes=0-{len(data)}", "bytes=5-1"]:
        fails("InvalidArgument", 400, s3.upload_part_copy, PartNumber=3, CopySourceRange=bad, **ids)
    fails("InvalidArgument", 400, s3.upload_part_copy, PartNumber=0, **ids)
    fails("PreconditionFailed", 412, s3.upload_part_copy, PartNumber=3, CopySourceIfMatch='"x"', **ids)
    fails("NoSuchKey", 404, s3.upload_part_copy, PartNumber=3, **{**ids, "CopySource": {"Bucket": BUCKET, "Key": "none"}})
    complete("copied", upload, [{"PartNumber": 1, "ETag": one["ETag"]}, {"PartNumber": 2, "ETag": two["ETag"]}])
    assert get("copied")["Body"].read() == data + data[10:20]


def check_list_uploads():
    ids = [("up/a", create("up/a")), ("up/a", create("up/a")), ("up/b/1", create("up/b/1")),
           ("up/b/2", create("up/b/2")), ("up/c", create("up/c"))]
    page = s3.list_multipart_uploads(Bucket=BUCKET, Prefix="up/")
    assert [(u["Key"], u["UploadId"]) for u in page["Uploads"]] == ids
    assert page["Uploads"][0]["Initiator"]["DisplayName"] == "nephos" and page["Uploads"][0]["StorageClass"] == "STANDARD"
    for size in [1, 2, 3]:
        pages = list(s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=BUCKET, Prefix="up/", PaginationConfig={"PageSize": size}))
        assert [(u["Key"], u["UploadId"]) for page in pages for u in page.get("Uploads", [])] == ids, size
        pages = list(s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=BUCKET, Prefix="up/", Delimiter="/", PaginationConfig={"PageSize": size}))
        assert [p["Prefix"] for page in pages for p in page.get("CommonPrefixes", [])] == ["up/b/"], size
        assert [u["Key"] for page in pages for u in page.get("Uploads", [])] == ["up/a", "up/a", "up/c"], size
    page = s3.list_multipart_uploads(Bucket=BUCKET, Prefix="up/", KeyMarker="up/a", UploadIdMarker=ids[0][1])
    assert [u["UploadId"] for u in page["Uploads"]] == [upload for _, upload in ids[1:]]
    page = s3.list_multipart_uploads(Bucket=BUCKET, Prefix="up/", KeyMarker="up/a")
    assert [u["Key"] for u in page["Uploads"]] == ["up/b/1", "up/b/2", "up/c"]
    for key, upload in ids:
        s3.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET, Prefix="up/")


def main():
    checks = [
        (name, check)
        for scope in (vars(boto3_objects), globals(), vars(boto3_forms), vars(boto3_wire))
        for name, check in scope.items()
        if name.startswith("check_")
    ]
    for name, check in checks:
        try:
            check()
        except Exception:
            print(f"FAILED {name}", flush=True)
            raise
    print(f"{len(checks)} checks passed")


main()
