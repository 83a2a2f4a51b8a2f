#!/usr/bin/env bash
# make smoke: does the package itself work on the newest Python at hand? Builds the wheel from a clean copy of the
# checkout, installs it without torch and extras in a fresh environment outside of it, and runs doctor and demo there.
# SMOKE_PYTHON names the interpreter; else it is the newest of 3.14, 3.13 and 3.12 on PATH or in pyenv's versions.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV
. "$here/wheel.sh"

works() { # a Python that starts (pyenv's shims may not) and can make environments
    "$1" -c 'import ensurepip, ssl, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

newest() {
    local version candidate
    for version in 3.14 3.13 3.12; do
        while read -r candidate; do
            if works "$candidate"; then
                echo "$candidate"
                return
            fi
        done < <(
            type -ap "python$version"
            find "${PYENV_ROOT:-$HOME/.pyenv}/versions" -path "*/$version.*/bin/python" 2>/dev/null | sort -Vr
        )
    done
}

if [ -n "${SMOKE_PYTHON:-}" ]; then
    works "$SMOKE_PYTHON" || { echo "smoke: SMOKE_PYTHON=$SMOKE_PYTHON: no Python 3.11 or newer with venv" >&2; exit 1; }
    python=$SMOKE_PYTHON
else
    python=$(newest)
fi
if [ -z "$python" ]; then
    echo "smoke: SKIPPED: no working Python 3.14, 3.13 or 3.12 on PATH or in ${PYENV_ROOT:-$HOME/.pyenv}/versions"
    exit 0
fi

work=$(mktemp -d -t hoigen-smoke.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir "$work/here"

echo "smoke: $("$python" --version) ($python)"
"$python" -m venv "$work/env"
build_wheel "$work/env/bin/python" "$repo" "$work/wheel"
"$work/env/bin/python" -m pip --quiet --disable-pip-version-check install "$work"/wheel/*.whl

cd "$work/here"
"$work/env/bin/python" - "$work/env" <<'PYTHON'
import importlib.util, sys
import hoigen
assert hoigen.__file__.startswith(sys.argv[1]), f"{hoigen.__file__} is not the installed package"
there = [name for name in ("torch", "transformers", "openai") if importlib.util.find_spec(name)]
assert not there, f"{there} came with the default install"
PYTHON
"$work/env/bin/hoigen" doctor
"$work/env/bin/hoigen" demo --quiet
echo "smoke: fine on $("$python" --version), from $(basename "$work"/wheel/*.whl)"
