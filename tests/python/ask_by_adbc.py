"""What programs do through ADBC, against the lake: ask_by_adbc.py URL CA-FILE, with TOKEN in the environment.

Prints one line for each thing that worked.
"""

import os
import sys

import adbc_driver_flightsql.dbapi
from adbc_driver_flightsql import DatabaseOptions

options = {
    DatabaseOptions.AUTHORIZATION_HEADER.value: f"Bearer {os.environ['TOKEN']}",
    DatabaseOptions.TLS_ROOT_CERTS.value: open(sys.argv[2], encoding="ascii").read(),
}
with adbc_driver_flightsql.dbapi.connect(sys.argv[1], db_kwargs=options, autocommit=True) as connection:
    with connection.cursor() as cursor:
        cursor.execute("select text, time from events where class = 'statement' and kind = 'acted' and target = 'db'")
        table = cursor.fetch_arrow_table()
        print("statement", table.column("text")[0].as_py())
        print("typed", table.schema.field("time").type)
        cursor.execute("select count(distinct target) from events where root = $1 and target = 'db'", ("dana",))
        print("with a value", cursor.fetchone()[0])
        try:
            cursor.execute("delete from events")
            cursor.fetchall()
        except adbc_driver_flightsql.dbapi.Error as refused:
            assert "read-only" in str(refused), refused
            print("refused delete")
    objects = connection.adbc_get_objects(depth="tables").read_all().to_pylist()
    for catalog in objects:
        for schema in catalog["catalog_db_schemas"]:
            for table in schema["db_schema_tables"]:
                print("table", table["table_name"])
