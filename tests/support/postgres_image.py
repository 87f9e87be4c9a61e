"""Stands for PostgreSQL's own image, which needs a registry: the same variables, scripts that run once, and command.

Its programs are those that our image has for runs without a database.
"""

import io
import tarfile

DOCKERFILE = """
ARG BASE
FROM ${BASE}
USER 0:0
RUN echo 'postgres:x:999:999::/var/lib/postgresql:/bin/sh' >> /etc/passwd \\
    && mkdir -p /var/lib/postgresql /docker-entrypoint-initdb.d && chown 999:999 /var/lib/postgresql \\
    && python -c 'import os; from harness.stack.postgres import wheel; os.symlink(wheel() / "bin", "/usr/local/bin/pg")'
ENV PATH=/usr/local/bin/pg:$PATH PGDATA=/var/lib/postgresql/18/docker
COPY entry.sh /entry.sh
STOPSIGNAL SIGINT
ENTRYPOINT ["sh", "/entry.sh"]
CMD ["postgres"]
"""
ENTRY = """
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    initdb -U "$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth=scram-sha-256 --auth-local=trust -E UTF8
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
    echo "unix_socket_directories = '/run/postgresql'" >> "$PGDATA/postgresql.conf"
    pg_ctl -w -o "-c listen_addresses=''" start
    export PGHOST=/run/postgresql
    createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
    for script in /docker-entrypoint-initdb.d/*.sh; do "$script"; done
    pg_ctl -w stop
fi
exec "$@"
"""


def context() -> bytes:
    """What `docker build -` takes; BASE is our image."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in (("Dockerfile", DOCKERFILE), ("entry.sh", ENTRY)):
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()
