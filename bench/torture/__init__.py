"""`make torture`: every call of a release killed, lost, throttled; then a storm of all of it. docs/crash-matrix.md is its result."""
