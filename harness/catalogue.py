"""What the schema of a database is: each table, column, constraint, index, trigger and rule as a line of text."""

from harness import database

SQL = r"""
WITH ours AS (
    SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, relpersistence, relrowsecurity FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
)
SELECT format('table %s%s%s', name, CASE relpersistence WHEN 'u' THEN ' UNLOGGED' ELSE '' END,
    CASE WHEN relrowsecurity THEN ' with row security' ELSE '' END) FROM ours
UNION ALL
SELECT format('column %s.%I %s%s%s%s', name, a.attname, format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END,
    CASE WHEN a.attgenerated <> '' THEN ' GENERATED' ELSE '' END,
    coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), ''))
FROM ours JOIN pg_attribute a ON a.attrelid = ours.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
UNION ALL
SELECT format('constraint %s.%I %s%s%s', name, o.conname, pg_get_constraintdef(o.oid),
    CASE WHEN to_jsonb(o) ->> 'conenforced' = 'false' THEN ' not enforced' ELSE '' END,
    CASE WHEN EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = o.oid AND t.tgenabled NOT IN ('O', 'A'))
        THEN ' with its triggers disabled' ELSE '' END)
FROM ours JOIN pg_constraint o ON o.conrelid = ours.oid
UNION ALL
SELECT format('index %s%s', pg_get_indexdef(i.indexrelid),
    CASE WHEN i.indisvalid AND i.indisready AND i.indislive THEN '' ELSE ' that is not valid' END)
FROM ours JOIN pg_index i ON i.indrelid = ours.oid
UNION ALL
SELECT format('trigger %s%s, function %s', pg_get_triggerdef(t.oid),
    CASE WHEN t.tgenabled IN ('O', 'A') THEN '' ELSE ' that is disabled' END, md5(p.prosrc))
FROM ours JOIN pg_trigger t ON t.tgrelid = ours.oid AND NOT t.tgisinternal JOIN pg_proc p ON p.oid = t.tgfoid
UNION ALL
SELECT format('rule %s', pg_get_ruledef(r.oid)) FROM ours JOIN pg_rewrite r ON r.ev_class = ours.oid
ORDER BY 1
"""
"""One column; lines of text that are equal for equal schemas."""


def lines(url: str) -> list[str]:
    """The schema of the database at `url`."""
    with database.session(url, "catalogue") as cursor:
        cursor.execute(SQL)
        return [str(line) for (line,) in cursor]
