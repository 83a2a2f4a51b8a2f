#!/bin/sh
# The packages of .venv against the public list of known holes (pip-audit). Where that list cannot be reached it says so
# and ends well: known_holes.csv is checked by the tests in any case.
set -u
VENV=${VENV:-.venv}
AUDIT=${AUDIT:-.venv-audit}
[ -x "$AUDIT/bin/pip-audit" ] || { "${PYTHON:-python3}" -m venv "$AUDIT" && "$AUDIT/bin/pip" install -q 'pip-audit>=2.7,<3'; } || {
    echo "audit: skipped, pip-audit cannot be had"; exit 0; }
timeout 300 "$AUDIT/bin/pip-audit" --path "$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
    --skip-editable > "$AUDIT/found" 2>&1
code=$?
cat "$AUDIT/found"
if [ $code -ne 0 ] && ! grep -q "known vulnerabilit" "$AUDIT/found"; then
    echo "audit: skipped, the list of known holes cannot be reached"; exit 0
fi
exit $code
