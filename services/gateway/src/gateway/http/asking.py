"""What handlers ask for by name, in the words that Litestar wants."""

from litestar.di import NamedDependency

from gateway.handlers.admitting import Admitting
from gateway.handlers.endings import Endings
from gateway.handlers.webhooks import Webhooks
from gateway.http.statuses import Statuses

Admits = NamedDependency[Admitting]
Ends = NamedDependency[Endings]
TellsStatus = NamedDependency[Statuses]
TakesWebhooks = NamedDependency[Webhooks]
