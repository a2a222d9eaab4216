"""Free loopback ports for servers that cannot choose and report their own."""

import random
import socket

_BELOW_EPHEMERAL = range(18_000, 32_000)
_TRIES = 200


class PortInUse(Exception):
    """Someone else listens on the port that was asked for."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} on 127.0.0.1 is in use")
        self.port = port


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port on 127.0.0.1 that nothing listens on now.

    Taken below the kernel's ephemeral range, so that no outgoing connection can take it while its server restarts.
    """
    chooser = random.SystemRandom()
    for _ in range(_TRIES):
        port = chooser.choice(_BELOW_EPHEMERAL)
        if _is_free(port, kind):
            return port
    raise OSError("no free port on 127.0.0.1")


def free_ports(count: int) -> list[int]:
    """That many different free ports."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return sorted(found)


def claim_port(port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """The port itself, or a free one for 0. Raises PortInUse."""
    if port == 0:
        return free_port(kind)
    if not _is_free(port, kind):
        raise PortInUse(port)
    return port


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
