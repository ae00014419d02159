#!/usr/bin/env bash
# Installs the real clients that the end-to-end tests push with: netcat and collectd from Debian,
# graphyte, prometheus_client and whisper from PyPI, statsd from npm; and graphite-web from PyPI, which
# answers are compared with. What is there already is left alone, so a second run takes a second.
# Everything but the Debian packages goes to target/test-tools/.
set -eu
cd "$(dirname "$0")/.."

tools=target/test-tools
mkdir -p "$tools"

missing=()
need() { # COMMAND PACKAGE...
    local command=$1
    shift
    PATH="$PATH:/usr/sbin" command -v "$command" >/dev/null || missing+=("$@")
}
need cc gcc libc6-dev
need nc netcat-openbsd
need collectd collectd-core
need python3 python3 python3-venv
need node nodejs
need npm npm
if command -v python3 >/dev/null && ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    missing+=(python3-venv)
fi

if [ ${#missing[@]} -gt 0 ]; then
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    echo "installing from Debian: ${missing[*]}"
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

# Pinned, so that a new release of a client cannot turn a run red; the stamp names what is installed.
python_packages="graphyte==1.7.1 prometheus_client==0.26.0 whisper==1.1.10 six==1.17.0"
if [ "$(cat "$tools/python.stamp" 2>/dev/null)" != "$python_packages" ]; then
    echo "installing from PyPI: $python_packages"
    rm -rf "$tools/python"
    python3 -m venv "$tools/python"
    # shellcheck disable=SC2086 # a list of words
    "$tools/python/bin/pip" install -q --disable-pip-version-check $python_packages
    echo "$python_packages" >"$tools/python.stamp"
fi

# The reference itself, in an environment of its own: the only Django that graphite-web 1.1.10 allows is old.
# A Python from 3.13 on lacks the module cgi, which that Django needs.
reference_packages="graphite-web==1.1.10 whisper==1.1.10 Django==3.0.14 django-tagging==0.4.3 \
pyparsing==3.3.3 pytz==2026.6 cairocffi==1.7.1 urllib3==2.8.0 six==1.17.0 gunicorn==27.0.1 setuptools<81 \
legacy-cgi==2.6.4;python_version>='3.13'"
if [ "$(cat "$tools/graphite-web.stamp" 2>/dev/null)" != "$reference_packages" ]; then
    echo "installing from PyPI: $reference_packages"
    rm -rf "$tools/graphite-web"
    python3 -m venv "$tools/graphite-web"
    # shellcheck disable=SC2086 # a list of words
    if ! "$tools/graphite-web/bin/pip" install -q --disable-pip-version-check $reference_packages; then
        rm -rf "$tools/graphite-web"
        echo "graphite-web cannot be installed from PyPI (is there a network?): the tests that" \
            "compare with it will fail; \`cargo test -- --skip live\` goes without" >&2
        exit 1
    fi
    echo "$reference_packages" >"$tools/graphite-web.stamp"
fi

node_packages="statsd@0.9.0"
if [ "$(cat "$tools/node.stamp" 2>/dev/null)" != "$node_packages" ]; then
    echo "installing from npm: $node_packages"
    rm -rf "$tools/node"
    mkdir -p "$tools/node"
    # Its optional dependencies are native add-ons for other backends.
    npm install --loglevel=error --no-audit --no-fund --omit=optional --prefix "$tools/node" $node_packages
    echo "$node_packages" >"$tools/node.stamp"
fi
