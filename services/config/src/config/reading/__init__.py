"""Reads documents that strangers wrote, in a process of its own: `python -m config.reading`.

Whatever is in the document, the worst that comes of it is an exit status: see `limits`.
"""
