"""What handlers ask for by name, in the words that Litestar wants."""

from litestar.di import NamedDependency

from chassis.postgres.pool import Pool
from gateway.adapters.deliveries import Deliveries
from gateway.adapters.outbound_endpoints import Endpoints
from gateway.adapters.vault import Vault
from gateway.handlers.admitting import Admitting
from gateway.handlers.endings import Endings
from gateway.handlers.live_events import LiveEvents
from gateway.handlers.opening import Opener
from gateway.handlers.outbound import Outbound
from gateway.handlers.page_reports import PageReports
from gateway.handlers.webhooks import Webhooks
from gateway.http.statuses import Statuses

Admits = NamedDependency[Admitting]
Ends = NamedDependency[Endings]
TellsStatus = NamedDependency[Statuses]
ReadModels = NamedDependency[Pool]
KeepsKeys = NamedDependency[Vault]
Opens = NamedDependency[Opener]
TellsLive = NamedDependency[LiveEvents]
TakesReports = NamedDependency[PageReports]
WritesEndpoints = NamedDependency[Outbound]
KnowsEndpoints = NamedDependency[Endpoints]
KeepsDeliveries = NamedDependency[Deliveries]
TakesWebhooks = NamedDependency[Webhooks]
