# Placeholder head; the targets come with the parts.
UV ?= uv
