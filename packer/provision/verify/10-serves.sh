# On an instance of the finished image: did its service come up by itself, as it will in a group?
cd "$DESTDIR/srv/app"
. ./ovenbird.env
if [ "${TRY:-yes}" = no ]; then
	echo "ovenbird.env says TRY=no: that the image boots is all that is asked of it"
	exit 0
fi
export PORT="${PORT:-8080}" HEALTH="${HEALTH:-/health}" TRY_SECONDS="${TRY_SECONDS:-60}"
exec python3 "$RECIPE/tools/try_service.py" running
