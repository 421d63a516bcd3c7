"""Whole-process measurements, printed as ratios to a peer or to the physical limit in the same run.

    python benches/measure.py PATH_TO_NEPHOS [show|list|upload ...]

Needs the packages of e2e/requirements.txt, curl, and GNU time for memory. Every figure is the median of several runs
after one that is not counted; commands that are compared are run in turn.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import threading

import boto3
from botocore.config import Config

REGION = "us-east-1"
RUNS = 9
TIME = shutil.which("time")


def run(command, env):
    """Seconds and peak MiB of one process; MiB is None without GNU time.

    A child's peak counts what its parent had before exec, so that Python cannot be the parent: GNU
    time is small.
    """
    if TIME:
        with tempfile.NamedTemporaryFile() as out:
            seconds = timed([TIME, "-f", "%M", "-o", out.name, *command], env)
            return seconds, int(out.read().split()[-1]) / 1024
    return timed(command, env), None


def timed(command, env):
    start = time.perf_counter()
    done = subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise SystemExit(f"{command} failed: {done.stderr.decode()}")
    return time.perf_counter() - start


def compare(commands, env, runs=RUNS, run=run):
    """Median seconds, largest MiB and medians of whatever else `run` measures, by name; the commands take turns."""
    taken = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            result = run(command, env)
            if turn > 0:
                taken[name].append(result)
    return {name: summary(*zip(*results)) for name, results in taken.items()}


def summary(seconds, mib, *others):
    return statistics.median(seconds), max((m for m in mib if m), default=0), *map(statistics.median, others)


def table(title, results, base, others=()):
    """`others` names the columns after time and memory, if there are more: seconds, all of them."""
    print(f"\n{title}")
    limit = results[base][0]
    for name, (seconds, mib, *rest) in results.items():
        more = "".join(f" {column} {value:5.2f} s" for column, value in zip(others, rest))
        print(f"  {name:34} {seconds * 1000:9.1f} ms {mib:7.1f} MiB{more}   {seconds / limit:6.2f} x {base}", flush=True)


@contextlib.contextmanager
def endpoint(folder):
    process = subprocess.Popen(
        [NEPHOS, "local", "serve", "--port", "0", "--dir", folder], stderr=subprocess.PIPE, text=True
    )
    url = re.search(r"http://\S+", process.stderr.readline()).group()
    # The pipe must not fill up.
    threading.Thread(target=process.stderr.read, daemon=True).start()
    env = dict(
        os.environ,
        AWS_ACCESS_KEY_ID="nephos",
        AWS_SECRET_ACCESS_KEY="nephos-local",
        AWS_REGION=REGION,
        AWS_DEFAULT_REGION=REGION,
        AWS_ENDPOINT_URL_S3=url,
    )
    try:
        yield url, env
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def client(url):
    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id="nephos",
        aws_secret_access_key="nephos-local",
        region_name=REGION,
        config=Config(max_pool_connections=16),
    )


def show(folder):
    env = dict(os.environ)
    commands = {
        "true": ["/bin/true"],
        "nephos --version": [NEPHOS, "--version"],
        "SHOW METHODS": [NEPHOS, "exec", "SHOW METHODS IN aws.s3.parts"],
        "SHOW METHODS WHERE (starts DataFusion)": [NEPHOS, "exec", "SHOW METHODS IN aws.s3.parts WHERE SQLVerb = 'EXEC'"],
    }
    table("start and SHOW METHODS", compare(commands, env), "true")


LISTING = """
import boto3
s3 = boto3.client('s3', endpoint_url='{url}')
n = 0
for page in s3.get_paginator('list_parts').paginate(Bucket='bench', Key='k', UploadId='{upload}'):
    n += len(page.get('Parts', []))
assert n == 10000, n
"""


def list_parts(folder):
    with endpoint(f"{folder}/list") as (url, env):
        s3 = client(url)
        s3.create_bucket(Bucket="bench")
        upload = s3.create_multipart_upload(Bucket="bench", Key="k")["UploadId"]
        put_parts(s3, upload, 10_000)
        sql = f"EXEC aws.s3.parts.parts_List @Key='k', @uploadId='{upload}', @bucket='bench', @region='{REGION}'"
        commands = {
            "nephos -o ndjson": [NEPHOS, "exec", "-o", "ndjson", sql],
            "nephos -o csv": [NEPHOS, "exec", "-o", "csv", sql],
            "nephos count(*)": [NEPHOS, "exec", "-o", "csv", f"SELECT count(*) FROM ({sql}) p"],
            "boto3": [sys.executable, "-c", LISTING.format(url=url, upload=upload)],
            "aws CLI": [
                sys.executable, "-m", "awscli", "s3api", "list-parts",
                "--bucket", "bench", "--key", "k", "--upload-id", upload,
            ],
        }
        table("ListParts of 10,000 parts", compare(commands, env, 5), "nephos -o ndjson")


def put_parts(s3, upload, count):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(16) as pool:
        jobs = [
            pool.submit(s3.upload_part, Bucket="bench", Key="k", UploadId=upload, PartNumber=n, Body=b"x")
            for n in range(1, count + 1)
        ]
        for job in jobs:
            job.result()


def upload(folder):
    path = pathlib.Path(folder) / "256m"
    with open(path, "wb") as file:
        for _ in range(256):
            file.write(os.urandom(1024 * 1024))
    with endpoint(f"{folder}/upload") as (url, env):
        s3 = client(url)
        s3.create_bucket(Bucket="bench")
        upload_id = s3.create_multipart_upload(Bucket="bench", Key="k")["UploadId"]
        at = {"Bucket": "bench", "Key": "k", "UploadId": upload_id, "PartNumber": 1}
        presigned = s3.generate_presigned_url("upload_part", Params=at, ExpiresIn=3600)
        sql = (
            f"EXEC aws.s3.parts.parts_Upload @Key='k', @partNumber=1, @uploadId='{upload_id}', "
            f"@bucket='bench', @region='{REGION}' @@file='{path}'"
        )
        commands = {
            "curl -T (bare PUT)": ["curl", "-sS", "-f", "-T", str(path), presigned],
            "nephos parts_Upload": [NEPHOS, "exec", "-o", "csv", sql],
            "aws CLI upload-part": [
                sys.executable, "-m", "awscli", "s3api", "upload-part", "--bucket", "bench", "--key", "k",
                "--upload-id", upload_id, "--part-number", "1", "--body", str(path),
            ],
        }
        table("one part of 256 MiB", compare(commands, env, 5), "curl -T (bare PUT)")


def main():
    wanted = sys.argv[2:] or ["show", "list", "upload"]
    jobs = {"show": show, "list": list_parts, "upload": upload}
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        for name in wanted:
            jobs[name](folder)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    NEPHOS = os.path.abspath(sys.argv[1])
    main()
