-- First answers to requests with an Idempotency-Key, sealed; kept for a day (chassis.postgres.idempotency).
-- Without an answer: somebody is at work on it since claimed_at.
create table idempotent_answer (
    customer text not null,
    route text not null,
    key text not null,
    fingerprint text not null,
    claimant text not null,
    claimed_at timestamptz not null default now(),
    answer bytea,
    primary key (customer, route, key)
);
create index idempotent_answer_claimed_at on idempotent_answer (claimed_at);
