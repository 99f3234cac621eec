"""Delegation: another plugin's executable does the IPAM, with our environment and our configuration."""

from __future__ import annotations

from k8snet_scripts.plugin.call import Call
from k8snet_scripts.plugin.errors import OTHER, CniError
from k8snet_scripts.plugin.programs import Finished, find_program, run_program
from k8snet_scripts.plugin.texts import read_json, write_json

MARK = b"# k8snet-cni:"
"""What the second line of our own executables begins with."""


def find_plugin(call: Call, type: str) -> str:
    """The executable of a plugin.  Raises `CniError`."""
    path = find_program(type, call.path)
    if path is None:
        raise CniError(OTHER, f'failed to find plugin "{type}" in path [{" ".join(call.path)}]')
    return path


def is_ours(path: str) -> bool:
    """Whether an executable is one that `k8snet cni install` has made."""
    try:
        with open(path, "rb", buffering=0) as file:
            lines = (file.read(1024) or b"").split(b"\n", 2)
    except OSError:
        return False
    return len(lines) > 1 and lines[1].startswith(MARK)


def delegate(call: Call, type: str, command: str) -> object:
    """The decoded answer of another plugin to a command, or None.  Raises `CniError`, perhaps with its words."""
    path = find_plugin(call, type)
    try:
        finished = run_program([path], {**call.environment, "CNI_COMMAND": command}, call.raw)
    except OSError as error:
        raise CniError(OTHER, f"cannot execute {path}: {error.strerror}") from error
    if finished.status != 0:
        raise _read_error(finished)
    if not finished.output.strip():
        return None
    try:
        return read_json(finished.output.decode())
    except (ValueError, RecursionError) as error:
        raise CniError(OTHER, f'the answer of the plugin "{type}" is no JSON: {error}') from error


def _read_error(finished: Finished) -> CniError:
    """The error of a plugin, or what can be said where it has not said one."""
    errors = finished.errors.decode(errors="replace").strip()
    if not finished.output.strip():
        return CniError(OTHER, f"netplugin failed: {errors or f'exit status {finished.status}'}")
    try:
        said = read_json(finished.output.decode())
        code, message, details = said["code"], said["msg"], said.get("details", "")
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        output = finished.output.decode(errors="replace").strip()
        return CniError(
            OTHER, f"netplugin failed but error parsing its diagnostic message {write_json(output)}", errors
        )
    return CniError(code if isinstance(code, int) else OTHER, str(message), str(details))
