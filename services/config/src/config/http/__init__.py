"""Inbound HTTP: parse, call one thing, render."""
