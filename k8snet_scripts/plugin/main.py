"""The executable: one call, from the environment and standard input to standard output and the exit status.

Nothing is imported before it is needed, for starting takes most of the time that a call has.
"""

from __future__ import annotations

import gc
import os
import sys

import k8snet_scripts
from k8snet_scripts.cni.versions import SPEC_VERSIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

    from k8snet_scripts.plugin.call import Call

_ABOUT = f"""\
k8snet-cni {k8snet_scripts.__version__}, a CNI plugin: `k8snet cni install` puts it into a directory of plugins
CNI protocol versions supported: {", ".join(SPEC_VERSIONS)}
"""
_QUOTED = ",".join([f'"{version}"' for version in SPEC_VERSIONS])
_VERSIONS = f'{{"cniVersion":"{SPEC_VERSIONS[-1]}","supportedVersions":[{_QUOTED}]}}\n'


def main() -> NoReturn:
    """Answer the call that this process was started with."""
    gc.disable()
    status, output, errors = answer(sys.argv[0], os.environ, _read_input)
    try:
        _write(1, output)
        _write(2, errors)
    except OSError:  # nobody listens, so nobody knows what was done
        status = 1
    os._exit(status)


def answer(program: str, environment: Mapping[str, str], read: Callable[[], bytes]) -> tuple[int, str, str]:
    """The exit status, standard output and standard error of a call; `read` gives its standard input."""
    command = environment.get("CNI_COMMAND")
    if not command:
        return 0, "", _ABOUT
    if command == "VERSION":
        return 0, _VERSIONS, ""
    from k8snet_scripts.plugin.errors import CniError, explain
    from k8snet_scripts.plugin.texts import write_json

    version = SPEC_VERSIONS[-1]
    try:
        call = _read_call(os.path.basename(program), environment, read)
        version = call.version
        result = _act(call)
    except Exception as error:  # noqa: BLE001
        said = error if isinstance(error, CniError) else explain(error)
        refusal = {
            "cniVersion": said.version or version,
            "code": said.code,
            "msg": said.message,
            "details": said.details,
        }
        return 1, write_json({key: value for key, value in refusal.items() if value != ""}) + "\n", ""
    return 0, "" if result is None else write_json({**result, "cniVersion": version}) + "\n", ""


def _read_call(program: str, environment: Mapping[str, str], read: Callable[[], bytes]) -> Call:
    from k8snet_scripts.plugin.call import check_environment, read_call
    from k8snet_scripts.plugin.kinds import ITSELF, KINDS

    check_environment(environment)
    return read_call(program if program in KINDS else ITSELF, environment, read())


def _act(call: Call) -> Mapping[str, object] | None:
    """The result of an ADD; everything else has none."""
    from k8snet_scripts.plugin.kinds import find_plugin

    plugin = find_plugin(call)
    match call.command:
        case "ADD":
            return plugin.add(call)
        case "DEL":
            plugin.delete(call)
        case "CHECK":
            plugin.check(call)
        case "GC":
            plugin.collect(call)
        case "STATUS":
            plugin.status(call)
    return None


def _read_input() -> bytes:
    """Standard input.  From now on Ctrl-C ends us at once, as SIGTERM does, and a script that we have started goes on."""
    from _signal import SIG_DFL, SIGINT, signal  # type: ignore[import-not-found]  # `signal` itself takes longer to import

    signal(SIGINT, SIG_DFL)
    pieces = []
    while piece := os.read(0, 1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def _write(place: int, text: str) -> None:
    rest = text.encode(errors="replace")
    while rest:
        rest = rest[os.write(place, rest) :]
