"""Settings and secrets in the Kubernetes manifests, held against what the services' code reads."""

import re
from importlib import import_module
from pathlib import Path

import msgspec
import pytest
from tests.support.manifests import (
    SERVICES,
    containers,
    every_service,
    of_kind,
    own_variables,
    pods,
    settings_of,
    shared_settings,
)

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


def test_no_secret_is_in_the_manifests_and_each_is_mounted_as_files() -> None:
    assert not of_kind("Secret")
    for name, container in containers():
        for variable in container.get("env", []):
            if variable["name"].endswith("_FILE"):
                assert variable["value"].startswith("/var/run/secrets/baton/"), name
    names = {
        volume["secret"]["secretName"] for pod in pods().values() for volume in pod["volumes"] if "secret" in volume
    }
    assert names == {f"baton-{name}" for name in (*SERVICES, "migrate")}, "one per workload: least privilege"


def test_the_configuration_is_generated_so_that_a_change_rolls_the_pods() -> None:
    (name,) = of_kind("ConfigMap")
    assert re.fullmatch(r"baton-settings-[a-z0-9]{10}", name)
    for workload, container in containers():
        assert container["envFrom"] == [{"configMapRef": {"name": name}}], workload


@every_service
def test_every_setting_that_a_service_requires_is_given_and_none_is_misspelt(service: str) -> None:
    settings = import_module(f"{service.replace('-', '_')}.settings").Settings
    fields = {field.name: field.required for field in msgspec.structs.fields(settings)}
    own = {name.removesuffix("_FILE").removeprefix("BATON_").lower() for name in own_variables(service)}
    shared = {name.removeprefix("BATON_").lower() for name in shared_settings()}
    assert own <= set(fields), "a setting that the service does not have"
    assert {name for name, required in fields.items() if required} <= own | shared


def test_the_gateway_is_told_where_the_image_has_the_api_document() -> None:
    told = settings_of("gateway")["BATON_API_DOCUMENT"]
    image = (ROOT / "infra" / "docker" / "service.Dockerfile").read_text()
    assert f"COPY docs/openapi.json {told}\n" in image
    assert "!docs/openapi.json\n" in (ROOT / "infra" / "docker" / "service.Dockerfile.dockerignore").read_text()


def test_every_shared_setting_is_known_to_some_service() -> None:
    known = {
        field.name
        for service in SERVICES
        for field in msgspec.structs.fields(import_module(f"{service.replace('-', '_')}.settings").Settings)
    }
    assert {name.removeprefix("BATON_").lower() for name in shared_settings()} <= known


def test_the_migration_is_given_what_every_service_requires() -> None:
    given = {name.removesuffix("_FILE").removeprefix("BATON_").lower() for name in own_variables("migrate")}
    for service in SERVICES:
        settings = import_module(f"{service.replace('-', '_')}.settings").Settings
        assert {field.name for field in msgspec.structs.fields(settings) if field.required} <= given, service


def test_only_the_gateway_is_given_the_master_key_and_only_the_ledger_the_signing_key() -> None:
    # The migration asks for both (it loads every service's settings) and may be given others.
    assert {name for name in SERVICES if "BATON_MASTER_KEY_FILE" in own_variables(name)} == {"gateway"}
    assert {name for name in SERVICES if "BATON_SIGNING_KEY_FILE" in own_variables(name)} == {"ledger"}


def test_only_config_can_sign_access_tokens_and_all_others_verify_them() -> None:
    assert {name for name in SERVICES if "BATON_LOGIN_SIGNING_KEY_FILE" in own_variables(name)} == {"config"}
    verifying = {name for name in SERVICES if "BATON_LOGIN_PUBLIC_KEYS_FILE" in own_variables(name)}
    assert verifying == set(SERVICES) - {"runtime"}


def test_only_config_is_given_the_keys_of_customers_secrets_and_nothing_may_reach_loopback() -> None:
    assert {name for name in SERVICES if "BATON_SECRET_KEYS_FILE" in own_variables(name)} == {"config"}
    for given in (*(own_variables(name) for name in SERVICES), shared_settings()):
        assert not [variable for variable in given if variable.startswith("BATON_DEVELOPMENT_")]
