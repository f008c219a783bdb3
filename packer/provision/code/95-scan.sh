# Searches the image for secrets, which fail the bake. SCAN_ALLOW in ovenbird.env names files that only
# look like secrets: patterns relative to the application, or with a leading / to the machine, as in
# SCAN_ALLOW="tests/*.pem /opt/tool/example.key"
cd "$DESTDIR/srv/app"
. ./ovenbird.env
export SCAN_ALLOW="${SCAN_ALLOW:-}"
exec python3 "$RECIPE/tools/scan.py"
