"""The local endpoint measured by a client that costs next to nothing, as ratios to other S3 servers and to what the
machine can do, in the same run.

    python benches/endpoint.py PATH_TO_NEPHOS [upload|list|complete|scale|memory ...]
                               [--peers localstack,seaweedfs,moto,ceph] [--runs 5] [--keys 1000000]

BENCH_DIR is where the servers and the limits write: a tmpfs such as /dev/shm, or a folder on a disk. Needs the packages
of e2e/requirements.txt, and about 15 GB of room there. A peer that cannot be had on this machine is left out with
the reason.

The client sends signed heads over raw connections; the bytes of a body are not signed. Heads are signed while no clock
runs. CPU is that of the server and its children, to a hundredth of a second; memory is the peak of their resident sets.
"""

import argparse
import base64
import contextlib
import ctypes
import hashlib
import mmap
import multiprocessing
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zlib

import servers
from measure import compare, table
from servers import BUCKET, DEFAULT, NEPHOS, PEERS, Target, all_started
from wire import MIB, Connection, Fill, spread

# From the folder that the client has put on the path.
from crash import complete_body, text_of

GIB = 1024 * MIB
PART = 8 * MIB
WORKERS = 8


def measured(target, work):
    """Seconds, peak MiB, and CPU seconds of server and client, of what `work` says it took."""
    target.rest()
    # What earlier writes left for the disk to do is not to be done now.
    os.sync()
    target.forget_peak()
    server_cpu, client_cpu = target.cpu(), time.process_time()
    seconds = work()
    client_cpu = time.process_time() - client_cpu
    return seconds, target.memory(), target.cpu() - server_cpu, client_cpu


# --- upload --------------------------------------------------------------------------------------


def in_threads(work, count=WORKERS):
    failures = []

    def guarded(number):
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def multipart(target, source, part=PART, key="multipart", complete=True):
    """Uploads `source`; seconds from the first byte of the creation to the last of the completion."""
    path, heads = f"/{BUCKET}/{key}", target.heads()
    connections = [Connection(target.port) for _ in range(WORKERS)]
    create = heads.head("POST", path, "uploads=")
    begin = time.perf_counter()
    upload = text_of(connections[0].ask(create), "UploadId")
    taken = time.perf_counter() - begin

    pieces = [(number, source[at:at + part]) for number, at in enumerate(range(0, len(source), part), 1)]
    requests = [
        (number, heads.head("PUT", path, f"partNumber={number}&uploadId={upload}", len(piece)), piece)
        for number, piece in pieces
    ]
    tags, waiting = {}, iter(requests)

    def work(worker):
        # Taking from a list's iterator is one step for Python's threads.
        for number, head, piece in waiting:
            answer = connections[worker].ask(head, piece)
            tags[number] = TAG.search(answer.headers).group(1).decode()

    begin = time.perf_counter()
    in_threads(work)
    body = complete_body(sorted(tags.items()))
    if complete:
        connections[0].ask(heads.head("POST", path, f"uploadId={upload}", len(body)), body)
    taken += time.perf_counter() - begin
    for connection in connections:
        connection.close()
    return taken if complete else (taken, upload, body)


TAG = re.compile(rb'(?i)\r\netag: *("?[^\r]*)')


def put(target, source):
    head = target.heads().head("PUT", f"/{BUCKET}/whole", length=len(source))
    with contextlib.closing(Connection(target.port)) as connection:
        begin = time.perf_counter()
        connection.ask(head, source)
        return time.perf_counter() - begin


def get(target, length, compare_with=None):
    head = target.heads().head("GET", f"/{BUCKET}/multipart")
    with contextlib.closing(Connection(target.port)) as connection:
        begin = time.perf_counter()
        connection.download(head, length, compare_with)
        return time.perf_counter() - begin


def delete(target, key):
    target.ask("DELETE", f"/{BUCKET}/{key}", status=204)


def files(folder, source, sync):
    """Writes the same bytes as parts are: a file each, from as many threads."""
    where = pathlib.Path(folder) / "files"
    where.mkdir()
    offsets = iter(list(range(0, len(source), PART)))

    def work(_):
        for offset in offsets:
            with open(where / str(offset), "wb", buffering=0) as file:
                written = 0
                while written < PART:
                    written += file.write(source[offset + written:offset + PART])
                if sync:
                    os.fdatasync(file.fileno())

    os.sync()
    cpu, begin = time.process_time(), time.perf_counter()
    in_threads(work)
    if sync:
        at = os.open(where, os.O_RDONLY)
        os.fsync(at)
        os.close(at)
    seconds = time.perf_counter() - begin
    cpu = time.process_time() - cpu
    shutil.rmtree(where)
    return seconds, 0, cpu, 0


def md5(source):
    begin = time.perf_counter()
    hashlib.md5(source).digest()
    seconds = time.perf_counter() - begin
    return seconds, 0, seconds, 0


def read(path):
    buffer = memoryview(bytearray(MIB))
    begin = time.perf_counter()
    with open(path, "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    seconds = time.perf_counter() - begin
    return seconds, 0, seconds, 0


def drop(listener, path):
    """A process that takes what comes over connections, and either drops it or keeps it in files."""

    def take(connection, number):
        buffer = memoryview(bytearray(MIB))
        out = open(f"{path}-{number}", "wb", buffering=0) if path else None
        with connection:
            while count := connection.recv_into(buffer):
                if out:
                    out.write(buffer[:count])
            if out:
                out.close()
            connection.sendall(b"x")

    for number in range(WORKERS):
        threading.Thread(target=take, args=(listener.accept()[0], number)).start()


def sink(source, folder=None):
    """The bytes over as many bare connections, into a process that does nothing else: no HTTP, no checks."""
    with socket.create_server(("127.0.0.1", 0), backlog=WORKERS) as listener:
        process = multiprocessing.Process(target=drop, args=(listener, folder and f"{folder}/sink"))
        process.start()
        share = len(source) // WORKERS
        sockets = [socket.create_connection(listener.getsockname()) for _ in range(WORKERS)]

        def work(number):
            sockets[number].sendall(source[number * share:(number + 1) * share])
            sockets[number].shutdown(socket.SHUT_WR)
            sockets[number].recv(1)
            sockets[number].close()

        os.sync()
        target = Target("sink", process.pid, 0)
        before, client, begin = target.cpu(), time.process_time(), time.perf_counter()
        in_threads(work)
        seconds, client = time.perf_counter() - begin, time.process_time() - client
        # Before it is waited for: its figures go with it.
        cpu = target.cpu() - before
        process.join()
    for number in range(WORKERS):
        with contextlib.suppress(OSError):
            os.unlink(f"{folder}/sink-{number}")
    return seconds, 0, cpu, client


@contextlib.contextmanager
def gibibyte(folder):
    """A file of random bytes, in memory."""
    path = pathlib.Path(folder) / "source"
    with open(path, "wb") as file:
        for _ in range(GIB // (16 * MIB)):
            file.write(os.urandom(16 * MIB))
    with open(path, "rb") as file:
        # Not closed by hand: slices of it may be alive where a run was given up.
        mapped = mmap.mmap(file.fileno(), GIB, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE, prot=mmap.PROT_READ)
    yield path, memoryview(mapped)
    path.unlink()


COLUMNS = ("server", "client")


def upload(folder):
    with gibibyte(folder) as (path, source), all_started([*NEPHOS, *OPTIONS.peers], folder) as targets:
        targets = [target for target in targets if works(target, source[:3 * PART])]

        def one(target, work, key):
            def run():
                result = measured(target, lambda: work(target))
                if key:
                    length = Connection.LENGTH.search(head_of(target, key))
                    assert int(length.group(1)) == GIB, f"{target.name} kept {length.group(1)} bytes"
                    delete(target, key)
                return result

            return run

        limits = {
            "128 files": lambda: files(folder, source, False),
            "128 files, fdatasync": lambda: files(folder, source, True),
            "MD5 on one core": lambda: md5(source),
            "bare sockets, dropped": lambda: sink(source),
            "bare sockets, 8 files": lambda: sink(source, folder),
        }
        uploads = {t.name: one(t, lambda t: multipart(t, source), "multipart") for t in targets}
        results = taken({**limits, **uploads})
        table("1 GiB in 128 parts of 8 MiB, 8 at a time", results, "128 files", COLUMNS)
        for name in NEPHOS:
            seconds, base = results[name][0], "128 files, fdatasync" if "safe" in name else "128 files"
            ratio, aim = seconds / results[base][0], 0.75 if "md5" in name else 0.40
            if in_memory(folder):
                verdict(f"{name}: {seconds:.2f} s; the aim is {aim} s", seconds <= aim)
            else:
                verdict(f"{name}: {ratio:.2f} x {base}; the aim is 1.25", ratio <= 1.25)
        faster(results)

        puts = {t.name: one(t, lambda t: put(t, source), "whole") for t in targets}
        results = taken({"128 files": limits["128 files"], "MD5 on one core": limits["MD5 on one core"], **puts})
        table("1 GiB in one PUT", results, "MD5 on one core", COLUMNS)
        faster(results)

        for target in targets:
            multipart(target, source)
            get(target, GIB, source)
        gets = {t.name: one(t, lambda t: get(t, GIB), None) for t in targets}
        results = taken({"reading the file": lambda: read(path), **gets})
        table("1 GiB in one GET, of the 128 parts", results, "reading the file", COLUMNS)
        faster(results)


def works(target, source):
    """Whether a small one is taken and given back; of a peer that does not, only that is said."""
    try:
        multipart(target, source)
        get(target, len(source), source)
        put(target, source)
        delete(target, "multipart")
        delete(target, "whole")
    except (OSError, SystemExit) as why:
        if target.name in NEPHOS:
            raise
        print(f"skip {target.name}: {why}", flush=True)
        return False
    return True


def taken(commands):
    return compare(commands, None, OPTIONS.runs, lambda command, _: command())


def head_of(target, key):
    with contextlib.closing(Connection(target.port)) as connection:
        connection.send(target.heads().head("HEAD", f"/{BUCKET}/{key}"))
        return connection.head()[0] + b"\r\n"


def verdict(what, met):
    print(f"  {'met    ' if met else 'NOT MET'} {what}", flush=True)


def faster(results):
    ours = results[DEFAULT][0]
    for name in PEERS.values():
        if name in results:
            seconds = results[name][0]
            verdict(f"{name} takes {seconds / ours:.2f} times as long as {DEFAULT}", seconds > ours)


# --- listing -------------------------------------------------------------------------------------


def serve_bytes(listener, size):
    """A process that answers every request with as many bytes, which it has ready."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + bytes(size)
    connection = listener.accept()[0]
    while connection.recv(64 * 1024):
        connection.sendall(answer)


@contextlib.contextmanager
def bare(size):
    """The limit for a page of this size: a server that has it ready."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = multiprocessing.Process(target=serve_bytes, args=(listener, size))
        process.start()
        try:
            yield Target("the bytes from memory", process.pid, listener.getsockname()[1])
        finally:
            process.kill()
            process.join()


def pages(target, requests, runs):
    """Milliseconds a page and server CPU milliseconds a page, over one connection, and the bytes of a page."""
    with contextlib.closing(Connection(target.port)) as connection:
        target.rest()
        times, size = [], 0
        for turn in range(runs + 1):
            heads = target.heads()
            signed = [heads.head(*request) for request in requests]
            if turn == 1:
                cpu = target.cpu()
            begin = time.perf_counter()
            for head in signed:
                size = max(size, len(connection.ask(head).body))
            if turn > 0:
                times.append((time.perf_counter() - begin) / len(requests) * 1000)
        cpu = (target.cpu() - cpu) / len(requests) / runs * 1000
    return statistics.median(times), cpu, size


def show_pages(title, rows, base):
    print(f"\n{title}")
    for name, (wall, cpu, size) in rows.items():
        print(f"  {name:44} {wall:8.2f} ms a page   server {cpu:8.2f} ms   {size / 1024:6.0f} KiB   "
              f"{wall / rows[base][0]:7.2f} x {base}", flush=True)


def list_parts(folder):
    rows = {}
    with all_started(["nephos md5 fast", *OPTIONS.peers], folder) as targets:
        for target in targets:
            path = f"/{BUCKET}/parts"
            upload_id = text_of(target.ask("POST", path, "uploads="), "UploadId")
            target.fill(Fill("PUT", path, "partNumber={n}&uploadId=" + upload_id, b"x"), range(1, 10_001))
            requests = [("GET", path, f"part-number-marker={n}&uploadId={upload_id}") for n in range(0, 10_000, 1000)]
            last = target.ask(*requests[-1]).body
            # Some lists are cut short; a ratio to them would be of other things.
            if last.count(b"<PartNumber>") < 990:
                print(f"skip {target.name}: its last page has {last.count(b'<PartNumber>')} parts", flush=True)
                continue
            rows[target.name] = pages(target, requests, 30 if target.name in NEPHOS else 5)
    ours = rows["nephos md5 fast"]
    with bare(ours[2]) as target:
        rows = {target.name: pages(target, [("GET", "/")] * 10, 30), **rows}
    show_pages("ListParts of 10,000 parts, ten pages", rows, "nephos md5 fast")
    verdict(f"{ours[0]:.2f} ms a page, of which {ours[1]:.2f} ms is the server's CPU; the aim is 1 ms at the server",
            ours[1] < 1)


# --- completing ----------------------------------------------------------------------------------


SMALLEST = 5 * MIB
# Of fallocate(2): free the blocks, and leave the length as it is.
PUNCH_HOLE, KEEP_SIZE = 2, 1


def complete(folder):
    """Parts of the smallest size S3 allows; ten thousand of them are 50 GiB."""
    with all_started(["nephos crc fast"], folder) as (target,):
        for count in (100, 1000, 10_000):
            completion(target, folder, count)


@contextlib.contextmanager
def emptied(folder):
    """Frees the blocks of data files as they come to their places, so that the parts need no room.

    The server does not learn of it: names and lengths stay. It is fair to what never reads the data, and whether a
    completion does is seen from the bytes it reads.
    """
    fallocate = ctypes.CDLL(None, use_errno=True).fallocate
    fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    over, done = threading.Event(), set()

    def work():
        while not over.wait(0.1):
            for path in pathlib.Path(folder).glob("*/data/[0-9a-f][0-9a-f]/*"):
                if path not in done:
                    with open(path, "r+b") as file:
                        if fallocate(file.fileno(), PUNCH_HOLE | KEEP_SIZE, 0, os.fstat(file.fileno()).st_size):
                            return
                    done.add(path)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def in_memory(folder):
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True).stdout.strip()
    return kind in ("tmpfs", "ramfs")


def completion(target, folder, count):
    # The same bytes again and again: what is measured is what comes after them.
    block = memoryview(os.urandom(SMALLEST))
    begin = time.perf_counter()
    with emptied(folder):
        _, upload_id, body = multipart(target, Repeated(block, count), SMALLEST, complete=False)
    rate = count / (time.perf_counter() - begin)
    path = f"/{BUCKET}/multipart"
    head = target.heads().head("POST", path, f"uploadId={upload_id}", len(body))
    target.rest()
    with contextlib.closing(Connection(target.port)) as connection:
        before, cpu = target.io(), target.cpu()
        begin = time.perf_counter()
        connection.ask(head, body)
        taken = time.perf_counter() - begin
        after, cpu = target.io(), target.cpu() - cpu
    data = {name: after[name] - before[name] for name in ("rchar", "wchar", "read_bytes", "write_bytes")}
    size = int(Connection.LENGTH.search(head_of(target, "multipart")).group(1))
    assert size == count * SMALLEST, f"the object has {size} bytes"
    delete(target, "multipart")
    target.rest()
    print(f"\nCompleteMultipartUpload of {count:,} parts of 5 MiB ({size / GIB:.1f} GiB), uploaded at "
          f"{rate * SMALLEST / GIB:.2f} GiB/s")
    print(f"  {taken * 1000:.1f} ms, {taken / count * 1e6:.1f} µs a part, {cpu * 1000:.0f} ms of the server's CPU; it "
          f"read {data['rchar']:.1f} MiB and wrote {data['wchar']:.1f} MiB, of which {data['read_bytes']:.1f} and "
          f"{data['write_bytes']:.1f} from and to a disk", flush=True)
    if count == 10_000:
        verdict("the aim is 200 ms", taken < 0.2)
    verdict("it reads and writes no data", data["rchar"] + data["wchar"] < size / MIB / 100)


class Repeated:
    """So many times the same bytes, without the memory for them."""

    def __init__(self, block, count):
        self.block, self.count = block, count

    def __len__(self):
        return len(self.block) * self.count

    def __getitem__(self, _):
        return self.block


# --- scale ---------------------------------------------------------------------------------------


def scale(folder):
    with all_started(["nephos crc fast"], folder) as (target,):
        keys_scale(target)
        uploads_scale(target)
        folders_scale(target)
    peers_scale(folder)


def sizes(largest):
    return [size for size in (1000, 100_000, 1_000_000) if size < largest] + [largest]


def grow(target, what, before, after, noun):
    rate = target.fill(what, range(before, after))
    print(f"  {after:,} {noun}: {rate:,.0f} a second, {(after - before) / rate:.0f} s; "
          f"the server has {target.memory('VmRSS'):.0f} MiB resident", flush=True)


def places(names):
    """What comes before the first, a middle and the last page of a thousand."""
    names = sorted(names)
    last = len(names) - 1001
    if last < 0:
        return {"the page": None}
    return {"first page": None, "middle page": names[min(len(names) // 2, last)], "last page": names[last]}


def keys_scale(target):
    rows, filled = {}, 0
    print("\nfilling with PUTs of 16 bytes")
    for size in sizes(OPTIONS.keys):
        grow(target, Fill("PUT", f"/{BUCKET}/all/{{h}}", body=b"sixteen bytes in"), filled, size, "keys")
        filled = size
        for place, after in places(spread(n) for n in range(size)).items():
            start = f"&start-after=all%2F{after}" if after else ""
            request = ("GET", f"/{BUCKET}", f"list-type=2&prefix=all%2F{start}")
            check_page(target, request, b"<Key>")
            rows[f"{size:,} keys, {place}"] = pages(target, [request] * 5, 20)
        request = ("GET", f"/{BUCKET}", "delimiter=%2F&list-type=2")
        rows[f"{size:,} keys in one folder, rolled up"] = pages(target, [request] * 5, 20)
    with bare(rows["1,000 keys, the page"][2]) as target:
        rows[target.name] = pages(target, [("GET", "/")] * 5, 20)
    show_pages("ListObjectsV2", rows, "1,000 keys, the page")


def check_page(target, request, mark):
    found = target.ask(*request).body.count(mark)
    assert found == 1000, f"a page has {found} entries: {request}"


def uploads_scale(target):
    rows, filled = {}, 0
    print("\nfilling with CreateMultipartUploads")
    for size in (100, 10_000, 100_000):
        grow(target, Fill("POST", f"/{BUCKET}/up/{{h}}", "uploads="), filled, size, "uploads")
        filled = size
        for place, after in places(spread(n) for n in range(size)).items():
            start = f"key-marker=up%2F{after}&" if after else ""
            request = ("GET", f"/{BUCKET}", f"{start}prefix=up%2F&uploads=")
            if size > 100:
                check_page(target, request, b"<Upload>")
            rows[f"{size:,} uploads, {place}"] = pages(target, [request] * 5, 20)
    show_pages("ListMultipartUploads", rows, "10,000 uploads, first page")


def folders_scale(target):
    rows = {}
    names = [spread(n) for n in range(100_000)]
    print("\nfilling with PUTs of 16 bytes")
    grow(target, Fill("PUT", f"/{BUCKET}/tree/{{h}}/leaf", body=b"sixteen bytes in"), 0, len(names), "folders")
    for place, after in places(names).items():
        # "0" follows the delimiter, so that the folder itself is left out.
        start = f"&start-after=tree%2F{after}0" if after else ""
        request = ("GET", f"/{BUCKET}", f"delimiter=%2F&list-type=2&prefix=tree%2F{start}")
        check_page(target, request, b"<CommonPrefixes>")
        rows[f"100,000 folders, {place}"] = pages(target, [request] * 5, 20)
    show_pages("ListObjectsV2 with a delimiter", rows, "100,000 folders, first page")


def peers_scale(folder):
    """A middle page of ten thousand keys: what the others can be filled with in the time there is."""
    rows, count = {}, 10_000
    middle = sorted(spread(n) for n in range(count))[count // 2]
    request = ("GET", f"/{BUCKET}", f"list-type=2&prefix=all%2F&start-after=all%2F{middle}")
    for name in ["nephos crc fast", *OPTIONS.peers]:
        with all_started([name], folder) as targets:
            for target in targets:
                grow(target, Fill("PUT", f"/{BUCKET}/all/{{h}}", body=b"sixteen bytes in"), 0, count, f"keys in {name}")
                if name in PEERS and target.ask(*request).body.count(b"<Key>") != 1000:
                    print(f"skip {target.name}: its page is cut short", flush=True)
                    continue
                rows[target.name] = pages(target, [request] * 5, 5)
    show_pages("ListObjectsV2, a middle page of 10,000 keys", rows, "nephos crc fast")


# --- memory --------------------------------------------------------------------------------------


BOTO3 = """
import sys, boto3
s3 = boto3.client("s3", endpoint_url=sys.argv[1], aws_access_key_id=sys.argv[2], aws_secret_access_key=sys.argv[3],
                  region_name="us-east-1")
s3.upload_file(sys.argv[4], "bench", "boto3")
"""


def one_chunk(target):
    """512 MiB in one chunk of aws-chunked: who reads whole chunks has them in memory."""
    size, block, crc = 512 * MIB, bytes(MIB), 0
    for _ in range(size // MIB):
        crc = zlib.crc32(block, crc)
    line = b"%x\r\n" % size
    end = b"\r\n0\r\nx-amz-checksum-crc32:" + base64.b64encode(crc.to_bytes(4, "big")) + b"\r\n\r\n"
    more = [("x-amz-decoded-content-length", size), ("x-amz-trailer", "x-amz-checksum-crc32")]
    head = target.heads().head("PUT", f"/{BUCKET}/chunk", length=len(line) + size + len(end),
                               payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER", more=more)
    with contextlib.closing(Connection(target.port)) as connection:
        connection.ask(head, line, *[block] * (size // MIB), end)


def by_boto3(target, path):
    command = [sys.executable, "-c", BOTO3, f"http://127.0.0.1:{target.port}", *target.keys, str(path)]
    subprocess.run(command, check=True)


def memory(folder):
    """Each in a server of its own: what one leaves is not the other's."""
    with gibibyte(folder) as (path, source):
        works = {
            "idle": lambda target: None,
            "1 GiB in parts of 8 MiB, 8 at a time": lambda target: multipart(target, source),
            "one PUT of 1 GiB": lambda target: put(target, source),
            "one chunk of 512 MiB": one_chunk,
            "boto3's upload of 1 GiB": lambda target: by_boto3(target, path),
        }
        rows = {}
        for what, work in works.items():
            for name in [DEFAULT, *(OPTIONS.peers if what == "idle" else [])]:
                with all_started([name], folder) as targets:
                    for target in targets:
                        target.rest()
                        work(target)
                        rows[what, target.name] = target.memory("VmRSS" if what == "idle" else "VmHWM")
                        if what == "idle" and name == DEFAULT:
                            own = target.memory("RssAnon")
        print("\nmemory of the server")
        idle = rows["idle", DEFAULT]
        for (what, name), mib in rows.items():
            print(f"  {what:38} {name:25} {mib:7.1f} MiB   {mib / idle:6.2f} x nephos idle", flush=True)
        verdict(f"idle: {idle:.1f} MiB, {own:.1f} without the program's file; the aim is 30 MiB", idle < 30)
        largest = max(mib for (_, name), mib in rows.items() if name == DEFAULT)
        verdict(f"largest: {largest:.0f} MiB; the aim is 150 MiB", largest < 150)


# -------------------------------------------------------------------------------------------------


def stop(*_):
    raise SystemExit("ended by a signal")


def main():
    # So that the servers end with this process and their folders go.
    signal.signal(signal.SIGTERM, stop)
    for name in OPTIONS.sections or SECTIONS:
        with tempfile.TemporaryDirectory(prefix="endpoint-", dir=os.environ.get("BENCH_DIR")) as folder:
            print(f"\n== {name}, {'in memory' if in_memory(folder) else 'on a disk'}", flush=True)
            SECTIONS[name](folder)


SECTIONS = {"upload": upload, "list": list_parts, "complete": complete, "scale": scale, "memory": memory}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nephos")
    parser.add_argument("sections", nargs="*", metavar="|".join(SECTIONS))
    parser.add_argument("--peers", default="localstack,seaweedfs,moto,ceph")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keys", type=int, default=1_000_000)
    OPTIONS = parser.parse_args()
    if unknown := set(OPTIONS.sections) - set(SECTIONS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    servers.BINARY = os.path.abspath(OPTIONS.nephos)
    OPTIONS.peers = [name for name in OPTIONS.peers.split(",") if name]
    main()
