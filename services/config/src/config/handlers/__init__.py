"""What config does, whoever asks: commands, look-ups and the work that follows an upload."""
