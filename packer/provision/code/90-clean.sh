# Nothing of the bake itself stays in the image.
rm -rf "$DESTDIR/var/lib/ovenbird" "$DESTDIR/root/.cache"
