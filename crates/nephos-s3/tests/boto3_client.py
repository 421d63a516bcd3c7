"""The clients and the small calls that the boto3 checks share."""

import hashlib
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

URL, SECRET = sys.argv[1], sys.argv[2]
MIB = 1 << 20
BUCKET = "boto3-bucket"


def client(secret=SECRET, key="nephos", **config):
    config.setdefault("s3", {"addressing_style": "path"})
    return boto3.client(
        "s3",
        endpoint_url=URL,
        region_name="eu-central-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 1}, **config),
    )


s3 = client()
plain = client(request_checksum_calculation="when_required")


def fails(code, status, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except ClientError as error:
        found = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert found == (code, status), (found, (code, status), error)
        return error.response
    raise AssertionError(f"{code} expected")


def etag(data):
    return '"' + hashlib.md5(data).hexdigest() + '"'


def create(key, **kwargs):
    return s3.create_multipart_upload(Bucket=BUCKET, Key=key, **kwargs)["UploadId"]


def put_part(key, upload, number, data, s3=s3, **kwargs):
    answer = s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=number, Body=data, **kwargs)
    return {"PartNumber": number, "ETag": answer["ETag"]}


def complete(key, upload, parts, **kwargs):
    return s3.complete_multipart_upload(
        Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, **kwargs
    )


def get(key, **kwargs):
    return s3.get_object(Bucket=BUCKET, Key=key, **kwargs)
