"""The ledger: the record of every event, and what it was worth: history, handoffs, charges, exports.

It reads the logs and writes nothing into them. A ledger that is down disturbs no call.
"""
