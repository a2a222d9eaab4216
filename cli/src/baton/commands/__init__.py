"""The commands of the command line, by what they are about. Each parses, calls one thing, and renders."""
