-- Decoys that somebody presented: what was masked in one session turned up in another.
-- attack: T1552, T1550
-- read: There is no innocent way: whoever presents it has it from that session, or from whoever ran that session.
select time, root, actor, source_address, target, session, decoy['place'] as presented_as,
       decoy['session'] as planted_in, decoy['target'] as planted_at, decoy['field'] as field
from (select *, unnest(presented) as decoy from events where cardinality(presented) > 0 and time >= $since)
order by time, session
