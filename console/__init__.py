"""What the command line's commands share: connecting, asking, following, showing. starter.py names the commands."""
