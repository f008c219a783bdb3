# The smoke test on an instance of the finished image: its unit must have started the service.
cd "$DESTDIR/srv/app"
. ./ovenbird.env
if [ "${TRY:-yes}" = no ]; then
	echo "ovenbird.env says TRY=no: the smoke test is skipped"
	exit 0
fi
export PORT="${PORT:-8080}" HEALTH="${HEALTH:-/health}" TRY_SECONDS="${TRY_SECONDS:-60}"
exec python3 "$RECIPE/tools/smoke_test.py" running
