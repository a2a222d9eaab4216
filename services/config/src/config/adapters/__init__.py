"""What config needs of the world outside, behind names of its own."""
