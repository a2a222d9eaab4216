"""Renders the Kubernetes manifests and checks them against the API's schemas, without a cluster: `make check`.

Needs no kubectl: kustomize is built once, from its Go module, where the machine has neither. What the schemas cannot
say (house rules) is in tests/architecture/test_k8s_policies.py, over the same rendering. Never applies anything.
"""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from chassis.embedded.go_build import BuildFailed, GoProgram, find_or_build

FOLDER = Path(__file__).parent
RENDERED = ("base", "overlays/example")
SCHEMAS = FOLDER / "schemas"
"""Of custom resources, which Kubernetes itself does not know."""
DOCKERFILE = FOLDER.parent / "docker" / "service.Dockerfile"

VERSIONS = ("1.33", "1.37")
"""The oldest and the newest Kubernetes that we promise to work with."""

KUSTOMIZE = GoProgram(
    title="kustomize",
    file="kustomize",
    package="sigs.k8s.io/kustomize/kustomize/v5",
    built_as="kustomize",
    version="5.8.1",
    oldest_go=(1, 24),
    lasts="about half a minute",
)

_RENDER_S = 60

Manifest = dict[str, Any]


class CheckFailed(Exception):
    """What is wrong with the manifests, one finding a line."""


def render(name: str) -> list[Manifest]:
    """The objects of `base` or of an overlay, by its folder below infra/k8s. Raises CheckFailed or BuildFailed."""
    done = subprocess.run(
        [*_kustomize(), str(FOLDER / name)], capture_output=True, text=True, timeout=_RENDER_S, check=False
    )
    if done.returncode != 0:
        raise CheckFailed(f"{name}: {done.stderr.strip()}")
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


def faults(manifests: Sequence[Manifest], version: str) -> tuple[list[str], list[str]]:
    """Findings against the strict schemas of one Kubernetes version; and the objects that those schemas do not know."""
    found: list[str] = []
    unknown: list[str] = []
    for manifest in manifests:
        name = f"{manifest['kind']}/{manifest['metadata']['name']}"
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            where = ".".join(str(part) for part in error.path)
            found.append(f"{name} ({version}): {where}: {error.message}")
        except kubernetes_validate.SchemaNotFoundError:
            own = SCHEMAS / f"{manifest['kind'].lower()}-{manifest['apiVersion'].rpartition('/')[2]}.json"
            if own.exists():
                errors = jsonschema.Draft202012Validator(json.loads(own.read_bytes())).iter_errors(manifest)
                found += [f"{name}: {error.json_path}: {error.message}" for error in errors]
            else:
                unknown.append(name)
    return found, unknown


def lint_dockerfile(dockerfile: Path = DOCKERFILE) -> list[str]:
    """Findings of hadolint, one a line."""
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        raise CheckFailed("no hadolint: run make setup")
    done = subprocess.run([hadolint, dockerfile], capture_output=True, text=True, timeout=_RENDER_S, check=False)
    return done.stdout.splitlines() + done.stderr.splitlines() if done.returncode else []


def _kustomize() -> list[str]:
    """The machine's own, else that of kubectl, else the one in the user's cache, which is built if need be."""
    if (own := shutil.which("kustomize")) is not None:
        return [own, "build"]
    if not KUSTOMIZE.built.exists() and (kubectl := shutil.which("kubectl")) is not None:
        return [kubectl, "kustomize"]
    return [str(asyncio.run(find_or_build(KUSTOMIZE, _tell))), "build"]


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main() -> int:
    """Check everything; prints findings, or one line a rendering. Returns the exit status."""
    findings = lint_dockerfile()
    for name in RENDERED:
        manifests = render(name)
        unknown: list[str] = []
        for version in VERSIONS:
            found, unknown = faults(manifests, version)
            findings += [f"{name}: {finding}" for finding in found]
        warned = f"; without a schema, not checked: {', '.join(unknown)}" if unknown else ""
        sys.stdout.write(f"{name}: {len(manifests)} objects, Kubernetes {' and '.join(VERSIONS)}{warned}\n")
    sys.stdout.writelines(f"{finding}\n" for finding in findings)
    return 1 if findings else 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except (CheckFailed, BuildFailed) as failed:
        sys.stderr.write(f"{failed}\n")
        raise SystemExit(1) from failed
