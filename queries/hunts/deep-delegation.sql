-- Sessions at the end of long chains of delegates.
-- attack: T1134
-- param: depth = 4; principals in a chain that count as many
-- read: Each delegate may do less than the one before. A chain that grows is an agent that starts agents.
select time, session, root, actor, cardinality(chain) as depth, array_to_string(chain, ' > ') as chain, target
from session_facts
where state = 'open' and cardinality(chain) >= cast($depth as bigint) and time >= $since
order by depth desc, time, session
