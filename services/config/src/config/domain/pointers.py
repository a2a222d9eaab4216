"""JSON Pointers (RFC 6901) to a mistake in what a customer wrote."""

from collections.abc import Iterable, Iterator

import msgspec

from chassis.errors import FieldError


def pointer(*parts: object) -> str:
    """The pointer to a place, its parts escaped."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def below(where: str, errors: Iterable[FieldError]) -> Iterator[FieldError]:
    """The same mistakes, seen from further up."""
    for error in errors:
        yield msgspec.structs.replace(error, pointer=where + error.pointer)


def outside(where: str, value: float, low: float, high: float, *, unit: str = "") -> Iterator[FieldError]:
    """The mistake of a number that is not within its bounds, both of which are allowed."""
    if not low <= value <= high:
        yield FieldError(where, "out_of_range", f"{where.rpartition('/')[2]} is {low:g} to {high:g}{unit}")


def too_many(where: str, count: int, limit: int) -> Iterator[FieldError]:
    """The mistake of a list that is too long."""
    if count > limit:
        yield FieldError(where, "too_many", f"at most {limit} {where.rpartition('/')[2]}, not {count}")


def repeated(where: str, values: list[str]) -> Iterator[FieldError]:
    """The mistake of a value that stands twice in a list."""
    for place, value in enumerate(values):
        if value in values[:place]:
            yield FieldError(f"{where}/{place}", "repeated", f"{value} is listed twice")
