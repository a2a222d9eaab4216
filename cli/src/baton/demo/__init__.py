"""The demo call: one conversation on the real parts, from the REST call to the bill."""
