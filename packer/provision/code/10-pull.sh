# Pulls the commit that the release resolved. A tag that has moved since fails the bake.
# Amazon Linux comes without git.
if ! command -v git >/dev/null; then
	if command -v dnf >/dev/null; then dnf -y -q install git-core; else apt-get update -qq && apt-get install -y -qq git; fi
fi
app="$DESTDIR/srv/app"
rm -rf "$app"
mkdir -p "$app"
cd "$app"
export GIT_TERMINAL_PROMPT=0

fetch() {
	git init --quiet
	# No credential helper may store the token.
	git config credential.helper ""
	git fetch --quiet --depth 1 -- "$OVENBIRD_REPOSITORY" "$OVENBIRD_COMMIT" ||
		git fetch --quiet --depth 1 -- "$OVENBIRD_REPOSITORY" "refs/tags/$OVENBIRD_TAG"
}

# A private repository: the instance reads the key or token from AWS with its own role, and passes it by
# pipes. No file, argument or variable holds it.
if [ -n "${OVENBIRD_CREDENTIAL:-}" ]; then
	credential="$RECIPE/tools/credential.py"
	kind=$(python3 "$credential" kind)
	if [ "$kind" = key ]; then
		eval "$(ssh-agent -s)" >/dev/null
		trap 'ssh-agent -k >/dev/null' EXIT
		python3 "$credential" show | ssh-add -q -
		export GIT_SSH_COMMAND="ssh -F /dev/null -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=$DESTDIR/var/lib/ovenbird/known_hosts"
	else
		askpass="$DESTDIR/var/lib/ovenbird/askpass"
		printf '#!/bin/sh\ncase "$1" in Username*) echo x-access-token;; *) exec python3 "%s" show;; esac\n' "$credential" >"$askpass"
		chmod 700 "$askpass"
		export GIT_ASKPASS="$askpass"
	fi
fi
fetch
found=$(git rev-parse 'FETCH_HEAD^{commit}')
if [ "$found" != "$OVENBIRD_COMMIT" ]; then
	echo "the tag $OVENBIRD_TAG is at $found now, this release is of $OVENBIRD_COMMIT"
	exit 1
fi
git -c advice.detachedHead=false checkout --quiet FETCH_HEAD
rm -rf .git
echo "$OVENBIRD_APPLICATION $OVENBIRD_TAG at $OVENBIRD_COMMIT"
