"""Settings come from the environment once, and a mistake names the variable, never its value."""

from pathlib import Path

import msgspec
import pytest

from chassis.settings import BadSettings, load

pytestmark = pytest.mark.unit


class Example(msgspec.Struct, frozen=True, kw_only=True):
    nats_url: str
    port: int = 0
    log_json: bool = False
    spill_dir: Path = Path("spill")


def test_variables_become_typed_fields_and_defaults_hold() -> None:
    found = load(Example, {"BATON_NATS_URL": "nats://x", "BATON_PORT": "8080", "BATON_LOG_JSON": "true"})
    assert found == Example(nats_url="nats://x", port=8080, log_json=True)


def test_a_path_is_a_path() -> None:
    assert load(Example, {"BATON_NATS_URL": "x", "BATON_SPILL_DIR": "/tmp/a"}).spill_dir == Path("/tmp/a")


def test_a_mounted_file_gives_the_value(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("nats://secret\n")
    assert load(Example, {"BATON_NATS_URL_FILE": str(secret)}).nats_url == "nats://secret"


def test_a_file_that_is_not_mounted_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"BATON_NATS_URL_FILE: .*/url cannot be read"):
        load(Example, {"BATON_NATS_URL_FILE": str(tmp_path / "url")})


def test_every_missing_variable_is_named() -> None:
    class Two(msgspec.Struct):
        first: str
        second: str

    with pytest.raises(BadSettings, match="BATON_FIRST, BATON_SECOND"):
        load(Two, {})


def test_a_wrong_value_names_the_variable_and_not_the_value() -> None:
    with pytest.raises(BadSettings) as caught:
        load(Example, {"BATON_NATS_URL": "x", "BATON_PORT": "hunter2"})
    assert "BATON_PORT" in str(caught.value)
    assert "hunter2" not in str(caught.value)
