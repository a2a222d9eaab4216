"""Shows the rows as a table, and writes them: results.json holds the rows alone, rounds.json what lies under them."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.figures import Figure

OUT = Path(__file__).parent / "out"


def write(figures: Sequence[Figure], folder: Path) -> Path:
    """Both files, anew; returns the path of results.json."""
    folder.mkdir(parents=True, exist_ok=True)
    results = folder / "results.json"
    _write(results, [one.row for one in figures])
    _write(folder / "rounds.json", [one.rounds for one in figures])
    return results


def show(figures: Sequence[Figure], console: Console) -> None:
    """The table, and a line for each note."""
    table = Table(title="Ours against the baseline, same run, same machine")
    table.add_column("")
    table.add_column("what", min_width=40)
    for name in ("ours", "baseline", "unit", "ratio", "goal", "holds"):
        table.add_column(name, justify="right")
    for one in figures:
        row = one.row
        figures_of = (f"{row.ours:,.1f}", f"{row.baseline:,.1f}", row.unit, f"{row.ratio:.2f}", row.goal)
        table.add_row(row.id, row.what, *figures_of, "yes" if row.holds else "[bold red]no[/]")
    console.print(table)
    for one in figures:
        if one.rounds.note:
            console.print(f"{one.row.id}: {one.rounds.note}")


def _write(path: Path, content: object) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
