"""Credentials of a development deployment in its data folder: a file each, mode 0600, whole or not at all."""

from pathlib import Path

from chassis.operators import new_operator_token

OPERATOR = "op_local"
_OPERATOR_FILE = "operator-token"


def write_secret(file: Path, secret: str) -> None:
    """Keep a secret for the next start."""
    draft = file.with_name(file.name + ".draft")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(secret)
    draft.replace(file)


def operator_token(folder: Path) -> str:
    """The token of the deployment's operator, made at the first start."""
    file = folder / _OPERATOR_FILE
    if not file.exists():
        write_secret(file, new_operator_token(OPERATOR))
    return file.read_text()
