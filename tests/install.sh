#!/usr/bin/env bash
# Installs the real clients that the end-to-end tests push and ask with: netcat, curl and collectd from
# Debian, graphyte, prometheus_client and whisper from PyPI, statsd from npm; and graphite-web from PyPI, which
# answers are compared with. What is there already is left alone, so a second run takes a second.
# Everything but the Debian packages goes to target/test-tools/.
#
# Registries fail now and then, so everything that goes over the network is tried three times. What
# cannot be had ends the run with a line that says what and why.
set -eu
cd "$(dirname "$0")/.."

tools=target/test-tools
mkdir -p "$tools"

attempt() { # COMMAND...
    local pause
    for pause in 3 10 ''; do
        "$@" && return
        [ -n "$pause" ] || return 1
        echo "tests/install.sh: failed, trying again in $pause s: $1" >&2
        sleep "$pause"
    done
}
give_up() { # MESSAGE...
    echo "tests/install.sh: $*" >&2
    exit 1
}

missing=()
need() { # COMMAND PACKAGE...
    local command=$1
    shift
    PATH="$PATH:/usr/sbin" command -v "$command" >/dev/null || missing+=("$@")
}
need cc gcc libc6-dev
need nc netcat-openbsd
need collectd collectd-core
need curl curl
need python3 python3 python3-venv
need node nodejs
need npm npm
if command -v python3 >/dev/null && ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    missing+=(python3-venv)
fi

if [ ${#missing[@]} -gt 0 ]; then
    command -v apt-get >/dev/null ||
        give_up "please install these first (by Debian's names): ${missing[*]}"
    as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || give_up "please install as root: ${missing[*]}"
        as_root=(sudo)
    fi
    from_debian() {
        # Also at each further attempt: a list that is old names files that are gone.
        "${as_root[@]}" apt-get update -q &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
                apt-get install -q -y --no-install-recommends "${missing[@]}"
    }
    echo "installing from Debian: ${missing[*]}"
    attempt from_debian || give_up "cannot install from Debian (is there a network?): ${missing[*]}"
fi

# A fresh environment in a folder, with these packages and nothing else.
python_environment() { # FOLDER PACKAGE...
    local folder=$1
    shift
    rm -rf "$folder" && python3 -m venv "$folder" &&
        "$folder/bin/pip" install -q --disable-pip-version-check "$@"
}

# Pinned, so that a new release of a client cannot turn a run red; the stamp names what is installed.
python_packages="graphyte==1.7.1 prometheus_client==0.26.0 whisper==1.1.10 six==1.17.0"
if [ "$(cat "$tools/python.stamp" 2>/dev/null)" != "$python_packages" ]; then
    echo "installing from PyPI: $python_packages"
    # shellcheck disable=SC2086 # a list of words
    attempt python_environment "$tools/python" $python_packages ||
        give_up "cannot install from PyPI (is there a network?): $python_packages"
    echo "$python_packages" >"$tools/python.stamp"
fi

# The reference itself, in an environment of its own: the only Django that graphite-web 1.1.10 allows is old.
# A Python from 3.13 on lacks the module cgi, which that Django needs.
reference_packages="graphite-web==1.1.10 whisper==1.1.10 Django==3.0.14 django-tagging==0.4.3 \
pyparsing==3.3.3 pytz==2026.6 cairocffi==1.7.1 urllib3==2.8.0 six==1.17.0 gunicorn==27.0.1 setuptools<81 \
legacy-cgi==2.6.4;python_version>='3.13'"
if [ "$(cat "$tools/graphite-web.stamp" 2>/dev/null)" != "$reference_packages" ]; then
    echo "installing from PyPI: $reference_packages"
    # shellcheck disable=SC2086 # a list of words
    if ! attempt python_environment "$tools/graphite-web" $reference_packages; then
        rm -rf "$tools/graphite-web"
        give_up "graphite-web cannot be installed from PyPI (is there a network?): the tests that" \
            "compare with it will fail; \`cargo test -- --skip live\` goes without"
    fi
    echo "$reference_packages" >"$tools/graphite-web.stamp"
fi

# carbon in an environment of its own: its setup puts files beside the packages unless it is told not to.
carbon_packages="carbon==1.1.10 whisper==1.1.10 Twisted==26.10.0 txAMQP==0.8.2 cachetools==8.0.2 urllib3==2.8.0 six==1.17.0"
if [ "$(cat "$tools/carbon.stamp" 2>/dev/null)" != "$carbon_packages" ]; then
    echo "installing from PyPI: $carbon_packages"
    export GRAPHITE_NO_PREFIX=True
    # shellcheck disable=SC2086 # a list of words
    attempt python_environment "$tools/carbon" --no-binary carbon $carbon_packages ||
        give_up "cannot install from PyPI (is there a network?): $carbon_packages"
    echo "$carbon_packages" >"$tools/carbon.stamp"
fi

node_packages="statsd@0.9.0"
if [ "$(cat "$tools/node.stamp" 2>/dev/null)" != "$node_packages" ]; then
    echo "installing from npm: $node_packages"
    # Its optional dependencies are native add-ons for other backends.
    from_npm() { # PACKAGE...
        rm -rf "$tools/node" && mkdir -p "$tools/node" &&
            npm install --loglevel=error --no-audit --no-fund --omit=optional \
                --prefix "$tools/node" "$@"
    }
    # shellcheck disable=SC2086 # a list of words
    attempt from_npm $node_packages ||
        give_up "cannot install from npm (is there a network?): $node_packages"
    echo "$node_packages" >"$tools/node.stamp"
fi
