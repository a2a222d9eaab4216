"""The Litestar application of a service: everything that is the same in all five."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from typing import Annotated, Any

from litestar import Litestar, Request, Response, Router, get
from litestar.config.app import AppConfig
from litestar.config.cors import CORSConfig
from litestar.connection import ASGIConnection
from litestar.di import Dependency, NamedDependency, Provide
from litestar.handlers import BaseRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.params import PathParameter
from litestar.types import ASGIApp, ControllerRouterHandler

from chassis.access import LetsIn, Mode
from chassis.errors import NotAuthenticated
from chassis.http.bodies import StrictRequest
from chassis.http.callers import MODE_HEADER, caller
from chassis.http.idempotency import Idempotent
from chassis.http.methods import telling_methods, tells_methods
from chassis.http.openapi import Document, Examples, OwnDocument, describe
from chassis.http.problems import exception_handlers
from chassis.http.rate_limits import RateLimits
from chassis.http.tracing import ANSWER_HEADERS, traced
from chassis.idempotency import Answers
from chassis.principal import Principal
from contracts.ids import ID_PATTERN

MAX_BODY_BYTES = 1024 * 1024
_CROSS_ORIGIN = CORSConfig(
    allow_origins=["*"],
    allow_methods=["GET", "POST"],
    allow_headers=[
        "authorization",
        MODE_HEADER.lower(),
        "content-type",
        "idempotency-key",
        "last-event-id",
        "traceparent",
    ],
    expose_headers=["retry-after", "x-request-id"],
    max_age=3600,
)

_WHO = ("member", "operator", "public")

Caller = NamedDependency[Principal]
"""A handler's argument `principal: Caller`: whose key or access token this request carries."""

PathId = Annotated[str, PathParameter(pattern=ID_PATTERN)]
"""A handler's argument that is an id in the path: anything that may not stand in a subject is refused at the edge."""


def create_app(
    *,
    name: str,
    routes: Sequence[ControllerRouterHandler],
    dependencies: dict[str, Any],
    access: LetsIn,
    ready: Callable[[], bool],
    examples: Examples | None = None,
    answers: Answers | None = None,
    rate_limits: RateLimits | None = None,
    from_pages: bool = False,
) -> Litestar:
    """An application whose handlers may ask for each of `dependencies` and for `principal` by name.

    Handlers declare in `opt`:

    - ``"scope": "sessions:write"``, which they need, or ``"member": True``, for any member and no key, or
      ``"operator": True``, for operators alone, or ``"public": True``; who declares none of these refuses to start;
    - ``"refuses": (NoSuchSession, …)``, the refusals of their own, for the document;
    - ``"publishable": True``: that a publishable key opens it too; origin and template are the handler's to check;
    - ``"idempotent": True``: a repetition with the same Idempotency-Key gets the first answer (from `answers`);
    - ``"accepts": "application/pdf"``, or a tuple of types: that they read the body themselves, as bytes;
    - ``"max_body": 10_000_000``, beside Litestar's `request_max_body_size`: that their bodies may be longer;
    - ``"conditional": True`` and ``"etag": True``: that they take If-Match, and give an ETag.

    With `from_pages` a web page of any origin may call it: credentials are in headers, never in cookies.
    """
    provided: dict[str, Provide] = {
        key: Provide(_always(value), sync_to_thread=False) for key, value in dependencies.items()
    }
    provided["principal"] = Provide(_principal, sync_to_thread=False)
    middleware: list[Callable[..., ASGIApp]] = [traced]
    if answers is not None:
        middleware.append(partial(Idempotent, answers=answers, access=access, max_body=MAX_BODY_BYTES))
    return Litestar(
        route_handlers=[*telling_methods(routes), *routes, _livez, _readyz(ready)],
        request_class=StrictRequest,
        dependencies=provided,
        guards=[_authenticate(access, rate_limits or RateLimits())],
        middleware=middleware,
        exception_handlers=exception_handlers(),
        request_max_body_size=MAX_BODY_BYTES,
        cors_config=_CROSS_ORIGIN if from_pages else None,
        openapi_config=_openapi(OwnDocument(title=_title(name), examples=examples or {})),
        on_app_init=[_check_scopes],
        logging_config=None,
    )


def document_of(name: str, routes: Sequence[ControllerRouterHandler], examples: Examples) -> Document:
    """What the service's application would say about itself, without opening any part of the service."""
    dependencies = dict.fromkeys(_asked_for(routes))
    app = create_app(name=name, routes=routes, dependencies=dependencies, access=_NoAccess(), ready=lambda: False)
    return describe(app, title=_title(name), examples=examples)


class _NoAccess:
    """For an application that answers nobody."""

    def __init__(self) -> None:
        self.caught_up = asyncio.Event()

    def authenticate(self, credential: str, *, mode: Mode = "test") -> Principal:
        """Nobody."""
        raise NotAuthenticated


def _asked_for(routes: Sequence[ControllerRouterHandler]) -> set[str]:
    """The names of the dependencies that the handlers ask for."""
    handlers = [route for route in routes if isinstance(route, BaseRouteHandler)]
    asked = [parameter for handler in handlers for parameter in signature(handler.fn).parameters.values()]
    return {
        one.name
        for one in asked
        if any(isinstance(mark, Dependency) for mark in getattr(one.annotation, "__metadata__", ()))
    }


def _title(name: str) -> str:
    return f"Baton {name}"


def _openapi(document: OwnDocument) -> OpenAPIConfig:
    hidden = Router(path="/schema", route_handlers=[], opt={"public": True}, include_in_schema=False)
    return OpenAPIConfig(title="Baton", version="1", render_plugins=[document], openapi_router=hidden)


def _always(value: Any) -> Callable[[], Any]:
    def provide() -> Any:
        return value

    return provide


def _principal(request: Request[Principal, Any, Any]) -> Principal:
    return request.user


def _authenticate(
    access: LetsIn, rate_limits: RateLimits
) -> Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], None]:
    def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if handler.opt.get("public") or tells_methods(handler):
            return
        principal = caller(access, connection.headers, handler.opt)
        connection.scope["state"][ANSWER_HEADERS] = rate_limits.take(principal)
        connection.scope["user"] = principal

    return guard


def _check_scopes(config: AppConfig) -> AppConfig:
    """Fail at start rather than serve a handler that forgot to say who may call it."""
    for handler in config.route_handlers:
        for leaf in getattr(handler, "route_handlers", [handler]):
            opt = getattr(leaf, "opt", None)
            if opt is not None and "scope" not in opt and not any(opt.get(who) for who in _WHO):
                raise RuntimeError(f"{leaf} declares neither a scope nor that it is for members, operators or public")
    return config


@get("/livez", opt={"public": True}, include_in_schema=False, sync_to_thread=False)
def _livez() -> dict[str, str]:
    """The event loop turns; it tests no dependency."""
    return {"status": "live"}


def _readyz(ready: Callable[[], bool]) -> Any:
    @get("/readyz", opt={"public": True}, include_in_schema=False, sync_to_thread=False)
    def readyz() -> Response[dict[str, str]]:
        """Whether this process would answer well now."""
        if ready():
            return Response({"status": "ready"})
        return Response({"status": "starting"}, status_code=503)

    return readyz
