"""A session's export, streamed from the record and signed at its end.

Nothing is signed that was not recomputed: chains are made again from the bytes that go out, and must be the record's.
"""

from collections.abc import AsyncIterator

import structlog
from asyncpg import Pool
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.ids import CustomerId
from ledger.domain.chain import Head, extended, genesis
from ledger.domain.export import CommitsDigest, Header, commit_line, head_line, header_line, signature_line, statement
from ledger.read_models.record import commits_of, heads_of

log = structlog.get_logger(__name__)


class RecordBroken(Exception):
    """The record's bytes do not give the record's heads: somebody changed rows. The export ends without a signature."""

    code = "record_broken"


class Signer:
    """The deployment's Ed25519 key, from its 32-byte seed; raises ValueError for another length."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_key(self) -> str:
        """32 bytes in hex."""
        return self._key.public_key().public_bytes_raw().hex()

    def sign(self, statement: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(statement)


async def export(pool: Pool, header: Header, *, signer: Signer) -> AsyncIterator[bytes]:
    """The lines, as they stand now: commits that come while it is read are not in it. Raises RecordBroken."""
    customer = CustomerId(header.customer)
    heads = {head.subject: head for head in await heads_of(pool, customer=customer, session=header.session)}
    made = {subject: genesis(subject) for subject in heads}
    digest = CommitsDigest()
    yield header_line(header)
    async for commit in commits_of(pool, customer=customer, session=header.session):
        if commit.subject not in heads or commit.number > heads[commit.subject].count:
            continue
        made[commit.subject] = extended(made[commit.subject], commit.payload)
        digest.add(commit)
        yield commit_line(commit)
    _check(header, heads, made)
    for head in heads.values():
        yield head_line(head)
    said = statement(header, heads=heads.values(), commits=digest.hex())
    yield signature_line(commits=digest.hex(), signature=signer.sign(said))


def _check(header: Header, heads: dict[str, Head], made: dict[str, Head]) -> None:
    for subject, head in heads.items():
        if made[subject] != head:
            log.error("record_broken", session_id=header.session, subject=subject)
            raise RecordBroken(f"{subject}: the record's commits do not give its head")
