# The service that every instance of the image starts at boot.
cd "$DESTDIR/srv/app"
. ./ovenbird.env
units="$DESTDIR/etc/systemd/system"
mkdir -p "$units/multi-user.target.wants" "$DESTDIR/etc/ovenbird"
cat >"$DESTDIR/etc/ovenbird/app.env" <<ENV
OVENBIRD_APPLICATION=$OVENBIRD_APPLICATION
OVENBIRD_TAG=$OVENBIRD_TAG
OVENBIRD_COMMIT=$OVENBIRD_COMMIT
ENV
cat >"$units/ovenbird-app.service" <<UNIT
[Unit]
Description=$OVENBIRD_APPLICATION $OVENBIRD_TAG
After=network-online.target
Wants=network-online.target

[Service]
WorkingDirectory=/srv/app
Environment=HOST=0.0.0.0 PORT=${PORT:-8080}
EnvironmentFile=/etc/ovenbird/app.env
ExecStart=/bin/sh -c 'exec $START'
Restart=always
DynamicUser=yes

[Install]
WantedBy=multi-user.target
UNIT
ln -sf /etc/systemd/system/ovenbird-app.service "$units/multi-user.target.wants/ovenbird-app.service"
