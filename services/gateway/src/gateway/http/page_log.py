"""The log of a participant's page: `POST /api/session/{id}/log` for the page, `GET /api/sessions/{id}/log` for its
customer.
"""

from typing import Annotated, Literal

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from chassis.http.app import Caller, PathId
from chassis.http.pages import DEFAULT_LIMIT, BadCursor, CursorText, PageLimit, decode_cursor, page_of
from contracts.envelope import format_time
from contracts.ids import SessionId
from gateway.adapters.reach import StoreUnavailable
from gateway.handlers.page_reports import (
    MAX_ENTRIES,
    LogFull,
    OpenedReport,
    PageEntry,
    ReportTooLarge,
    SessionErased,
    TooManyReports,
)
from gateway.handlers.resuming import WrongResumeToken
from gateway.http.asking import TakesReports
from gateway.http.bodies import BadId, session_id
from gateway.http.sessions import NoSuchSession


class ReportLog(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a page reports at once. The token is in the body, since a page that is closing can send no header."""

    resume_token: str
    entries: Annotated[list[PageEntry], Meta(min_length=1, max_length=MAX_ENTRIES)]


class ReportTaken(msgspec.Struct, frozen=True, kw_only=True):
    """It is kept under this id."""

    id: str


class PageReport(msgspec.Struct, frozen=True, kw_only=True):
    """One report as it came; `received_at` is ours, every time in an entry is the page's own. Believe no entry."""

    id: str
    received_at: str
    entries: list[PageEntry] | Literal["erased", "broken"]


class PageLog(msgspec.Struct, frozen=True, kw_only=True):
    """A page of reports, oldest first; `next_cursor` is null on the last."""

    data: list[PageReport]
    next_cursor: str | None


@post(
    "/api/session/{id:str}/log",
    opt={
        "public": True,
        "refuses": (BadId, WrongResumeToken, TooManyReports, LogFull, SessionErased, ReportTooLarge, StoreUnavailable),
    },
    status_code=202,
)
async def report_log(id: FromPath[str], data: JSONBody[ReportLog], reports: TakesReports) -> ReportTaken:
    """Report what happened in a participant's page: chat, panels, errors. Kept for support, and folded into nothing."""
    return ReportTaken(id=await reports.take(session_id(id), data.resume_token, data.entries))


@get(
    "/api/sessions/{session_id:str}/log",
    opt={"scope": "sessions:read", "refuses": (NoSuchSession, BadCursor, StoreUnavailable)},
)
async def get_log(
    session_id: PathId,
    principal: Caller,
    reports: TakesReports,
    cursor: CursorText = None,
    limit: PageLimit = DEFAULT_LIMIT,
) -> PageLog:
    """What a session's page reported, opened. It comes from a browser that anybody may have changed."""
    after = decode_cursor(cursor, int) or 0
    found = await reports.read(principal.customer, SessionId(session_id), after=after, limit=limit + 1)
    if found is None:
        raise NoSuchSession
    shown, next_cursor = page_of(found, limit=limit, key=lambda one: one.seq)
    return PageLog(data=[_shown(one) for one in shown], next_cursor=next_cursor)


def _shown(report: OpenedReport) -> PageReport:
    return PageReport(id=report.id, received_at=format_time(report.received_at), entries=report.entries)


ROUTES = [report_log, get_log]
