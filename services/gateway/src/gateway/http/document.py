"""/api/openapi.json where no composition root merges it: the image carries the document of all services as a file."""

from litestar import Response, get
from litestar.di import NamedDependency

from chassis.errors import NotFound

ApiDocument = NamedDependency[bytes]
"""The document's bytes; empty where this process was given none."""


@get("/api/openapi.json", opt={"public": True}, include_in_schema=False, sync_to_thread=False)
def get_document(api_document: ApiDocument) -> Response[bytes]:
    """The whole API as OpenAPI 3.1."""
    if not api_document:
        raise NotFound("this gateway was not given the document")
    return Response(api_document, media_type="application/json")


ROUTES = [get_document]
