"""Moves messages from `inbox` to `routed`, as they come."""

from moving import moving

moving(
    "WITH taken AS (DELETE FROM inbox WHERE id IN (SELECT id FROM inbox ORDER BY id LIMIT 20 FOR UPDATE SKIP LOCKED) "
    "RETURNING keys, contents) INSERT INTO routed (keys, contents) SELECT keys, contents FROM taken"
)
