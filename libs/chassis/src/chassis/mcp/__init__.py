"""A client of the Model Context Protocol over guarded HTTP: only tools, only streamable HTTP (ADR 22)."""
