# Copy the configuration files onto the machine: packer/files/ is its root directory.
cp -R "$RECIPE/files/." "$DESTDIR/"
(cd "$RECIPE/files" && find . -type f | sort)
