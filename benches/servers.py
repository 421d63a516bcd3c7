"""The servers under test, each a process on a loopback port, and what they use of the machine."""

import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import sys
import time

from wire import MIB, Connection, Heads, fill

# From the folder that the client has put on the path.
from differential import Unavailable, free_port, server

HERE = pathlib.Path(__file__).resolve().parent
BUCKET = "bench"
TICK = os.sysconf("SC_CLK_TCK")
# The binary; set by who runs it.
BINARY = None
NEPHOS = {
    "nephos md5 fast": ("--durability", "fast", "--etag", "md5"),
    "nephos crc fast": ("--durability", "fast", "--etag", "fast"),
    "nephos md5 safe": ("--durability", "safe", "--etag", "md5"),
    "nephos crc safe": ("--durability", "safe", "--etag", "fast"),
}
PEERS = {"localstack": "LocalStack", "seaweedfs": "SeaweedFS", "moto": "moto", "ceph": "Ceph RGW, data in memory"}
KEYS = {"localstack": ("test", "test"), "moto": ("test", "test")}
OURS = ("nephos", "nephos-local")
# What `local serve` is without options.
DEFAULT = "nephos md5 safe"


@dataclasses.dataclass
class Target:
    """A server under test."""

    name: str
    pid: int
    port: int
    keys: tuple = OURS

    def heads(self):
        return Heads(self.port, self.keys)

    def ask(self, *request, body=b"", status=200):
        """One request over a connection of its own."""
        with contextlib.closing(Connection(self.port)) as connection:
            return connection.ask(self.heads().head(*request, length=len(body)), body, status=status)

    def fill(self, what, numbers):
        """Sends a `Fill`; requests a second."""
        return fill(self.port, self.keys, what, list(numbers), pipelined=self.name in NEPHOS)

    def processes(self):
        """The process and its children, and theirs."""
        children = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                children.setdefault(int(fields(stat)[1]), []).append(int(stat.parent.name))
        found = [self.pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    def sum(self, read):
        total = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                total += read(pathlib.Path(f"/proc/{pid}"))
        return total

    def cpu(self):
        """Seconds so far."""
        return self.sum(lambda at: sum(map(int, fields(at / "stat")[11:13]))) / TICK

    def memory(self, line="VmHWM"):
        """MiB."""
        pattern = re.compile(rf"{line}:\s+(\d+)")
        return self.sum(lambda at: int(pattern.search((at / "status").read_text()).group(1))) / 1024

    def io(self):
        """What its system calls read and wrote, and what of it went to a disk, in MiB."""
        lines = pathlib.Path(f"/proc/{self.pid}/io").read_text().split("\n")
        return {name: int(value) / MIB for name, value in (line.split(": ") for line in lines if line)}

    def forget_peak(self):
        for pid in self.processes():
            with contextlib.suppress(OSError):
                pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")

    def rest(self):
        """Waits until it does nothing any more, such as removing what was deleted."""
        before = self.cpu()
        for _ in range(50):
            time.sleep(0.2)
            after = self.cpu()
            if after - before <= 0.02:
                return
            before = after


def fields(stat):
    """The fields of /proc/PID/stat that follow the name, which may hold anything."""
    return stat.read_text().rpartition(")")[2].split()


def command_of(name, port, folder):
    if name in NEPHOS:
        return [BINARY, "local", "serve", "--port", str(port), "--dir", folder, *NEPHOS[name]]
    if name == "moto":
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    if name == "ceph":
        return [sys.executable, HERE / "ceph.py", str(port), folder]
    return [HERE.parent / "e2e" / "peers", name, str(port), folder]


@contextlib.contextmanager
def started(name, folder):
    port, folder = free_port(), str(pathlib.Path(folder) / name.replace(" ", "-"))
    os.makedirs(folder)
    log = f"{folder}.log"
    with server(name, command_of(name, port, folder), port, log, env={**os.environ, "TMPDIR": folder}) as process:
        target = Target(PEERS.get(name, name), process.pid, port, KEYS.get(name, OURS))
        answers(target)
        yield target
    shutil.rmtree(folder, ignore_errors=True)


def answers(target):
    """Waits for the first answers: some listen before their storage is ready."""
    said = None
    for _ in range(300):
        try:
            for path in (f"/{BUCKET}", f"/{BUCKET}/ready"):
                with contextlib.closing(Connection(target.port)) as connection:
                    connection.send(target.heads().head("PUT", path))
                    said = connection.answer()
                if said.status not in (200, 409):
                    break
            else:
                return
        except OSError as error:
            said = error
        time.sleep(0.2)
    raise SystemExit(f"FAILED: {target.name} does not work: {said}")


@contextlib.contextmanager
def all_started(names, folder):
    """Those that can be had."""
    with contextlib.ExitStack() as stack:
        targets = []
        for name in names:
            try:
                targets.append(stack.enter_context(started(name, folder)))
            except Unavailable as why:
                print(f"skip {PEERS[name]}: {why}", flush=True)
        yield targets
