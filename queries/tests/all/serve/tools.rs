//! What tools ask before anybody asks anything: their start-up and catalogue queries, in the shapes they send them. Each
//! must be answered; where a tool could not go on without rows, with these.

use super::bed::Bed;
use crate::fixture::story;
use interdict_queries::serve::Limits;
use tokio_postgres::SimpleQueryMessage;

/// The columns of a table, as `information_schema` has them, by name.
async fn check(tool: &str, queries: &[(&str, &str)]) {
    let bed = Bed::new(story().await, Limits::default()).await;
    let client = bed.client("all").await;
    let mut wrong = Vec::new();
    for (sql, expected) in queries {
        match client.simple_query(sql).await {
            Err(error) => {
                let words = error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
                wrong.push(format!("{sql}\n  -> {words}"));
            }
            Ok(messages) => {
                let rows: Vec<String> = messages
                    .iter()
                    .filter_map(|message| match message {
                        SimpleQueryMessage::Row(row) => Some(row),
                        _ => None,
                    })
                    .map(|row| (0..row.len()).map(|at| row.get(at).unwrap_or("")).collect::<Vec<_>>().join("|"))
                    .collect();
                let found = match *expected {
                    "" => true,
                    "none" => rows.is_empty(),
                    expected => rows.iter().any(|row| row.contains(expected)),
                };
                if !found {
                    wrong.push(format!("{sql}\n  -> {rows:?} lacks {expected:?}"));
                }
            }
        }
        // Drivers describe before they run.
        if let Err(error) = client.prepare(sql).await {
            let words = error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
            wrong.push(format!("{sql}\n  -> cannot be prepared: {words}"));
        }
    }
    assert!(wrong.is_empty(), "{tool}:\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn pgjdbc_is_answered() {
    check(
        "pgjdbc",
        &[
            ("SET extra_float_digits = 3", ""),
            ("SET application_name = 'PostgreSQL JDBC Driver'", ""),
            ("SHOW TRANSACTION ISOLATION LEVEL", "read"),
            ("select current_schema()", "public"),
            ("SELECT typname FROM pg_catalog.pg_type WHERE oid = 1043", "varchar"),
            (
                "SELECT nspname AS TABLE_SCHEM, current_database() AS TABLE_CATALOG FROM pg_catalog.pg_namespace \
                 WHERE nspname <> 'pg_toast' AND (nspname !~ '^pg_temp_' OR nspname = 'public') \
                 AND nspname !~ '^pg_toast_temp_' ORDER BY TABLE_SCHEM",
                "public|lake",
            ),
            (
                "SELECT current_database() AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME, \
                 CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' ELSE NULL END AS TABLE_TYPE, \
                 d.description AS REMARKS FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c \
                 LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0) \
                 WHERE c.relnamespace = n.oid AND n.nspname = 'public' AND (c.relkind = 'r' OR c.relkind = 'v') \
                 ORDER BY TABLE_TYPE, TABLE_SCHEM, TABLE_NAME",
                "lake|public|events|TABLE",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn grafana_is_answered() {
    check(
        "Grafana",
        &[
            ("SELECT 1", "1"),
            ("SELECT current_setting('server_version_num')::int/100 as version", "1500"),
            ("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'", "none"),
            (
                "SELECT
                    CASE WHEN
                          quote_ident(table_schema) IN (
                          SELECT
                            CASE WHEN trim(s[i]) = '\"$user\"' THEN user ELSE trim(s[i]) END
                          FROM
                            generate_series(
                              array_lower(string_to_array(current_setting('search_path'),','),1),
                              array_upper(string_to_array(current_setting('search_path'),','),1)
                            ) as i,
                            string_to_array(current_setting('search_path'),',') s
                          )
                      THEN quote_ident(table_name)
                      ELSE quote_ident(table_schema) || '.' || quote_ident(table_name)
                    END AS \"table\"
                    FROM information_schema.tables
                    WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog', '_timescaledb_cache')
                    ORDER BY 1",
                "events",
            ),
            (
                "SELECT quote_ident(column_name) AS \"column\", data_type AS \"type\"
                    FROM information_schema.columns
                    WHERE
                      CASE WHEN array_length(parse_ident('events'),1) = 2
                        THEN quote_ident(table_schema) = (parse_ident('events'))[1]
                          AND quote_ident(table_name) = (parse_ident('events'))[2]
                        ELSE quote_ident(table_name) = 'events' AND
                          quote_ident(table_schema) IN (
                          SELECT
                            CASE WHEN trim(s[i]) = '\"$user\"' THEN user ELSE trim(s[i]) END
                          FROM
                            generate_series(
                              array_lower(string_to_array(current_setting('search_path'),','),1),
                              array_upper(string_to_array(current_setting('search_path'),','),1)
                            ) as i,
                            string_to_array(current_setting('search_path'),',') s
                          )
                      END",
                "time|timestamp with time zone",
            ),
            // What its macros $__timeFilter, $__timeGroup and $__timeGroupAlias become.
            (
                "SELECT floor(extract(epoch from \"time\")/3600)*3600 AS \"time\", count(*) AS n FROM events \
                 WHERE \"time\" BETWEEN '2026-03-01T00:00:00Z' AND '2026-03-31T00:00:00Z' GROUP BY 1 ORDER BY 1",
                "|",
            ),
            (
                "SELECT time AS \"time\", root AS metric FROM sessions \
                 WHERE time >= '2026-03-01T00:00:00.5Z' AND time <= '2026-03-31T00:00:00Z' ORDER BY 1",
                "user:dana",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn dbeaver_is_answered() {
    check(
        "DBeaver",
        &[
            ("SET extra_float_digits = 3", ""),
            ("SET application_name = 'DBeaver 25.1.0 - Main <lake>'", ""),
            ("SELECT current_schema(),session_user", "public|user:dana"),
            ("SELECT version()", "PostgreSQL 15"),
            ("show search_path", "public"),
            ("SELECT db.oid,db.* FROM pg_catalog.pg_database db WHERE datallowconn AND NOT datistemplate OR db.datname ='lake' ORDER BY db.datname", "lake"),
            ("SELECT n.oid,n.*,d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=n.oid AND d.objsubid=0 AND d.classoid='pg_namespace'::regclass ORDER BY nspname", "public"),
            ("SELECT t.oid,t.*,c.relkind,format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description FROM pg_catalog.pg_type t LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid=t.typelem LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid=t.typrelid LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid=d.objoid WHERE t.typname IS NOT NULL AND (c.relkind IS NULL OR c.relkind = 'c') AND (et.typcategory IS NULL OR et.typcategory <> 'C')", "timestamptz"),
            ("SELECT c.oid,c.*,d.description,pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr, pg_catalog.pg_get_partkeydef(c.oid) as partition_key FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_class'::regclass WHERE c.relnamespace=(SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public') AND c.relkind not in ('i','I','c')", "events"),
            ("SELECT c.relname,a.*,pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value,dsc.description FROM pg_catalog.pg_attribute a INNER JOIN pg_catalog.pg_class c ON (a.attrelid=c.oid) LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON (a.attrelid=ad.adrelid AND a.attnum = ad.adnum) LEFT OUTER JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid) WHERE NOT a.attisdropped AND c.relname = 'events' ORDER BY a.attnum", "target"),
            ("select c.oid,pg_catalog.pg_total_relation_size(c.oid) as total_rel_size,pg_catalog.pg_relation_size(c.oid) as rel_size FROM pg_class c WHERE c.relnamespace='public'", ""),
            ("SELECT i.*,i.indkey as keys,c.relname FROM pg_catalog.pg_index i INNER JOIN pg_catalog.pg_class c ON c.oid=i.indexrelid", "none"),
        ],
    )
    .await;
}

#[tokio::test]
async fn metabase_is_answered() {
    check(
        "Metabase",
        &[
            ("SET SESSION TIMEZONE TO 'UTC'", ""),
            ("show timezone", ""),
            ("SELECT n.nspname AS schema, c.relname AS name, CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' END AS type FROM pg_catalog.pg_class AS c INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid WHERE (n.nspname <> 'pg_catalog') AND (n.nspname <> 'information_schema') AND c.relkind IN ('r', 'p', 'v', 'f', 'm') ORDER BY 3, 1, 2", "public|sessions|VIEW"),
            ("SELECT c.column_name AS name, CASE WHEN c.udt_schema IN ('public', 'pg_catalog') THEN c.udt_name ELSE c.udt_schema || '.' || c.udt_name END AS database_type, c.ordinal_position - 1 AS database_position, c.table_schema, c.table_name FROM information_schema.columns AS c WHERE c.table_schema !~ '^information_schema|catalog_history|pg_' AND c.table_name = 'events' ORDER BY c.table_schema, c.table_name, c.ordinal_position", "time|timestamptz|1"),
            ("SELECT has_schema_privilege('public', 'USAGE')", "t"),
            ("SELECT date_trunc('day', \"public\".\"events\".\"time\") AS \"time\", count(*) AS \"count\" FROM \"public\".\"events\" GROUP BY date_trunc('day', \"public\".\"events\".\"time\") ORDER BY 1 ASC LIMIT 2000", "|"),
        ],
    )
    .await;
}

#[tokio::test]
async fn superset_is_answered() {
    check(
        "Superset (SQLAlchemy)",
        &[
            ("select pg_catalog.version()", "PostgreSQL 15"),
            ("select current_schema()", "public"),
            ("show standard_conforming_strings", "on"),
            ("SHOW TRANSACTION ISOLATION LEVEL", ""),
            ("SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname NOT LIKE 'pg_%' ORDER BY nspname", "public"),
            ("SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p']) AND pg_catalog.pg_class.relpersistence != 't' AND pg_catalog.pg_namespace.nspname = 'public'", "events"),
            ("SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['v']) AND pg_catalog.pg_namespace.nspname = 'public'", "sessions"),
            ("SELECT a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS format_type, a.attnotnull AS not_null, c.relname AS table_name FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_attribute a ON c.oid = a.attrelid AND a.attnum > 0 AND NOT a.attisdropped JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = ANY (ARRAY['r', 'p', 'f', 'v', 'm']) AND n.nspname = 'public' AND c.relname IN ('events') ORDER BY c.relname, a.attnum", "time|timestamp with time zone"),
            ("SELECT * FROM (SELECT root, count(*) AS n FROM events GROUP BY root) AS expr_qry LIMIT 1000", "user:dana"),
        ],
    )
    .await;
}
