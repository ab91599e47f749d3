"""The lake in DuckDB: python duckdb_lake.py LAKE ["SQL"]

pip install duckdb duckdb-ext duckdb-ext-delta pytz    (or `install delta` within DuckDB, where it may download)
Every table of the lake is a view of the same name; `sessions` and `alerts` have all their facts here, so take the
newest: `select distinct on (session) * from sessions order by session, bus_offset desc`.
"""

import pathlib
import sys

import duckdb
import duckdb_ext

QUESTION = """
select root, target, protocol, count(*) as events, count(*) filter (decision = 'deny') as denied
from events group by all order by events desc limit 20
"""


def lake(folder: str) -> duckdb.DuckDBPyConnection:
    """A connection with a view for each table of the lake."""
    connection = duckdb_ext.init(duckdb.connect())
    connection.load_extension("delta")
    connection.execute("set TimeZone = 'UTC'")
    for log in sorted(pathlib.Path(folder).glob("*/_delta_log")):
        table = log.parent
        path = str(table.resolve()).replace("'", "''")
        connection.execute(f"create view \"{table.name}\" as select * from delta_scan('{path}')")
    return connection


if __name__ == "__main__":
    asked = sys.argv[2] if len(sys.argv) > 2 else QUESTION
    rows = lake(sys.argv[1]).execute(asked)
    print("\t".join(column[0] for column in rows.description))
    for row in rows.fetchall():
        print("\t".join(map(str, row)))
