#!/bin/sh
# The programs beside Python that the tests run: the languages of the snippets, and a browser.
# Installed where Debian's packages can be, named where they cannot.
set -eu
packages=
for pair in node:nodejs php:php-cli chromium:chromium curl:curl; do
  command -v "${pair%%:*}" >/dev/null || packages="$packages ${pair#*:}"
done
[ -n "$packages" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing for the tests:$packages ..."
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends $packages >/dev/null
else
  echo "The tests run the README's snippets and need, by Debian's names:$packages. Install them and run make test again." >&2
  exit 1
fi
