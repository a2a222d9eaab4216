"""Three nats-servers as one cluster, for the tests of what one node cannot show: elections, and answers that differ."""

import asyncio
import secrets
import time
from pathlib import Path

import nats.errors
import nats.js.errors
from nats.aio.client import Client

from chassis.embedded.child import StartFailed
from chassis.embedded.lifetime import StartedAndStopped
from chassis.embedded.nats_server import NatsServer
from chassis.embedded.ports import free_ports

_READY_S = 45.0
_POLL_S = 0.2
_PROBE = "BATON-CLUSTER-PROBE"


class NatsCluster(StartedAndStopped):
    """Node `i` keeps its ports and its store over `kill(i)` and `restart(i)`. Entering waits until a replicated
    stream works.
    """

    def __init__(self, *, folder: Path, nodes: int = 3, sync_always: bool = True, password: str | None = None) -> None:
        self._folder = folder
        self._count = nodes
        self._sync_always = sync_always
        self._password = password or secrets.token_urlsafe(24)
        self._nodes: list[NatsServer] = []

    @property
    def urls(self) -> list[str]:
        """One per node, the dead ones as well: what a client is configured with."""
        return [node.url for node in self._nodes]

    @property
    def nodes(self) -> list[NatsServer]:
        return self._nodes

    async def start(self) -> None:
        clients, routes = free_ports(self._count), free_ports(self._count)
        peers = ", ".join(f'"nats-route://baton:{self._password}@127.0.0.1:{port}"' for port in routes)
        self._nodes = [self._node(i, clients[i], routes[i], peers) for i in range(self._count)]
        for node in self._nodes:
            await node.start(wait=False)
        for node in self._nodes:
            await node.ready()
        await self.until_replicating()

    async def stop(self) -> None:
        await asyncio.gather(*(node.stop() for node in self._nodes))

    def kill(self, node: int) -> None:
        """SIGKILL; what it acknowledged is on the others' disks and, with `sync_always`, on its own."""
        self._nodes[node].child.kill()

    async def restart(self, node: int) -> None:
        """Returns once the node answers clients; it may still be catching up: see `until_replicating`."""
        await self._nodes[node].start()

    async def until_replicating(self) -> None:
        """Wait until there is a leader and a stream over all running nodes can be made. Raises StartFailed."""
        deadline = time.monotonic() + _READY_S
        while not await self._replicates():
            if time.monotonic() > deadline:
                raise StartFailed(f"the cluster made no replicated stream within {_READY_S:g} s")
            await asyncio.sleep(_POLL_S)

    def _node(self, number: int, client_port: int, route_port: int, peers: str) -> NatsServer:
        return NatsServer(
            store=self._folder / f"node-{number}",
            password=self._password,
            sync_always=self._sync_always,
            port=client_port,
            name=f"node-{number}",
            cluster=f"""cluster {{
  name: baton
  listen: "127.0.0.1:{route_port}"
  authorization {{ user: baton, password: "{self._password}", timeout: 5 }}
  routes: [ {peers} ]
}}""",
        )

    async def _replicates(self) -> bool:
        alive = [node.url for node in self._nodes if node.child.running]
        connection = Client()
        try:
            await connection.connect(alive, connect_timeout=2, allow_reconnect=False, error_cb=_expect_errors)
            log = connection.jetstream(timeout=3)
            await log.add_stream(name=_PROBE, subjects=[_PROBE], num_replicas=self._count)
            await log.publish(_PROBE, b"")
            return await log.delete_stream(_PROBE)
        except (OSError, nats.errors.Error, nats.js.errors.Error):
            return False
        finally:
            await connection.close()  # after a failed connect as well: nats-py leaves its socket open


async def _expect_errors(error: Exception) -> None:
    """While there is no leader yet, errors are what we wait to end; the client would print each with its stack."""
