-- Identities that came from an address they never used, after many sessions from others.
-- attack: T1078
-- param: minimum = 5; earlier sessions that make an address new
-- read: Travel and new machines look like this too; what counts is what was done from there.
with seen as (
    select root, source_address, min(time) as first, count(*) as sessions
    from session_facts
    where state = 'open' and source_address is not null
    group by root, source_address
), known as (
    select n.root, n.source_address, n.first, n.sessions, sum(o.sessions) as before
    from seen n join seen o on o.root = n.root and o.first < n.first
    group by n.root, n.source_address, n.first, n.sessions
)
select root, source_address, first, sessions, before
from known
where first >= $since and before >= cast($minimum as bigint)
order by first, root
