-- Which targets each root opened for the first time, that had been there for a day before.
-- attack: T1021
-- read: New work looks like this. With a name learnt just before (`pivots`) it is a step.
with opened as (
    select root, target, protocol, min(time) as first, count(*) as sessions
    from session_facts
    where state = 'open'
    group by root, target, protocol
), known as (
    select root, min(first) as since from opened group by root
)
select o.root, o.target, o.protocol, o.first, o.sessions
from opened o join known k on k.root = o.root
where o.first >= $since and k.since < o.first - interval '1 day'
order by o.first desc, o.root, o.target
