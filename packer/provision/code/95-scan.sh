# A last look: what must not be in an image fails the bake. ovenbird.env may name files of the application that only look like secrets,
# as patterns relative to it, or of the whole machine with a leading /: SCAN_ALLOW="tests/*.pem /opt/tool/example.key"
cd "$DESTDIR/srv/app"
. ./ovenbird.env
export SCAN_ALLOW="${SCAN_ALLOW:-}"
exec python3 "$RECIPE/tools/scan.py"
