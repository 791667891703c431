#!/bin/sh
# Makes the commit that a release's tag points to: its only change is that action.yml names the image that was built, by digest.
#   release-commit.sh ghcr.io/OWNER/NAME@sha256:...      on the commit that is released; leaves HEAD on the new one
# Date and author are those of the commit below and of nobody, so that the same image always gives the same commit.
set -eu
cd "$(dirname "$0")/.."
image=$1
case $image in
*@sha256:????????????????????????????????????????????????????????????????) ;;
*)
  echo "release-commit.sh: $image does not name an image by its digest" >&2
  exit 2
  ;;
esac
sed -i "s|^  image: Dockerfile\$|  image: docker://$image|" action.yml
if [ "$(git diff --numstat -- action.yml)" != "$(printf '1\t1\taction.yml')" ]; then
  echo "release-commit.sh: action.yml should have one line '  image: Dockerfile', and one line should differ now" >&2
  exit 1
fi
date=$(git log -1 --format=%cI)
name='github-actions[bot]' email='41898282+github-actions[bot]@users.noreply.github.com'
GIT_AUTHOR_DATE=$date GIT_COMMITTER_DATE=$date GIT_AUTHOR_NAME=$name GIT_COMMITTER_NAME=$name GIT_AUTHOR_EMAIL=$email \
  GIT_COMMITTER_EMAIL=$email git commit --quiet --message "release: action.yml names the image" -- action.yml
echo "release commit: $(git rev-parse HEAD)"
