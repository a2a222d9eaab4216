"""Money is an integer of nano-units (10^-9) and an ISO 4217 currency; never a float.

Rounding happens once per line, half-even.
"""

from decimal import ROUND_HALF_EVEN, Decimal

NANO = 1_000_000_000


def line_amount_nano(quantity: int, price_nano: Decimal) -> int:
    """Amount of one line: `quantity` units at `price_nano` nano-units each, rounded half-even to an integer."""
    return int((Decimal(quantity) * price_nano).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def format_amount(amount_nano: int, currency: str, *, places: int = 6) -> str:
    """For people: ``0.001234 USD``."""
    return f"{Decimal(amount_nano) / NANO:.{places}f} {currency}"
