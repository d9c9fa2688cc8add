/* SPDX-License-Identifier: MIT */
/* The table of system calls. POINTERS has bit n set where argument n is an address of the workload's. */

    .section .table, "a"
    .macro CALL number, handler, pointers=0
    .short  \number | \pointers << 9
    .short  sys_\handler - .
    .endm
    .macro ALWAYS number, result
    .short  \number, \result
    .endm

    .globl calls, calls_end
    .balign 2
calls:
    CALL 0,   read, 2
    CALL 1,   write, 2
    CALL 19,  readv, 2
    CALL 20,  writev, 2
    CALL 9,   mmap, 1
    CALL 11,  munmap
    CALL 12,  brk
#ifdef CONFIG_MEMORY
    CALL 10,  mprotect
    CALL 25,  mremap
    CALL 28,  madvise
#endif
    CALL 16,  ioctl
    CALL 60,  exit
    CALL 231, exit
    CALL 158, arch_prctl
    CALL 218, one                       /* set_tid_address: the thread's number */
    CALL 39,  one                       /* getpid */
    CALL 186, one                       /* gettid */
    CALL 13,  rt_sigaction, 6
    CALL 14,  rt_sigprocmask, 6
    CALL 131, sigaltstack, 3
    CALL 62,  kill
    CALL 200, kill                      /* tkill */
    CALL 234, tgkill
    CALL 202, futex, 1
    CALL 204, sched_getaffinity, 4
    CALL 3,   close
#ifdef CONFIG_FILES
    CALL 2,   open, 1
    CALL 257, openat, 2
    CALL 17,  pread64, 2
    CALL 295, preadv, 2
    CALL 8,   lseek
    CALL 4,   stat, 3
    CALL 6,   stat, 3                   /* lstat */
    CALL 5,   fstat, 2
    CALL 262, newfstatat, 6
    CALL 332, statx, 18
    CALL 21,  access, 1
    CALL 269, faccessat, 2
    CALL 439, faccessat, 2
    CALL 32,  dup
    CALL 33,  dup2
    CALL 292, dup2                      /* dup3 */
    CALL 72,  fcntl
    CALL 217, getdents64, 2
    CALL 79,  getcwd, 1
    CALL 7,   poll, 1
    CALL 271, ppoll, 5
#endif
#ifdef CONFIG_CLOCK
    CALL 228, clock_gettime, 2
    CALL 229, clock_getres, 2
    CALL 96,  gettimeofday, 3
    CALL 201, time, 1
    CALL 35,  nanosleep, 3
    CALL 230, clock_nanosleep, 12
    CALL 98,  getrusage, 2
    CALL 99,  sysinfo, 1
#endif
#ifdef CONFIG_PROCESS
    CALL 318, getrandom, 1
    CALL 63,  uname, 1
    CALL 97,  getrlimit, 2
    CALL 302, prlimit64, 12
#endif
calls_end:

    .globl constants, constants_end
constants:
    ALWAYS 24,  0                       /* sched_yield */
    ALWAYS 334, -38                     /* rseq: glibc asks first thing */
    ALWAYS 273, 0                       /* set_robust_list */
    ALWAYS 26,  0                       /* msync */
    ALWAYS 149, 0                       /* mlock */
    ALWAYS 150, 0                       /* munlock */
    ALWAYS 151, 0                       /* mlockall */
    ALWAYS 152, 0                       /* munlockall */
#ifdef CONFIG_PROCESS
    ALWAYS 102, 0                       /* getuid */
    ALWAYS 104, 0                       /* getgid */
    ALWAYS 107, 0                       /* geteuid */
    ALWAYS 108, 0                       /* getegid */
    ALWAYS 110, 0                       /* getppid */
    ALWAYS 111, 1                       /* getpgrp */
    ALWAYS 121, 1                       /* getpgid */
    ALWAYS 124, 1                       /* getsid */
    ALWAYS 95,  18                      /* umask: 022 */
    ALWAYS 56,  -11                     /* clone: no threads, EAGAIN */
    ALWAYS 57,  -11                     /* fork */
    ALWAYS 58,  -11                     /* vfork */
    ALWAYS 435, -38                     /* clone3: libraries then try clone */
    ALWAYS 22,  -38                     /* pipe */
    ALWAYS 293, -38                     /* pipe2 */
#endif
#ifdef CONFIG_FILES
    ALWAYS 74,  -30                     /* fsync */
    ALWAYS 76,  -30                     /* truncate: EROFS */
    ALWAYS 77,  -22                     /* ftruncate: not open for writing */
    ALWAYS 80,  0                       /* chdir */
    ALWAYS 82,  -30                     /* rename */
    ALWAYS 83,  -30                     /* mkdir */
    ALWAYS 84,  -30                     /* rmdir */
    ALWAYS 86,  -30                     /* link */
    ALWAYS 87,  -30                     /* unlink */
    ALWAYS 88,  -30                     /* symlink */
    ALWAYS 89,  -22                     /* readlink: nothing is a link */
    ALWAYS 267, -22                     /* readlinkat */
    ALWAYS 90,  -30                     /* chmod */
    ALWAYS 258, -30                     /* mkdirat */
    ALWAYS 263, -30                     /* unlinkat */
    ALWAYS 264, -30                     /* renameat */
    ALWAYS 221, 0                       /* fadvise64 */
#endif
constants_end:
