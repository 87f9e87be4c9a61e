#!/bin/sh
# What PostgreSQL's image runs once, when its data is new: a database for each system, by the names of the plans.
set -eu
for plan in /systems/*.toml; do
    name=$(basename "$plan" .toml)
    if [ "$name" != "$POSTGRES_DB" ]; then createdb --username "$POSTGRES_USER" "$name"; fi
done
