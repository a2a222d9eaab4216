"""PostgreSQL: pools, migrations, and the runner that keeps read models equal to the log. Needs the extra `postgres`."""
