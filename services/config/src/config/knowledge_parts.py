"""The parts of knowledge, made of settings: what `bootstrap` wires, and what its read models read blobs with."""

from functools import partial
from typing import NamedTuple

from chassis.clock import SystemClock
from chassis.event_log import EventLog, LogFault
from chassis.guarded_http import GuardedClient
from chassis.nats.connection import Client, connect
from chassis.nats.object_store import NatsObjectStore
from chassis.nats.secret_bucket import NatsSecretBucket
from chassis.postgres.generations import AnyProjection
from chassis.postgres.pool import Pool, direct
from chassis.vault import Keyring, KeyUnknown, Vault
from config.adapters.embeddings import Embeddings
from config.adapters.reader import Reader
from config.adapters.sealed_blobs import BlobGone, SealedBlobs
from config.domain.chunk_file import ChunkFile, decode_chunks
from config.handlers.document_reading import DocumentReading
from config.handlers.ingestion import Ingestion
from config.handlers.knowledge import KnowledgeBase
from config.handlers.knowledge_search import KnowledgeSearch
from config.read_models.knowledge import Knowledge
from config.read_models.knowledge_queries import counts_of
from config.read_models.knowledge_vectors import EXTENSION, KnowledgeVectors
from config.settings import Settings
from contracts.ids import CustomerId, DocumentId
from contracts.subjects import KNOWLEDGE_BUCKET, SECRETS_BUCKET


class KnowledgeParts(NamedTuple):
    """What is written, what is read, and who reads what was uploaded."""

    base: KnowledgeBase
    search: KnowledgeSearch
    ingestion: Ingestion


def knowledge_parts(
    settings: Settings,
    *,
    nats: Client,
    log: EventLog,
    pool: Pool,
    client: GuardedClient,
    keyring: Keyring,
    source: str,
) -> KnowledgeParts:
    """All of them, over what is open already."""
    embeddings, blobs = embeddings_of(settings, client), sealed_blobs(nats, keyring)
    base = KnowledgeBase(log=log, clock=SystemClock(), blobs=blobs, held=partial(counts_of, pool), source=source)
    reading = DocumentReading(knowledge=base, blobs=blobs, reader=Reader(), embeddings=embeddings, pool=pool)
    ingestion = Ingestion(log=log, reading=reading, dsn=settings.postgres_dsn)
    return KnowledgeParts(base, KnowledgeSearch(pool=pool, embeddings=embeddings), ingestion)


def embeddings_of(settings: Settings, client: GuardedClient) -> Embeddings | None:
    """The endpoint of the settings; None where there is none."""
    if not settings.embeddings_base_url:
        return None
    return Embeddings(
        client=client,
        base_url=settings.embeddings_base_url,
        model=settings.embeddings_model,
        dimensions=settings.embeddings_dimensions,
        key=settings.embeddings_key,
    )


def sealed_blobs(nats: Client, keyring: Keyring) -> SealedBlobs:
    """Where documents are kept."""
    vault = Vault(bucket=NatsSecretBucket(nats, SECRETS_BUCKET), keys=keyring)
    return SealedBlobs(objects=NatsObjectStore(nats, KNOWLEDGE_BUCKET), vault=vault)


def knowledge_projections(settings: Settings) -> list[AnyProjection]:
    """Vectors only where there is an endpoint: elsewhere PostgreSQL may be without pgvector."""
    read = partial(_read_chunks, settings)
    return [Knowledge(read), *([KnowledgeVectors(read)] if settings.embeddings_base_url else [])]


async def prepare_vectors(settings: Settings) -> None:
    """Have the database know what a vector is, where it will have to. Raises asyncpg.PostgresError."""
    if settings.embeddings_base_url:
        async with direct(settings.postgres_dsn, name="config-migrate") as connection:
            await connection.execute(EXTENSION)


async def _read_chunks(
    settings: Settings, customer: CustomerId, document: DocumentId, key: str, blob: str
) -> ChunkFile | None:
    """Over a connection of its own: documents are few, and whoever rebuilds a read model has settings only."""
    async with connect(settings.nats_url, name="config-knowledge") as nats:
        blobs = sealed_blobs(nats, Keyring.parse(settings.secret_keys))
        try:
            return decode_chunks(await blobs.get(customer, document, key, blob))
        except BlobGone:
            return None
        except KeyUnknown as error:
            raise LogFault("the key of a customer's documents was not given to this process") from error
