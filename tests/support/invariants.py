"""What must always hold, asserted after every fault: I1 to I6 of the design's §12, over what a session left behind.

It reads the public API, the export and the projections, and never the code under test: a fault is named by its number.
"""

import asyncio
import base64
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from baton.demo.api import Api, ApiRefused, open_api
from baton.projections import open_projections
from baton.ready import Ready, environment_of
from baton.verify import verify_export
from chassis.event_log import Commit
from contracts.envelope import Envelope, decode_commit

ENDS = ("session.ended", "session.failed")
_CATCH_UP_S = 20.0
_POLL_S = 0.1


class ExportedCommit(msgspec.Struct, frozen=True):
    """A commit line of an export; `payload` is decoded from base64."""

    sequence: int
    subject: str
    payload: bytes

    @property
    def events(self) -> list[Envelope]:
        """Its envelopes."""
        return decode_commit(self.payload)


async def assert_invariants(live: Ready, data: Path, *sessions: str, seen: Iterable[Commit] = ()) -> None:
    """Wait until the record has each session's end and close, then check I1 to I6. Raises AssertionError.

    `seen` are commits that were acknowledged: those of the sessions must be in the record, byte for byte.
    """
    complaints: list[str] = []
    known = list(seen)
    async with open_api(live) as api:
        for session in sessions:
            text = await until_exported(api, session)
            complaints += [f"{session}: {one}" for one in broken(text, live.ledger_public_key, known)]
            complaints += [f"{session}: {one}" for one in await _sums(api, session)]
    complaints += await _projections(data)
    assert not complaints, "\n".join(complaints)


async def until_exported(api: Api, session: str, *, timeout_s: float = _CATCH_UP_S) -> str:
    """The export, once the record has `session.closed`. Raises AssertionError where it does not come to that."""
    types: list[str] = []
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    text = await api.text(f"/api/sessions/{session}/export")
                    types = [event.type for commit in commits_of(text) for event in commit.events]
                    if "session.closed" in types:
                        return text
                except ApiRefused as refused:
                    types = [str(refused)]
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise AssertionError(f"{session}: after {timeout_s:g} s still not closed in the record: {types}") from None


def commits_of(export: str) -> list[ExportedCommit]:
    """The commits of an export, in its order."""
    lines = [msgspec.json.decode(line) for line in export.splitlines() if line.strip()]
    return [
        ExportedCommit(line["sequence"], line["subject"], base64.b64decode(line["payload"]))
        for line in lines
        if line.get("kind") == "commit"
    ]


def broken(export: str, public_key: str, seen: Iterable[Commit] = ()) -> list[str]:
    """Every invariant that the export of an ended session breaks; empty when all hold."""
    verdict = verify_export(export.splitlines(), bytes.fromhex(public_key))
    commits = commits_of(export)
    streams: dict[str, list[Envelope]] = {}
    for commit in commits:
        streams.setdefault(commit.subject.rpartition(".")[2], []).extend(commit.events)
    return [
        *(f"I1 {one}" for one in _missing(commits, seen)),
        *(f"I2 {one}" for one in _numbering(streams)),
        *(f"I3 {one}" for one in verdict.problems),
        *(f"I5 {one}" for one in _usage(streams)),
        *(f"I6 {one}" for one in _end(streams)),
    ]


def _missing(commits: list[ExportedCommit], seen: Iterable[Commit]) -> list[str]:
    recorded = {commit.sequence: commit for commit in commits}
    subjects = {commit.subject.rpartition(".")[0] for commit in commits}
    found: list[str] = []
    for commit in seen:
        if commit.subject.rpartition(".")[0] not in subjects:
            continue
        kept = recorded.get(commit.sequence)
        if kept is None or (kept.subject, kept.payload) != (commit.subject, commit.payload):
            found.append(f"commit {commit.sequence} of {commit.subject} is {'gone' if kept is None else 'another'}")
    return found


def _numbering(streams: Mapping[str, list[Envelope]]) -> list[str]:
    found = []
    for writer, events in streams.items():
        numbers = [event.n for event in events]
        if numbers != list(range(1, len(numbers) + 1)):
            found.append(f"{writer} is numbered {numbers}")
    epochs = [event.epoch for event in streams.get("run", [])]
    if epochs != sorted(epochs):
        found.append(f"two epochs write run at a time: {epochs}")
    claims = Counter(event.epoch for event in streams.get("run", []) if event.type == "session.job_claimed")
    if any(count > 1 for count in claims.values()) or set(epochs) != set(claims):
        found.append(f"epochs {sorted(set(epochs))} are written under the claims {dict(claims)}")
    return found


def _usage(streams: Mapping[str, list[Envelope]]) -> list[str]:
    ids = Counter(event.id for events in streams.values() for event in events)
    return [f"the event {id} is there {count} times" for id, count in ids.items() if count > 1]


def _end(streams: Mapping[str, list[Envelope]]) -> list[str]:
    run, admission = ([event.type for event in streams.get(name, [])] for name in ("run", "admission"))
    found = []
    if sum(type in ENDS for type in run) != 1 or run[-1] not in ENDS:
        found.append(f"run does not end in its one end: {run[-3:]}")
    if admission.count("session.closed") != 1 or admission[-1] != "session.closed":
        found.append(f"admission does not end in its one close: {admission[-3:]}")
    if len(late := [event.type for event in streams.get("late", []) if event.type in ENDS]):
        found.append(f"an end came late: {late}")
    return found


async def _sums(api: Api, session: str) -> list[str]:
    cost = await api.get(f"/api/sessions/{session}/cost")
    shares = {name: sum(share["amount_nano"] for share in cost[name]) for name in ("agents", "turns", "families")}
    return [f"I5 {name} sum to {sum_}, not {cost['amount_nano']}" for name, sum_ in shares.items()
            if sum_ != cost["amount_nano"]]  # fmt: skip


async def _projections(data: Path) -> list[str]:
    async with open_projections(environment_of(data, {})) as projections:
        reports = await projections.check(())
        parked = await projections.parked()
    differing = [report for report in reports if not report.equal]
    return [
        *(f"I4 {one.projection} differs from its rebuild: {one.comparison.differences[:3]}" for one in differing),
        *(f"I4 {one.projection} has parked {one.subject}: {one.error_code}" for one in parked),
    ]
