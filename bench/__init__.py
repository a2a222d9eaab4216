"""Baton's speed, against baselines on the same machine in the same run: `make bench` (design.md §11).

A figure is reported, never asserted: a missed goal is a row that says so. No baseline is given less than ours: the same
payload, the same concurrency, the same servers, in turns.
"""
