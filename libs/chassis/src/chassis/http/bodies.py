"""JSON bodies, read as what they are: the framework reads them as it reads a query, where `0` means false."""

import re
from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import ValidationException

_WHERE = re.compile(r"(.*) - at `\$\.?(.*)`\Z", re.DOTALL)
_MOST_WHOLE = 2.0**63


def _number(text: str) -> int | float:
    """`1.0` is a whole number in JSON Schema, and so it is here."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < _MOST_WHOLE else value


_decode = msgspec.json.Decoder(float_hook=_number).decode


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON body becomes what its handler takes, or is refused with the place."""

    async def json(self) -> Any:
        """The handler's type, or plain values where it declares none. Raises ValidationException."""
        taken = self.route_handler.parsed_data_field
        try:
            found = _decode(await self.body())
            return found if taken is None else msgspec.convert(found, taken.annotation, str_keys=True)
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            placed = _WHERE.match(str(error))
            message, key = (placed[1], placed[2]) if placed else (str(error), "")
            detail = f"Validation failed for {self.method} {self.url.path}"
            raise ValidationException(detail=detail, extra=[{"message": message, "key": key}]) from error
