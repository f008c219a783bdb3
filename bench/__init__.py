"""What a release costs, measured from outside: only the demo's parts are imported."""
