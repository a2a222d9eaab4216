"""On which addresses a process listens, from the kernel's tables (Linux)."""

import socket
import struct
from pathlib import Path

_LISTEN = "0A"


def addresses_of(pid: int) -> set[tuple[str, int]]:
    """(address, port) of every listening TCP socket and every bound UDP socket of the process."""
    own = {inode for inode in map(_socket_inode, Path(f"/proc/{pid}/fd").iterdir()) if inode}
    found: set[tuple[str, int]] = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in own and (table.startswith("udp") or fields[3] == _LISTEN):
                found.add(_address(fields[1]))
    return found


def _socket_inode(descriptor: Path) -> str:
    try:
        target = str(descriptor.readlink())
    except OSError:
        return ""
    return target[8:-1] if target.startswith("socket:[") else ""


def _address(text: str) -> tuple[str, int]:
    """The kernel writes an address as words of 32 bits in the machine's byte order."""
    host, port = text.split(":")
    packed = b"".join(struct.pack("=I", int(host[i : i + 8], 16)) for i in range(0, len(host), 8))
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed), int(port, 16)
