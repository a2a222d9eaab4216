"""The ledger's read models: one file each, with its tables, how it folds, and its queries.

Personal values are kept as they were sealed. Table names are unique within the service, since all live tables are
reached through views in the schema `ledger`.
"""
