"""The tables of the gateway that are not read models, as numbered SQL files."""
