"""What the gateway does by itself: admit, reconcile, watch, answer keys, keep slots."""
