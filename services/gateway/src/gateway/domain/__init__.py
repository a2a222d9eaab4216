"""What admission decides, what a token may do, and what a session needs next. Pure: no I/O, no clock, no settings."""
