"""The `baton` command, and the composition root that runs everything in one process or in five.

It imports the services; nobody imports it.
"""
