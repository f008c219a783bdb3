# The service that every instance of the image starts at boot.
cd "$DESTDIR/srv/app"
. ./ovenbird.env
units="$DESTDIR/etc/systemd/system"
mkdir -p "$DESTDIR/usr/lib/ovenbird"
# What the unit runs first: with a team's own template nothing else may have brought it.
cp "$RECIPE"/files/usr/lib/ovenbird/*.py "$DESTDIR/usr/lib/ovenbird/"
# A file of its own: START may hold quotes, which a unit would read in its own way.
printf '#!/bin/sh\nexec %s\n' "$START" >"$DESTDIR/usr/lib/ovenbird/start"
chmod 755 "$DESTDIR/usr/lib/ovenbird/start"
mkdir -p "$units/multi-user.target.wants" "$DESTDIR/etc/ovenbird"
cat >"$DESTDIR/etc/ovenbird/app.env" <<ENV
OVENBIRD_APPLICATION="$OVENBIRD_APPLICATION"
OVENBIRD_TAG="$(printf %s "$OVENBIRD_TAG" | sed 's/[\\"$\`]/\\&/g')"
OVENBIRD_COMMIT="$OVENBIRD_COMMIT"
ENV
cat >"$units/ovenbird-app.service" <<UNIT
[Unit]
Description=$OVENBIRD_APPLICATION
StartLimitIntervalSec=0
After=network-online.target
Wants=network-online.target

[Service]
WorkingDirectory=/srv/app
Environment=HOST=0.0.0.0 PORT=${PORT:-8080}
EnvironmentFile=/etc/ovenbird/app.env
EnvironmentFile=-/run/ovenbird/stack.env
ExecStartPre=+/usr/bin/env python3 /usr/lib/ovenbird/environment.py
ExecStart=/usr/lib/ovenbird/start
Restart=always
RestartSec=2
DynamicUser=yes

[Install]
WantedBy=multi-user.target
UNIT
ln -sf /etc/systemd/system/ovenbird-app.service "$units/multi-user.target.wants/ovenbird-app.service"
