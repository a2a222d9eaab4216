"""What a publishable key may start: sessions from its origins, of its templates.

A browser says the origin of the page truly; another program can say what it likes. So the origin keeps a key from
being used by other sites, while templates, limits and rates bound what a stolen one costs.
"""

from typing import Annotated

from litestar.params import HeaderParameter

from chassis.errors import NotAllowed
from chassis.principal import Principal
from contracts.ids import TemplateId

Origin = Annotated[str | None, HeaderParameter(name="Origin", description="Set by browsers; publishable keys need it")]
"""A handler's argument `origin: Origin = None`."""


class OriginNotAllowed(NotAllowed):
    """The page is not of an origin that the key lists, or the request came from no page."""

    code, title = "origin_not_allowed", "This publishable key does not start sessions from this origin"


class TemplateNotAllowed(NotAllowed):
    """The key does not list the template."""

    code, title = "template_not_allowed", "This publishable key does not start sessions of this template"


def check_publishable(principal: Principal, *, origin: str | None, template: TemplateId) -> None:
    """Raises OriginNotAllowed or TemplateNotAllowed; a secret key or a member starts what its scopes allow."""
    if principal.kind != "publishable":
        return
    if origin is None or origin.lower() not in principal.origins:
        raise OriginNotAllowed
    if template not in principal.templates:
        raise TemplateNotAllowed
