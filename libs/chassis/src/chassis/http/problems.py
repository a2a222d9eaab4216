"""Every error leaves as application/problem+json (RFC 9457) with a stable `code`."""

from typing import Any
from uuid import uuid4

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from chassis.errors import FieldError, Refusal
from chassis.event_log import LogFault

log = structlog.get_logger()

_CODES = {
    400: "invalid_input",
    401: "not_authenticated",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many",
}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457 with Baton's members: `code` is stable, `errors` point into the request, `retryable` may be retried."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str = ""
    request_id: str = ""
    retryable: bool = False
    errors: list[FieldError] = []


def exception_handlers() -> ExceptionHandlersMap:
    """For Litestar's `exception_handlers`: refusals, the framework's own errors, and faults."""
    return {Refusal: _refused, HTTPException: _framework, LogFault: _log_fault, Exception: _fault}


def _refused(request: Request[Any, Any, Any], error: Refusal) -> Response[bytes]:
    retry = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s is not None else {}
    return _response(request, error.status, error.code, error.title, error.detail, errors=error.errors, headers=retry)


def _framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    status = error.status_code
    if status >= 500:
        log.error("request_failed", path=request.url.path, fault=type(error).__name__, exc_info=error)
    code = _CODES.get(status, "refused" if status < 500 else "internal_error")
    detail = error.detail if status < 500 else "Something broke on our side"
    errors = _pointers(error) if isinstance(error, ValidationException) else []
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() in ("allow", "retry-after")}
    return _response(request, status, code, detail.split(" for ")[0], detail, errors=errors, headers=headers)


def _pointers(error: ValidationException) -> list[FieldError]:
    """msgspec's paths, kept by Litestar in `extra`, as JSON Pointers (`data` is its word for the whole body)."""
    found: list[FieldError] = []
    for item in error.extra if isinstance(error.extra, list) else []:
        path = str(item.get("key", "")).replace("[", "/").replace("]", "").replace(".", "/")
        pointer = f"/{path}" if path not in ("", "data") else ""
        found.append(FieldError(pointer=pointer, code="invalid", detail=str(item.get("message", ""))))
    return found


def _log_fault(request: Request[Any, Any, Any], error: LogFault) -> Response[bytes]:
    log.warning("log_unavailable", path=request.url.path)
    return _response(
        request, 503, error.code, "The event log is out of reach", "Try again shortly", headers={"Retry-After": "1"}
    )


def _fault(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log.error("request_failed", path=request.url.path, fault=type(error).__name__, exc_info=error)
    return _response(request, 500, "internal_error", "Something broke on our side", "The fault was logged")


def _response(
    request: Request[Any, Any, Any],
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    errors: list[FieldError] | None = None,
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    request_id = str(request.scope.get("state", {}).get("request_id") or uuid4())
    problem = Problem(
        type=f"https://baton.dev/problems/{code}",
        title=title,
        status=status,
        detail=detail,
        code=code,
        instance=request.url.path,
        request_id=request_id,
        retryable=status in (429, 503),
        errors=errors or [],
    )
    return Response(
        msgspec.json.encode(problem),
        status_code=status,
        media_type="application/problem+json",
        headers={"X-Request-Id": request_id, **(headers or {})},
    )
