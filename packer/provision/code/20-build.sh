# The repository says in ovenbird.env how it is built.
cd "$DESTDIR/srv/app"
if [ ! -f ovenbird.env ]; then
	echo "the repository has no ovenbird.env: it must hold START=… and may hold BUILD=…, PORT=…, HEALTH=…"
	exit 1
fi
. ./ovenbird.env
if [ -z "${START:-}" ]; then
	echo "ovenbird.env does not say START=…, the command that serves HTTP on \$HOST:\$PORT"
	exit 1
fi
if [ -n "${BUILD:-}" ]; then
	sh -eu -c "$BUILD"
fi
