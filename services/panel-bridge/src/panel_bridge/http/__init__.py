"""Inbound HTTP: parse, call one thing, render. Panel contents are opened for here and nowhere else."""
