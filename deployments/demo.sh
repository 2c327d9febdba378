#!/usr/bin/env bash
# The demo: summarise Python's own language reference both ways on the simulator, then look at the result.
set -euo pipefail
mkdir -p "$DEMO"
source="$DEMO/language-reference.rst"
python - "$source" <<'PY'
import sys
from pathlib import Path
from pydoc_data.topics import topics

Path(sys.argv[1]).write_text("\n\n".join(topics.values()), encoding="utf-8")
PY
export THROUGHLINE_DATABASE_URL="sqlite:///$DEMO/throughline.db"
unset ANTHROPIC_API_KEY ANTHROPIC_BASE_URL PREFECT_API_URL
show() { printf '\n$ %s\n' "$*"; "$@"; }
show throughline run "$source" --kind summary --path both --depth exhaustive --simulate
job=$(throughline list --limit 1 --json | python -c 'import json, sys; print(json.load(sys.stdin)["jobs"][0]["job_id"])')
show throughline export "$job" --path single_pass -o "$DEMO/single-pass.md"
show throughline export "$job" --path chunked -o "$DEMO/chunked.md"
printf '\nLook closer (export THROUGHLINE_DATABASE_URL=%s first):\n' "$THROUGHLINE_DATABASE_URL"
command=$(command -v throughline)
printf '  %s show %s --json\n  less %s\n' "${command#"$PWD/"}" "$job" "$DEMO/single-pass.md"
