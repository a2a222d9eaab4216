"""The real servers that Baton runs on one machine: NATS, PostgreSQL and LiveKit as child processes.

For `baton up`, the tests and the benchmarks. Production never imports this package: there the same servers are given
by settings. Everything listens on loopback only, and nothing here outlives the process that started it.
"""
