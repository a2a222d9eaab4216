-- An attempt is its delivery's customer's: the wall between customers (chassis.postgres.row_security) around a table
-- that has no column of that name.
alter table delivery_attempt enable row level security, force row level security;
create policy owners_all on delivery_attempt to current_user using (true) with check (true);
create policy customers_own on delivery_attempt to baton_customer using (
    exists (select from delivery d where d.endpoint = delivery_attempt.endpoint and d.event = delivery_attempt.event)
);
grant select on delivery_attempt to baton_customer;
