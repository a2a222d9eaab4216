"""Probes only: the runtime has no API."""
