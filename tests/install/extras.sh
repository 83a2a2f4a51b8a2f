#!/usr/bin/env bash
# make extras: does each optional extra of the wheel install alone, and all of them together? pip resolves each for a
# fresh environment, and no torchvision may be among what it would bring. The light ones are installed, each into an
# environment of its own that has the bare wheel, and what they are for is imported.
# --heavy (make test-slow): so are those of gigabytes, and all together. TORCH: which torch is meant (torch==2.13.0).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV
. "$here/wheel.sh"
python=${PYTHON:-python3}

work=$(mktemp -d -t hoigen-extras.XXXXXX)
trap 'rm -rf "$work"' EXIT
echo "${TORCH:-torch==2.13.0}" >"$work/constraints.txt"
"$python" -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade pip # the newer, the quicker
build_wheel "$work/env/bin/python" "$repo" "$work"
cd "$work"
"$work/env/bin/python" "$here/extras.py" "$work" "$@"
