"""JSON bodies, read as what they are: the framework reads them as it reads a query, where `0` means false."""

import re
from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import ValidationException

_WHERE = re.compile(r"(.*) - at `\$\.?(.*)`\Z", re.DOTALL)


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON body is decoded straight into what its handler takes, or refused with the place."""

    async def json(self) -> Any:
        """The handler's type, or plain values where it declares none. Raises ValidationException."""
        taken = self.route_handler.parsed_data_field
        if taken is None:
            return await super().json()
        try:
            return msgspec.json.decode(await self.body(), type=taken.annotation)
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
            found = _WHERE.match(str(error))
            message, key = (found[1], found[2]) if found else (str(error), "")
            detail = f"Validation failed for {self.method} {self.url.path}"
            raise ValidationException(detail=detail, extra=[{"message": message, "key": key}]) from error
