"""Makes the secrets of docker-compose.perf.yml: once each, random, in volumes that only those who need them mount."""

import secrets
from pathlib import Path

for name in ("database", "grafana", "join", "jwt"):
    key = Path("/keys") / name / "key"
    if not key.exists():
        fresh = key.with_suffix(".new")
        fresh.write_text(secrets.token_hex(32))
        fresh.chmod(0o444)  # the users of the other images have other ids
        fresh.replace(key)
