"""Which parts of the kernel a program needs, read off the program itself: `features = "auto"` in a recipe.

Two ways, and what either finds is taken: the numbers of the system calls that its code can make (calls.py) against the
kernel's own table of calls; and the C library's functions that it holds, since a static program holds those that it
can reach and no others. A call whose number cannot be followed may be any, and gets all of them.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from functools import cache
from io import BytesIO

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from bareflow import toolchain
from bareflow.image.calls import SystemCalls, system_calls
from bareflow.snapshot.link import LinkedProgram

ANY_CALL = frozenset({"__vfork", "fork", "pthread_create", "__pthread_create", "posix_spawn"})
# Calls that libc makes in cases which do not come up here, so that they ask for nothing: number → functions.
QUIET = {
    2: {"__init_libc"},  # only in a set-user-id program
    7: {"__init_libc"},
    3: {"__stdio_close"},  # of the standard streams; fopen is seen by itself
    8: {"__lseek", "__stdio_seek"},  # at exit, to give back input; fseek is seen by its name
    9: {"static_init_tls", "__init_tls"},  # for more thread-local data than libc has room for
}
FUTEX = 202  # of the functions that make it most lock what no second thread ever holds; pthread_create gets everything
WAITS = frozenset({"__timedwait_cp", "pthread_barrier_wait"})  # these may wait for ever: the kernel is to say so
# Feature → functions of musl that make its calls; a leading `__` is left out on both sides.
CALLERS = {
    feature: frozenset(names.split())
    for feature, names in {
        "files": """
            access chdir creat do_tzset dup dup2 dup3 euidaccess faccessat fcntl fdopen fdopendir fopen
            fopen_rb_ca freopen fseek fseeko fstat fstatat ftell ftw getcwd getdents glob lstat
            map_file mkdir mkostemps mkstemp nftw open openat opendir poll ppoll pread preadv pselect
            readdir readlink readlinkat readv realpath remove rename rewind scandir secs_to_tm select stat
            statx tmpfile truncate ttyname tzset unlink
        """,
        "input": "read readv stdio_read",
        "clock": """
            clock clock_getres clock_gettime clock_nanosleep ftime gettimeofday nanosleep sleep time
            timedwait timedwait_cp times timespec_get usleep
        """,
        "memory": """
            brk calloc free madvise malloc mincore mlock mmap mprotect mremap munmap posix_madvise realloc sbrk
        """,
        "process": """
            abort alarm block_all_sigs block_app_sigs getegid getentropy geteuid getgid gethostname
            getloadavg getpid getppid getpriority getrandom getrlimit getrusage gettid getuid kill
            libc_sigaction pause prctl prlimit pthread_sigmask raise restore_sigs sched_getaffinity
            sched_yield setitimer setrlimit sigaction sigaltstack signal sigprocmask sigsuspend
            sysconf sysinfo times umask uname
        """,
        "signals": """
            alarm getitimer libc_sigaction pause restore_rt setitimer sigaction signal sigpending sigsuspend
            sigtimedwait sigwait sigwaitinfo
        """,
    }.items()
}


def features_needed(program: LinkedProgram) -> frozenset[str]:
    """The kernel features without which a program might miss a system call.

    Args:
        program: linked, with its symbols.
    """
    return features_for(_symbols(program.elf), system_calls(program.elf))


def features_for(symbols: AbstractSet[str], calls: SystemCalls) -> frozenset[str]:
    """The kernel features for a program that has these functions and makes these calls."""
    if calls.unknown or symbols & ANY_CALL:
        return frozenset(CALLERS)
    table = features_of_calls()
    asked = {
        number
        for number, functions in calls.numbers.items()
        if (functions & WAITS if number == FUTEX else functions - QUIET.get(number, set()))
    }
    bare = {name.lstrip("_") for name in symbols}
    by_name = {feature for feature, callers in CALLERS.items() if bare & callers}
    return frozenset(by_name | {table[number] for number in asked if table.get(number)})


@cache
def features_of_calls() -> dict[int, str]:
    """Call number → the feature that has it, or nothing where every kernel has it; read from kernel/syscall.S.

    A call that two features have is the smaller one's. What only a growing image has is not here.
    """
    found: dict[int, str] = {}
    within: list[str] = []
    for line in (toolchain.data_root() / "kernel" / "syscall.S").read_text().splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] in {"#ifdef", "#if"}:
            names = re.findall(r"(?<!!defined\()CONFIG_(\w+)", line)
            within.append("input" if "INPUT" in names else names[0].lower())
        elif words[0] == "#else":
            within[-1] = ""
        elif words[0] == "#endif":
            within.pop()
        elif words[0] == "CALL" and within != ["grow"]:
            number = int(words[1].rstrip(","))
            feature = within[-1] if within else ""
            found[number] = min(feature, found.get(number, feature), key=_size)
    return found


def _size(feature: str) -> int:
    return ("", "input", "clock", "process", "memory", "signals", "files").index(feature)


def _symbols(elf: bytes) -> set[str]:
    table = ELFFile(BytesIO(elf)).get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return set(ANY_CALL)  # without symbols nothing is known
    return {symbol.name for symbol in table.iter_symbols() if symbol["st_info"]["type"] in ("STT_FUNC", "STT_NOTYPE")}
