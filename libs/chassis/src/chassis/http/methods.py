"""Answers to OPTIONS: which methods a path has. The framework's own names those of the path's first handler only."""

from collections import defaultdict
from collections.abc import Sequence

from litestar import Response, route
from litestar.enums import HttpMethod
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.types import ControllerRouterHandler


def telling_methods(routes: Sequence[ControllerRouterHandler]) -> list[HTTPRouteHandler]:
    """Answers to OPTIONS, one for each path."""
    methods: dict[str, set[str]] = defaultdict(set)
    for handler in routes:
        if isinstance(handler, HTTPRouteHandler):
            for path in handler.paths:
                methods[path] |= handler.http_methods
    return [_telling(path, ", ".join(sorted({*known, "OPTIONS"}))) for path, known in methods.items()]


def _telling(path: str, allow: str) -> HTTPRouteHandler:
    @route(path, http_method=HttpMethod.OPTIONS, opt={"public": True}, include_in_schema=False, sync_to_thread=False)
    def tell() -> Response[None]:
        """What may be asked here."""
        return Response(None, status_code=204, headers={"Allow": allow})

    return tell


def tells_methods(handler: BaseRouteHandler) -> bool:
    """Whether it is the framework's own answer to OPTIONS, which says nothing but what may be asked."""
    return isinstance(handler, HTTPRouteHandler) and handler.http_methods == {"OPTIONS"}
