-- One address from which sessions of several identities were refused.
-- attack: T1110.003
-- param: minimum = 3; identities that count as several
-- read: An address that belongs to a shared machine explains itself; any other is somebody with a list of names or tokens.
select source_address, count(distinct root) as identities, count(*) as refusals,
       array_to_string(array_sort(array_agg(distinct root)), ', ') as roots, min(time) as first, max(time) as last
from session_facts
where source_address is not null and time >= $since and (state = 'refused'
  or (state = 'closed' and reason in ('verdict', 'barrier') and actions = 0 and bytes_in = 0 and bytes_out = 0))
group by source_address
having count(distinct root) >= cast($minimum as bigint)
order by identities desc, source_address
