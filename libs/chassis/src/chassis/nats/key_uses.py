"""When API keys were last used, in a bucket: one small value per key, replaced at most once a minute and process.

It is told and never decides anything: what is lost in an outage is only a little less fresh.
"""

import asyncio
from collections.abc import Sequence

import nats.errors
import structlog
from nats.js.errors import APIError, BucketNotFoundError, KeyNotFoundError
from nats.js.kv import KeyValue

from chassis.api_keys import ApiKeys
from chassis.nats.connection import Client
from contracts.envelope import format_time
from contracts.ids import ApiKeyId
from contracts.subjects import KEY_USES_BUCKET

log = structlog.get_logger(__name__)

_FAULTS = (nats.errors.Error, APIError, BucketNotFoundError, OSError, TimeoutError)
_WAIT_S = 5.0


async def keep_uses(client: Client, api_keys: ApiKeys, *, every_s: float = 60.0) -> None:
    """Write down what was used in this process, every minute, for ever."""
    while True:
        await asyncio.sleep(every_s)
        uses = api_keys.take_uses()
        if not uses:
            continue
        try:
            bucket = await client.jetstream(timeout=_WAIT_S).key_value(KEY_USES_BUCKET)
            for key, moment in uses.items():
                await bucket.put(key, format_time(moment).encode())
        except _FAULTS as error:
            log.warning("key_uses_not_kept", keys=len(uses), error=type(error).__name__)


async def read_uses(client: Client, keys: Sequence[ApiKeyId]) -> dict[ApiKeyId, str]:
    """When each of the keys was last used (RFC 3339 UTC); without those of which nothing is known, or can be had."""
    try:
        async with asyncio.timeout(_WAIT_S):
            bucket = await client.jetstream(timeout=_WAIT_S).key_value(KEY_USES_BUCKET)
            found = await asyncio.gather(*(_read(bucket, key) for key in keys))
    except _FAULTS as error:
        log.warning("key_uses_not_read", keys=len(keys), error=type(error).__name__)
        return {}
    return {key: moment for key, moment in zip(keys, found, strict=True) if moment}


async def _read(bucket: KeyValue, key: ApiKeyId) -> str:
    try:
        return ((await bucket.get(key)).value or b"").decode()
    except KeyNotFoundError:
        return ""
