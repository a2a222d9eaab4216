-- What admission keeps beside the log. Personal values are not here; keys are, wrapped.

-- One row for each session that counts against its customer's limit.
create table slot (
    session text primary key,
    customer text not null,
    taken_at timestamptz not null default now(),
    admitted boolean not null default false,
    dispatched_at timestamptz
);
create index slot_of_customer on slot (customer);

-- The key that wraps a customer's data keys; itself wrapped by the deployment's master key.
create table customer_key (
    customer text primary key,
    wrapped bytea not null,
    made_at timestamptz not null default now()
);

-- A session's data key. `person` is a keyed hash of the customer's own name for the participant.
create table data_key (
    keyid text primary key,
    customer text not null,
    session text not null unique,
    person text not null,
    wrapped bytea not null,
    made_at timestamptz not null default now()
);
create index data_key_of_person on data_key (customer, person);

-- A credential of one session, as a keyed hash; and the session's customer for what only names the room.
create table resume_token (
    session text primary key,
    customer text not null,
    digest text not null
);

-- Webhooks that were taken; kept for as long as one of that age would be taken at all.
create table webhook_seen (
    id text primary key,
    seen_at timestamptz not null default now()
);
create index webhook_seen_at on webhook_seen (seen_at);
