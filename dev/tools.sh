#!/bin/sh
# The programs beside Python that the tests run: the languages of the snippets and of Sentry's SDKs,
# a browser, those SDKs, and bundlers. With SYSTEM=1, installs the missing ones from Debian's packages. Without
# it, or where that is not possible, names them and ends.
set -eu

install() {
  [ $# -gt 0 ] || return 0
  if [ "${SYSTEM:-}" = 1 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing for the tests: $* ..."
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -o Acquire::Retries=3 -qqy --no-install-recommends "$@" >/dev/null
  else
    cat >&2 <<END
These tests need programs that are not installed. Debian's and Ubuntu's packages of them are:
  $*
Install them and try again. As root on Debian or Ubuntu, SYSTEM=1 does it: make clients SYSTEM=1
The tests of \`make test\` do not need them.
END
    exit 1
  fi
}

packages=
for pair in node:nodejs php:php-cli ruby:ruby chromium:chromium curl:curl; do
  command -v "${pair%%:*}" >/dev/null || packages="$packages ${pair#*:}"
done
for pair in rack:ruby-rack sentry-ruby:ruby-sentry-ruby sentry-raven:ruby-sentry-raven; do
  ruby -e "require '${pair%%:*}'" 2>/dev/null || packages="$packages ${pair#*:}"
done
if [ "${SYSTEM:-}" != 1 ]; then
  command -v npm >/dev/null || packages="$packages npm"
fi
install $packages
# Afterwards, since some packages of Node.js bring it, and refuse another beside it.
command -v npm >/dev/null || install npm

# npm writes the second file when it is done.
for folder in tests/clients/sdks tests/clients/builds; do
  if [ ! "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ]; then
    echo "Installing the packages of $folder ..."
    npm ci --prefix "$folder" --ignore-scripts --engine-strict --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null
  fi
done
