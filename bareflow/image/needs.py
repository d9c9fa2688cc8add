"""Which parts of the kernel a program needs, read off the program itself: `features = "auto"` in a recipe.

A static program holds the C library's functions that it can reach and no others, so its symbols tell which system
calls it can make. Code of the workload's own that holds a `syscall` instruction can make any, and gets all of them.
"""

from __future__ import annotations

from io import BytesIO

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from bareflow.compile.leave_out import HANDLER as LEFT_OUT
from bareflow.snapshot.link import LinkedProgram

SYSCALL = b"\x0f\x05"
ANY_CALL = frozenset({"syscall", "__vfork", "fork", "pthread_create", "__pthread_create", "posix_spawn"})
# Feature → functions of musl that make its calls; a leading `__` is left out on both sides.
CALLERS = {
    feature: frozenset(names.split())
    for feature, names in {
        "files": """
            access chdir creat do_tzset dup dup2 dup3 euidaccess faccessat fcntl fdopen fdopendir fopen
            fopen_rb_ca freopen fseek fseeko fstat fstatat ftell ftw getcwd getdents glob lseek64 lstat
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
            brk calloc free libc_malloc libc_malloc_impl madvise malloc mincore mlock mmap mprotect mremap
            munmap posix_madvise realloc sbrk simple_malloc
        """,
        "process": """
            abort alarm block_all_sigs block_app_sigs getegid getentropy geteuid getgid gethostname
            getloadavg getpid getppid getpriority getrandom getrlimit getrusage gettid getuid kill
            libc_sigaction pause prctl prlimit pthread_sigmask raise restore_sigs sched_getaffinity
            sched_yield setitimer setrlimit sigaction sigaltstack signal sigprocmask sigsuspend sigtimedwait
            sigwait sysconf sysinfo times tkill umask uname
        """,
    }.items()
}


def features_needed(program: LinkedProgram) -> frozenset[str]:
    """The kernel features without which a program might miss a system call.

    Args:
        program: linked, with its symbols.
    """
    own = [
        function.name
        for function in program.functions
        if SYSCALL in _code(program, function.address, function.size) and not function.name.startswith(LEFT_OUT)
    ]
    symbols = _symbols(program.elf)
    if own or symbols & ANY_CALL:
        return frozenset(CALLERS)
    bare = {name.lstrip("_") for name in symbols}
    return frozenset(feature for feature, callers in CALLERS.items() if bare & callers)


def _symbols(elf: bytes) -> set[str]:
    table = ELFFile(BytesIO(elf)).get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return set(ANY_CALL)  # without symbols nothing is known
    return {symbol.name for symbol in table.iter_symbols() if symbol["st_info"]["type"] in ("STT_FUNC", "STT_NOTYPE")}


def _code(program: LinkedProgram, address: int, size: int) -> bytes:
    for segment in program.segments:
        if segment.address <= address < segment.address + len(segment.data):
            start = address - segment.address
            return segment.data[start : start + size]
    return b""
