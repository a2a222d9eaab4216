"""Where a delivery's place is read from: both forms of acknowledgement subjects (ADR-15)."""

import pytest

from chassis.nats.cursor import parse_ack_subject

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "subject",
    [
        "$JS.ACK.SESSIONS.r1.1.42.7.1795601093123456789.0",
        "$JS.ACK._.ABCDEF.SESSIONS.r1.1.42.7.1795601093123456789.0",
        "$JS.ACK.hub.ABCDEF.SESSIONS.r1.1.42.7.1795601093123456789.0.Xyz",
    ],
)
def test_both_forms_give_sequence_delivery_and_time(subject: str) -> None:
    assert parse_ack_subject(subject) == (42, 7, 1795601093123456789)
