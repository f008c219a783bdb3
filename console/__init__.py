"""What the commands of the command line do and show. starter.py gives them names and options."""
