-- Chains across protocols: a response named a target, and within a day the same root opened it over another protocol.
-- attack: T1021, T1018
-- read: Each line is a step with its cause. `interdict replay` of both sessions shows what was read and what was done.
select d.root, d.actor, d.from_target || ' (' || d.from_protocol || ')' as learned_at,
       d.kind || ' ' || d.value as learned, s.target || ' (' || s.protocol || ')' as opened,
       s.state, s.session, d.time as learned_time, s.time as session_time
from disclosures d
join sessions s on s.root = d.root and s.target = d.target and s.protocol <> d.from_protocol
where coalesce(s.opened, s.time) between d.time and d.time + interval '1 day' and d.time >= $since
order by d.time, session_time, learned
