-- What was refused: sessions that were not admitted and actions that policy denied, by who, where and why.
-- attack: T1078
-- read: One reason at many targets is a missing right or a search; `verdict` is the detector, `policy` a rule.
select root, actor, target, protocol,
       case when kind in ('refused', 'closed') then 'session' else class end as what,
       coalesce(nullif(reason, ''), decision_reason) as why,
       count(*) as times, min(time) as first, max(time) as last
from events
where time >= $since and (kind = 'refused' or decision = 'deny'
  or (kind = 'closed' and reason in ('verdict', 'barrier') and actions = 0 and bytes_in = 0 and bytes_out = 0))
group by all
order by last desc, root, target
