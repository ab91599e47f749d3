-- The lake in Trino: a catalogue of the Delta Lake connector over the lake's folder, in etc/catalog/interdict.properties:
--
--   connector.name=delta_lake
--   hive.metastore=file
--   hive.metastore.catalog.dir=local:///metastore
--   fs.native-local.enabled=true
--   local.location=/var/lib/interdict
--   delta.register-table-procedure.enabled=true
--
-- Written after its documentation; never run on a real Trino. (For object storage: fs.native-s3.enabled=true and the like.) Then, once:
create schema if not exists interdict.lake;
call interdict.system.register_table(schema_name => 'lake', table_name => 'events', table_location => 'local:///lake/events');

select root, target, protocol, count(*) as events, count_if(decision = 'deny') as denied
from interdict.lake.events
group by root, target, protocol
order by events desc
limit 20;
