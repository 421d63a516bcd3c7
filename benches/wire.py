"""A client of an S3 server that costs next to nothing: raw connections, heads signed beforehand, bodies that are
neither copied nor signed."""

import concurrent.futures
import dataclasses
import functools
import hmac
import pathlib
import re
import socket
import struct
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

from crash import Answer, MIB  # noqa: E402
from differential import REGION, mac, now, sha256, stamp_of  # noqa: E402

# How long one answer may take before the run is given up.
PATIENCE = 300


class Connection:
    """A keep-alive connection, made anew where the server ends it after an answer."""

    LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
    CHUNKED = re.compile(rb"(?i)\r\ntransfer-encoding: *chunked")
    CLOSE = re.compile(rb"(?i)^HTTP/1.0|\r\nconnection: *close")

    def __init__(self, port):
        self.port, self.rest = port, b""
        self.open()

    def open(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Not settimeout: with it every call would be two.
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self.socket.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", PATIENCE, 0))

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket, self.rest = None, b""

    def send(self, *pieces):
        if self.socket is None:
            self.open()
        for piece in pieces:
            self.socket.sendall(piece)

    def more(self):
        data = self.socket.recv(256 * 1024)
        if not data:
            raise ConnectionError("the server ended the connection")
        return data

    def head(self):
        """The head of the next answer, with its status and length."""
        data = self.rest
        while True:
            while (end := data.find(b"\r\n\r\n")) < 0:
                data += self.more()
            head, data = data[:end], data[end + 4:]
            status = int(head[9:12])
            if status != 100:
                break
        self.rest = data
        found = self.LENGTH.search(head)
        return head, status, int(found.group(1)) if found else None

    def answer(self):
        head, status, length = self.head()
        if status in (204, 304):
            body = b""
        elif length is not None:
            body = self.exactly(length)
        elif self.CHUNKED.search(head):
            body = self.chunks()
        else:
            body = self.rest
            while data := self.socket.recv(256 * 1024):
                body += data
            self.close()
        if self.CLOSE.search(head):
            self.close()
        return Answer(status, head, body)

    def exactly(self, length):
        if len(self.rest) >= length:
            body, self.rest = self.rest[:length], self.rest[length:]
            return body
        body = bytearray(length)
        view, got = memoryview(body), len(self.rest)
        view[:got], self.rest = self.rest, b""
        while got < length:
            count = self.socket.recv_into(view[got:])
            if count == 0:
                raise ConnectionError("the server ended the connection in the middle of a body")
            got += count
        return bytes(body)

    def chunks(self):
        body = b""
        while True:
            while (end := self.rest.find(b"\r\n")) < 0:
                self.rest += self.more()
            size, self.rest = int(self.rest[:end].split(b";")[0], 16), self.rest[end + 2:]
            data = self.exactly(size + 2)
            if size == 0:
                return body
            body += data[:-2]

    def ask(self, head, *body, status=200):
        self.send(head, *body)
        return self.expected(status)

    def expected(self, status=200):
        answer = self.answer()
        if answer.status != status or (status == 200 and b"<Error>" in answer.body[:300]):
            told = (answer.headers + b"\n" + answer.body)[:900].decode(errors="replace")
            raise SystemExit(f"FAILED: {answer.status} instead of {status}: {told}")
        return answer

    def download(self, head, length, compare_with=None):
        """Reads a body and drops it."""
        self.send(head)
        answer, status, told = self.head()
        if status != 200 or told != length:
            raise SystemExit(f"FAILED: {status}, {told} bytes: {answer + self.rest[:600]}")
        buffer = memoryview(bytearray(MIB))
        got, piece = 0, memoryview(self.rest)
        while True:
            if compare_with is not None and piece != compare_with[got:got + len(piece)]:
                raise SystemExit(f"FAILED: other bytes near {got}")
            got += len(piece)
            if got >= length:
                break
            piece = buffer[:self.socket.recv_into(buffer)]
            if not piece:
                raise ConnectionError("the server ended the connection in the middle of a body")
        self.rest = b""
        if self.CLOSE.search(answer):
            self.close()


class Heads:
    """Heads of requests whose body is not signed. A few microseconds each: what the day and the keys decide is kept."""

    NAMES = "host;x-amz-content-sha256;x-amz-date"

    def __init__(self, port, keys):
        self.host = f"127.0.0.1:{port}"
        self.stamp = stamp_of(now())
        scope = f"{self.stamp[:8]}/{REGION}/s3/aws4_request"
        self.key = functools.reduce(mac, scope.split("/"), f"AWS4{keys[1]}".encode())
        self.text = f"AWS4-HMAC-SHA256\n{self.stamp}\n{scope}\n"
        self.credential = f"AWS4-HMAC-SHA256 Credential={keys[0]}/{scope}, SignedHeaders={self.NAMES}, Signature="

    def head(self, method, path, query="", length=0, payload="UNSIGNED-PAYLOAD", more=()):
        """`path` and `query` are in their canonical form already; `more` headers sort after the others."""
        lines = "".join(f"{name}:{value}\n" for name, value in more)
        names = ";".join([self.NAMES, *(name for name, _ in more)])
        canonical = (
            f"{method}\n{path}\n{query}\nhost:{self.host}\nx-amz-content-sha256:{payload}\n"
            f"x-amz-date:{self.stamp}\n{lines}\n{names}\n{payload}"
        )
        text = f"{self.text}{sha256(canonical.encode())}"
        signature = hmac.digest(self.key, text.encode(), "sha256").hex()
        return (
            f"{method} {path}{'?' if query else ''}{query} HTTP/1.1\r\nhost: {self.host}\r\n"
            f"x-amz-content-sha256: {payload}\r\nx-amz-date: {self.stamp}\r\ncontent-length: {length}\r\n"
            f"{lines.replace(chr(10), chr(13) + chr(10))}authorization: {self.credential.replace(self.NAMES, names)}{signature}\r\n\r\n"
        ).encode()


# --- many requests of a kind --------------------------------------------------------------------


@dataclasses.dataclass
class Fill:
    """Many like requests: `{n}` in path and query is the number of a request, `{h}` a number all over the place."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""

    def at(self, template, number):
        return template.format(n=number, h=spread(number))


def spread(number):
    """A different one for each, in no order: keys do not arrive sorted."""
    return f"{number * 2654435761 % 2**32:08x}"


def fill_some(port, keys, fill, numbers, connections, depth):
    """Sends requests over many connections at once, several without waiting for an answer."""
    wires = [Connection(port) for _ in range(connections)]
    step = connections * depth
    sent = []

    def collect():
        for wire, count in sent:
            for _ in range(count):
                wire.expected()
        sent.clear()

    for first in range(0, len(numbers), step):
        heads = Heads(port, keys)
        requests = [
            heads.head(fill.method, fill.at(fill.path, n), fill.at(fill.query, n), len(fill.body)) + fill.body
            for n in numbers[first:first + step]
        ]
        # The server works on the last requests while these are signed.
        collect()
        for at in range(0, len(requests), depth):
            batch = requests[at:at + depth]
            wire = wires[at // depth]
            wire.send(b"".join(batch))
            sent.append((wire, len(batch)))
    collect()
    for wire in wires:
        wire.close()


def fill(port, keys, what, numbers, pipelined):
    """Requests a second, with two processes that send.

    HTTP allows pipelining, and few servers were ever tried with it.
    """
    processes, connections, depth = (2, 64, 8) if pipelined else (2, 4, 1)
    begin = time.perf_counter()
    with concurrent.futures.ProcessPoolExecutor(processes) as pool:
        jobs = [
            pool.submit(fill_some, port, keys, what, numbers[first::processes], connections, depth)
            for first in range(processes)
        ]
        for job in jobs:
            job.result()
    return len(numbers) / (time.perf_counter() - begin)
