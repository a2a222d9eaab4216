#!/bin/sh
# Put the uv of the given version at .uv/bin/uv: from the machine if it has it, else from PyPI, with venv or with pip.
set -eu
python=$1
version=$2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "Baton needs Python 3.11 or newer: '$python' is not. Give one with: make PYTHON=/path/to/python3" >&2
    exit 1
}
mkdir -p .uv/bin
if found=$(command -v uv) && [ "$("$found" --version | cut -d' ' -f2)" = "$version" ]; then
    ln -sf "$found" .uv/bin/uv
elif "$python" -m venv .uv >/dev/null 2>&1 && .uv/bin/python -m pip install --quiet "uv==$version"; then
    :
elif "$python" -m pip --version >/dev/null 2>&1 &&
    "$python" -m pip install --quiet --target .uv/lib "uv==$version"; then
    ln -sf ../lib/bin/uv .uv/bin/uv
else
    rm -rf .uv
    echo "Baton needs Python's venv or pip to install its tools: on Debian, apt-get install python3-venv" >&2
    exit 1
fi
