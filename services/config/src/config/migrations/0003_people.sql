-- What lets members in, beside the log (config.adapters: accounts, logins, attempts, oidc_states).

-- By what a member is found: keyed digests of its e-mail address and of its identity at the OIDC provider. One digest
-- leads to one member of the whole deployment. Claimed before the log tells of the member, settled afterwards.
create table account (
    digest text primary key,
    customer text not null,
    member text not null,
    claimed_at timestamptz not null default now(),
    settled bool not null default false
);
create index account_member on account (member);

-- Passwords as argon2id hashes.
create table member_password (
    member text primary key,
    customer text not null,
    hash text not null,
    changed_at timestamptz not null default now()
);

create table member_login (
    id text primary key,
    customer text not null,
    member text not null,
    proof text not null,
    opened_at timestamptz not null default now(),
    used_at timestamptz not null default now(),
    expires_at timestamptz not null,
    ended text
);
create index member_login_member on member_login (member, id);
create index member_login_expires_at on member_login (expires_at);

-- Every refresh token that a login was given, by keyed digest; all but the last are used.
create table refresh_token (
    digest text primary key,
    login text not null references member_login (id) on delete cascade,
    used_at timestamptz
);
create index refresh_token_login on refresh_token (login);

-- Attempts in a window of time, by keyed digests of e-mail addresses and of network addresses.
create table attempt (
    kind text not null,
    digest text not null,
    began_at timestamptz not null,
    attempts int not null,
    primary key (kind, digest)
);
create index attempt_began_at on attempt (began_at);

-- Logins by OIDC that were begun: each state is taken once.
create table oidc_state (
    digest text primary key,
    expires_at timestamptz not null
);
create index oidc_state_expires_at on oidc_state (expires_at);
