-- Takes a slot in one round trip, under the customer's own lock: true when it was free.
--
-- Inside a function each statement sees what was committed before it began, so the count that follows the lock is
-- exact. A slot need not survive a power loss (it is made again from the log), and so the lock waits for no disk.
create function take_slot(
    lock_key bigint, new_customer text, new_session text, most integer, dispatching boolean
) returns boolean
language plpgsql volatile as $$
begin
    perform set_config('synchronous_commit', 'off', true);
    perform pg_advisory_xact_lock(lock_key);
    insert into slot (session, customer, dispatched_at)
    select new_session, new_customer, case when dispatching then clock_timestamp() end
    where (select count(*) from slot where customer = new_customer) < most;
    return found;
end
$$;
