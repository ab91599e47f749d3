-- What each identity was taught of other systems by the responses it read, and whether it opened them afterwards.
-- attack: T1018
-- read: A name that was used after it was learnt is a step; many names that were not are a map that somebody now has.
select d.root, d.actor, d.from_target, d.kind, d.value, d.target,
       count(distinct d.session) as sessions, min(d.time) as first_seen, min(s.opened) as first_used
from disclosures d
left join sessions s on s.root = d.root and s.target = d.target and s.opened > d.time
where d.time >= $since
group by d.root, d.actor, d.from_target, d.kind, d.value, d.target
order by first_used nulls last, first_seen, d.value
