"""Who a participant's page is: it holds its session's resume token, and nothing else."""

import hmac

from chassis.errors import NotAuthenticated
from contracts.ids import CustomerId, SessionId
from gateway.adapters.places import Places
from gateway.adapters.reach import store_in_reach
from gateway.adapters.vault import Vault


class WrongResumeToken(NotAuthenticated):
    """The resume token opens no such session."""

    code, title = "wrong_resume_token", "The resume token does not open this session"


async def customer_of(places: Places, vault: Vault, session: SessionId, resume_token: str) -> CustomerId:
    """Whose session it is, for who holds its token. Raises WrongResumeToken, StoreUnavailable."""
    with store_in_reach():
        found = await places.resumable(session)
    expected = found.digest if found is not None else "-"
    offered = vault.resume_digest(session, resume_token)
    if not hmac.compare_digest(expected, offered) or found is None:
        raise WrongResumeToken
    return found.customer
