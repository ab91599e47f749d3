"""Hunts put to DuckDB: history.py LAKE THREADS MEMORY-BYTES; one JSON object a line in, one a line out.

In: {"sql": ..., "values": {...}}. Out: {"ms": ..., "rows": ...}, with all rows fetched as Arrow.
"""

import json
import re
import sys
import time

import duckdb
from deltalake import DeltaTable

# What DataFusion calls otherwise; its integers divide to integers.
NAMES = {"regexp_like(": "regexp_matches(", "cardinality(": "len(", "/ 3600": "// 3600", "/ 86400": "// 86400"}
SECONDS = "create macro to_unixtime(moment) as cast(floor(epoch(moment)) as bigint)"
NEWEST = """
create view sessions as select * exclude (newest_first) replace (case when state = 'closed' and
  coalesce(reason in ('verdict', 'barrier') and actions = 0 and bytes_in = 0 and bytes_out = 0, false)
  then 'refused' else state end as state) from (
  select *, row_number() over (
    partition by session order by case state when 'open' then 0 else 1 end desc, bus_offset desc) as newest_first
  from session_facts) where newest_first = 1
"""

lake, threads, memory = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
database = duckdb.connect(config={"threads": threads, "memory_limit": f"{memory >> 20}MiB"})
database.execute("set timezone = 'UTC'")
database.execute(SECONDS)
for view, table in (("events", "events"), ("session_facts", "sessions")):
    files = DeltaTable(f"{lake}/{table}").file_uris()
    listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    database.execute(f"create view {view} as select * from read_parquet([{listed}])")
database.execute(NEWEST)
for line in sys.stdin:
    question = json.loads(line)
    sql = question["sql"]
    for name, theirs in NAMES.items():
        sql = sql.replace(name, theirs)
    named = set(re.findall(r"\$(\w+)", sql))
    values = {name: value for name, value in question["values"].items() if name in named}
    sql = sql.replace("$since", "cast($since as timestamptz)")
    start = time.perf_counter()
    rows = database.execute(sql, values).fetch_arrow_table().num_rows
    print(json.dumps({"ms": (time.perf_counter() - start) * 1000, "rows": rows}), flush=True)
