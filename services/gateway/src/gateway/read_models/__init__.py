"""What the gateway reads of its own past."""
