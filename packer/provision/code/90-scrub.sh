# Nothing of this machine's own identity, of its users, or of who worked on it stays in the image.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/building-shared-amis.html
for home in "$DESTDIR/root" "$DESTDIR"/home/*; do
	rm -rf "$home/.ssh" "$home/.cache" "$home/.git-credentials" "$home/.netrc"
	rm -f "$home"/.*_history "$home/.lesshst" "$home/.viminfo" "$home/.wget-hsts"
done
rm -f "$DESTDIR"/etc/ssh/ssh_host_*
rm -rf "$DESTDIR/var/lib/cloud" "$DESTDIR"/tmp/* "$DESTDIR"/var/tmp/*
if [ -s "$DESTDIR/etc/machine-id" ]; then
	: >"$DESTDIR/etc/machine-id"
fi
