# On an instance of the finished image: the service came up by itself, as it will in a group, and answers its health path.
cd "$DESTDIR/srv/app"
. ./ovenbird.env
export PORT="${PORT:-8080}" HEALTH="${HEALTH:-/health}" TRY_SECONDS="${TRY_SECONDS:-60}"
exec python3 "$RECIPE/tools/try_service.py" running
