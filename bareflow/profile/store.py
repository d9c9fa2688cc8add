"""Profiles on disk, binary or JSON: told apart by what is in them when read, by their suffix when written."""

from __future__ import annotations

from pathlib import Path

from bareflow.errors import ProfileError
from bareflow.profile.document import from_json, to_json
from bareflow.profile.file import decode_profile, write_profile
from bareflow.profile.values import Profile
from bareflow.toolchain import write_atomic

RUNS_KEPT = 8  # parts of runs in a file: each takes as much room as the rest


def load_profile(path: Path) -> Profile:
    """Read a profile file, binary or JSON.

    Raises:
        ProfileError: when it cannot be read or is not exactly right.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ProfileError(
            f"{path} cannot be read: {error.strerror}.", hint="`bareflow grow` writes a profile beside its image."
        ) from error
    if data.lstrip()[:1] != b"{":
        return decode_profile(data, str(path))
    try:
        return from_json(data.decode(), str(path))
    except UnicodeDecodeError as error:
        raise ProfileError(f"{path} is not a profile in JSON: it is not UTF-8.") from error


def load_to_add(path: Path) -> Profile:
    """Read a profile that more is to be added to; of more than RUNS_KEPT runs no later part is waited for.

    Raises:
        ProfileError: see `load_profile`.
    """
    profile = load_profile(path)
    return profile if len(profile.runs) <= RUNS_KEPT else profile.whole()


def save_profile(path: Path, profile: Profile) -> None:
    """Write a profile: JSON to a `.json` file, binary to any other.

    Raises:
        ImageError: when it cannot be written.
        ProfileError: for a count that the binary file does not hold.
    """
    if path.suffix == ".json":
        write_atomic(path, to_json(profile).encode())
    else:
        write_profile(path, profile)
