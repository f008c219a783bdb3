"""The program as it is installed: its entry points, its files, its settings and its log."""
