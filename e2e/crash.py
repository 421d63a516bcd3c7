"""Kills the endpoint at random moments under load, and checks that nothing acknowledged is lost.

    python e2e/crash.py NEPHOS [--rounds 200] [--fsync] [--seed N] [--dir FOLDER]

Each round a few writers put, copy and delete objects and work on multipart uploads until `kill -9`
ends the endpoint. After a restart over the same folder every acknowledged object has its bytes,
every acknowledged part its entity tag and size, and what was in flight is wholly there or not at
all. Every so often everything is deleted, and then no data file may be left. With --fsync the
endpoint runs with `--durability safe`, otherwise with `fast`: `kill -9` must lose nothing in either.
Needs nothing but Python.
"""

import argparse
import collections
import contextlib
import http.client
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree

from differential import Signer, canonical_query, now, quote, stamp_of

MIB = 1024 * 1024
MIN_PART = 5 * MIB
BUCKET = "crash"
WRITERS = 4
KEYS = 24
MAX_UPLOADS = 3
GENERATION = 20
BLOCK = random.Random(1).randbytes(16 * MIB)
ABSENT = None
CHECKS = 0


def check(condition, what):
    global CHECKS
    CHECKS += 1
    if not condition:
        raise SystemExit(f"FAILED: {what}")
    print(f"ok   {what}", flush=True)


def require(condition, what):
    """A check that says nothing when it passes: there are thousands of them."""
    if not condition:
        raise SystemExit(f"FAILED: {what}")


# --- the endpoint and a client of it -------------------------------------------------------------


class Endpoint:
    """`nephos local serve` on a free port, over a folder that outlives it."""

    def __init__(self, nephos, folder, *arguments):
        self.folder = pathlib.Path(folder)
        self.command = [nephos, "local", "serve", "--port", "0", "--dir", str(folder), *arguments]
        self.process = self.port = None

    def start(self):
        """Starts it and gives the seconds until it listens."""
        begin = time.perf_counter()
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        taken = time.perf_counter() - begin
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if not found:
            raise SystemExit(f"FAILED: the endpoint does not start: {line}{self.process.stderr.read()}")
        self.port = int(found.group(1))
        # The pipe must not fill up.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        return taken

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Ends it as an interrupt does, and gives its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()
            return "none within 30 seconds"

    def data_files(self):
        return [path for path in (self.folder / "data").rglob("*") if path.is_file()]

    def peak_memory(self):
        """In MiB, since the process began."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) / 1024


Answer = collections.namedtuple("Answer", "status headers body")


def elements(answer, name):
    """The elements of this name in an answer, each as a dictionary of texts."""
    root = ElementTree.fromstring(answer.body)
    found = [e for e in root.iter() if e.tag.rpartition("}")[2] == name]
    return [{child.tag.rpartition("}")[2]: child.text or "" for child in e} for e in found]


def text_of(answer, name):
    found = re.search(rb"<%s>([^<]*)</" % name.encode(), answer.body)
    return found.group(1).decode() if found else None


class Client:
    """A keep-alive connection. Payloads are not signed, so that a request costs next to nothing."""

    signer = Signer("nephos", "nephos-local")

    def __init__(self, port, timeout=60):
        self.port = port
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def signed(self, method, path, query=(), headers=None, payload="UNSIGNED-PAYLOAD"):
        """The URL and the headers of a request, with its signature. `path` is encoded already."""
        stamp = stamp_of(now())
        query = canonical_query(query)
        headers = {
            "host": f"127.0.0.1:{self.port}",
            "x-amz-date": stamp,
            "x-amz-content-sha256": payload,
            **(headers or {}),
        }
        signature, names = self.signer.request(stamp, method, path, query, headers, payload)
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.signer.key}/{self.signer.scope(stamp)}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return path + (f"?{query}" if query else ""), headers

    def request(self, method, key="", query=(), body=b"", headers=None, bucket=BUCKET):
        path = quote(f"/{bucket}/{key}" if key else f"/{bucket}")
        url, headers = self.signed(method, path, query, headers)
        self.connection.request(method, url, body=body, headers=headers)
        response = self.connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def expect(self, status, method, *arguments, **options):
        """A request whose answer is a failure if its status is another one."""
        answer = self.request(method, *arguments, **options)
        if answer.status != status:
            what = f"{method} {arguments} {options.get('query', '')}"
            raise SystemExit(f"FAILED: {what}: {answer.status} instead of {status}: {answer.body[:600]}")
        return answer


def complete_body(parts):
    """`parts` are pairs of number and entity tag."""
    inner = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{tag}</ETag></Part>" for n, tag in parts)
    return f"<CompleteMultipartUpload>{inner}</CompleteMultipartUpload>".encode()


# --- what is written -----------------------------------------------------------------------------


def content(slices):
    """Everything written is made of slices of one random block."""
    return b"".join(BLOCK[offset:offset + length] for offset, length in slices)


class Upload:
    """A multipart upload: for each part number the (entity tag, slice) pairs it may have."""

    def __init__(self, key):
        self.key = key
        self.parts = {}
        self.ending = None

    def slices(self):
        return tuple(self.parts[number][0][1] for number in sorted(self.parts))


class Writer:
    """A client that writes to keys of its own, one request at a time, and knows what each may hold.

    A value is settled when its request is acknowledged; until then both the old and the new one
    may be found.
    """

    def __init__(self, name, seed):
        self.name = name
        self.random = random.Random(f"{seed} {name}")
        self.objects = collections.defaultdict(lambda: [ABSENT])
        self.uploads = {}
        self.creating = None
        self.touched = set()
        self.acknowledged = 0

    # Choices.

    def key(self):
        return f"{self.name}/key ü+{self.random.randrange(KEYS)}"

    def stored_key(self):
        return self.random.choice([k for k, v in self.objects.items() if v != [ABSENT]] or [None])

    def slice(self, length):
        return self.random.randrange(len(BLOCK) - length), length

    def small(self):
        """Bodies on both sides of what is kept in the metadata file."""
        return self.slice(self.random.choice([0, 1, 700, 8192, 8193, 30_000, 200_000]))

    def headers(self):
        return {"x-amz-server-side-encryption": "AES256"} if self.random.random() < 0.2 else {}

    def source(self, key):
        return {"x-amz-copy-source": quote(f"{BUCKET}/{key}")}

    # Bookkeeping.

    def risk(self, key, value):
        self.touched.add(key)
        self.objects[key] = [*self.objects[key], value]

    def settle(self, key, value):
        self.objects[key] = [value]

    # Requests.

    def put(self, client):
        key, value = self.key(), (self.small(),)
        self.risk(key, value)
        client.expect(200, "PUT", key, body=content(value), headers=self.headers())
        self.settle(key, value)

    def delete(self, client):
        key = self.key()
        self.risk(key, ABSENT)
        client.expect(204, "DELETE", key)
        self.settle(key, ABSENT)

    def delete_several(self, client):
        keys = {self.key() for _ in range(4)}
        for key in keys:
            self.risk(key, ABSENT)
        body = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
        body = f"<Delete><Quiet>true</Quiet>{body}</Delete>".encode()
        answer = client.expect(200, "POST", query=[("delete", None)], body=body, headers=md5_header(body))
        require(b"<Error>" not in answer.body, f"DeleteObjects: {answer.body[:600]}")
        for key in keys:
            self.settle(key, ABSENT)

    def copy(self, client):
        source, key = self.stored_key(), self.key()
        if source is None or source == key:
            return
        value = self.objects[source][0]
        self.risk(key, value)
        answer = client.expect(200, "PUT", key, headers=self.source(source))
        require(b"<Error>" not in answer.body, f"CopyObject: {answer.body[:600]}")
        self.settle(key, value)

    def create(self, client):
        if len(self.uploads) >= MAX_UPLOADS:
            return
        self.creating = self.key()
        answer = client.expect(200, "POST", self.creating, query=[("uploads", None)], headers=self.headers())
        self.uploads[text_of(answer, "UploadId")] = Upload(self.creating)
        self.creating = None

    def upload_part(self, client):
        if not self.uploads:
            return self.create(client)
        upload_id, upload = self.random.choice(list(self.uploads.items()))
        number = self.random.choice([1, 2, 3, 9999])
        part = self.slice(MIN_PART + self.random.choice([0, 1, 4096, 1_000_003]))
        if number == 9999:
            part = self.small()
        copied = self.stored_key() if number == 9999 and self.random.random() < 0.5 else None
        headers, body = {}, content([part])
        if copied and len(self.objects[copied][0]) == 1:
            part, = self.objects[copied][0]
            headers, body = self.source(copied), b""
        before = upload.parts.get(number, [])
        upload.parts[number] = [*before, (None, part)] if before else [None, (None, part)]
        query = [("partNumber", number), ("uploadId", upload_id)]
        answer = client.expect(200, "PUT", upload.key, query=query, body=body, headers=headers)
        tag = text_of(answer, "ETag") if headers else answer.headers["ETag"]
        upload.parts[number] = [(tag.replace("&quot;", '"'), part)]

    def complete(self, client):
        upload_id, upload = self.random.choice(list(self.uploads.items()) or [(None, None)])
        if upload_id is None or not upload.parts:
            return
        value = upload.slices()
        upload.ending = value
        self.risk(upload.key, value)
        complete(client, upload_id, upload)
        self.settle(upload.key, value)
        del self.uploads[upload_id]

    def abort(self, client):
        upload_id, upload = self.random.choice(list(self.uploads.items()) or [(None, None)])
        if upload_id is None:
            return
        upload.ending = ABSENT, "abort"
        client.expect(204, "DELETE", upload.key, query=[("uploadId", upload_id)])
        del self.uploads[upload_id]

    ACTIONS = {put: 12, delete: 2, delete_several: 1, copy: 3, create: 2, upload_part: 6, complete: 2, abort: 0.7}

    def work(self, client, killed, failures):
        try:
            while True:
                action, = self.random.choices(list(self.ACTIONS), list(self.ACTIONS.values()))
                action(self, client)
                self.acknowledged += 1
        except (OSError, http.client.HTTPException) as error:
            if not killed.is_set():
                failures.append(f"{self.name}: {action.__name__}: {error!r} while the endpoint runs")
        except SystemExit as failure:
            failures.append(str(failure))


def md5_header(body):
    import base64
    import hashlib

    return {"content-md5": base64.b64encode(hashlib.md5(body).digest()).decode()}


def complete(client, upload_id, upload):
    parts = [(number, upload.parts[number][0][0]) for number in sorted(upload.parts)]
    answer = client.expect(200, "POST", upload.key, query=[("uploadId", upload_id)], body=complete_body(parts))
    require(b"<Error>" not in answer.body, f"CompleteMultipartUpload: {answer.body[:600]}")


# --- what is found afterwards --------------------------------------------------------------------


class Inspection:
    """Compares an endpoint with what its writers know, and settles what was in flight."""

    def __init__(self, client, writers):
        self.client, self.writers = client, writers
        self.there = self.not_there = 0

    def run(self, rng):
        self.check_listing()
        for writer in self.writers:
            others = [key for key in writer.objects if key not in writer.touched]
            for key in [*writer.touched, *rng.sample(others, min(4, len(others)))]:
                self.check_object(writer, key)
            writer.touched.clear()
        self.check_uploads()

    def check_listing(self):
        listed = elements(self.client.expect(200, "GET", query=[("list-type", 2)]), "Contents")
        sizes = {item["Key"]: int(item["Size"]) for item in listed}
        for writer in self.writers:
            for key, values in writer.objects.items():
                found = sizes.pop(key, ABSENT)
                wanted = [v if v is ABSENT else sum(n for _, n in v) for v in values]
                require(found in wanted, f"{key} is listed with {found} bytes instead of {wanted}")
        require(not sizes, f"listed, and nobody wrote them: {sizes}")

    def check_object(self, writer, key):
        answer = self.client.request("GET", key)
        require(answer.status in (200, 404), f"GET {key}: {answer.status} {answer.body[:600]}")
        values = writer.objects[key]
        if answer.status == 404:
            found = ABSENT if ABSENT in values else "lost"
        else:
            whole = [v for v in values if v is not ABSENT and content(v) == answer.body]
            found = whole[-1] if whole else f"{len(answer.body)} other bytes"
        require(found in values, f"{key}: {found}; it may be {values}")
        if len(values) > 1:
            self.count(found == values[-1])
        writer.settle(key, found)

    def count(self, there):
        self.there, self.not_there = self.there + there, self.not_there + (not there)

    def check_uploads(self):
        answer = self.client.expect(200, "GET", query=[("uploads", None)])
        listed = {item["UploadId"]: item["Key"] for item in elements(answer, "Upload")}
        for writer in self.writers:
            for upload_id, upload in list(writer.uploads.items()):
                there = listed.pop(upload_id, None)
                require(there in (None, upload.key), f"upload {upload_id} of {upload.key} is listed for {there}")
                if there:
                    self.check_open(writer, upload_id, upload)
                else:
                    self.check_ended(writer, upload_id, upload)
        for writer in self.writers:
            unknown = [i for i, key in listed.items() if writer.creating and key == writer.creating]
            require(len(unknown) <= 1, f"{writer.name} created one upload and there are {unknown}")
            for upload_id in unknown:
                self.client.expect(204, "DELETE", listed.pop(upload_id) and writer.creating,
                                   query=[("uploadId", upload_id)])
                gone = self.client.request("GET", writer.creating, query=[("uploadId", upload_id)])
                require(gone.status == 404, f"an aborted upload answers {gone.status}")
            if writer.creating:
                self.count(bool(unknown))
            writer.creating = None
        require(not listed, f"uploads nobody knows, or that were ended: {listed}")

    def check_ended(self, writer, upload_id, upload):
        require(upload.ending is not None, f"upload {upload_id} of {upload.key} is lost")
        if "abort" not in upload.ending:
            require(writer.objects[upload.key] == [upload.ending],
                    f"upload {upload_id} is gone and {upload.key} is not its object")
        else:
            self.count(True)
        gone = self.client.request("GET", upload.key, query=[("uploadId", upload_id)])
        require(gone.status == 404, f"ListParts of an ended upload answers {gone.status}")
        del writer.uploads[upload_id]

    def check_open(self, writer, upload_id, upload):
        if upload.ending is not None and "abort" not in upload.ending:
            require(writer.objects[upload.key] != [upload.ending],
                    f"{upload.key} is there and its upload {upload_id} too")
        elif upload.ending is not None:
            self.count(False)
        upload.ending = None
        answer = self.client.expect(200, "GET", upload.key, query=[("uploadId", upload_id)])
        found = {int(p["PartNumber"]): (p["ETag"], int(p["Size"])) for p in elements(answer, "Part")}
        for number, candidates in list(upload.parts.items()):
            part = found.pop(number, None)
            settled = [c for c in candidates if fits(c, part)]
            require(settled, f"part {number} of {upload_id} is {part}; it may be {candidates}")
            if len(candidates) > 1:
                self.count(settled[-1] == candidates[-1])
            if part is None:
                del upload.parts[number]
            else:
                # Where sizes are equal the entity tag tells the old part from the new one.
                known = [c for c in settled if c[0] == part[0]] or settled
                upload.parts[number] = [(part[0], known[-1][1])]
        require(not found, f"parts of {upload_id} that nobody uploaded: {found}")


def fits(candidate, part):
    """Whether a part is what was sent; while in flight its entity tag is not known."""
    if candidate is None or part is None:
        return candidate is part
    tag, (_, length) = candidate
    return length == part[1] and tag in (None, part[0])


def finish_some(client, writers, rng, share):
    """Ends uploads that lived through a crash, one way or the other; the objects must be right."""
    for writer in writers:
        for upload_id, upload in list(writer.uploads.items()):
            if rng.random() > share:
                continue
            if upload.parts and rng.random() < 0.6:
                complete(client, upload_id, upload)
                writer.settle(upload.key, upload.slices())
                Inspection(client, writers).check_object(writer, upload.key)
            else:
                client.expect(204, "DELETE", upload.key, query=[("uploadId", upload_id)])
            del writer.uploads[upload_id]


def delete_everything(endpoint, client, writers):
    """Afterwards the folder must be as empty as it was in the beginning."""
    for writer in writers:
        for key in list(writer.objects):
            Inspection(client, writers).check_object(writer, key)
            client.expect(204, "DELETE", key)
            del writer.objects[key]
    left = elements(client.expect(200, "GET", query=[("list-type", 2)]), "Contents")
    deadline = time.monotonic() + 5
    while endpoint.data_files() and time.monotonic() < deadline:
        time.sleep(0.02)
    files = endpoint.data_files()
    require(not left and not files, f"all deleted, and still listed: {left}; still in the folder: {files[:9]}")
    check(True, "all deleted: nothing is listed, and no data file is left")


# --- rounds --------------------------------------------------------------------------------------


def crash(endpoint, writers, rng):
    """Load until a kill in the middle of it."""
    killed, failures = threading.Event(), []
    threads = [
        threading.Thread(target=writer.work, args=(Client(endpoint.port), killed, failures)) for writer in writers
    ]
    for thread in threads:
        thread.start()
    time.sleep(rng.uniform(0.05, 0.5))
    killed.set()
    endpoint.kill()
    for thread in threads:
        thread.join()
    require(not failures, "; ".join(failures))


def restart(endpoint, rng):
    """Starts it again, sometimes after a second kill in the middle of the start. Seconds to the first answer."""
    if rng.random() < 0.25:
        process = subprocess.Popen(endpoint.command, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        process.wait()
    begin = time.perf_counter()
    endpoint.start()
    client = Client(endpoint.port)
    client.expect(200, "GET", query=[("location", None)])
    taken = time.perf_counter() - begin
    require((endpoint.folder / "endpoint").read_text() == f"http://127.0.0.1:{endpoint.port}",
            "the endpoint file has the new URL")
    return client, taken


def rounds(endpoint, count, seed):
    rng = random.Random(seed)
    writers = [Writer(f"writer-{n}", seed) for n in range(WRITERS)]
    endpoint.start()
    Client(endpoint.port).expect(200, "PUT")
    starts = []
    for number in range(1, count + 1):
        before = sum(writer.acknowledged for writer in writers)
        crash(endpoint, writers, rng)
        client, taken = restart(endpoint, rng)
        starts.append(taken)
        inspection = Inspection(client, writers)
        inspection.run(rng)
        done = sum(writer.acknowledged for writer in writers) - before
        stored = sum(v != [ABSENT] for writer in writers for v in writer.objects.values())
        check(True, f"round {number}: {done} requests acknowledged and kept, in flight {inspection.there} there and "
                    f"{inspection.not_there} not, {stored} objects, {sum(len(w.uploads) for w in writers)} uploads, "
                    f"answers after {taken * 1000:.0f} ms")
        last = number % GENERATION == 0 or number == count
        finish_some(client, writers, rng, 2 if last else 0.3)
        if last:
            delete_everything(endpoint, client, writers)
    check(endpoint.stop() == 0, "the endpoint ends with 0 on SIGTERM")
    print(f"from the start after a kill to the first answer: median {statistics.median(starts) * 1000:.0f} ms, "
          f"max {max(starts) * 1000:.0f} ms")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("nephos")
    arguments.add_argument("--rounds", type=int, default=200)
    arguments.add_argument("--fsync", action="store_true", help="--durability safe instead of fast")
    arguments.add_argument("--seed", type=int, default=int(time.time()))
    arguments.add_argument("--dir", help="where the endpoint's folder is made")
    options = arguments.parse_args()
    print(f"seed {options.seed}", flush=True)
    folder = tempfile.mkdtemp(prefix="crash-", dir=options.dir)
    durability = "safe" if options.fsync else "fast"
    endpoint = Endpoint(os.path.abspath(options.nephos), f"{folder}/store", f"--durability={durability}")
    try:
        rounds(endpoint, options.rounds, options.seed)
    except BaseException:
        print(f"the endpoint's folder is kept: {folder}", file=sys.stderr)
        raise
    finally:
        with contextlib.suppress(ProcessLookupError):
            endpoint.kill()
    subprocess.run(["rm", "-rf", folder], check=True)
    print(f"{CHECKS} passed, 0 failed")


if __name__ == "__main__":
    main()
