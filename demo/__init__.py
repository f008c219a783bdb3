"""The example application and the play that `make demo` performs. The tests set their stage with it as well."""
