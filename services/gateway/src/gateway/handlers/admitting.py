"""Letting a session in: template, key, slot, the first commit, and only then the answer. Room and dispatch follow by
themselves, as the reconciler's first look.
"""

import secrets

import msgspec
import structlog
from msgspec import UNSET

from chassis.access import CustomerIsSuspended
from chassis.clock import Clock
from chassis.errors import FieldError, InvalidInput, NotFound, Unavailable
from chassis.event_log import RevisionConflict
from chassis.ids import new_id
from chassis.object_store import ObjectMissing
from chassis.principal import Principal
from contracts.events.session import SessionRequested, UserPersonal
from contracts.ids import AgentId, CustomerId, KeyId, SessionId, TemplateId, VersionHash
from contracts.positions import Position
from contracts.template_version import CorruptVersion, TemplateVersion
from contracts.variables import fits
from gateway.adapters.catalogue import Catalogue
from gateway.adapters.places import BudgetExhausted, Place, Places, Rate
from gateway.adapters.reach import store_in_reach
from gateway.adapters.rooms import Tokens
from gateway.adapters.session_streams import SessionStreams
from gateway.adapters.terms import CustomerTerms
from gateway.adapters.vault import Vault
from gateway.domain import admission
from gateway.domain.admission import SlotExpired
from gateway.domain.allowance import Allowance, Deployments, allowance_of
from gateway.domain.token import grant_for, participant_identity
from gateway.domain.view import SessionView
from gateway.handlers.budget_alarm import BudgetAlarm
from gateway.handlers.open_sessions import OpenSessions
from gateway.handlers.reconciler import Reconciler
from gateway.handlers.resuming import customer_of

log = structlog.get_logger(__name__)


class UnknownTemplate(NotFound):
    """No published template of that id is the customer's."""

    code, title = "unknown_template", "There is no published template of this id"


class VersionUnreadable(Unavailable):
    """The published version cannot be read just now."""

    code, title = "version_unreadable", "The template's published version cannot be read"


class UnknownAgent(InvalidInput):
    """The session shall begin with an agent that its template version does not have."""

    code, title = "unknown_agent", "The template's published version has no such agent"


class WrongVariableType(InvalidInput):
    """A variable has another type than the template declares."""

    code, title = "invalid_variables", "variables are not as the template declares them"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A session as asked for: of which template, and for whom. `user_id` is the customer's pseudonym, `external_id`
    its own name for the session; `initial_agent` None where the template's own begins. Without
    `alias` the session gets the version that was published last.
    """

    template_id: TemplateId
    user_id: str
    personal: UserPersonal
    external_id: str = ""
    initial_agent: AgentId | None = None
    alias: str = ""


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was let in, with the two credentials of its participant."""

    view: SessionView
    access_token: str
    resume_token: str
    position: Position
    rates: list[Rate] = []


class Admitting:
    """Starts sessions and gives their tokens again. `token_ttl_s` in seconds."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        terms: CustomerTerms,
        deployments: Deployments,
        places: Places,
        alarm: BudgetAlarm,
        vault: Vault,
        streams: SessionStreams,
        sessions: OpenSessions,
        reconciler: Reconciler,
        tokens: Tokens,
        token_ttl_s: int,
        clock: Clock,
    ) -> None:
        self._catalogue, self._places, self._vault, self._streams = catalogue, places, vault, streams
        self._terms, self._deployments, self._alarm, self._clock = terms, deployments, alarm, clock
        self._sessions, self._reconciler = sessions, reconciler
        self.tokens, self._token_ttl_s = tokens, token_ttl_s

    async def start(self, principal: Principal, wanted: Wanted) -> Admitted:
        """Let a session in. Raises CustomerIsSuspended, UnknownTemplate, UnknownAgent, WrongVariableType,
        BudgetInOtherCurrency, TooManyStarts, TooManySessions, BudgetExhausted, SlotExpired, Unavailable, LogFault.
        """
        self._check_standing(principal.customer)
        session, keyid = SessionId(new_id("ses")), KeyId(new_id("dk"))
        hash, version = await self._version(principal, wanted, session)
        _check_types(wanted, version)
        allowance = self._allowance(principal, wanted, version)
        requested = await self._requested(principal, wanted, session, hash, version, allowance)
        resume_token = f"rt_{secrets.token_urlsafe(32)}"
        key, rates = await self._take_place(principal, requested, allowance, keyid, resume_token)
        view = SessionView(customer=principal.customer, session=session)
        origin = self._streams.origin(principal.customer, session, livemode=principal.livemode, keyid=keyid)
        command = admission.Request(requested=requested, token_ttl_s=self._token_ttl_s if self.tokens.url else None)
        try:
            view, position = await self._streams.admit(
                view, command, personal=wanted.personal, origin=origin, key=key, actor=principal.actor
            )
        except RevisionConflict as conflict:
            raise SlotExpired from conflict
        self._sessions.take(view)
        self._reconciler.wake(session, new=True)
        log.info("session_admitted", session=session, customer=principal.customer, template=wanted.template_id)
        token = self.tokens.mint(grant_for(requested, ttl_s=self._token_ttl_s))
        return Admitted(view=view, access_token=token, resume_token=resume_token, position=position, rates=rates)

    async def issue_token(self, session: SessionId, resume_token: str) -> str:
        """A fresh token for the same identity. Raises WrongResumeToken, CustomerIsSuspended, SessionOver, Unavailable,
        LogFault.
        """
        customer = await customer_of(self._places, self._vault, session, resume_token)
        self._check_standing(customer)
        view, _ = await self._streams.decide(customer, session, admission.IssueToken(ttl_s=self._token_ttl_s))
        self._sessions.take(view)
        return self.tokens.mint(grant_for(view.request, ttl_s=self._token_ttl_s))

    def _check_standing(self, customer: CustomerId) -> None:
        """Raise CustomerIsSuspended; who slips in before this gateway knows is ended by `suspending`."""
        if self._catalogue.standing(customer).suspended:
            raise CustomerIsSuspended

    async def _version(
        self, principal: Principal, wanted: Wanted, session: SessionId
    ) -> tuple[VersionHash, TemplateVersion]:
        if not (self._catalogue.caught_up.is_set() and self._terms.caught_up.is_set()):
            raise Unavailable("templates and limits are still being read")
        customer, template = principal.customer, wanted.template_id
        if wanted.alias:
            hash = self._catalogue.chosen(customer, template, wanted.alias, session)
        else:
            hash = self._catalogue.published(customer, template)
        if hash is None:
            shown = f"{template}@{wanted.alias}" if wanted.alias else template
            raise UnknownTemplate(f"no published template {shown}")
        try:
            return hash, await self._catalogue.version(hash)
        except (ObjectMissing, CorruptVersion) as error:
            log.error("version_unreadable", version=hash, fault=error.code)
            raise VersionUnreadable from error

    async def _requested(
        self,
        principal: Principal,
        wanted: Wanted,
        session: SessionId,
        hash: VersionHash,
        version: TemplateVersion,
        allowance: Allowance,
    ) -> SessionRequested:
        draft, budget_nano = version.draft, allowance.budget_nano
        with store_in_reach():
            digests = await self._vault.metadata_digests(principal.customer, wanted.personal.session_metadata)
        return SessionRequested(
            template_id=wanted.template_id,
            version=hash,
            api_key=principal.key,
            user_id=wanted.user_id,
            identity=participant_identity(self._vault.identities, session=session, user_id=wanted.user_id),
            room=session,
            modality_profile=draft.profile,
            panels=draft.panels,
            dispatch=draft.dispatch,
            limits=msgspec.structs.replace(draft.limits, budget_nano=UNSET if budget_nano is None else budget_nano),
            price_book=allowance.price_book,
            initial_agent=_initial_agent(wanted, version),
            alias=wanted.alias,
            external_id=wanted.external_id,
            metadata_digests=digests,
        )

    def _allowance(self, principal: Principal, wanted: Wanted, version: TemplateVersion) -> Allowance:
        budget_nano = version.draft.limits.budget_nano
        return allowance_of(
            self._terms.of(principal.customer),
            deployments=self._deployments,
            template_budget_nano=budget_nano if isinstance(budget_nano, int) else None,
            credential=principal.actor,
            template=wanted.template_id,
            now=self._clock.now(),
        )

    async def _take_place(
        self,
        principal: Principal,
        requested: SessionRequested,
        allowance: Allowance,
        keyid: KeyId,
        resume_token: str,
    ) -> tuple[bytes, list[Rate]]:
        """Slot, budget, data key and resume token; returns the data key, and how the rates stand."""
        customer, session = principal.customer, SessionId(requested.room)
        with store_in_reach():
            made = await self._vault.new_data_key(
                customer=customer, session=session, keyid=keyid, user_id=requested.user_id
            )
            place = Place(
                customer=customer,
                session=session,
                keyid=keyid,
                wrapped_key=made.wrapped,
                person=made.person,
                resume_digest=self._vault.resume_digest(session, resume_token),
                dispatching=requested.dispatch == "at_start",
            )
            try:
                rates = await self._places.take(place, allowance)
            except BudgetExhausted:
                await self._alarm.sound(customer, allowance, livemode=principal.livemode)
                raise
        return made.key, rates


def _check_types(wanted: Wanted, version: TemplateVersion) -> None:
    """A variable that the template declares has its type; others are not looked at."""
    declared, given = version.draft.variables or {}, wanted.personal.variables
    wrong = [
        FieldError(f"/variables/{name}", "wrong_type", f"{name} is declared as {declared[name].type}")
        for name, value in given.items()
        if name in declared and not fits(value, declared[name].type)
    ]
    if wrong:
        raise WrongVariableType(wrong[0].detail, errors=wrong)


def _initial_agent(wanted: Wanted, version: TemplateVersion) -> AgentId:
    """Empty where the template's own begins; raises UnknownAgent."""
    if wanted.initial_agent is None:
        return AgentId("")
    if wanted.initial_agent not in {agent.id for agent in version.agents}:
        where = FieldError(
            "/initial_agent", UnknownAgent.code, f"{wanted.initial_agent} is not an agent of the version"
        )
        raise UnknownAgent(f"the template has no agent {wanted.initial_agent}", errors=[where])
    return wanted.initial_agent
