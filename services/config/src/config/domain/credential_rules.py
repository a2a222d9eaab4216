"""What a provider's key and its address must be, before anybody is asked about them."""

import re
from collections.abc import Iterator

from chassis.errors import FieldError
from chassis.guarded_addresses import Permission, UrlRefused, check_url
from contracts.providers import ProviderName

MIN_KEY, MAX_KEY = 8, 512
_KEY = re.compile(r"[\x21-\x7e]+")
_ENDS: dict[ProviderName, str] = {"deepgram": "/listen"}
"""What a base URL must end in, since it is the address of one operation."""


def credential_errors(
    provider: ProviderName, key: str, base_url: str, *, allow: Permission | None
) -> Iterator[FieldError]:
    """Every mistake; `allow` is the permission of development, None in production."""
    if not MIN_KEY <= len(key) <= MAX_KEY or not _KEY.fullmatch(key):
        yield FieldError("/key", "not_a_key", f"a key has {MIN_KEY} to {MAX_KEY} printable characters, no space")
    if base_url:
        yield from _url_errors(provider, base_url, allow)


def _url_errors(provider: ProviderName, base_url: str, allow: Permission | None) -> Iterator[FieldError]:
    try:
        check_url(base_url, allow=allow)
    except UrlRefused as refused:
        yield FieldError("/base_url", "url_refused", str(refused))
        return
    if "?" in base_url or "#" in base_url:
        yield FieldError("/base_url", "url_refused", "a base URL has neither query nor fragment")
    end = _ENDS.get(provider, "")
    if not base_url.endswith(end) or base_url.endswith("/"):
        detail = f"a base URL of {provider} ends in {end}" if end else "a base URL has no slash at its end"
        yield FieldError("/base_url", "url_refused", detail)


def hint_of(key: str) -> str:
    """The end of a key, by which its owner knows it."""
    return f"…{key[-4:]}"
