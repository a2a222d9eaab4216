-- What a session that was let in may still cost, until the read model of spending knows it from the log; what neither
-- this nor that holds costs nothing. Made again from the log, like a slot.
create table reservation (
    session text primary key,
    customer text not null,
    currency text not null,
    budget_nano bigint not null
);
create index reservation_of_customer on reservation (customer);

-- How many starts are left of each rate, and when that was so: token buckets that all gateways share.
create table start_bucket (
    customer text not null,
    kind text not null,
    name text not null,
    starts_left double precision not null,
    filled_at timestamptz not null,
    primary key (customer, kind, name)
);

-- Of which months customers were told that their budget is used up.
create table budget_told (
    customer text not null,
    month text not null,
    told_at timestamptz not null default clock_timestamp(),
    primary key (customer, month)
);

-- Takes a slot, a start of each rate, and a reservation, under the customer's own lock: all of them or none. `outcome`
-- is 'taken', 'often' (a rate; `wait_s` until it allows a start), 'full' (slots) or 'broke' (the month's budget;
-- `free_nano` is what it still has). (take_slot is that of the release before, whose gateways run beside ours while a
-- release is rolled out.)
--
-- Inside a function each statement sees what was committed before it began. What is spent and what is held back are
-- read by one statement, since the read model moves amounts from one to the other.
create function take_start(
    lock_key bigint, new_customer text, new_session text, most integer, dispatching boolean,
    kinds text[], names text[], quotas integer[],
    in_month text, in_currency text, monthly numeric, budget bigint,
    out outcome text, out wait_s double precision, out starts_left double precision[], out free_nano numeric
)
language plpgsql volatile as $$
declare
    moment timestamptz;
begin
    perform set_config('synchronous_commit', 'off', true);
    perform pg_advisory_xact_lock(lock_key);
    moment := clock_timestamp();
    wait_s := 0;
    starts_left := '{}';

    if cardinality(kinds) > 0 then
        select array_agg(filled.starts order by filled.place), max((1 - filled.starts) * 60 / filled.quota)
        into starts_left, wait_s
        from (
            select asked.place, asked.quota, least(
                asked.quota,
                coalesce(b.starts_left + extract(epoch from moment - b.filled_at) * asked.quota / 60, asked.quota)
            ) as starts
            from unnest(kinds, names, quotas) with ordinality as asked (kind, name, quota, place)
            left join start_bucket b on b.customer = new_customer and b.kind = asked.kind and b.name = asked.name
        ) filled;
        if wait_s > 0 then
            outcome := 'often';
            return;
        end if;
    end if;

    if (select count(*) from slot where customer = new_customer) >= most then
        outcome := 'full';
        return;
    end if;

    if monthly is not null then
        select monthly - coalesce((
            select spent_nano from month_spend
            where customer = new_customer and month = in_month and currency = in_currency
        ), 0) - coalesce(sum(held.nano), 0)
        into free_nano
        from (
            select greatest(0, s.budget_nano - s.spent_nano) as nano from session_spend s
            where s.customer = new_customer and s.open and s.currency = in_currency and s.budget_nano is not null
            union all
            select r.budget_nano from reservation r
            where r.customer = new_customer and r.currency = in_currency and not exists (
                select 1 from session_spend s where s.customer = r.customer and s.session = r.session
            )
        ) held;
        if budget > free_nano then
            outcome := 'broke';
            return;
        end if;
        delete from reservation r where r.customer = new_customer and exists (
            select 1 from session_spend s where s.customer = r.customer and s.session = r.session
        );
        insert into reservation (session, customer, currency, budget_nano)
        values (new_session, new_customer, in_currency, budget);
        free_nano := free_nano - budget;
    end if;

    insert into slot (session, customer, dispatched_at)
    values (new_session, new_customer, case when dispatching then moment end);
    if cardinality(kinds) > 0 then
        insert into start_bucket as b (customer, kind, name, starts_left, filled_at)
        select new_customer, kind, name, starts_left[place] - 1, moment
        from unnest(kinds, names) with ordinality as asked (kind, name, place)
        on conflict (customer, kind, name)
            do update set starts_left = excluded.starts_left, filled_at = excluded.filled_at;
        select array_agg(left_before - 1 order by place) into starts_left
        from unnest(starts_left) with ordinality as known (left_before, place);
    end if;
    outcome := 'taken';
end
$$;
