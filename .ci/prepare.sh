# shellcheck shell=bash
# Sourced by `run` and `nightly`, which it leaves in a copy of the checkout, in the temporary directory `work`, with all that
# tests need: programs of the system, and an environment with the package as users get it.  For Debian or Ubuntu, as root.
# `leave` is called at the end, whatever that is.
unset PYTHONDONTWRITEBYTECODE
export DEBIAN_FRONTEND=noninteractive

heading() { printf '\n=== %s ===\n' "$*"; }

heading "Packages of the system"
declare -A package=(
	[ip]=iproute2 [nft]=nftables [iptables]=iptables [unshare]=util-linux [ps]=procps [ping]=iputils-ping [tar]=tar
	[shellcheck]=shellcheck [shfmt]=shfmt [linux.uml]=user-mode-linux [modprobe]=kmod [python3]=python3
	[podman]=podman [crun]=crun [busybox]=busybox-static ["ansible-playbook"]=ansible-core [sshd]=openssh-server
	["systemd-analyze"]=systemd ["mkfs.ext4"]=e2fsprogs
)
missing=()
for program in "${!package[@]}"; do
	command -v "$program" >/dev/null || missing+=("${package[$program]}")
done
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
[[ -x /usr/lib/cni/bridge ]] || missing+=(containernetworking-plugins)
if ((${#missing[@]})); then
	apt-get update -q
	RUNLEVEL=1 apt-get install -q -y --no-install-recommends "${missing[@]}" # which starts no daemon
else
	echo "nothing is missing"
fi

work=$(mktemp -d)
trap leave EXIT
mkdir "$work/checkout"
tar --exclude=./.git --exclude=./.venv --exclude=./build --exclude='*.egg-info' -c . | tar -x -C "$work/checkout"
cd "$work/checkout" || exit

# Makes the environment, in "$work/venv", with what else the arguments name.
install_wheel() {
	local wheels
	heading "The wheel, installed with its test extra"
	python3 -m venv "$work/venv"
	"$work/venv/bin/pip" wheel -q --no-deps -w "$work/wheel" .
	wheels=("$work"/wheel/*.whl)
	"$work/venv/bin/pip" install -q "${wheels[0]}[test]" "$@"
	"$work/venv/bin/pip" list
}

# Tests see the plugin by their environment, so that the commands stay as a user types them.
# shellcheck disable=SC2034 # those who source this use it
testing=(env PYTHONPATH="$work/checkout/.ci" PYTEST_PLUGINS=no_skips)
