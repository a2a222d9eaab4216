"""`baton verify`: a true export proves itself, and no single change of one goes unnoticed."""

import ast
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.sessions import a_session

import baton.verify
from baton.verify import verify_export
from contracts.envelope import encode_commit
from ledger.domain.chain import Head, RecordedCommit, extended, genesis
from ledger.domain.export import CommitsDigest, Header, commit_line, head_line, header_line, signature_line, statement
from ledger.exporting import Signer

pytestmark = pytest.mark.unit

Lines = list[dict[str, Any]]

SIGNER = Signer(bytes(range(32)))
PUBLIC_KEY = bytes.fromhex(SIGNER.public_key)


def an_export(*, payloads: Callable[[list[bytes]], list[bytes]] = lambda payloads: payloads) -> list[str]:
    """A session's export as the ledger makes it; `payloads` may forge what was recorded in the first place."""
    script = a_session()
    header = Header(
        session=script.session,
        customer=script.customer,
        created="2026-11-25T12:00:00.000000Z",
        incarnation="i1",
        public_key=SIGNER.public_key,
    )
    forged = payloads([encode_commit(commit.events) for commit in script.commits])
    chains: dict[str, Head] = {}
    digest, lines = CommitsDigest(), [header_line(header)]
    for number, (commit, payload) in enumerate(zip(script.commits, forged, strict=True), start=1):
        chain = chains.get(commit.subject, genesis(commit.subject))
        chains[commit.subject] = extended(chain, payload)
        stored = RecordedCommit(
            commit.subject, chain.count + 1, number * 3, 1_764_000_000_000_000_000 + number, payload
        )
        digest.add(stored)
        lines.append(commit_line(stored))
    heads = [chains[subject] for subject in sorted(chains)]
    signature = SIGNER.sign(statement(header, heads=heads, commits=digest.hex()))
    lines += [*map(head_line, heads), signature_line(commits=digest.hex(), signature=signature)]
    return [line.decode() for line in lines]


EXPORT = an_export()
COMMITS = [number for number, line in enumerate(EXPORT) if json.loads(line)["kind"] == "commit"]


def changed(change: Callable[[Lines], object]) -> list[str]:
    lines = [json.loads(line) for line in EXPORT]
    change(lines)
    return [json.dumps(line) for line in lines]


def is_noticed(lines: list[str]) -> bool:
    return not verify_export(lines, PUBLIC_KEY).ok


def test_a_true_export_verifies() -> None:
    verdict = verify_export(EXPORT, PUBLIC_KEY)
    assert verdict.problems == []
    assert (verdict.ok, verdict.trusted, verdict.count, len(verdict.heads)) == (True, True, len(COMMITS), 2)


def test_without_a_key_an_export_only_agrees_with_itself() -> None:
    verdict = verify_export(EXPORT, None)
    assert (verdict.ok, verdict.trusted, verdict.public_key) == (True, False, SIGNER.public_key)


def test_another_key_does_not_verify() -> None:
    assert not verify_export(EXPORT, bytes.fromhex(Signer(bytes(32)).public_key)).ok


def test_a_whole_export_signed_anew_by_another_key_does_not_verify() -> None:
    other = Signer(bytes(32))
    lines = [json.loads(line) for line in EXPORT]
    lines[0]["public_key"] = other.public_key
    said = {name: value for name, value in lines[0].items() if name != "kind"}
    heads = [{name: line[name] for name in ("subject", "count", "head")} for line in lines if line["kind"] == "head"]
    said |= {"heads": heads, "commits": lines[-1]["commits"]}
    lines[-1]["signature"] = other.sign(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hex()
    forged = [json.dumps(line) for line in lines]
    assert verify_export(forged, None).ok
    assert not verify_export(forged, PUBLIC_KEY).ok


@given(st.data())
def test_a_flipped_bit_of_any_commit_is_noticed(data: st.DataObject) -> None:
    number = data.draw(st.sampled_from(COMMITS))
    payload = bytearray(base64.b64decode(json.loads(EXPORT[number])["payload"]))
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    def flip(lines: Lines) -> None:
        lines[number]["payload"] = base64.b64encode(payload).decode()

    assert is_noticed(changed(flip))


@pytest.mark.parametrize("number", COMMITS)
def test_a_deleted_commit_is_noticed(number: int) -> None:
    assert is_noticed(changed(lambda lines: lines.pop(number)))


@pytest.mark.parametrize("number", COMMITS)
def test_a_commit_inserted_twice_is_noticed(number: int) -> None:
    assert is_noticed(changed(lambda lines: lines.insert(number, lines[number])))


@pytest.mark.parametrize("number", COMMITS[:-1])
def test_two_commits_in_another_order_are_noticed_even_when_renumbered(number: int) -> None:
    def swap(lines: Lines) -> None:
        one, other = lines[number], lines[number + 1]
        one["sequence"], other["sequence"] = other["sequence"], one["sequence"]
        lines[number], lines[number + 1] = other, one

    assert is_noticed(changed(swap))


@pytest.mark.parametrize("keep", [0, 1, 2, COMMITS[-1], COMMITS[-1] + 1, len(EXPORT) - 1])
def test_a_truncated_export_is_noticed(keep: int) -> None:
    assert is_noticed(EXPORT[:keep])


def test_a_tail_cut_off_with_its_head_made_to_fit_is_noticed() -> None:
    def cut(lines: Lines) -> None:
        gone = lines.pop(COMMITS[-1])
        chain = genesis(gone["subject"])
        for line in lines:
            if line["kind"] == "commit" and line["subject"] == gone["subject"]:
                chain = extended(chain, base64.b64decode(line["payload"]))
        for line in lines:
            if line["kind"] == "head" and line["subject"] == gone["subject"]:
                line |= {"count": chain.count, "head": chain.value.hex()}

    assert is_noticed(changed(cut))


def test_a_whole_writer_left_out_is_noticed() -> None:
    lines = [line for line in EXPORT if not json.loads(line).get("subject", "").endswith(".run")]
    assert is_noticed(lines)


@pytest.mark.parametrize(
    ("line", "member", "value"),
    [
        (0, "session", "ses_other"),
        (0, "customer", "other"),
        (0, "created", "2027-01-01T00:00:00.000000Z"),
        (0, "incarnation", "i2"),
        (0, "format", "baton.session-export/2"),
        (COMMITS[0], "stored_ns", "1"),
        (COMMITS[0], "sequence", 1),
        (COMMITS[0], "subject", "evt.1.acme.ses_x.admission"),
        (-2, "count", 1),
        (-2, "head", "00"),
        (-1, "commits", "00"),
        (-1, "signature", "00"),
        (-1, "signature", "not hex"),
    ],
)
def test_a_changed_member_of_any_line_is_noticed(line: int, member: str, value: object) -> None:
    assert is_noticed(changed(lambda lines: lines[line].update({member: value})))


@pytest.mark.parametrize("line", ["", "{", "[]", "null", '{"kind": "commit"}', '{"kind": "odd"}', "[" * 100_000])
def test_lines_that_are_no_export_are_problems_and_no_crash(line: str) -> None:
    assert is_noticed([line])
    assert is_noticed([*EXPORT[:3], line or "{}", *EXPORT[3:]])
    assert is_noticed([*EXPORT, line or "{}"])


def forged(number: int, **changes: object) -> Callable[[list[bytes]], list[bytes]]:
    """The record itself, made wrong before it was chained and signed."""

    def forge(payloads: list[bytes]) -> list[bytes]:
        events = json.loads(payloads[number])
        events[0] |= changes
        return [*payloads[:number], json.dumps(events).encode(), *payloads[number + 1 :]]

    return forge


LAST_RUN = max(n for n in COMMITS if json.loads(EXPORT[n])["subject"].endswith(".run")) - 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n": 99}, "n is 99"),
        ({"n": "1"}, "n is 1"),
        ({"epoch": 0}, "epoch 0 writes after epoch 1"),
        ({"epoch": 2}, "without having claimed"),
        ({"writer": "admission"}, "does not belong"),
        ({"subject": "ses_other"}, "another session"),
    ],
)
def test_a_record_that_breaks_the_rules_of_writing_is_named_though_its_chain_holds(
    changes: dict[str, object], said: str
) -> None:
    verdict = verify_export(an_export(payloads=forged(LAST_RUN, **changes)), PUBLIC_KEY)
    assert not verdict.ok
    assert any(said in problem for problem in verdict.problems)


def test_an_event_recorded_twice_is_named() -> None:
    def repeat(payloads: list[bytes]) -> list[bytes]:
        first = json.loads(payloads[0])[0]["id"]
        return forged(LAST_RUN, id=first)(payloads)

    problems = verify_export(an_export(payloads=repeat), PUBLIC_KEY).problems
    assert any("a second time" in problem for problem in problems)


def test_the_code_that_verifies_shares_nothing_with_the_code_that_writes() -> None:
    tree = ast.parse(Path(baton.verify.__file__).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    roots = {name.split(".")[0] for name in names}
    assert roots <= {"base64", "binascii", "collections", "cryptography", "dataclasses", "hashlib", "json", "typing"}
