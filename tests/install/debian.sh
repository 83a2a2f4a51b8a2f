#!/usr/bin/env bash
# make check-debian: is the README true to the letter on a bare Debian? Needs root and debootstrap.
# Makes a minimal Debian (debootstrap --variant=minbase) in a temporary folder, runs the README's own apt-get line there,
# and then, as an ordinary user, clones the committed HEAD and runs `make demo` and `make test`.
#   DEBIAN=trixie   another release than bookworm. Only `make demo` runs there: its Python is newer, and the PyTorch that
#                   `make test` brings is a build of several gigabytes where none for CPUs lies at hand.
#   TESTS=no        `make demo` only
# What this machine's pip was told (pip.conf, PIP_*, folders of packages, certificates) holds in there too.
set -euo pipefail
repo=$(cd "$(dirname "$0")/../.." && pwd)
release=${DEBIAN:-bookworm}
tests=${TESTS:-yes}
[ "$release" = bookworm ] || tests="no (DEBIAN=$release: demo only)"
[ "$(id -u)" = 0 ] || { echo "check-debian needs root: it makes a chroot" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "check-debian needs debootstrap: apt-get install debootstrap" >&2; exit 1; }

readme=$(git -C "$repo" show HEAD:README.md)
apt=$(grep -m1 -oE 'apt-get update.*|apt-get install.*' <<<"$readme" | sed 's/ *#.*//')
[ -n "$apt" ] || { echo "README.md has no apt-get line" >&2; exit 1; }
for command in "make demo" "make test"; do
    grep -qE "^$command( |$)" <<<"$readme" || { echo "README.md does not say: $command" >&2; exit 1; }
done

root=$(mktemp -d -t hoigen-debian.XXXXXX)
chmod 755 "$root" # it becomes the / of an ordinary user
clean() { rm -rf --one-file-system "$root"; }
trap clean EXIT
trap 'exit 130' INT TERM
say() { printf '\n== %s\n' "$*"; }

say "a minimal Debian $release"
# shellcheck disable=SC2086
debootstrap --variant=minbase "$release" "$root" ${DEBIAN_MIRROR:-} >"$root.log" 2>&1 ||
    { tail -n 20 "$root.log"; rm -f "$root.log"; exit 1; }
rm -f "$root.log"
cp /etc/resolv.conf "$root/etc/resolv.conf"

# What pip needs of this machine, where there is any of it.
here() { find /etc/pip.conf /etc/xdg/pip "$HOME/.config/pip/pip.conf" "$HOME/.pip/pip.conf" -type f 2>/dev/null || true; }
variables() { env | grep -E '^(PIP_[A-Z_]+|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|GIT_SSL_CAINFO|https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY)=' || true; }
mkdir -p "$root/settings"
here | while read -r file; do
    case $file in
    "$HOME"/*) install -D "$file" "$root/etc/skel/.config/pip/pip.conf" ;;
    *) install -D "$file" "$root$file" ;;
    esac
done
variables | sed -E "s/'/'\\\\''/g; s/^([A-Za-z_]+)=(.*)$/export \1='\2'/" >"$root/settings/variables"
{ here | xargs -r sed '/^[[:space:]]*#/d'; variables; } | grep -oE '(file://)?/[^[:space:],:]+' |
    sed 's,^file://,,; s,/simple/*$,,' | sort -u |
    while read -r path; do # folders of packages, files of certificates; the rest was copied with the settings
        if { [ -d "$path" ] && [ "$path" != /etc/ssl/certs ]; } || { [ -f "$path" ] && [[ $path =~ \.(crt|pem)$ ]]; }; then
            echo "$path"
        fi
    done >"$root/settings/paths"

git clone --quiet --bare "$repo" "$root/srv/hoigen.git"
commit=$(git -C "$repo" rev-parse --short HEAD)

cat >"$root/settings/user.sh" <<USER
set -e
. /settings/variables
cd "\$HOME"
git clone --quiet /srv/hoigen.git hoigen
cd hoigen
test "\$(git rev-parse --short HEAD)" = "$commit"
SECONDS=0
make demo
echo "make demo: passed, \$SECONDS s" >>/settings/summary
case "$tests" in
yes)
    SECONDS=0
    make test 2>&1 | tee "\$HOME/test.log" || true
    test "\${PIPESTATUS[0]}" = 0 && outcome=passed || outcome=FAILED
    echo "make test: \$outcome, \$SECONDS s: \$(tail -n 1 "\$HOME/test.log")" >>/settings/summary
    test \$outcome = passed
    ;;
*) echo "make test: not run: $tests" >>/settings/summary ;;
esac
USER

cat >"$root/settings/root.sh" <<ROOT
set -e
export DEBIAN_FRONTEND=noninteractive
$apt || exit 1
test -s /etc/ssl/certs/ca-certificates.crt || { echo "no ca-certificates: git could not clone over https"; exit 1; }
ROOT

# In namespaces of its own: whatever happens, no mount and no process outlives this script.
inside() {
    unshare --mount --pid --fork --kill-child bash -euc '
        root=$1; shift
        mount -t proc proc "$root/proc"
        mount --rbind /sys "$root/sys"
        mount --rbind /dev "$root/dev"
        if [ "$1" = user ]; then
            while read -r path; do
                if [ -d "$path" ]; then mkdir -p "$root$path"; else mkdir -p "$(dirname "$root$path")"; touch "$root$path"; fi
                mount --bind -o ro "$path" "$root$path"
            done <"$root/settings/paths"
            exec chroot "$root" su --login somebody --command "bash /settings/user.sh"
        fi
        exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root bash /settings/root.sh
    ' inside "$root" "$1"
}

say "as root: $apt"
inside root >"$root/settings/apt.log" 2>&1 || { tail -n 20 "$root/settings/apt.log"; exit 1; }
chroot "$root" useradd --create-home --shell /bin/bash somebody
chown -R --reference="$root/home/somebody" "$root/srv/hoigen.git" "$root/settings"

say "as an ordinary user: git clone, make demo$([ "$tests" = yes ] && echo ', make test')"
rc=0
inside user || rc=$?

say "Summary"
echo "Debian $release (minbase, $(cat "$root/etc/debian_version")), $(chroot "$root" python3 --version), commit $commit"
echo "$apt"
cat "$root/settings/summary" 2>/dev/null || true
[ $rc = 0 ] && echo "check-debian: the README holds" || echo "check-debian: FAILED ($rc)"
exit $rc
