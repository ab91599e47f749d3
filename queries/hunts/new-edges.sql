-- Which targets each root opened for the first time in the last day of the lake that had been there before.
with opened as (
    select root, target, protocol, min(time) as first, count(*) as sessions
    from session_facts
    where state = 'open'
    group by root, target, protocol
), known as (
    select root, min(first) as since from opened group by root
), newest as (
    select max(first) as time from opened
)
select o.root, o.target, o.protocol, o.first, o.sessions
from opened o join known k on k.root = o.root cross join newest n
where o.first > n.time - interval '1 day' and k.since < o.first - interval '1 day'
order by o.first desc, o.root, o.target
