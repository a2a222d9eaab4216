"""The house rules of the workloads in the Kubernetes manifests: what a platform team checks first."""

import re
from importlib import import_module
from pathlib import Path

import msgspec
import pytest
from infra.k8s.check import CheckFailed, faults, lint_dockerfile, render
from tests.support.manifests import (
    SERVICES,
    WITH_HTTP,
    containers,
    deployment,
    every_service,
    of_kind,
    pods,
    rendered,
    settings_of,
)

from contracts.template_version import Limits

pytestmark = pytest.mark.unit


def test_there_are_the_five_services_and_a_migration() -> None:
    assert set(of_kind("Deployment")) == set(SERVICES)
    assert set(of_kind("Job")) == {"migrate"}
    assert set(of_kind("Service")) == {*WITH_HTTP, "config-admin"}, "nothing calls the runtime"


def test_the_base_and_the_example_satisfy_the_strict_schemas() -> None:
    for name in ("base", "overlays/example"):
        found, unknown = faults(rendered(name), "1.37")
        assert found == []
        assert unknown == [], "a custom resource brings its schema to infra/k8s/schemas"


def test_a_misspelt_field_is_a_finding() -> None:
    broken = msgspec.json.decode(msgspec.json.encode(of_kind("Deployment")["gateway"]))
    broken["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    found, _ = faults([broken], "1.37")
    assert len(found) == 1
    assert "livenesProbe" in found[0]


def test_a_misspelt_field_of_a_custom_resource_is_a_finding_and_an_unknown_kind_is_counted() -> None:
    broken = msgspec.json.decode(msgspec.json.encode(of_kind("HTTPRoute")["baton"]))
    broken["spec"]["rules"][0]["matches"][0]["path"]["tpye"] = "Exact"
    foreign = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    found, unknown = faults([broken, foreign], "1.37")
    assert len(found) == 1
    assert "tpye" in found[0]
    assert unknown == ["Widget/w"]


def test_an_overlay_that_does_not_exist_is_a_finding() -> None:
    with pytest.raises(CheckFailed, match="no-such-overlay"):
        render("overlays/no-such-overlay")


def test_everything_is_in_the_namespace_which_enforces_the_restricted_standard() -> None:
    labels = of_kind("Namespace")["baton"]["metadata"]["labels"]
    assert {labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "warn", "audit")} == {"restricted"}
    assert {it["metadata"]["namespace"] for it in rendered() if it["kind"] != "Namespace"} == {"baton"}


def test_pods_run_as_an_unprivileged_user_without_the_api_and_without_service_links() -> None:
    for name, pod in pods().items():
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] >= 10_000, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert security["fsGroupChangePolicy"] == "OnRootMismatch", name
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, "a Service named livekit would set LIVEKIT_PORT"
        assert not any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")), name


def test_containers_have_no_capability_and_no_writable_root() -> None:
    for name, container in containers():
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False, name
        assert security["readOnlyRootFilesystem"] is True, name
        assert security["capabilities"] == {"drop": ["ALL"]}, name


def test_volumes_are_secrets_or_sized_empty_folders() -> None:
    for name, pod in pods().items():
        for volume in pod["volumes"]:
            assert "secret" in volume or volume["emptyDir"]["sizeLimit"], f"{name}: {volume}"
            assert "hostPath" not in volume


def test_each_workload_has_an_account_of_its_own_and_nobody_a_role() -> None:
    accounts = of_kind("ServiceAccount")
    assert {pod["serviceAccountName"] for pod in pods().values()} == set(accounts) == {*SERVICES, "migrate"}
    assert all(account["automountServiceAccountToken"] is False for account in accounts.values())
    assert not [it["kind"] for it in rendered() if it["kind"].endswith(("Role", "RoleBinding"))]


def test_containers_ask_for_what_they_need_and_are_bounded() -> None:
    for name, container in containers():
        for bound in ("requests", "limits"):
            assert set(container["resources"][bound]) == {"cpu", "memory"}, name
    runtime = deployment("runtime")["template"]["spec"]["containers"][0]["resources"]
    assert runtime["requests"] == runtime["limits"], "the worker reads its load from its quota"


@every_service
def test_liveness_tests_no_dependency_and_readiness_is_another_path(service: str) -> None:
    container = deployment(service)["template"]["spec"]["containers"][0]
    paths = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
    assert all(container[f"{kind}Probe"]["timeoutSeconds"] > 1 for kind in paths)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert str(ports["http"]) == settings_of(service)["BATON_PORT"]


@every_service
def test_replicas_are_spread_and_rollouts_and_drains_leave_enough(service: str) -> None:
    spec = deployment(service)
    assert spec["replicas"] >= 2
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    spread = {it["topologyKey"]: it for it in spec["template"]["spec"]["topologySpreadConstraints"]}
    assert set(spread) == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    assert {tuple(it["labelSelector"]["matchLabels"].values()) for it in spread.values()} == {(service,)}
    assert spread["topology.kubernetes.io/zone"]["whenUnsatisfiable"] == "ScheduleAnyway", "a drained zone blocks none"
    budget = of_kind("PodDisruptionBudget")[service]["spec"]
    assert budget["selector"] == spec["selector"]
    assert budget["maxUnavailable"] == ("25%" if service == "runtime" else 1)


@every_service
def test_selectors_select_their_own_pods(service: str) -> None:
    spec = deployment(service)
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == {"app.kubernetes.io/name": service}
    assert labels["app.kubernetes.io/name"] == service
    assert labels["app.kubernetes.io/part-of"] == "baton"
    if service in WITH_HTTP:
        assert of_kind("Service")[service]["spec"]["selector"] == spec["selector"]["matchLabels"]
        assert of_kind("Service")[service]["spec"]["ports"][0]["targetPort"] == "http"


@every_service
def test_a_pod_has_time_to_leave(service: str) -> None:
    pod = deployment(service)["template"]["spec"]
    least = {"config": 30, "gateway": 70, "runtime": 3600, "panel-bridge": 120, "ledger": 60}
    assert pod["terminationGracePeriodSeconds"] >= least[service]
    if service in WITH_HTTP:
        pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert 5 <= pause < pod["terminationGracePeriodSeconds"] - 10


def test_the_grace_of_the_runtime_covers_the_longest_session_and_its_end() -> None:
    worker = import_module("runtime.worker")
    environment = settings_of("runtime")
    drain_s = float(environment["BATON_DRAIN_S"])
    assert drain_s >= Limits().max_duration_s, "no call is cut short by a rollout"
    after_s = worker._ASK_S + worker._POLITE_S + 2 * worker._CLOSE_S + worker._REPORT_S
    margin_s = 120
    grace_s = deployment("runtime")["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace_s >= drain_s + after_s + margin_s


def test_autoscalers_are_told_to_leave_live_calls_alone() -> None:
    annotations = deployment("runtime")["template"]["metadata"]["annotations"]
    assert annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
    assert annotations["karpenter.sh/do-not-disrupt"] == "true"


def test_images_are_named_by_digest_in_an_installation_and_never_latest_in_the_base() -> None:
    for name, container in containers():
        assert re.fullmatch(r"[a-z0-9./-]+@sha256:[0-9a-f]{64}", container["image"]), name
        assert container["imagePullPolicy"] == "IfNotPresent", name
    images = set(re.findall(rb'"image":"([^"]+)"', msgspec.json.encode(rendered("base"))))
    assert len(images) == 1
    assert not any(image.endswith(b":latest") or b":" not in image for image in images)


def test_the_migration_gives_up_in_time_and_is_not_repeated_for_ever() -> None:
    spec = of_kind("Job")["migrate"]["spec"]
    assert 60 <= spec["activeDeadlineSeconds"] <= 3600
    assert spec["backoffLimit"] <= 6
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_the_dockerfile_has_no_finding(tmp_path: Path) -> None:
    assert lint_dockerfile() == []
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM debian:latest\nRUN cd /tmp && sudo apt-get install x\n")
    assert any("latest" in finding for finding in lint_dockerfile(bad))
