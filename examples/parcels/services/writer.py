"""Stores what is routed: each message has a key and a content a line."""

from moving import moving

moving(
    "WITH taken AS (DELETE FROM routed WHERE id IN (SELECT id FROM routed ORDER BY id LIMIT 20 FOR UPDATE SKIP LOCKED) "
    "RETURNING keys, contents) INSERT INTO entries (key, content) "
    "SELECT unnest(string_to_array(keys, chr(10))), unnest(string_to_array(contents, chr(10))) FROM taken"
)
