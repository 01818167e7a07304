"""What every other package stands on: errors, checks, randomness, files. Imports no other."""
