"""What a participant's page reports: chat, panels, errors. Untrusted, kept sealed for support, folded into nothing."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
import structlog
from msgspec import Meta

from chassis.errors import Conflict, TooLarge, TooMany
from chassis.ids import new_id
from chassis.sealing import SealBroken, seal, unseal
from contracts.ids import CustomerId, SessionId
from gateway.adapters.page_logs import KeptReport, PageLogs, SealedReport
from gateway.adapters.places import Places
from gateway.adapters.reach import store_in_reach
from gateway.adapters.vault import Vault
from gateway.handlers.resuming import customer_of

log = structlog.get_logger(__name__)

MAX_ENTRIES = 50
MAX_REPORT_BYTES = 32 * 1024


class PageEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that a page tells. `at` is the page's own clock, `details` whatever else it knows: believe neither."""

    kind: Literal["chat", "panel", "media", "error", "other"]
    message: Annotated[str, Meta(max_length=4000)]
    level: Literal["debug", "info", "warning", "error"] = "info"
    at: Annotated[str, Meta(max_length=40)] = ""
    details: Annotated[
        dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=1000)] | int | float | bool | None],
        Meta(max_length=20),
    ] = {}


class TooManyReports(TooMany):
    """The page reports too often; what it sent was dropped."""

    code, title = "too_many_reports", "This session's page reports too often"
    retry_after_s = 20


class LogFull(Conflict):
    """The session has as much as is kept of one."""

    code, title = "page_log_full", "No more is kept of this session's page"


class SessionErased(Conflict):
    """The session's key is destroyed: nothing can be kept of it any more."""

    code, title = "session_erased", "The session was erased"


class ReportTooLarge(TooLarge):
    """More at once than is taken."""

    code, title = "report_too_large", "The report is too large"


class OpenedReport(msgspec.Struct, frozen=True, kw_only=True):
    """One report, opened as far as it opens."""

    id: str
    seq: int
    received_at: datetime
    entries: list[PageEntry] | Literal["erased", "broken"]


class PageReports:
    """Takes reports from pages, and shows them to their customers."""

    def __init__(self, *, places: Places, vault: Vault, page_logs: PageLogs) -> None:
        self._places, self._vault, self._page_logs = places, vault, page_logs

    async def take(self, session: SessionId, resume_token: str, entries: list[PageEntry]) -> str:
        """Keep one report; returns its id. Raises WrongResumeToken, the refusals above, StoreUnavailable."""
        content = msgspec.json.encode(entries)
        if len(content) > MAX_REPORT_BYTES:
            raise ReportTooLarge(f"a report holds at most {MAX_REPORT_BYTES} bytes, not {len(content)}")
        customer = await customer_of(self._places, self._vault, session, resume_token)
        with store_in_reach():
            found = await self._vault.key_of_session(customer, session)
            if found is None:
                raise SessionErased
            id = new_id("log")
            sealed = seal(found.key, content, binding=_binding(customer, session, id))
            report = SealedReport(
                id=id, customer=customer, session=session, keyid=found.keyid, size=len(content), sealed=sealed
            )
            outcome = await self._page_logs.take(report)
        if outcome == "often":
            raise TooManyReports
        if outcome == "full":
            raise LogFull
        return id

    async def read(
        self, customer: CustomerId, session: SessionId, *, after: int, limit: int
    ) -> list[OpenedReport] | None:
        """Reports with `seq` > `after`, oldest first; None where the customer has no such session."""
        with store_in_reach():
            owner = await self._places.resumable(session)
            if owner is None or owner.customer != customer:
                return None
            kept = await self._page_logs.reports(customer, session, after=after, limit=limit)
            keys = await self._vault.data_keys(customer, {one.keyid for one in kept}) if kept else {}
        return [
            OpenedReport(
                id=one.id,
                seq=one.seq,
                received_at=one.received_at,
                entries=_opened(one, keys.get(one.keyid), _binding(customer, session, one.id)),
            )
            for one in kept
        ]


def _opened(kept: KeptReport, key: bytes | None, binding: bytes) -> list[PageEntry] | Literal["erased", "broken"]:
    if key is None:
        return "erased"
    try:
        return msgspec.json.decode(unseal(key, kept.sealed, binding=binding), type=list[PageEntry])
    except (SealBroken, msgspec.MsgspecError):
        log.error("page_report_broken", report=kept.id)
        return "broken"


def _binding(customer: CustomerId, session: SessionId, id: str) -> bytes:
    return f"page_log/{customer}/{session}/{id}".encode()
