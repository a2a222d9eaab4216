"""Read models of config: one file each, thrown away and rebuilt at will."""
