"""The table `effects`, the journal of calls: what others than services/actions read of it.

services/actions alone writes it, and names it in services/actions/journal.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from services.runtime.tables.expiry import Expiring

EXPIRING = Expiring("effects")
MAY_HAVE_HAPPENED = "effect.maybe or effect.state in ('sent', 'done', 'unknown')"
"""Of a row `effect`: whether its call may have had its effect, in whichever attempt."""

# The journal has a row before a call leaves, and the answer before anybody else has: so no event of what a call made is
# earlier than the row, and none of another's is taken for it once the answer is there.
CALLS = f"""
select account, effect_id, began_at, answer, state = 'sent' as under_way, {MAY_HAVE_HAPPENED} as may
from effects as effect where (account, effect_id) in (select * from unnest($1::text[], $2::text[]))
"""  # noqa: S608 - our own text


async def calls(
    connection: PoolConnectionProxy, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], asyncpg.Record]:
    """The calls of these effects, by account and effect id (`short`): `began_at`, `answer`, `under_way`, `may`."""
    found = await connection.fetch(CALLS, [account for account, _ in keys], [effect for _, effect in keys])
    return {(row["account"], row["effect_id"]): row for row in found}
