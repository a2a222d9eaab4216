"""Who may reach whom in the Kubernetes manifests, and how the one public origin is shared out."""

import re
from importlib import import_module

import pytest
from tests.support.manifests import WITH_HTTP, every_service, of_kind, pods, settings_of

from baton.edge import service_of

pytestmark = pytest.mark.unit


def test_nothing_comes_in_or_goes_out_but_what_a_policy_names() -> None:
    default = of_kind("NetworkPolicy")["nothing-else"]["spec"]
    assert default == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@every_service
def test_each_service_may_reach_what_its_settings_name_and_nothing_more(service: str) -> None:
    settings = import_module(f"{service.replace('-', '_')}.settings").Settings
    fields = set(settings.__struct_fields__)
    edges = {"to-nats": "nats_url", "to-postgres": "postgres_dsn", "to-livekit-api": "livekit_url"}
    for policy, setting in edges.items():
        assert (service in selected(policy)) == (setting in fields), policy
    assert (service in selected("from-edge")) == (service in WITH_HTTP)


def test_only_the_runtime_and_config_reach_the_internet_and_never_a_private_range() -> None:
    assert selected("to-providers") == selected("to-livekit-media") == {"runtime"}
    assert selected("to-customers-tools") == {"config"}
    for policy in ("to-providers", "to-customers-tools"):
        (rule,) = of_kind("NetworkPolicy")[policy]["spec"]["egress"]
        assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"} <= set(rule["to"][0]["ipBlock"]["except"])
        assert [port["port"] for port in rule["ports"]] == [443]


def test_every_way_out_has_peers_and_ports_and_none_leads_to_the_clouds_metadata() -> None:
    for name, policy in of_kind("NetworkPolicy").items():
        for rule in policy["spec"].get("egress", []):
            assert rule["to"], name
            assert rule["ports"], name
            for peer in rule["to"]:
                if "ipBlock" in peer:
                    assert "169.254.0.0/16" in peer["ipBlock"]["except"], name
                else:
                    assert peer["namespaceSelector"]["matchLabels"], name
                    assert peer["podSelector"]["matchLabels"], name
        for rule in policy["spec"].get("ingress", []):
            assert rule["from"], name
            assert rule["ports"], name


def test_names_are_resolved_by_the_clusters_own_dns_alone() -> None:
    (rule,) = of_kind("NetworkPolicy")["dns"]["spec"]["egress"]
    assert {(port["port"], port["protocol"]) for port in rule["ports"]} == {(53, "UDP"), (53, "TCP")}
    assert rule["to"][0]["podSelector"]["matchLabels"] == {"k8s-app": "kube-dns"}


PATHS = [
    "/api/session/start",
    "/api/session/ses_1/status",
    "/webhooks/livekit",
    "/api/webhooks",
    "/api/webhooks/whk_1/deliveries",
    "/api/webhooksx",
    "/api/agents",
    "/api/agents/agd_1",
    "/api/templates/tpl_1/publish",
    "/api/keys",
    "/api/sessions",
    "/api/sessions/ses_1",
    "/api/sessions/ses_1/live",
    "/api/sessions/ses_1/log",
    "/api/sessions/ses_1/logs",
    "/api/sessions/",
    "/api/sessions/ses_1/timeline",
    "/api/sessions/ses_1/panels",
    "/api/sessions/ses_1/panels/coding_ide/commands",
    "/api/sessions/ses_1/panelsx",
    "/api/sessions/panels",
    "/api/ledger/keys",
    "/api/sessionsx",
    "/api/agentsx",
    "/api/audit",
    "/api/openapi.json",
    "/api/unknown",
    "/",
]


@pytest.mark.parametrize("path", PATHS)
def test_the_route_sends_each_path_where_baton_up_sends_it(path: str) -> None:
    assert routed(path) == service_of(path)


def test_only_the_gateway_reaches_customers_webhooks_and_never_a_private_range() -> None:
    assert selected("to-customers-webhooks") == {"gateway"}
    (rule,) = of_kind("NetworkPolicy")["to-customers-webhooks"]["spec"]["egress"]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"} <= set(rule["to"][0]["ipBlock"]["except"])
    assert [port["port"] for port in rule["ports"]] == [443]


def test_no_router_cuts_a_live_stream_short() -> None:
    rules = of_kind("HTTPRoute")["baton"]["spec"]["rules"]
    (rule,) = [one for one in rules if any(match["path"]["value"].endswith("/live") for match in one["matches"])]
    assert rule["timeouts"] == {"request": "0s", "backendRequest": "0s"}


def test_the_probes_and_the_schema_of_a_service_are_not_public() -> None:
    assert routed("/livez") is None
    assert routed("/readyz") is None


def test_the_operators_own_api_is_reached_from_their_namespaces_alone_and_by_no_public_route() -> None:
    assert selected("from-operators") == {"config"}
    (rule,) = of_kind("NetworkPolicy")["from-operators"]["spec"]["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"baton/operators": "true"}}}]
    assert [port["port"] for port in rule["ports"]] == ["admin"]
    (public,) = of_kind("NetworkPolicy")["from-edge"]["spec"]["ingress"]
    assert [port["port"] for port in public["ports"]] == ["http"]
    (port,) = of_kind("Service")["config-admin"]["spec"]["ports"]
    assert port["targetPort"] == "admin"
    (container,) = pods()["config"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert str(ports["admin"]) == settings_of("config")["BATON_ADMIN_PORT"] != settings_of("config")["BATON_PORT"]
    backends = {
        (backend["name"], backend["port"])
        for rule in of_kind("HTTPRoute")["baton"]["spec"]["rules"]
        for backend in rule["backendRefs"]
    }
    assert {name for name, _ in backends} == set(WITH_HTTP)
    for path in ("/admin", "/admin/customers", "/admin/customers/acme/suspend", "/api/admin/customers"):
        assert routed(path) is None
        assert service_of(path) is None


def selected(policy: str) -> set[str]:
    """The workloads that a policy is for."""
    selector = of_kind("NetworkPolicy")[policy]["spec"]["podSelector"]
    if "matchLabels" in selector:
        return {selector["matchLabels"]["app.kubernetes.io/name"]}
    (expression,) = selector["matchExpressions"]
    assert (expression["key"], expression["operator"]) == ("app.kubernetes.io/name", "In")
    return set(expression["values"])


def routed(path: str) -> str | None:
    """The backend that the HTTPRoute chooses: the exact path, an expression, then the longest prefix."""
    best: tuple[int, int, str] | None = None
    for rule in of_kind("HTTPRoute")["baton"]["spec"]["rules"]:
        for match in rule["matches"]:
            value = match["path"]["value"]
            if match["path"]["type"] == "Exact":
                found = (2, len(value)) if path == value else None
            elif match["path"]["type"] == "RegularExpression":
                found = (1, len(value)) if re.fullmatch(value, path) else None
            else:
                found = (0, len(value)) if path == value or path.startswith(f"{value}/") else None
            if found is not None and (best is None or found > best[:2]):
                best = (*found, rule["backendRefs"][0]["name"])
    return None if best is None else best[2]
