"""The Kubernetes manifests as kustomize renders them, for the tests of their rules."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from infra.k8s.check import Manifest, render

SERVICES = ("config", "gateway", "runtime", "panel-bridge", "ledger")
WITH_HTTP = tuple(name for name in SERVICES if name != "runtime")

every_service = pytest.mark.parametrize("service", SERVICES)


@cache
def rendered(name: str = "overlays/example") -> list[Manifest]:
    return render(name)


def of_kind(kind: str) -> dict[str, Manifest]:
    return {manifest["metadata"]["name"]: manifest for manifest in rendered() if manifest["kind"] == kind}


def pods() -> dict[str, dict[str, Any]]:
    """The pod spec of every workload, by its name."""
    return {
        name: it["spec"]["template"]["spec"] for kind in ("Deployment", "Job") for name, it in of_kind(kind).items()
    }


def containers() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, pod in pods().items():
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            yield name, container


def deployment(service: str) -> dict[str, Any]:
    spec: dict[str, Any] = of_kind("Deployment")[service]["spec"]
    return spec


def own_variables(workload: str) -> set[str]:
    """BATON_* variables of the workload's own container."""
    found = {variable["name"] for variable in pods()[workload]["containers"][0]["env"]}
    return {name for name in found if name.startswith("BATON_")}


def shared_settings() -> dict[str, str]:
    (found,) = of_kind("ConfigMap").values()
    shared: dict[str, str] = found["data"]
    return shared


def settings_of(workload: str) -> dict[str, str]:
    own = {it["name"]: it["value"] for it in pods()[workload]["containers"][0]["env"] if "value" in it}
    return shared_settings() | own
