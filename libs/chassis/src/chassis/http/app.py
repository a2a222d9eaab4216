"""The Litestar application of a service: everything that is the same in all five."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from litestar import Litestar, Request, Response, Router, get
from litestar.config.app import AppConfig
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.handlers import BaseRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.params import PathParameter
from litestar.types import ControllerRouterHandler

from chassis.api_keys import ApiKeys, Principal
from chassis.errors import NotAuthenticated, Unavailable
from chassis.http.problems import exception_handlers
from chassis.http.tracing import traced
from contracts.ids import ID_PATTERN

MAX_BODY_BYTES = 1024 * 1024

Caller = NamedDependency[Principal]
"""A handler's argument `principal: Caller`: whose key this request carries."""

PathId = Annotated[str, PathParameter(pattern=ID_PATTERN)]
"""A handler's argument that is an id in the path: anything that may not stand in a subject is refused at the edge."""


def create_app(
    *,
    name: str,
    routes: Sequence[ControllerRouterHandler],
    dependencies: dict[str, Any],
    api_keys: ApiKeys,
    ready: Callable[[], bool],
) -> Litestar:
    """An application whose handlers may ask for each of `dependencies` and for `principal` by name.

    Handlers declare the scope they need with ``opt={"scope": "sessions:write"}``, or ``opt={"public": True}``; a
    handler that declares neither refuses to start.
    """
    provided: dict[str, Provide] = {
        key: Provide(_always(value), sync_to_thread=False) for key, value in dependencies.items()
    }
    provided["principal"] = Provide(_principal, sync_to_thread=False)
    return Litestar(
        route_handlers=[*routes, _livez, _readyz(ready)],
        dependencies=provided,
        guards=[_authenticate(api_keys)],
        middleware=[traced],
        exception_handlers=exception_handlers(),
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=_openapi(name),
        on_app_init=[_check_scopes],
        logging_config=None,
    )


def _openapi(name: str) -> OpenAPIConfig:
    scheme = SecurityScheme(type="http", scheme="bearer", description="An API key")
    return OpenAPIConfig(
        title=f"Baton {name}",
        version="1",
        openapi_router=Router(path="/schema", route_handlers=[], opt={"public": True}),
        components=Components(security_schemes={"api_key": scheme}),
        security=[{"api_key": []}],
    )


def _always(value: Any) -> Callable[[], Any]:
    def provide() -> Any:
        return value

    return provide


def _principal(request: Request[Principal, Any, Any]) -> Principal:
    return request.user


def _authenticate(api_keys: ApiKeys) -> Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], None]:
    def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if handler.opt.get("public"):
            return
        scheme, _, key = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise NotAuthenticated("send the API key as Authorization: Bearer <key>")
        if not api_keys.caught_up.is_set():
            raise Unavailable("API keys are still being read")
        principal = api_keys.authenticate(key.strip())
        principal.require(handler.opt["scope"])
        connection.scope["user"] = principal

    return guard


def _check_scopes(config: AppConfig) -> AppConfig:
    """Fail at start rather than serve a handler that forgot to say who may call it."""
    for handler in config.route_handlers:
        for leaf in getattr(handler, "route_handlers", [handler]):
            opt = getattr(leaf, "opt", None)
            if opt is not None and "scope" not in opt and not opt.get("public"):
                raise RuntimeError(f"{leaf} declares neither a scope nor that it is public")
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
