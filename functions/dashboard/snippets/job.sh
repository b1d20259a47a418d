#!/usr/bin/env bash
# Report the command that made a script fail. Needs curl. Set ERRATA_URL and ERRATA_KEY.
set -eEuo pipefail

report() {
  local status=$1 line=$2 command=$3
  # Escape quotes and backslashes for JSON.
  command=$(printf '%s' "$command" | sed 's/[\\"]/\\&/g' | tr '\n\t' '  ')
  curl --silent --output /dev/null --max-time 3 "$ERRATA_URL/api/ingest" \
    -H "X-Api-Key: $ERRATA_KEY" -H "Content-Type: application/json" \
    -d "{\"message\": \"exit $status: $command\", \"file\": \"$0\", \"line\": $line,
         \"server_name\": \"$(hostname)\", \"environment\": \"production\"}" || true
}
trap 'report "$?" "$LINENO" "$BASH_COMMAND"' ERR

false "a \"quoted\" step" # the bug
