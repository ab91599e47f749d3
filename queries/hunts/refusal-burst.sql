-- Who was refused sessions again and again: somebody tries doors, or automation lost its rights.
-- attack: T1110
-- param: minimum = 5; refusals that count as many
-- read: Many targets and one reason is somebody who looks for a way in; one target and one reason is mostly a broken job.
select root, source_address, count(*) as refusals, count(distinct target) as targets,
       array_to_string(array_sort(array_agg(distinct reason)), ', ') as reasons, min(time) as first, max(time) as last
from session_facts
where time >= $since and (state = 'refused'
  or (state = 'closed' and reason in ('verdict', 'barrier') and actions = 0 and bytes_in = 0 and bytes_out = 0))
group by root, source_address
having count(*) >= cast($minimum as bigint)
order by refusals desc, root
