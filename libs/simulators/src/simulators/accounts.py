"""Which keys the vendors take, and which of their models are down, as the scenario says. It must never keep a key."""

import re

from aiohttp import web

from simulators.scenario import Scenario, Vendor

_HINT = 4


def key_of(request: web.Request) -> str:
    """The key that came with a request, in any of the ways in which vendors take one; empty where none did."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    given = key.strip() if scheme in {"Bearer", "Token"} else ""
    return request.headers.get("X-API-Key", "") or given


def hint_of(request: web.Request) -> str:
    """The end of the key, by which a test tells one from another."""
    return key_of(request)[-_HINT:]


class Accounts:
    """Of one scenario. Without a word in it every key is good, and every model up."""

    def __init__(self, scenario: Scenario) -> None:
        self._keys, self._outages = scenario.keys, scenario.outages

    def good(self, vendor: Vendor, request: web.Request) -> bool:
        """Whether the request came with a key that the vendor knows."""
        key, known = key_of(request), self._keys.get(vendor)
        return bool(key) and (known is None or key in known)

    def down(self, vendor: Vendor, model: str) -> int | None:
        """The HTTP status that a model which is down answers with; None where it is up."""
        found = (each for each in self._outages if each.vendor == vendor and re.fullmatch(each.model, model))
        return next((each.status for each in found), None)
