#!/usr/bin/env bash
# Known vulnerabilities of the pins: found ones fail; where no database can be asked it says so.
#
# PIP_AUDIT names a pip-audit that is there already; otherwise one is installed for the moment.
# infra/audit-exceptions.txt lists those that do not concern us: an id and the reason, one a line.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
audit=${PIP_AUDIT:-$work/venv/bin/pip-audit}
if [[ -z ${PIP_AUDIT:-} ]] &&
  ! { python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet pip-audit; } 2>"$work/log"; then
  echo "NOT AUDITED: pip-audit could not be installed"
  exit 0
fi
ignored=()
while read -r id _; do
  [[ -z $id || $id == \#* ]] || ignored+=(--ignore-vuln "$id")
done <infra/audit-exceptions.txt
if timeout 120 "$audit" --disable-pip --no-deps --requirement constraints.txt \
  "${ignored[@]}" --format json --output "$work/found.json" 2>"$work/log"; then
  echo "audited: no known vulnerability in the pins"
elif [[ -s $work/found.json ]]; then
  cat "$work/log"
  python3 - "$work/found.json" <<'PYTHON'
import json, sys
for each in json.load(open(sys.argv[1]))["dependencies"]:
    for found in each.get("vulns", ()):
        print(each["name"], each["version"], found["id"], "mended in", found["fix_versions"] or "none")
PYTHON
  exit 1
else
  echo "NOT AUDITED: no database of vulnerabilities could be asked"
  tail -n 1 "$work/log"
fi
