"""/api/sessions/{id}/export, and the public key that exports are checked by."""

import msgspec
from litestar import get
from litestar.response import Stream

from chassis.http.app import Caller, PathId
from chassis.http.parameters import PositionText
from contracts.envelope import format_time
from ledger.domain.export import Header
from ledger.exporting import export
from ledger.http.asking import READING, FindSessions, ReadModels, Signing, WallClock
from ledger.http.events import NDJSON


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """`public_key` is 32 bytes in hex."""

    algorithm: str
    public_key: str


@get("/api/sessions/{session_id:str}/export", opt=READING, media_type=NDJSON)
async def get_export(
    session_id: PathId,
    principal: Caller,
    sessions: FindSessions,
    signer: Signing,
    clock: WallClock,
    pool: ReadModels,
    min_position: PositionText = None,
) -> Stream:
    """A session's record, every commit as it was stored, with signed chain heads: what `baton verify` checks."""
    found = await sessions.find(principal, session_id, min_position=min_position)
    header = Header(
        session=found.session,
        customer=found.customer,
        created=format_time(clock.now()),
        incarnation=(await sessions.position(found, 0, 0)).incarnation,
        public_key=signer.public_key,
    )
    disposition = f'attachment; filename="{found.session}.ndjson"'
    return Stream(export(pool, header, signer=signer), media_type=NDJSON, headers={"Content-Disposition": disposition})


@get("/api/ledger/public-key", opt={"public": True}, sync_to_thread=False)
def get_public_key(signer: Signing) -> PublicKey:
    """The key that signs this deployment's exports; keep a copy where this deployment cannot change it."""
    return PublicKey(algorithm="Ed25519", public_key=signer.public_key)


ROUTES = [get_export, get_public_key]
