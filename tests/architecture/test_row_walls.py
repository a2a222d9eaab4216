"""Who reads customers' rows: for one customer behind the wall, or, for a reason that is written here, all of them."""

import pytest
from tests.support.row_walls import readers

pytestmark = pytest.mark.unit

SEES_ALL_ROWS = {
    "config.adapters.accounts:Accounts.claim": "an address is one member's of the whole deployment",
    "config.adapters.accounts:Accounts.take_over": "an address is one member's of the whole deployment",
    "config.adapters.accounts:Accounts.settle": "settles what was claimed",
    "config.adapters.accounts:Accounts.release": "gives back what was claimed",
    "config.adapters.accounts:Accounts.find": "says whose an address is, before anybody has logged in",
    "config.adapters.attempts:Attempts.count": "counts attempts of nobody's yet",
    "config.adapters.attempts:Attempts.forgive": "counts attempts of nobody's yet",
    "config.adapters.attempts:Attempts.forget_old": "sweeps",
    "config.adapters.logins:LoginTable.open": "only writes: a login with its first refresh token",
    "config.adapters.logins:LoginTable.refresh": "says whose a refresh token is, where only the token is known",
    "config.adapters.logins:LoginTable.forget_old": "sweeps",
    "config.adapters.oidc_states:OidcStates.begin": "states of nobody's yet",
    "config.adapters.oidc_states:OidcStates.take": "states of nobody's yet",
    "config.adapters.oidc_states:OidcStates.forget_old": "sweeps",
    "config.read_models.people:invited": "says who invited a proved address, before anybody has logged in",
    "config.read_models.audit:entries": "behind the wall for a customer; an operator asks for all",
    "config.read_models.customer_list:customers_after": "an operator asks for all",
    "config.handlers.ingestion:Ingestion._owned": "holds a lock, reads no row",
    "config.knowledge_parts:prepare_vectors": "makes an extension, reads no row",
    "gateway.adapters.deliveries:Deliveries.take": "takes what is due, whosever it is",
    "gateway.adapters.deliveries:Deliveries.settle": "settles what was taken",
    "gateway.adapters.deliveries:Deliveries.note": "writes an attempt down",
    "gateway.adapters.deliveries:Deliveries.forget_old": "sweeps",
    "gateway.adapters.page_logs:PageLogs.forget_old": "sweeps",
    "gateway.adapters.places:Places.take": "admission: only writes, on the path of every start",
    "gateway.adapters.places:Places._take_start": "admission: counts the customer's own, on the path of every start",
    "gateway.adapters.places:Places.count_open": "keeps slots equal to open sessions",
    "gateway.adapters.places:Places.free": "keeps slots equal to open sessions",
    "gateway.adapters.places:Places.slots": "keeps slots equal to open sessions",
    "gateway.adapters.places:Places.may_dispatch": "the reconciler's turns",
    "gateway.adapters.places:Places.resumable": "says whose a session is, where only its id is known",
    "gateway.adapters.webhooks_seen:WebhooksSeen.has": "LiveKit's, no customer's",
    "gateway.adapters.webhooks_seen:WebhooksSeen.add": "LiveKit's, no customer's",
    "gateway.adapters.webhooks_seen:WebhooksSeen.forget_old": "sweeps",
    "gateway.handlers.telling:Telling.run": "reacts to the log of all customers",
    "gateway.read_models.session_index:open_sessions": "what the reconciler begins with",
}


def test_whoever_sees_all_customers_rows_is_known_with_its_reason() -> None:
    found = readers().bare
    assert found - set(SEES_ALL_ROWS) == set(), "read through chassis.postgres: rows_of or customers_rows"
    assert set(SEES_ALL_ROWS) - found == set(), "gone: take it out of the list"


def test_no_read_model_and_no_route_is_read_in_another_way() -> None:
    assert len(readers().walled) >= 20
