"""`make torture`: faults at every call of every play, then a storm. See docs/crash-matrix.md."""
