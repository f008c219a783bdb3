# The smoke test: the service is started, and must answer its health path. Else the bake fails.
cd "$DESTDIR/srv/app"
. ./ovenbird.env
if [ "${TRY:-yes}" = no ]; then
	echo "ovenbird.env says TRY=no: the smoke test is skipped"
	exit 0
fi
export START PORT="${PORT:-8080}" HEALTH="${HEALTH:-/health}" TRY_SECONDS="${TRY_SECONDS:-60}"
exec python3 "$RECIPE/tools/smoke_test.py"
