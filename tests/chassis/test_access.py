"""Credentials are checked by a fold of the log: what is issued opens; what is revoked, ended or forged does not."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.support.until import until

from chassis.access import Access, CustomerIsSuspended
from chassis.access_tokens import TTL_S, Claims, TokenIssuer, TokenVerifier
from chassis.api_keys import KeyExpired, api_key_digest, new_api_key
from chassis.clock import SystemClock
from chassis.errors import NotAllowed, NotAuthenticated
from chassis.members import Members
from chassis.memory.event_log import MemoryEventLog
from chassis.recording import Origin, Recorder
from chassis.tasks import Tasks
from contracts.access import scopes_of
from contracts.envelope import format_time
from contracts.events.api_key import ApiKeyExpirySet, ApiKeyIssued, ApiKeyRevoked
from contracts.events.customer import CustomerCreated, CustomerResumed, CustomerSuspended
from contracts.events.login import LoginEnded
from contracts.events.member import MemberJoined, MemberRemoved, MemberRoleChanged
from contracts.ids import ApiKeyId, CustomerId, LoginId, MemberId, TemplateId
from contracts.registry import EventData
from contracts.subjects import Log, config_subject

pytestmark = pytest.mark.unit

PEPPER = b"pepper"
ACME = CustomerId("acme")


class StoppedClock(SystemClock):
    """Moves only when told."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 25, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


class Book:
    """Writes entities of CONFIG into a log in memory."""

    def __init__(self) -> None:
        self.log = MemoryEventLog()
        self._recorders: dict[str, tuple[Recorder, int]] = {}

    async def write(self, kind: str, id: str, event: EventData) -> None:
        subject = config_subject(ACME, kind, id)
        origin = Origin(customer=ACME, subject=id, writer="config", source="test")
        recorder, revision = self._recorders.get(subject, (Recorder(origin=origin, clock=SystemClock()), 0))
        position = await self.log.append(Log.CONFIG, subject, [recorder.record(event)], expected=revision)
        self._recorders[subject] = (recorder, position.sequence)

    async def issue(self, id: str, *scopes: str) -> str:
        key = new_api_key(ApiKeyId(id), livemode=False)
        digest = api_key_digest(PEPPER, key)
        await self.write("api_key", id, ApiKeyIssued(digest=digest, hint="", scopes=list(scopes), livemode=False))
        return key


def opens(keys: Access, key: str) -> bool:
    try:
        keys.authenticate(key)
    except NotAuthenticated:
        return False
    return True


async def test_an_issued_key_opens_and_a_revoked_one_does_not() -> None:
    book = Book()
    await book.write("customer", "acme", CustomerCreated(name="Acme", max_sessions=1))
    key = await book.issue("key_1", "sessions:write")
    async with Tasks() as tasks:
        keys = Access(log=book.log, pepper=PEPPER)
        tasks.start(keys.follow(), name="keys")
        await asyncio.wait_for(keys.caught_up.wait(), 2)
        principal = keys.authenticate(key)
        assert (principal.customer, principal.key) == ("acme", "key_1")
        principal.require("sessions:write")
        with pytest.raises(NotAllowed):
            principal.require("keys:write")
        await book.write("api_key", "key_1", ApiKeyRevoked())
        await until(lambda: not opens(keys, key), what="the revocation to be known")


async def test_an_expired_key_opens_nothing_and_says_so() -> None:
    book, clock = Book(), StoppedClock()
    for_ever = await book.issue("key_1", "sessions:write")
    digest = api_key_digest(PEPPER, short := new_api_key(ApiKeyId("key_2"), livemode=False))
    ends = format_time(clock.now() + timedelta(minutes=1))
    issued = ApiKeyIssued(digest=digest, hint="", scopes=["sessions:write"], livemode=False, expires_at=ends)
    await book.write("api_key", "key_2", issued)
    async with Tasks() as tasks:
        keys = Access(log=book.log, pepper=PEPPER, clock=clock)
        tasks.start(keys.follow(), name="keys")
        await asyncio.wait_for(keys.caught_up.wait(), 2)
        assert opens(keys, short)
        await book.write("api_key", "key_1", ApiKeyExpirySet(expires_at=ends))
        assert await keys.reached(3, timeout_s=2)
        assert opens(keys, for_ever)
        clock.moment += timedelta(minutes=1)
        for over in (short, for_ever):
            with pytest.raises(KeyExpired):
                keys.authenticate(over)
        assert keys.keys.take_uses().keys() == {"key_1", "key_2"}
        assert keys.keys.take_uses() == {}
        assert [known.principal.key for known in keys.keys.of(ACME)] == ["key_1", "key_2"]
        assert not await keys.reached(4, timeout_s=0.01)


async def test_a_publishable_key_is_one_by_its_event_and_by_its_form() -> None:
    book = Book()
    key = new_api_key(ApiKeyId("key_1"), livemode=True, kind="publishable")
    assert key.startswith("pk_live_1_")
    issued = ApiKeyIssued(
        digest=api_key_digest(PEPPER, key),
        hint="",
        scopes=["sessions:write"],
        livemode=True,
        kind="publishable",
        origins=["https://a.example"],
        templates=[TemplateId("help")],
    )
    await book.write("api_key", "key_1", issued)
    async with Tasks() as tasks:
        keys = Access(log=book.log, pepper=PEPPER)
        tasks.start(keys.follow(), name="keys")
        await asyncio.wait_for(keys.caught_up.wait(), 2)
        principal = keys.authenticate(key)
    assert (principal.kind, principal.origins, principal.templates) == ("publishable", {"https://a.example"}, {"help"})


async def test_a_suspended_customers_key_opens_nothing_until_the_customer_is_resumed() -> None:
    book = Book()
    key = await book.issue("key_1", "sessions:write")
    await book.write("customer", "acme", CustomerSuspended(reason="unpaid"))
    async with Tasks() as tasks:
        access = Access(log=book.log, pepper=PEPPER)
        tasks.start(access.follow(), name="access")
        await asyncio.wait_for(access.caught_up.wait(), 2)
        with pytest.raises(CustomerIsSuspended):
            access.authenticate(key)
        await book.write("customer", "acme", CustomerResumed())
        await until(lambda: not access.suspended(ACME), what="the resumption to be known")
        assert access.authenticate(key).actor == "key_1"


async def test_keys_are_ready_at_once_on_an_empty_log() -> None:
    async with Tasks() as tasks:
        keys = Access(log=MemoryEventLog(), pepper=PEPPER)
        tasks.start(keys.follow(), name="keys")
        await asyncio.wait_for(keys.caught_up.wait(), 2)


@pytest.mark.parametrize("change", [lambda key: key[:-1], lambda key: key.replace("sk_", "pk_"), lambda _: ""])
async def test_a_mangled_key_is_refused_without_a_look_up(change) -> None:  # type: ignore[no-untyped-def]
    key = new_api_key(ApiKeyId("key_1"), livemode=True)
    assert key.startswith("sk_live_1_")
    with pytest.raises(NotAuthenticated, match="malformed"):
        Access(log=MemoryEventLog(), pepper=PEPPER).authenticate(change(key))


async def test_a_well_formed_key_that_was_never_issued_is_refused() -> None:
    key = new_api_key(ApiKeyId("key_1"), livemode=False)
    with pytest.raises(NotAuthenticated, match="unknown"):
        Access(log=MemoryEventLog(), pepper=PEPPER).authenticate(key)


def test_the_hash_depends_on_the_pepper_and_shows_nothing_of_the_key() -> None:
    key = new_api_key(ApiKeyId("key_1"), livemode=False)
    assert api_key_digest(b"a", key) != api_key_digest(b"b", key)
    assert key.split("_")[3] not in api_key_digest(b"a", key)


async def test_a_members_role_removal_and_logout_act_at_once() -> None:
    book, issuer = Book(), TokenIssuer(b"k" * 32)
    member, claims = MemberId("mem_1"), Claims(member=MemberId("mem_1"), customer=ACME, login=LoginId("lgn_1"))
    await book.write("members", ACME, MemberJoined(member=member, role="admin", address="d"))
    token = issuer.issue(claims, now=datetime.now(UTC))
    async with Tasks() as tasks:
        access = Access(log=book.log, pepper=PEPPER, tokens=TokenVerifier.parse(issuer.public_key.hex()))
        tasks.start(access.follow(), name="access")
        await asyncio.wait_for(access.caught_up.wait(), 2)
        principal = access.authenticate(token, mode="live")
        assert (principal.actor, principal.kind, principal.key, principal.livemode) == (member, "member", "", True)
        assert principal.scopes == scopes_of("admin")
        await book.write("members", ACME, MemberRoleChanged(member=member, role="analyst", before="admin"))
        assert await access.reached(2, timeout_s=2)
        with pytest.raises(NotAllowed, match="the role analyst lacks"):
            access.authenticate(token).require("agents:write")
        stranger = msgspec.structs.replace(claims, customer=CustomerId("other"))
        with pytest.raises(NotAuthenticated):
            access.authenticate(issuer.issue(stranger, now=datetime.now(UTC)))
        await book.write("login", "lgn_1", LoginEnded(member=member, why="logged_out"))
        await until(lambda: not opens(access, token), what="the logout to be known")
        another = issuer.issue(msgspec.structs.replace(claims, login=LoginId("lgn_2")), now=datetime.now(UTC))
        assert opens(access, another)
        await book.write("members", ACME, MemberRemoved(member=member))
        await until(lambda: not opens(access, another), what="the removal to be known")


def test_an_ended_login_is_forgotten_once_no_token_of_it_can_be_good() -> None:
    members, moment = Members(), datetime(2026, 11, 25, 12, tzinfo=UTC)

    def end(login: str, after_s: int) -> None:
        origin = Origin(customer=ACME, subject=login, writer="config", source="test")
        event = LoginEnded(member=MemberId("mem_1"), why="logged_out")
        envelope = Recorder(origin=origin, clock=SystemClock()).record(event)
        at = format_time(moment + timedelta(seconds=after_s))
        members.apply(msgspec.structs.replace(envelope, time=at), event)

    end("lgn_1", 0)
    end("lgn_2", TTL_S)
    assert members.ended(LoginId("lgn_1"))
    end("lgn_3", TTL_S + 120)
    assert not members.ended(LoginId("lgn_1"))
    assert members.ended(LoginId("lgn_2"))
