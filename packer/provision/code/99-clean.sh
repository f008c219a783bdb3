# The recipe itself does not stay either.
rm -rf "$DESTDIR/var/lib/ovenbird"
