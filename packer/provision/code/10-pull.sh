# The tag's code, exactly at the commit that the release resolved: a tag that moved since is not followed.
app="$DESTDIR/srv/app"
rm -rf "$app"
mkdir -p "$app"
cd "$app"
git init --quiet
export GIT_TERMINAL_PROMPT=0
git fetch --quiet --depth 1 -- "$OVENBIRD_REPOSITORY" "$OVENBIRD_COMMIT" ||
	git fetch --quiet --depth 1 -- "$OVENBIRD_REPOSITORY" "refs/tags/$OVENBIRD_TAG"
found=$(git rev-parse 'FETCH_HEAD^{commit}')
if [ "$found" != "$OVENBIRD_COMMIT" ]; then
	echo "the tag $OVENBIRD_TAG is at $found now, this release is of $OVENBIRD_COMMIT"
	exit 1
fi
git -c advice.detachedHead=false checkout --quiet FETCH_HEAD
rm -rf .git
echo "$OVENBIRD_APPLICATION $OVENBIRD_TAG at $OVENBIRD_COMMIT"
