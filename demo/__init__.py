"""The example application and what `make demo` does with it. The tests use its parts too."""
