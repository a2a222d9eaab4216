"""The ledger's rules: hash chains, prices, what a timeline shows. No I/O."""
