#!/bin/sh
# The programs beside Python that the tests run: the languages of the snippets and of Sentry's SDKs,
# a browser, and those SDKs. Installed where Debian's packages can be, named where they cannot.
set -eu

install() {
  [ $# -gt 0 ] || return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing for the tests: $* ..."
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends "$@" >/dev/null
  else
    echo "The tests run the README's snippets and Sentry's SDKs, and need, by Debian's names: $*. Install them and run make clients again." >&2
    exit 1
  fi
}

packages=
for pair in node:nodejs php:php-cli ruby:ruby chromium:chromium curl:curl; do
  command -v "${pair%%:*}" >/dev/null || packages="$packages ${pair#*:}"
done
for pair in rack:ruby-rack sentry-ruby:ruby-sentry-ruby; do
  ruby -e "require '${pair%%:*}'" 2>/dev/null || packages="$packages ${pair#*:}"
done
install $packages
# Afterwards, since some packages of Node.js bring it, and refuse another beside it.
command -v npm >/dev/null || install npm

# npm writes the second file when it is done.
sdks=tests/clients/sdks
if [ ! "$sdks/node_modules/.package-lock.json" -nt "$sdks/package-lock.json" ]; then
  echo "Installing Sentry's SDKs for JavaScript ..."
  npm ci --prefix "$sdks" --ignore-scripts --engine-strict --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null
fi
