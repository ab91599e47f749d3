-- Identities that opened many targets within one hour.
-- attack: T1021
-- param: minimum = 4; targets within an hour that count as many
-- read: Roll-outs by CI do so at every release. A person or an agent that does it once is looking for something.
select root, actor, date_trunc('hour', time) as hour, count(distinct target) as targets,
       array_to_string(array_sort(array_agg(distinct target)), ', ') as names
from session_facts
where state = 'open' and time >= $since
group by root, actor, date_trunc('hour', time)
having count(distinct target) >= cast($minimum as bigint)
order by targets desc, hour, root
