"""Inbound HTTP: parse, call one thing, render. Personal values are opened here and nowhere else."""
