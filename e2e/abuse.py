"""Bad clients against the endpoint: it refuses them, stays well, and keeps serving the others.

    python e2e/abuse.py NEPHOS [GROUP ...]

Connections cut in the middle, bodies of the wrong length, slow and idle clients, monstrous heads,
keys that look like paths, XML bombs, broken framing, request smuggling, a full disk, two endpoints
over one folder. Needs nothing but Python; the full disk needs root, for a tmpfs of its own.
"""

import base64
import contextlib
import hashlib
import os
import pathlib
import random
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import zlib

from crash import BUCKET, MIB, Answer, Client, Endpoint, complete_body, elements, md5_header, text_of
from differential import chunked, quote, stamp_of, now

GROUPS = {}
CHECKS = 0
FAILED = []
MEMORY_LIMIT = 150
# How long an answer may take. It is there to notice work that grows with the square of what is sent, or has no
# end; not to measure.
PROMPT = 20.0
SMALL = b"small object"


def check(condition, what):
    global CHECKS
    CHECKS += 1
    print(f"{'ok  ' if condition else 'FAILED:'} {what}", flush=True)
    if not condition:
        FAILED.append(what)


def group(function):
    GROUPS[function.__name__] = function
    return function


# --- the wire ------------------------------------------------------------------------------------


class Wire:
    """A connection for what no client library would send."""

    def __init__(self, port, timeout=30):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, *pieces):
        """Sends what the other side takes; says whether that was all of it."""
        try:
            for piece in pieces:
                self.socket.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def end(self):
        """No more will come, and answers can still be read."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.file.close()
        self.socket.close()

    def answer(self):
        """The next answer; its status is 0 where the connection ended without one."""
        try:
            while (line := self.file.readline()).startswith(b"HTTP/1.1 100"):
                self.file.readline()
            status = int(line.split()[1]) if line.startswith(b"HTTP/1.") else 0
            headers = {}
            while (line := self.file.readline().strip()):
                name, _, value = line.partition(b":")
                headers[name.decode().lower()] = value.strip().decode("latin-1")
            return Answer(status, headers, self.file.read(int(headers.get("content-length", 0))))
        except (ConnectionResetError, BrokenPipeError):
            return Answer(0, {}, b"")

    def ended(self):
        """Whether the other side has closed the connection, or does so within the timeout."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def head(method, url, headers):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {url} HTTP/1.1\r\n{lines}\r\n".encode()


def signed_head(port, method, path, query=(), headers=None, unsigned=None, **options):
    """The head of a request; `unsigned` headers are added after signing."""
    url, headers = Client(port).signed(method, path, query, headers, **options)
    return head(method, url, {**headers, **(unsigned or {})})


def length(body):
    """The header; from a body, or as it is told."""
    return {"content-length": str(len(body) if isinstance(body, bytes) else body)}


def object_path(key):
    return quote(f"/{BUCKET}/{key}")


def talk(port, *pieces, end=False):
    """Sends pieces over a connection of its own, ends it if no more will come, and gives the first answer."""
    with Wire(port) as wire:
        wire.send(*pieces)
        if end:
            wire.end()
        return wire.answer()


def code(answer):
    return text_of(answer, "Code")


def refused(answer):
    """A refusal, with or without words."""
    return answer.status == 0 or 400 <= answer.status < 500


def told(answer):
    return f"{answer.status} {code(answer) or answer.body[:80]!r}" if answer.status else "closed"


def fresh(endpoint):
    return Client(endpoint.port)


def no_object(endpoint, key):
    return fresh(endpoint).request("HEAD", key).status == 404


def no_files(endpoint):
    """Whether what was not acknowledged goes away within a moment."""
    deadline = time.monotonic() + 5
    while endpoint.data_files() and time.monotonic() < deadline:
        time.sleep(0.02)
    return not endpoint.data_files()


def serves(endpoint, what):
    """Writes and reads like anybody else, quickly."""
    begin = time.monotonic()
    client = Client(endpoint.port, timeout=10)
    client.expect(200, "PUT", "well", body=SMALL)
    same = client.expect(200, "GET", "well").body == SMALL
    taken = time.monotonic() - begin
    check(same and taken < PROMPT, f"{what}: others are served ({taken * 1000:.0f} ms)")


# --- bodies --------------------------------------------------------------------------------------


@group
def cut_connections(endpoint):
    client = fresh(endpoint)
    data = random.Random(3).randbytes(8 * MIB)
    upload = text_of(client.expect(200, "POST", "cut", query=[("uploads", None)]), "UploadId")
    part = [("partNumber", 1), ("uploadId", upload)]
    client.expect(200, "PUT", "kept", body=SMALL)
    for how in ("reset", "closed", "half closed"):
        for key, query in (("cut", part), ("kept", ())):
            with Wire(endpoint.port) as wire:
                wire.send(signed_head(endpoint.port, "PUT", object_path(key), query, unsigned=length(data)),
                          data[:3 * MIB])
                if how == "reset":
                    wire.reset()
                elif how == "half closed":
                    wire.end()
                    answer = wire.answer()
                    check(answer.status == 400 and code(answer) == "IncompleteBody",
                          f"a body half sent is IncompleteBody: {told(answer)}")
    check(not elements(client.expect(200, "GET", "cut", query=[("uploadId", upload)]), "Part"),
          "parts cut in the middle are not listed")
    check(client.expect(200, "GET", "kept").body == SMALL, "a cut overwrite leaves the object as it was")
    check(no_files(endpoint), "cut connections leave no file")
    tag = client.expect(200, "PUT", "cut", query=part, body=data).headers["ETag"]
    client.expect(200, "POST", "cut", query=[("uploadId", upload)], body=complete_body([(1, tag)]))
    check(client.expect(200, "GET", "cut").body == data, "the upload can be finished afterwards")
    with Wire(endpoint.port) as wire:
        wire.send(signed_head(endpoint.port, "GET", object_path("cut")))
        wire.file.read(MIB)
        wire.reset()
    client.expect(204, "DELETE", "cut")
    check(no_files(endpoint), "a reader that went away does not keep a deleted file")
    serves(endpoint, "after cut connections")


@group
def wrong_lengths(endpoint):
    port = endpoint.port
    put = lambda key, count, **more: signed_head(port, "PUT", object_path(key), unsigned=length(count), **more)
    answer = talk(port, put("short", 10), b"12345", end=True)
    check(refused(answer) and no_object(endpoint, "short"), f"a body shorter than its length: {told(answer)}")
    with Wire(port) as wire:
        wire.send(put("long", 5), b"12345GARBAGE\r\n\r\n")
        first, second = wire.answer(), wire.answer()
    check(first.status == 200 and refused(second), f"a body longer than its length: then {told(second)}")
    check(fresh(endpoint).request("GET", "long").body == b"12345", "the object has the length that was told")
    for value in ("-1", "+5", "0x5", "5 5", "5,6", "", "99999999999999999999", str(6 << 30)):
        answer = talk(port, put("length", value), b"12345", end=True)
        check(refused(answer) and no_object(endpoint, "length"), f"Content-Length: {value or 'nothing'}: {told(answer)}")
    answer = talk(port, signed_head(port, "PUT", object_path("length")))
    check(answer.status == 411, f"no Content-Length: {told(answer)}")
    wrong = hashlib.sha256(b"else").hexdigest()
    answer = talk(port, put("hash", 5, payload=wrong), b"12345")
    check(code(answer) == "XAmzContentSHA256Mismatch" and no_object(endpoint, "hash"), f"another SHA-256: {told(answer)}")
    answer = talk(port, put("hash", 5, headers=md5_header(b"else")), b"12345")
    check(code(answer) == "BadDigest" and no_object(endpoint, "hash"), f"another MD5: {told(answer)}")
    check(no_files(endpoint), "bodies of a wrong length leave no file")


UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


def chunked_head(port, key, framed, decoded, kind=UNSIGNED, trailer="x-amz-checksum-crc32"):
    headers = {"x-amz-decoded-content-length": str(decoded), "content-encoding": "aws-chunked"}
    if trailer and kind == UNSIGNED:
        headers["x-amz-trailer"] = trailer
    return signed_head(port, "PUT", object_path(key), headers=headers, unsigned=length(framed), payload=kind)


def crc32(value):
    return base64.b64encode(struct.pack(">I", value)).decode()


@group
def aws_chunked(endpoint):
    port = endpoint.port
    good = f"x-amz-checksum-crc32:{crc32(zlib.crc32(b'hello'))}\r\n\r\n".encode()
    answer = talk(port, chunked_head(port, "chunked", 5 + len(b"5\r\n\r\n0\r\n" + good), 5), b"5\r\nhello\r\n0\r\n" + good)
    check(answer.status == 200 and fresh(endpoint).request("GET", "chunked").body == b"hello", "a chunked body")
    broken = {
        "a size that is no number": b"zz\r\nhello\r\n0\r\n" + good,
        "a negative size": b"-5\r\nhello\r\n0\r\n" + good,
        "a size over 64 bits": b"fffffffffffffffffff\r\nhello\r\n0\r\n" + good,
        "a size of nearly 64 bits": b"ffffffffffffffff\r\nhello\r\n0\r\n" + good,
        "a size without an end": b"5" * MIB,
        "an extension without an end": b"5;" + b"x" * MIB,
        "no line end after a chunk": b"5\r\nhelloXX0\r\n" + good,
        "no last chunk": b"5\r\nhello\r\n",
        "nothing": b"",
        "trailers without an end": b"5\r\nhello\r\n0\r\n" + b"x-amz-checksum-crc32:AAAA" * 40_000,
        "another checksum": b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
        "the announced trailer missing": b"5\r\nhello\r\n0\r\n\r\n",
        "fewer bytes than promised": b"4\r\nhell\r\n0\r\n" + good,
        "more bytes than promised": b"6\r\nhello!\r\n0\r\n" + good,
        "something after the end": b"5\r\nhello\r\n0\r\n" + good + b"5\r\nhello\r\n0\r\n\r\n",
    }
    for what, body in broken.items():
        begin = time.monotonic()
        answer = talk(port, chunked_head(port, "broken", body, 5), body)
        taken = time.monotonic() - begin
        check(refused(answer) and answer.status and no_object(endpoint, "broken") and taken < PROMPT,
              f"aws-chunked with {what}: {told(answer)}")
    for what, alter in (("the signature of a chunk", {"wrong_signature": True}), ("no fault", {})):
        body = random.Random(5).randbytes(64 * MIB)
        stamp = stamp_of(now())
        frame = chunked([body], signed=True, **alter)
        # The seed is the signature of the head.
        framed = len(frame(Client.signer, stamp, "0" * 64))
        first = chunked_head(port, "signed", framed, len(body), kind=SIGNED)
        seed = first.split(b"Signature=")[1][:64].decode()
        stamp = first.split(b"x-amz-date: ")[1][:16].decode()
        answer = talk(port, first, frame(Client.signer, stamp, seed))
        if alter:
            check(answer.status == 403 and no_object(endpoint, "signed"), f"a chunk of 64 MiB with a fault in {what}: {told(answer)}")
        else:
            check(answer.status == 200, f"a signed chunk of 64 MiB with {what}: {told(answer)}")
    fresh(endpoint).request("DELETE", "signed")
    one_big_chunk(endpoint)
    check(no_files(endpoint), "broken chunks leave no file")


def one_big_chunk(endpoint):
    port, size, block = endpoint.port, 512 * MIB, bytes(MIB)
    sum_of = 0
    for _ in range(size // MIB):
        sum_of = zlib.crc32(block, sum_of)
    line = b"%x\r\n" % size
    end = f"\r\n0\r\nx-amz-checksum-crc32:{crc32(sum_of)}\r\n\r\n".encode()
    with Wire(port, timeout=120) as wire:
        wire.send(chunked_head(port, "big", size + len(line) + len(end), size), line,
                  *[block] * (size // MIB), end)
        answer = wire.answer()
    found = fresh(endpoint).request("HEAD", "big").headers["Content-Length"]
    check(answer.status == 200 and found == str(size), f"one chunk of 512 MiB: {told(answer)}")
    peak = endpoint.peak_memory()
    check(peak < MEMORY_LIMIT, f"peak memory is {peak:.0f} MiB")
    fresh(endpoint).expect(204, "DELETE", "big")


# --- patience ------------------------------------------------------------------------------------


@group
def slow_clients(endpoint):
    """Slow heads and bodies, against an endpoint that waits for two seconds."""
    offered = "--timeout" in subprocess.run([*endpoint.command[:3], "--help"], capture_output=True, text=True).stdout
    with another(endpoint, "slow", *(["--timeout", "2s"] if offered else [])) as slow:
        fresh(slow).expect(200, "PUT")
        wires = [Wire(slow.port) for _ in range(120)]
        data_head = signed_head(slow.port, "PUT", object_path("slow"), unsigned=length(MIB))
        begin = time.monotonic()
        for wire in wires[:40]:
            wire.send(b"GET / HTTP/1.1\r\nHost: x")
        for wire in wires[40:80]:
            wire.send(data_head, b"x")
        for wire in wires[80:]:
            wire.send(data_head[:50])
        for turn in range(3):
            # One byte at a time keeps a head from being over, not a connection from being served.
            for wire in wires[80:]:
                wire.send(data_head[50 + turn:51 + turn])
            serves(slow, f"120 slow clients, second {turn + 1}")
            time.sleep(1)
        if not offered:
            print("skip the end of slow clients: `local serve` has no --timeout")
            return
        for name, some in (("heads", wires[:40]), ("heads byte by byte", wires[80:])):
            check(all(drained(wire) for wire in some), f"slow {name} are cut off after {time.monotonic() - begin:.1f} s")
        answers = [wire.answer() for wire in wires[40:80]]
        check(all(refused(answer) for answer in answers), f"slow bodies: {told(answers[0])}")
        check(time.monotonic() - begin < 10, "slow clients are gone within ten seconds")
        for wire in wires:
            wire.socket.close()
        check(no_files(slow) and no_object(slow, "slow"), "slow bodies leave nothing")
        slow_reader(slow)


def drained(wire):
    """Whether the connection ends, with or without an answer before."""
    wire.answer()
    return wire.ended()


def slow_reader(slow):
    body = bytes(64 * MIB)
    fresh(slow).expect(200, "PUT", "large", body=body)
    before = slow.peak_memory()
    wires = [Wire(slow.port) for _ in range(20)]
    for wire in wires:
        wire.send(signed_head(slow.port, "GET", object_path("large")))
    time.sleep(1)
    serves(slow, "20 readers that do not read")
    grown = slow.peak_memory() - before
    check(grown < 100, f"readers that do not read take {grown:.0f} MiB")
    for wire in wires:
        wire.socket.close()


@group
def idle_connections(endpoint):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    with another(endpoint, "idle") as idle:
        fresh(idle).expect(200, "PUT")
        wires = [Wire(idle.port) for _ in range(1000)]
        serves(idle, "1,000 idle connections")
        peak = idle.peak_memory()
        check(peak < MEMORY_LIMIT, f"1,000 idle connections: peak memory is {peak:.0f} MiB")
        for wire in wires:
            wire.__exit__()
    with another(endpoint, "few", limit=200) as few:
        fresh(few).expect(200, "PUT")
        wires = [Wire(few.port) for _ in range(300)]
        time.sleep(0.3)
        cpu = cpu_seconds(few)
        time.sleep(1)
        spent = cpu_seconds(few) - cpu
        check(spent < 0.5, f"more connections than open files: it does not spin ({spent:.2f} s of CPU in one)")
        for wire in wires:
            wire.__exit__()
        serves(few, "after more connections than open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def cpu_seconds(endpoint):
    fields = pathlib.Path(f"/proc/{endpoint.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def another(endpoint, name, *arguments, limit=None):
    """One more endpoint, over a folder beside."""
    other = Endpoint(endpoint.command[0], endpoint.folder.parent / name, *arguments)
    if limit:
        other.command = ["bash", "-c", f'ulimit -n {limit}; exec "$@"', "bash", *other.command]
    other.start()
    try:
        yield other
        check(other.stop() == 0, f"{name}: the endpoint ends with 0 on SIGTERM")
    finally:
        other.kill()


# --- heads ---------------------------------------------------------------------------------------


@group
def monstrous_heads(endpoint):
    port = endpoint.port
    signed = lambda **more: signed_head(port, "PUT", object_path("head"), unsigned={**length(5), **more})
    many = {f"x-header-{n}": "v" for n in range(1000)}
    heads = {
        "a header of 16 KiB": signed(**{"x-amz-meta-long": "x" * (16 << 10)}),
        "a header of 1 MiB": signed(**{"x-amz-meta-long": "x" * MIB}),
        "a header name of 70,000 bytes": signed(**{"x" * 70_000: "v"}),
        "1,000 headers": signed(**many),
        "a request line of 16 KiB": head("GET", f"/{BUCKET}?prefix={'x' * (16 << 10)}", {"host": "h"}),
        "a request line of 1 MiB": head("GET", f"/{BUCKET}?prefix={'x' * MIB}", {"host": "h"}),
        "a head without an end": b"GET / HTTP/1.1\r\n" + b"x-h: v\r\n" * 200_000,
        "a line without an end": b"G" * (2 * MIB),
    }
    for what, first in heads.items():
        begin = time.monotonic()
        answer = talk(port, first, b"12345")
        taken = time.monotonic() - begin
        check(refused(answer) and no_object(endpoint, "head") and taken < PROMPT, f"{what}: {told(answer)}")
    metadata = {f"x-amz-meta-{n}": "x" * 100 for n in range(25)}
    answer = talk(port, signed_head(port, "PUT", object_path("head"), headers=metadata, unsigned=length(0)))
    check(code(answer) == "MetadataTooLarge", f"metadata of more than 2 KiB: {told(answer)}")
    serves(endpoint, "after monstrous heads")


@group
def protocol(endpoint):
    port, client = endpoint.port, fresh(endpoint)
    client.expect(200, "PUT", "victim", body=SMALL)
    host = f"127.0.0.1:{port}"
    hello = bytes.fromhex("160301020001000 1fc0303".replace(" ", "")) + bytes(500)
    garbage = {
        "random bytes": random.Random(4).randbytes(5000),
        "a TLS hello": hello,
        "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "HTTP/0.9": b"GET /\r\n",
        "HTTP/9.9": b"GET / HTTP/9.9\r\nhost: h\r\n\r\n",
        "no version": b"GET /\r\nhost: h\r\n\r\n",
        "no Host": b"GET / HTTP/1.1\r\n\r\n",
        "two Hosts": f"GET / HTTP/1.1\r\nhost: {host}\r\nhost: other\r\n\r\n".encode(),
        "a space before a colon": f"GET / HTTP/1.1\r\nhost : {host}\r\n\r\n".encode(),
        "a NUL in a header": f"GET / HTTP/1.1\r\nhost: {host}\r\nx-h: a\0b\r\n\r\n".encode(),
        "a folded header": f"GET / HTTP/1.1\r\nhost: {host}\r\nx-h: a\r\n b\r\n\r\n".encode(),
        "a path without a slash": f"GET x HTTP/1.1\r\nhost: {host}\r\n\r\n".encode(),
        "CONNECT": f"CONNECT {host} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode(),
        "TRACE": f"TRACE / HTTP/1.1\r\nhost: {host}\r\n\r\n".encode(),
        "a method of its own": f"BREW /{BUCKET}/victim HTTP/1.1\r\nhost: {host}\r\n\r\n".encode(),
    }
    for what, sent in garbage.items():
        answer = talk(port, sent)
        check(refused(answer), f"{what}: {told(answer)}")
    smuggling(endpoint)
    check(client.expect(200, "GET", "victim").body == SMALL, "the victim is as it was")
    url, headers = client.signed("GET", object_path("victim"))
    answer = talk(port, head("GET", url, headers).replace(b"HTTP/1.1", b"HTTP/1.0"))
    check(answer.body == SMALL, f"HTTP/1.0 is answered: {told(answer)}")
    url, headers = client.signed("GET", object_path("victim"))
    answer = talk(port, head("GET", f"http://{host}{url}", headers))
    check(answer.body == SMALL or refused(answer), f"a whole URL in the request line: {told(answer)}")
    pipelined(endpoint)
    serves(endpoint, "after garbage")


def smuggling(endpoint):
    """A request inside the body of another must not be carried out."""
    port = endpoint.port
    inner = signed_head(port, "DELETE", object_path("victim"))
    ended = b"5\r\nhello\r\n0\r\n\r\n"
    lengths = {
        "Content-Length and Transfer-Encoding":
            [("content-length", len(ended + inner)), ("transfer-encoding", "chunked")],
        "Transfer-Encoding and Content-Length":
            [("transfer-encoding", "chunked"), ("content-length", len(ended + inner))],
        "two Content-Lengths": [("content-length", len(ended)), ("content-length", len(ended + inner))],
        "two equal Content-Lengths in a list": [("content-length", f"{len(ended)}, {len(ended)}")],
        "Transfer-Encoding: xchunked": [("transfer-encoding", "xchunked"), ("content-length", len(ended + inner))],
        "Transfer-Encoding: chunked, identity":
            [("transfer-encoding", "chunked, identity"), ("content-length", len(ended + inner))],
        "Transfer-Encoding with a tab": [("transfer-encoding", "\tchunked"), ("content-length", len(ended + inner))],
    }
    for what, headers in lengths.items():
        url, signed = Client(port).signed("PUT", object_path("smuggler"))
        lines = "".join(f"{name}: {value}\r\n" for name, value in [*signed.items(), *headers])
        with Wire(port) as wire:
            wire.send(f"PUT {url} HTTP/1.1\r\n{lines}\r\n".encode(), ended, inner)
            wire.end()
            first, second = wire.answer(), wire.answer()
        check(second.status != 204 and fresh(endpoint).request("GET", "victim").body == SMALL,
              f"smuggling by {what}: {told(first)}, then {told(second)}")
        fresh(endpoint).request("PUT", "victim", body=SMALL)
    fresh(endpoint).request("DELETE", "smuggler")


def pipelined(endpoint):
    port, client = endpoint.port, fresh(endpoint)
    count = 40
    requests = []
    for n in range(count):
        body = f"body {n}".encode()
        path = object_path(f"pipelined-{n}")
        requests += [signed_head(port, "PUT", path, unsigned=length(body)) + body, signed_head(port, "GET", path)]
    with Wire(port) as wire:
        wire.send(b"".join(requests))
        answers = [wire.answer() for _ in requests]
    bodies = [answer.body for answer in answers[1::2]]
    check(bodies == [f"body {n}".encode() for n in range(count)], f"{2 * count} pipelined requests are answered in order")
    for n in range(count):
        client.request("DELETE", f"pipelined-{n}")


# --- keys ----------------------------------------------------------------------------------------

# As they are on the wire, after /BUCKET/.
PATHS = [
    "..", ".", "../x", "../../etc/passwd", "a/../b", "a/./b", "a/..", "/leading", "//two", "a//b", "a/", "/", "//",
    "%2e%2e%2f%2e%2e%2fescaped", "..%2f..%2fescaped", "%2e%2e/escaped", "%2F%2Fetc%2Fpasswd", "..%5c..%5cwindows",
    "back%5Cslash", "C:%5Cx", "C:", "nul%00byte", "%00", "tab%09", "line%0Afeed", "return%0D", "escape%1B", "del%7F",
    "%01%02%03", "c1%C2%85", "invalid%FF%FE", "half%C3", "surrogate%ED%A0%80", "overlong%C0%AF", "nonchar%EF%BF%BF",
    "%F0%9F%A6%80", "combining%CC%81", "e%CC%81", "%C3%A9", "%E2%80%AE", "space%20", "%20", "plus+", "plus%2B",
    "percent%25", "%2525", "question%3F", "hash%23", "amp%26%3C%3E%22%27", "%5D%5D%3E", "CON", "aux.txt", "~", "-rf", "*",
    "%24(id)", "%60id%60", "meta.redb", "data/incoming/x", "incoming", "endpoint", "UPPER", "upper", ".hidden",
    "%2E%2E%2F%2E%2E%2F%2E%2E%2F%2E%2E%2Ftmp%2Fnephos-abuse",
]


def decoded(path):
    return urllib.parse.unquote_to_bytes(path)


def canonical(path):
    return urllib.parse.quote(decoded(path), safe="/-_.~")


@group
def keys(endpoint):
    port, client = endpoint.port, fresh(endpoint)
    outside = tree(endpoint.folder.parent, endpoint.folder)
    accepted = {}
    for path in PATHS:
        body = f"the bytes of {path}".encode() * 1000
        answer = talk(port, key_head(port, "PUT", path, unsigned=length(body)), body)
        check(answer.status == 200 or 400 <= answer.status < 500, f"key {path}: {told(answer)}")
        if answer.status == 200:
            # Two ways to write a key are one key: what was written last is what it holds.
            accepted = {other: kept for other, kept in accepted.items() if decoded(other) != decoded(path)}
            accepted[path] = body
    for path, body in accepted.items():
        answer = talk(port, key_head(port, "GET", path))
        require_same(answer.body == body, f"key {path} reads back {told(answer)}")
    check(True, f"{len(accepted)} accepted keys have their own bytes")
    plain = [("list-type", 2)]
    listed = elements(client.expect(200, "GET", query=[*plain, ("encoding-type", "url")]), "Contents")
    listed = {urllib.parse.unquote_to_bytes(item["Key"].replace("+", " ")) for item in listed}
    wanted = {decoded(path) for path in accepted}
    check(wanted <= listed, f"accepted keys are listed; missing: {wanted - listed}")
    for path in accepted:
        talk(port, key_head(port, "DELETE", path))
    left = elements(client.expect(200, "GET", query=[*plain, ("encoding-type", "url")]), "Contents")
    left = {item["Key"] for item in left} - {"well", "victim", "kept"}
    check(not left & {path for path in accepted}, f"keys can be deleted; left: {left}")
    long_keys(endpoint)
    check(tree(endpoint.folder.parent, endpoint.folder) == outside, "nothing was made or changed outside the folder")
    check(not pathlib.Path("/tmp/nephos-abuse").exists(), "nothing was made in /tmp")
    names = [str(p.relative_to(endpoint.folder)) for p in endpoint.folder.iterdir()]
    check(set(names) <= {"data", "meta.redb", "endpoint", "encryption.key", "users.json", "users.lock"}, f"the folder has its own files: {names}")


def require_same(condition, what):
    if not condition:
        check(False, what)


def key_head(port, method, path, unsigned=None):
    """The path goes over the wire as it is, and is signed as S3 does it: decoded and encoded once."""
    _, headers = Client(port).signed(method, f"/{BUCKET}/{canonical(path)}")
    return head(method, f"/{BUCKET}/{path}", {**headers, **(unsigned or {})})


def tree(folder, without):
    found = {}
    for path in folder.rglob("*"):
        if without not in (path, *path.parents):
            found[path] = path.read_bytes() if path.is_file() and path.stat().st_size < MIB else None
    return found


def long_keys(endpoint):
    client = fresh(endpoint)
    for key in ("k" * 1024, "ü" * 512, "語" * 341 + "k", "a/" * 512, "🦀" * 256):
        body = key.encode() * 10
        client.expect(200, "PUT", key, body=body)
        check(client.expect(200, "GET", key).body == body, f"a key of {len(key.encode())} bytes, {key[:2]}…")
        listed = elements(client.expect(200, "GET", query=[("list-type", 2), ("prefix", key[:10])]), "Contents")
        require_same(key in [item["Key"] for item in listed], f"the key {key[:10]}… is not listed")
        client.expect(204, "DELETE", key)
    for key in ("k" * 1025, "ü" * 513, "k" * 8000):
        answers = {
            "PutObject": client.request("PUT", key, body=b"x"),
            "CreateMultipartUpload": client.request("POST", key, query=[("uploads", None)]),
            "CopyObject": client.request("PUT", key, headers={"x-amz-copy-source": f"{BUCKET}/well"}),
        }
        for operation, answer in answers.items():
            check(code(answer) == "KeyTooLongError", f"{operation} with a key of {len(key.encode())} bytes: {told(answer)}")


# --- documents -----------------------------------------------------------------------------------


def bombs(element, item):
    """Documents that an XML reader must not believe. `item` is one child, well formed."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    opened = f'<{element} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    return {
        "a billion laughs":
            f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{laughs}]>{opened}&l9;</{element}>',
        "a long entity, often":
            f'<!DOCTYPE x [<!ENTITY a "{"a" * 100_000}">]>{opened}{"&a;" * 10_000}</{element}>',
        "an external entity":
            f'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>{opened}<Key>&a;</Key></{element}>',
        "an external DTD": f'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">{opened}<Wrong/></{element}>',
        "100,000 levels": opened + "<a>" * 100_000 + "</a>" * 100_000 + f"</{element}>",
        "100,000 levels without an end": opened + "<a>" * 100_000,
        "100,000 attributes": f"<{element} " + " ".join(f'a{n}="v"' for n in range(100_000)) + f"><Wrong/></{element}>",
        "50 MiB of elements": opened + item * (50 * MIB // len(item)) + f"</{element}>",
        "50 MiB of text": opened + "x" * (50 * MIB) + f"</{element}>",
        "50 MiB of a comment": opened + "<!--" + "x" * (50 * MIB) + f"--><Wrong/></{element}>",
        "no end": opened + item,
        "another element": "<Wrong/>",
        "no XML": "hello",
        "NULs": "\0" * 1000,
        "half a character": b"\xef\xbb" + opened.encode() + b"\xff</x>",
        "UTF-16": (opened + item + f"</{element}>").encode("utf-16"),
    }


# What takes a document: method, key, query, root element, one child.
DOCUMENTS = {
    "DeleteObjects": ("POST", "", [("delete", None)], "Delete", "<Object><Key>k</Key></Object>"),
    "CompleteMultipartUpload": ("POST", "bomb", "upload", "CompleteMultipartUpload",
                                "<Part><PartNumber>1</PartNumber><ETag>x</ETag></Part>"),
    "PutBucketTagging": ("PUT", "", [("tagging", None)], "Tagging", "<TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet>"),
    "PutObjectTagging": ("PUT", "well", [("tagging", None)], "Tagging",
                         "<TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet>"),
    "PutBucketVersioning": ("PUT", "", [("versioning", None)], "VersioningConfiguration", "<Wrong>Enabled</Wrong>"),
    "PutBucketLifecycleConfiguration": ("PUT", "", [("lifecycle", None)], "LifecycleConfiguration", "<Rule><ID>a</ID></Rule>"),
    "PutBucketCors": ("PUT", "", [("cors", None)], "CORSConfiguration", "<CORSRule><ID>a</ID></CORSRule>"),
    "PutBucketEncryption": ("PUT", "", [("encryption", None)], "ServerSideEncryptionConfiguration", "<Rule/>"),
}
# An unknown child, or none at all, may be allowed in these.
LENIENT = {("PutBucketVersioning", "an external DTD"), ("PutBucketVersioning", "an external entity")}


@group
def documents(endpoint):
    client = fresh(endpoint)
    client.expect(200, "PUT", "well", body=SMALL)
    upload = text_of(client.expect(200, "POST", "bomb", query=[("uploads", None)]), "UploadId")
    for operation, (method, key, query, element, item) in DOCUMENTS.items():
        query = [("uploadId", upload)] if query == "upload" else query
        for what, document in bombs(element, item).items():
            send_document(endpoint, operation, what, method, f"/{BUCKET}" + (f"/{key}" if key else ""), query, document)
    for what, document in bombs("CreateBucketConfiguration", "<LocationConstraint>x</LocationConstraint>").items():
        send_document(endpoint, "CreateBucket", what, "PUT", "/abuse-new-bucket", (), document)
    many = "<Object><Key>k</Key></Object>" * 1001
    send_document(endpoint, "DeleteObjects", "1,001 keys", "POST", f"/{BUCKET}", [("delete", None)], f"<Delete>{many}</Delete>")
    parts = complete_body([(n, "x") for n in range(1, 100_001)])
    send_document(endpoint, "CompleteMultipartUpload", "100,000 parts", "POST", f"/{BUCKET}/bomb", [("uploadId", upload)], parts)
    listed = client.expect(200, "GET", "bomb", query=[("uploadId", upload)])
    check(listed.status == 200, "the upload outlives the bombs")
    client.expect(204, "DELETE", "bomb", query=[("uploadId", upload)])
    check(fresh(endpoint).request("HEAD", "", bucket="abuse-new-bucket").status == 404, "no bucket was made of a bomb")
    peak = endpoint.peak_memory()
    check(peak < MEMORY_LIMIT, f"documents: peak memory is {peak:.0f} MiB")
    serves(endpoint, "after bombs")


def send_document(endpoint, operation, what, method, path, query, document):
    body = document if isinstance(document, bytes) else document.encode()
    first = signed_head(endpoint.port, method, path, query, headers=md5_header(body), unsigned=length(body))
    begin = time.monotonic()
    with Wire(endpoint.port) as wire:
        wire.send(first, body)
        answer = wire.answer()
    taken = time.monotonic() - begin
    fine = 400 <= answer.status < 500 and code(answer)
    if (operation, what) in LENIENT:
        fine = answer.status < 500
    check(fine and taken < PROMPT and b"root:" not in answer.body,
          f"{operation} with {what}: {told(answer)} in {taken * 1000:.0f} ms")


# --- the disk and the folder ---------------------------------------------------------------------


@group
def full_disk(endpoint):
    folder = endpoint.folder.parent / "full"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode != 0:
        print(f"skip full_disk: no tmpfs can be mounted: {mounted.stderr.strip()}")
        return
    try:
        with another(endpoint, "full/store") as full:
            fill(full)
            outside_fills(full)
            restarted(full)
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(full):
    client = fresh(full)
    client.expect(200, "PUT")
    rng = random.Random(6)
    upload = text_of(client.expect(200, "POST", "upload", query=[("uploads", None)]), "UploadId")
    parts = {}
    full.stored = {}
    for size in (MIB, 100_000, 8000):
        for number in range(1, 20_000):
            key, body = f"{size}/{number}", rng.randbytes(size)
            as_part = size == MIB and number % 4 == 0
            where = {"query": [("partNumber", number), ("uploadId", upload)]} if as_part else {}
            answer = client.request("PUT", "upload" if as_part else key, body=body, **where)
            if answer.status != 200:
                break
            (parts if as_part else full.stored)[number if as_part else key] = body
        check(answer.status >= 500 and code(answer), f"bodies of {size} bytes fill the disk: {told(answer)} after {number - 1}")
    listed = elements(client.expect(200, "GET", "upload", query=[("uploadId", upload)]), "Part")
    check({int(p["PartNumber"]) for p in listed} == set(parts), f"the full disk has the {len(parts)} acknowledged parts")
    reads_back(full, "on the full disk")
    answer = client.request("DELETE", "upload", query=[("uploadId", upload)])
    check(answer.status == 204, f"an upload can be aborted on the full disk: {told(answer)}")
    for key in list(full.stored)[::2]:
        answer = client.request("DELETE", key)
        if answer.status != 204:
            break
        del full.stored[key]
    check(answer.status == 204, f"objects can be deleted on the full disk: {told(answer)}")
    full.stored["again"] = rng.randbytes(4 * MIB)
    deadline = time.monotonic() + 5
    while (answer := client.request("PUT", "again", body=full.stored["again"])).status != 200 and time.monotonic() < deadline:
        time.sleep(0.1)
    check(answer.status == 200, f"deleting makes room again, without a restart: {told(answer)}")
    reads_back(full, "after deleting")


def outside_fills(full):
    """Somebody else takes the last byte: even the room the endpoint keeps for itself."""
    other = full.folder.parent / "other"
    with contextlib.suppress(OSError), open(other, "wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    client = fresh(full)
    answers = [client.request("PUT", "no-room", body=bytes(size)) for size in (10, 8000, 100_000)]
    check(all(answer.status in (200, 500, 503, 507) for answer in answers), f"no byte is left: {[told(a) for a in answers]}")
    expected = {"no-room": bytes(n) for n, a in zip((10, 8000, 100_000), answers) if a.status == 200}
    reads_back(full, "when no byte is left")
    gone = next(iter(full.stored))
    answer = client.request("DELETE", gone)
    check(answer.status in (204, 500, 503, 507), f"deleting when no byte is left: {told(answer)}")
    if answer.status == 204:
        del full.stored[gone]
    full.stop()
    try:
        full.start()
        print("ok   it starts when no byte is left")
        reads_back(full, "after a start when no byte is left")
        full.kill()
    except SystemExit as failure:
        print(f"note: it does not start when no byte is left: {failure}")
    other.unlink()
    full.start()
    full.stored.update(expected)
    client = fresh(full)
    answer = client.request("PUT", "room", body=SMALL)
    check(answer.status == 200, f"it writes again once there is room: {told(answer)}")
    full.stored["room"] = SMALL


def restarted(full):
    full.kill()
    full.start()
    reads_back(full, "after a restart")
    client = fresh(full)
    for key in [*full.stored, "no-room"]:
        client.expect(204, "DELETE", key)
    check(no_files(full), "everything deleted leaves no file")
    client.expect(200, "PUT", "last", body=bytes(20 * MIB))
    check(True, "and the room is there again")


def reads_back(full, when):
    client = fresh(full)
    wrong = [key for key, body in full.stored.items() if client.request("GET", key).body != body]
    check(not wrong, f"{len(full.stored)} acknowledged objects read back {when} {wrong[:3] or ''}")


@group
def one_folder(endpoint):
    begin = time.monotonic()
    second = subprocess.run(endpoint.command, capture_output=True, text=True, timeout=60)
    said = second.stderr.strip()
    check(second.returncode == 1 and str(endpoint.port) in said and str(endpoint.folder) in said,
          f"a second endpoint over the folder ends with {second.returncode} after {time.monotonic() - begin:.1f} s: {said}")
    command = [*endpoint.command[:3], "--port", str(endpoint.port), "--dir", str(endpoint.folder.parent / "free")]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60)
    check(second.returncode == 1 and str(endpoint.port) in second.stderr,
          f"a second endpoint on the port ends with {second.returncode}: {second.stderr.strip()}")
    file = endpoint.folder.parent / "a-file"
    file.write_bytes(b"")
    second = subprocess.run([*endpoint.command[:5], "--dir", str(file)], capture_output=True, text=True, timeout=60)
    check(second.returncode == 1 and str(file) in second.stderr, f"a file for a folder: {second.stderr.strip()}")
    serves(endpoint, "after the second one")


# -------------------------------------------------------------------------------------------------


def left_overs(endpoint, files, threads):
    """Nothing is kept of clients that are gone."""
    client = fresh(endpoint)
    for item in elements(client.expect(200, "GET", query=[("list-type", 2)]), "Contents"):
        client.request("DELETE", item["Key"])
    check(no_files(endpoint), f"in the end no data file is left: {endpoint.data_files()[:3]}")
    deadline = time.monotonic() + 5
    while open_files(endpoint) > files + 5 and time.monotonic() < deadline:
        time.sleep(0.1)
    check(open_files(endpoint) <= files + 5, f"open files: {files} in the beginning, {open_files(endpoint)} in the end")


def open_files(endpoint):
    return len(os.listdir(f"/proc/{endpoint.process.pid}/fd"))


def main():
    nephos, *wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        endpoint = Endpoint(os.path.abspath(nephos), f"{folder}/store")
        endpoint.start()
        try:
            fresh(endpoint).expect(200, "PUT")
            before = open_files(endpoint)
            for name in wanted or GROUPS:
                print(f"--   {name}", flush=True)
                GROUPS[name](endpoint)
                check(endpoint.process.poll() is None, f"{name}: the endpoint lives")
            left_overs(endpoint, before, threading.active_count())
            check(endpoint.stop() == 0, "the endpoint ends with 0 on SIGTERM")
        finally:
            endpoint.kill()
    print(f"{CHECKS - len(FAILED)} passed, {len(FAILED)} failed")
    raise SystemExit(1 if FAILED else 0)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main()
