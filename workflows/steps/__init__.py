"""The vocabulary that the workflows are written in: one method, one sentence."""
