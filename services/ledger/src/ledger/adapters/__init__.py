"""What the ledger asks of others."""
