-- What customers' endpoints are to be told. Bodies hold nothing personal; secrets are sealed.

-- Signing secrets, each sealed under its customer's key.
create table outbound_secret (
    id text primary key,
    customer text not null,
    endpoint text not null,
    sealed bytea not null
);
create index outbound_secret_of_endpoint on outbound_secret (customer, endpoint);

-- How far a reaction has come in a log. Unlike a read model it is never run again over what it has passed.
create table reaction (
    name text primary key,
    incarnation text not null,
    sequence bigint not null
);

-- One row for each event and endpoint. Of one session and endpoint, only the first that waits may be sent.
create table delivery (
    customer text not null,
    endpoint text not null,
    event text not null,
    session text not null,
    sequence bigint not null,
    index integer not null,
    told text not null,
    body bytea not null,
    state text not null default 'waiting' check (state in ('waiting', 'delivered', 'dead')),
    attempts integer not null default 0,
    next_at timestamptz not null default clock_timestamp(),
    leased_until timestamptz,
    cause text not null default '',
    made_at timestamptz not null default clock_timestamp(),
    settled_at timestamptz,
    primary key (endpoint, event)
);
create index delivery_waiting on delivery (endpoint, session, sequence, index) where state = 'waiting';
create index delivery_of_endpoint on delivery (customer, endpoint, sequence desc, index desc);
create index delivery_settled on delivery (settled_at) where state <> 'waiting';

create table delivery_attempt (
    endpoint text not null,
    event text not null,
    attempt bigint generated always as identity,
    at timestamptz not null default clock_timestamp(),
    status integer,
    fault text not null default '',
    ms integer not null,
    primary key (endpoint, event, attempt),
    foreign key (endpoint, event) references delivery (endpoint, event) on delete cascade
);
