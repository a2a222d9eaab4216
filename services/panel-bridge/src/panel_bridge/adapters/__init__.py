"""What the panel-bridge asks of others."""
