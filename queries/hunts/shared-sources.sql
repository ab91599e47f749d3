-- Addresses from which several people work: jump hosts, or somebody with other people's tokens.
-- attack: T1078
-- param: minimum = 2; people that count as several
-- read: A known jump host explains itself. On anybody's own machine a second person is somebody else's access.
with people as (
    select source_address, root, count(*) as sessions
    from session_facts
    where state = 'open' and root_kind in ('person', 'administrator') and source_address is not null and time >= $since
    group by source_address, root
)
select source_address, count(*) as people, sum(sessions) as sessions,
       array_to_string(array_sort(array_agg(root)), ', ') as roots
from people
group by source_address
having count(*) >= cast($minimum as bigint)
order by people desc, source_address
