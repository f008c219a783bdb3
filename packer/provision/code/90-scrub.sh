# Removes login keys, what must differ between instances, and the presigned addresses of this bake.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/building-shared-amis.html
for home in "$DESTDIR/root" "$DESTDIR"/home/*; do
	rm -rf "$home/.ssh" "$home/.cache" "$home/.git-credentials" "$home/.netrc"
	rm -f "$home"/.*_history "$home/.lesshst" "$home/.viminfo" "$home/.wget-hsts"
done
rm -f "$DESTDIR"/etc/ssh/ssh_host_*
find "$DESTDIR/var/lib/cloud" -mindepth 1 -maxdepth 1 ! -name seed -exec rm -rf {} + 2>/dev/null || true
rm -rf "$DESTDIR"/tmp/* "$DESTDIR"/var/tmp/* "$DESTDIR/var/lib/systemd/random-seed"
rm -f "$DESTDIR"/var/lib/amazon/ssm/*/document/orchestration/*/*/*/_script.sh
find "$DESTDIR/var/log" -type f \( -name 'wtmp*' -o -name 'btmp*' -o -name lastlog -o -name 'auth.log*' -o -name 'secure*' -o -name 'cloud-init*' \) -exec rm -f {} + 2>/dev/null || true
if [ -s "$DESTDIR/etc/machine-id" ]; then
	: >"$DESTDIR/etc/machine-id"
fi
