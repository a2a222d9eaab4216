"""Agents as LiveKit runs them, made of what a customer wrote."""
