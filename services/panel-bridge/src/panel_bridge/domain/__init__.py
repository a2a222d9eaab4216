"""What a panel's history folds to, and which commands may be given. No I/O."""
