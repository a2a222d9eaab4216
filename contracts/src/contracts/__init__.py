"""Baton's published language: what services, the web and analysts agree on.

It depends on msgspec and rfc8785 only, does no I/O, and never imports a service or the chassis.
"""
