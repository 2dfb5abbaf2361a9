"""In the guest: a file server and two clients of it, that know each other by the network only.

A mount belongs to the network namespace that made it. So a process is "on client a" by what it opens: /mnt/a is
mounted from namespace a, /mnt/b from namespace b, each with its own caches, connection and identity.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

CLIENTS = ("a", "b")
EXPORTED = Path("/srv/export")
MOUNTD_PORT = 20048
LEASE_SECONDS = (
    10  # and as long is a client's time to claim its files again after the server was started anew
)
VERSIONS = ("3", "4.2")
DEADLINE_SECONDS = 120.0
NFSD = Path("/proc/fs/nfsd")


def sh(command: str, check: bool = True, seconds: float = DEADLINE_SECONDS) -> str:
    done = subprocess.run(
        ["/bin/sh", "-ec", command], capture_output=True, text=True, timeout=seconds, check=False
    )
    if check and done.returncode:
        raise RuntimeError(f"{command}\nended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def wait_until(condition: Callable[[], bool], what: str, seconds: float = DEADLINE_SECONDS) -> float:
    """Wait for a condition, and return how long that took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise RuntimeError(f"this did not come true in {seconds:.0f} s: {what}")
        time.sleep(0.05)
    return time.monotonic() - began


def set_up() -> None:
    """Make the file system, the network and the server; a second call does nothing."""
    if EXPORTED.exists():
        return
    for module in ("virtio_blk", "ext4", "veth", "nfsd", "nfsv3", "nfsv4"):
        sh(f"modprobe {module}")
    wait_until(Path("/dev/vda").exists, "the disk")
    sh(f"mkfs.ext4 -q -F /dev/vda && mkdir -p {EXPORTED} && mount /dev/vda {EXPORTED}")
    sh("hostname server && ip link set lo up && mkdir -p /run/netns /run/rpcbind /var/lib/nfs/sm")
    for number, name in enumerate(CLIENTS, 1):
        sh(
            f"ip netns add {name}; ip link add to-{name} type veth peer name eth0 netns {name};"
            f"ip addr add 10.0.{number}.1/24 dev to-{name}; ip link set to-{name} up;"
            f"ip -n {name} addr add 10.0.{number}.2/24 dev eth0; ip -n {name} link set eth0 up;"
            f"ip -n {name} link set lo up;"
            f"ip netns exec {name} sh -c 'echo client-{name} > /sys/fs/nfs/net/nfs_client/identifier'"
        )
    sh("mount -t nfsd nfsd /proc/fs/nfsd; rpcbind -w || rpcbind")
    Path("/etc/exports").write_text(
        f"{EXPORTED} *(rw,sync,no_root_squash,no_subtree_check,fsid=0,insecure)\n"
    )
    start_server()
    sh(f"rpc.mountd -p {MOUNTD_PORT}")


def start_server() -> None:
    for name in ("nfsv4leasetime", "nfsv4gracetime"):
        (NFSD / name).write_text(str(LEASE_SECONDS))
    sh("exportfs -ra; rpc.nfsd 8")


def stop_server() -> None:
    """End the threads of nfsd: the clients hear nothing any more, as from a server that is switched off."""
    sh("rpc.nfsd 0")


def cut(client: str) -> None:
    sh(f"ip link set to-{client} down")


def join(client: str) -> None:
    sh(f"ip link set to-{client} up")


def root(client: str) -> Path:
    return Path("/mnt") / client


def mount(client: str, version: str, options: str = "") -> None:
    number = CLIENTS.index(client) + 1
    given = f"vers={version},hard,proto=tcp,timeo=50"
    if version == "3":
        given += f",nolock,mountproto=tcp,mountport={MOUNTD_PORT},port=2049"
    if options:
        given += f",{options}"
    where = EXPORTED if version == "3" else "/"
    root(client).mkdir(parents=True, exist_ok=True)
    sh(f"nsenter --net=/run/netns/{client} mount -t nfs -o {given} 10.0.{number}.1:{where} {root(client)}")


def unmount(client: str) -> None:
    with contextlib.suppress(RuntimeError):
        sh(f"umount {root(client)} || umount -f -l {root(client)}")


@contextlib.contextmanager
def mounted(version: str, options: str = "") -> Iterator[None]:
    """Give both clients the export at root(client), with caches that are empty."""
    set_up()
    for client in CLIENTS:
        unmount(client)
        mount(client, version, options)
    try:
        yield
    finally:
        for client in CLIENTS:
            join(client)
            unmount(client)
