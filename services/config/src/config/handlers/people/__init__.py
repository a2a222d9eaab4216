"""People: how they become members, show who they are, and stop. No address, name, password or token is ever logged."""
