"""The demo's printed report: timeline, latency, cost, proofs."""

from typing import Any

from rich.console import Console
from rich.table import Table

from baton.demo.evidence import Evidence

_STAGES = ("stt", "eou", "llm_ttft", "tts_ttfb", "e2e")


def show(evidence: Evidence, console: Console) -> None:
    """Print everything that the call left behind."""
    console.print(_timeline(evidence.timeline))
    console.print(_latency(evidence.timeline))
    console.print(_cost(evidence.cost))
    console.print(_heads(evidence.heads))
    console.print(_checks(evidence))


def _timeline(items: list[dict[str, Any]]) -> Table:
    table = Table(title="Timeline", title_justify="left", show_lines=False)
    for column in ("time", "who", "what"):
        table.add_column(column, overflow="fold")
    for item in items:
        table.add_row(item["time"][11:23], *described(item))
    return table


def described(item: dict[str, Any]) -> tuple[str, str]:
    """(who, what) of one timeline item."""
    details, personal = item["details"], item["personal"]
    match item["kind"]:
        case "user":
            return "participant", f"“{_words(personal)}”"
        case "agent":
            cut = " [interrupted]" if details.get("interrupted") else ""
            return item["agent"], f"“{_words(personal)}”{cut}"
        case "handoff":
            ms = f" in {details['ms']} ms" if "ms" in details else ""
            return item["agent"], f"hands off to {details['to_agent']}{ms} ({item['type'].split('.')[1]})"
        case "tool":
            return item["agent"], f"calls {details['name']} → {details['outcome']} in {details.get('ms', 0)} ms"
        case "panel":
            rev = f" r{details['rev']}" if "rev" in details else ""
            what = details.get("event") or details.get("action") or ""
            return details.get("origin") or details.get("by") or "", f"{item['type']} {item['ref']}{rev} {what}"
        case _:
            known = ("agent", "epoch", "reason", "identity", "cause", "limit")
            said = ", ".join(f"{name}={details[name]}" for name in known if details.get(name))
            return "", f"{item['type']} {said}"


def _words(personal: Any) -> str:
    return personal["text"] if isinstance(personal, dict) else str(personal)


def _latency(items: list[dict[str, Any]]) -> Table:
    table = Table(title="Latency per reply, in milliseconds", title_justify="left")
    table.add_column("agent")
    for stage in _STAGES:
        table.add_column(stage, justify="right")
    for item in items:
        latency = item["details"].get("latency") if item["kind"] == "agent" else None
        if latency:
            table.add_row(item["agent"], *(str(latency[stage]) if stage in latency else "–" for stage in _STAGES))
    return table


def _cost(cost: dict[str, Any]) -> Table:
    table = Table(title=f"Cost, by price book {cost['price_book']}", title_justify="left")
    table.add_column("agent")
    table.add_column(cost["currency"], justify="right")
    shown = ["amount_nano"]
    if cost["customer_paid_nano"]:
        table.add_column("paid to providers with own keys", justify="right")
        shown.append("customer_paid_nano")
    for share in cost["agents"]:
        table.add_row(share["name"] or "(no agent)", *(_amount(share[name]) for name in shown))
    table.add_row("in all", *(_amount(cost[name]) for name in shown), style="bold")
    return table


def _amount(amount_nano: int) -> str:
    return f"{amount_nano / 1e9:.6f}"


def _heads(heads: dict[str, str]) -> Table:
    table = Table(title="Verified chain heads", title_justify="left")
    table.add_column("stream", overflow="fold")
    table.add_column("head", overflow="fold")
    for subject, head in heads.items():
        table.add_row(subject, head)
    return table


def _checks(evidence: Evidence) -> Table:
    table = Table(title=f"Session {evidence.session}", title_justify="left")
    table.add_column("")
    table.add_column("what must hold")
    table.add_column("seen", overflow="fold")
    for check in evidence.checks:
        table.add_row("✓" if check.holds else "✗", check.name, check.detail, style="" if check.holds else "red")
    for projection, equal in evidence.projections.items():
        table.add_row("✓" if equal else "✗", f"{projection} equals its rebuild", "", style="" if equal else "red")
    return table
