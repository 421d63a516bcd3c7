#!/usr/bin/env python3
"""Installs, on first use, Ceph's RADOS gateway from Debian's packages, and runs it on a loopback port.

    benches/ceph.py PORT FOLDER

A monitor, one storage daemon that keeps everything in memory, and the gateway, until SIGTERM. The keys
are nephos/nephos-local. The packages are unpacked into a folder of their own and not installed. It
exits with 69, having said why, where that is not possible: a system whose packages are other ones, or
a Python that is not Debian's.
"""

import hashlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid

UNAVAILABLE = 69
PACKAGES = ["radosgw", "ceph-mon", "ceph-osd", "ceph-common", "ceph-base"]
# The bindings of Ceph's command line are made for this Python.
PYTHON = "/usr/bin/python3"
# What the daemons do not load, and would take room or have a say on the machine.
UNUSED = {
    "sudo", "sudo-ldap", "cron", "anacron", "bcron", "systemd-cron", "cron-daemon-common", "cdebconf",
    "opensysusers", "systemd-standalone-sysusers", "usrmerge", "nvme-cli", "xfsprogs", "parted",
    "smartmontools", "lvm2", "cryptsetup", "cryptsetup-bin", "logrotate", "dmidecode",
}

SETTINGS = """
[global]
fsid = {fsid}
mon_host = v1:127.0.0.1:{mon}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_msgr2 = false
ms_bind_ipv6 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
mon_data = {folder}/mon
osd_data = {folder}/osd
keyring = {folder}/keyring
run_dir = {folder}
admin_socket = {folder}/$name.$pid.asok
crash_dir = {folder}
log_file =
log_to_stderr = false
mon_cluster_log_file = /dev/null
plugin_dir = {libraries}/ceph
erasure_code_dir = {libraries}/ceph/erasure-code
compressor_dir = {libraries}/ceph/compressor
osd_class_dir = {libraries}/rados-classes
osd_objectstore = memstore
memstore_device_bytes = {bytes}
osd_class_update_on_start = false
osd_crush_update_on_start = false
osd_crush_chooseleaf_type = 0
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
mon_allow_pool_size_one = true
mon_allow_pool_delete = true
mon_data_avail_crit = 1
rgw_enable_usage_log = false
rgw_dynamic_resharding = false
"""
MEMORY = 12 << 30


def unavailable(why):
    print(f"benches/ceph.py: {why}", file=sys.stderr)
    raise SystemExit(UNAVAILABLE)


def output(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        unavailable(f"{' '.join(map(str, command[:3]))} … failed: {done.stderr.strip()[-400:]}")
    return done.stdout


def installed():
    """The folder of the unpacked packages."""
    for tool in ("apt-get", "apt-cache", "dpkg", "dpkg-query", PYTHON):
        if not shutil.which(tool):
            unavailable(f"there is no {tool}")
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "nephos"
    digest = hashlib.sha256(" ".join([*PACKAGES, *sorted(UNUSED)]).encode()).hexdigest()[:12]
    folder = cache / f"ceph-{digest}"
    if (folder / "ready").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "packages").mkdir(parents=True)
    plain = ["--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances"]
    subprocess.run(["apt-get", "update", "-qq"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lines = output("apt-cache", "depends", "--recurse", *plain, *PACKAGES).splitlines()
    wanted = {line.strip() for line in lines if line[:1].isalnum()}
    there = set(output("dpkg-query", "-W", "-f", "${Package}\n").split())
    names = sorted(wanted - there - UNUSED)
    subprocess.run(["apt-get", "download", "-qq", *names], cwd=folder / "packages", stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    for package in (folder / "packages").glob("*.deb"):
        output("dpkg", "-x", package, folder / "root")
    shutil.rmtree(folder / "packages")
    missing = [name for name in ("ceph-mon", "ceph-osd", "radosgw") if not (folder / "root/usr/bin" / name).exists()]
    if missing:
        unavailable(f"the packages of this system have no {', '.join(missing)}")
    (folder / "ready").touch()
    return folder


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    def __init__(self, root, folder):
        self.bin = root / "usr/bin"
        libraries = root / "usr/lib/x86_64-linux-gnu"
        self.conf = f"{folder}/ceph.conf"
        paths = [libraries, libraries / "ceph", root / "lib/x86_64-linux-gnu"]
        self.environment = {
            **os.environ,
            "LD_LIBRARY_PATH": ":".join(map(str, paths)),
            "PYTHONPATH": str(root / "usr/lib/python3/dist-packages"),
        }
        self.folder, self.fsid, self.mon = folder, str(uuid.uuid4()), free_port()
        self.daemons = []
        folder.joinpath("ceph.conf").write_text(SETTINGS.format(
            fsid=self.fsid, mon=self.mon, folder=folder, libraries=libraries, bytes=MEMORY))
        for name in ("mon", "osd"):
            (folder / name).mkdir()

    def run(self, name, *arguments, python=None):
        command = [*([python] if python else []), self.bin / name, "-c", self.conf, *arguments]
        return output(*command, env=self.environment, timeout=120)

    def start(self, name, *arguments):
        log = open(f"{self.folder}/{name}.log", "w")
        # Where this process is killed, its daemons are not to stay behind.
        command = ["setpriv", "--pdeathsig", "TERM", str(self.bin / name), "-c", self.conf, "-f", *arguments]
        self.daemons.append(subprocess.Popen(command, env=self.environment, stdout=log, stderr=log))

    def up(self, port):
        address = f"[v1:127.0.0.1:{self.mon}]"
        self.run("ceph-authtool", f"{self.folder}/keyring", "--create-keyring", "--gen-key", "-n", "mon.")
        self.run("monmaptool", "--create", "--addv", "a", address, "--fsid", self.fsid, f"{self.folder}/monmap")
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", f"{self.folder}/monmap")
        self.start("ceph-mon", "-i", "a")
        self.run("ceph", "--connect-timeout", "30", "osd", "new", self.fsid, "0", python=PYTHON)
        self.run("ceph", "osd", "crush", "add", "0", "1.0", "root=default", python=PYTHON)
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", self.fsid)
        self.start("ceph-osd", "-i", "0")
        self.run("radosgw-admin", "user", "create", "--uid=nephos", "--display-name=nephos",
                 "--access-key=nephos", "--secret-key=nephos-local")
        self.start("radosgw", "-n", "client.rgw", "--rgw-frontends", f"beast endpoint=127.0.0.1:{port}")

    def down(self):
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in self.daemons:
            try:
                daemon.wait(5)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def main(arguments):
    if len(arguments) != 2 or not arguments[0].isdigit():
        raise SystemExit(__doc__)
    folder = pathlib.Path(arguments[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(installed() / "root", folder)

    def stop(*_):
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        cluster.up(arguments[0])
        while all(daemon.poll() is None for daemon in cluster.daemons):
            time.sleep(0.2)
        unavailable(f"a daemon ended by itself; see {folder}/*.log")
    finally:
        cluster.down()


if __name__ == "__main__":
    main(sys.argv[1:])
