# What the image holds: its packages and files, kept on it and beside the log.
exec python3 "$RECIPE/tools/manifest.py" "$DESTDIR/usr/share/ovenbird/manifest.json"
