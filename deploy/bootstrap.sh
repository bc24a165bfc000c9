#!/bin/sh
# Sets up what a command needs before it runs: Debian's packages, npm's, the build.
#
#   deploy/bootstrap.sh demo|run|test|bench
#
# As root or in CI it installs; at a terminal it lists what it would install and asks once.
set -eu
cd "$(dirname "$0")/.."
for_what=${1:-run}

say() { printf '%s\n' "$*" >&2; }

# --- Node ------------------------------------------------------------------------------------------------------------
if ! command -v node >/dev/null 2>&1 || ! node -e '
  const [major, minor] = process.versions.node.split(".").map(Number)
  process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)'; then
  say "Ownlens needs Node 20.19 or newer; here is $(node --version 2>/dev/null || echo none)."
  say "Debian 12's own Node is 18. Ways to a newer one:"
  say "  - Debian 13 and Raspberry Pi OS (trixie): apt install nodejs npm"
  say "  - any Linux: https://nodejs.org/en/download (a .tar.xz to unpack into /usr/local)"
  exit 1
fi

# --- Debian's packages -----------------------------------------------------------------------------------------------
# command:package
wanted='ffmpeg:ffmpeg v4l2-ctl:v4l-utils arecord:alsa-utils flock:util-linux setpriv:util-linux'
case $for_what in
  test | bench) wanted="$wanted mosquitto:mosquitto age:age openssl:openssl curl:curl python3:python3" ;;
esac
case $for_what in
  bench) wanted="$wanted mosquitto_pub:mosquitto-clients motion:motion" ;;
esac
missing=''
for pair in $wanted; do
  PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
if [ -n "$missing" ]; then
  as_root=''
  if [ "$(id -u)" -ne 0 ]; then as_root='sudo'; fi
  if ! command -v apt-get >/dev/null 2>&1; then
    say "Please install:$missing (there is no apt-get here)."
    exit 1
  fi
  if [ -n "$as_root" ] && [ -z "${CI:-}" ]; then
    say "Ownlens would install with apt:$missing"
    if [ ! -t 0 ]; then
      say "Nobody can be asked here. Run: sudo apt-get install$missing"
      exit 1
    fi
    printf 'Install now? [y/N] ' >&2
    read -r answer
    case $answer in
      y | Y | yes) ;;
      *) exit 1 ;;
    esac
  fi
  say "Installing:$missing"
  # A mosquitto of its own would hold a port; the hub and the tests start theirs themselves.
  log=$(mktemp)
  if ! { $as_root apt-get -qq update &&
    $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq install -y --no-install-recommends $missing; } >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    say 'apt could not install them: see above.'
    exit 1
  fi
  rm -f "$log"
fi

# --- npm's packages and the build ------------------------------------------------------------------------------------
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  say 'Installing npm packages …'
  npm ci --no-audit --no-fund --loglevel=error >&2
fi
if [ ! -f dist/.tsbuildinfo ] || [ tsconfig.json -nt dist/.tsbuildinfo ] ||
  [ -n "$(find . \( -name node_modules -o -name dist -o -name .git -o -name out \) -prune -o -name '*.ts' -newer dist/.tsbuildinfo -print -quit)" ]; then
  node_modules/.bin/tsc -p .
  # Nothing to emit leaves the file as old as it was.
  touch dist/.tsbuildinfo
fi
