-- What participants' pages report for support: one row for each report, sealed under its session's data key.
create table page_log (
    seq bigint generated always as identity primary key,
    id text not null unique,
    customer text not null,
    session text not null,
    keyid text not null,
    received_at timestamptz not null default clock_timestamp(),
    size integer not null,
    sealed bytea not null
);
create index page_log_of_session on page_log (customer, session, seq);
create index page_log_received on page_log (received_at);

-- Takes a report within its session's bounds, counted exactly under the session's own lock. Says what became of it:
-- 'taken', 'often' (too many within the last minute) or 'full' (the session has all that it may have).
create function take_report(
    lock_key bigint, new_id text, new_customer text, new_session text, new_keyid text, new_size integer,
    new_sealed bytea, most_a_minute integer, most integer, most_bytes bigint
) returns text
language plpgsql volatile as $$
declare
    reports bigint;
    bytes bigint;
    lately bigint;
begin
    perform pg_advisory_xact_lock(lock_key);
    select count(*), coalesce(sum(size), 0), count(*) filter (where received_at > clock_timestamp() - interval '1 minute')
    into reports, bytes, lately
    from page_log where customer = new_customer and session = new_session;
    if reports >= most or bytes + new_size > most_bytes then
        return 'full';
    end if;
    if lately >= most_a_minute then
        return 'often';
    end if;
    insert into page_log (id, customer, session, keyid, size, sealed)
    values (new_id, new_customer, new_session, new_keyid, new_size, new_sealed);
    return 'taken';
end
$$;
