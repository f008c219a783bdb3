# The service is started here, and must answer its health path: what cannot serve becomes no image.
cd "$DESTDIR/srv/app"
. ./ovenbird.env
if [ "${TRY:-yes}" = no ]; then
	echo "ovenbird.env says TRY=no: the service is not tried on the builder"
	exit 0
fi
export START PORT="${PORT:-8080}" HEALTH="${HEALTH:-/health}" TRY_SECONDS="${TRY_SECONDS:-60}"
exec python3 "$RECIPE/tools/try_service.py"
