/* SPDX-License-Identifier: MIT */
/* System calls: the way in, and the table of calls. Linux x86-64 ABI: number in rax, arguments in rdi rsi rdx r10 r8
 * r9, result or -errno in rax; rcx and r11 are lost. `syscall` switches no stack when it comes from ring 0. */
#include "frame.h"

#define EFAULT 14
#define POINTERS_SHIFT 9
#define NUMBER_MASK 0x1ff

    .section .text.entry, "ax"

/* State: rcx = return address, r11 = flags, the workload's stack with its red zone, which stays untouched. */
    .globl  syscall_entry
syscall_entry:
    mov     %rsp, syscall_user_rsp(%rip)
    lea     syscall_stack_top(%rip), %rsp
    push    $WORKLOAD_SS
    push    syscall_user_rsp(%rip)
    push    %r11
    push    $WORKLOAD_CS
    push    %rcx
    push    $0
    push    $VECTOR_SYSCALL
    call    frame_push
    lea     calls-4(%rip), %r11
1:  add     $4, %r11
    movzwl  (%r11), %ebx
    mov     %ebx, %ecx
    and     $NUMBER_MASK, %ecx
    cmp     %rax, %rcx
    je      2f
    lea     calls_end-4(%rip), %rcx
    cmp     %rcx, %r11
    jb      1b
    mov     %rax, %rdi
    call    syscall_unknown
    jmp     4f
2:  bt      $POINTERS_SHIFT, %ebx       /* an argument that is a pointer must lie in the lower half */
    sbb     %rcx, %rcx
    and     %rdi, %rcx
    js      syscall_fault
    bt      $POINTERS_SHIFT + 1, %ebx
    sbb     %rcx, %rcx
    and     %rsi, %rcx
    js      syscall_fault
    bt      $POINTERS_SHIFT + 2, %ebx
    sbb     %rcx, %rcx
    and     %rdx, %rcx
    js      syscall_fault
    bt      $POINTERS_SHIFT + 3, %ebx
    sbb     %rcx, %rcx
    and     %r10, %rcx
    js      syscall_fault
    mov     %r10, %rcx
    movswq  2(%r11), %rax
    lea     2(%r11,%rax), %rax
    call    *%rax
4:  mov     %rax, FRAME_RAX_OFFSET(%rsp)
#ifdef CONFIG_SIGNALS
    mov     %rsp, %rdi
    call    signal_leave
#endif
    jmp     frame_resume

/* A system call that touched a bad address of the workload's is resumed here: rsp = its frame. */
    .globl  syscall_fault
syscall_fault:
    mov     $-EFAULT, %rax
    jmp     4b

    .section .bss, "aw", @nobits
syscall_user_rsp: .skip 8

/* POINTERS has bit n set where argument n is an address of the workload's. */
    .macro CALL number, handler, pointers=0
    .short  \number | \pointers << POINTERS_SHIFT
    .short  sys_\handler - .
    .endm

    .section .table, "a"
    .balign 4
calls:
    CALL 1,   write, 2
    CALL 20,  writev, 2
    CALL 16,  enotty                    /* ioctl: neither console nor file is a terminal */
    CALL 60,  exit
    CALL 231, exit
    CALL 158, arch_prctl
    CALL 218, one                       /* set_tid_address: the thread's number */
    CALL 39,  one                       /* getpid */
    CALL 186, one                       /* gettid */
    CALL 62,  kill
    CALL 200, kill                      /* tkill */
    CALL 234, tgkill
    CALL 204, sched_getaffinity, 4
    CALL 334, enosys                    /* rseq: glibc asks first thing */
    CALL 273, zero                      /* set_robust_list */
#ifdef CONFIG_MEMORY
    CALL 9,   mmap, 1
    CALL 11,  munmap
    CALL 12,  brk
    CALL 10,  mprotect
    CALL 25,  mremap
    CALL 28,  madvise
    CALL 26,  zero                      /* msync */
    CALL 149, zero                      /* mlock */
    CALL 150, zero                      /* munlock */
    CALL 151, zero                      /* mlockall */
    CALL 152, zero                      /* munlockall */
#endif
#if defined(CONFIG_FILES) || defined(CONFIG_INPUT)
    CALL 0,   read, 2
    CALL 19,  readv, 2
#endif
#if defined(CONFIG_INPUT) && !defined(CONFIG_FILES)
    CALL 8,   espipe                    /* lseek: libc gives back at exit what it has read ahead */
#endif
#ifdef CONFIG_FILES
    CALL 2,   open, 1
    CALL 257, openat, 2
    CALL 3,   close
    CALL 17,  pread64, 2
    CALL 295, preadv, 2
    CALL 8,   lseek
    CALL 4,   stat, 3
    CALL 6,   stat, 3                   /* lstat */
    CALL 5,   fstat, 2
    CALL 262, newfstatat, 6
    CALL 332, statx, 2
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
    CALL 80,  zero                      /* chdir: there is one folder to be in */
    CALL 221, zero                      /* fadvise64 */
    CALL 89,  einval                    /* readlink: nothing is a link */
    CALL 267, einval                    /* readlinkat */
    CALL 74,  einval                    /* fsync */
    CALL 77,  einval                    /* ftruncate: nothing is open for writing */
    CALL 76,  erofs                     /* truncate */
    CALL 82,  erofs                     /* rename */
    CALL 83,  erofs                     /* mkdir */
    CALL 84,  erofs                     /* rmdir */
    CALL 86,  erofs                     /* link */
    CALL 87,  erofs                     /* unlink */
    CALL 88,  erofs                     /* symlink */
    CALL 90,  erofs                     /* chmod */
    CALL 258, erofs                     /* mkdirat */
    CALL 263, erofs                     /* unlinkat */
    CALL 264, erofs                     /* renameat */
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
    CALL 100, times, 1
#endif
#ifdef CONFIG_PROCESS
    CALL 13,  rt_sigaction, 6
    CALL 14,  rt_sigprocmask, 6
    CALL 131, sigaltstack, 3
    CALL 202, futex, 1
    CALL 318, getrandom, 1
    CALL 63,  uname, 1
    CALL 97,  getrlimit, 2
    CALL 302, prlimit64, 12
    CALL 24,  zero                      /* sched_yield */
    CALL 102, zero                      /* getuid */
    CALL 104, zero                      /* getgid */
    CALL 107, zero                      /* geteuid */
    CALL 108, zero                      /* getegid */
    CALL 110, zero                      /* getppid */
    CALL 111, one                       /* getpgrp */
    CALL 121, one                       /* getpgid */
    CALL 124, one                       /* getsid */
    CALL 95,  umask
    CALL 56,  eagain                    /* clone: there are no threads */
    CALL 57,  eagain                    /* fork */
    CALL 58,  eagain                    /* vfork */
    CALL 435, enosys                    /* clone3: libraries then try clone */
    CALL 22,  enosys                    /* pipe */
    CALL 293, enosys                    /* pipe2 */
#else
    CALL 13,  zero                      /* rt_sigaction */
    CALL 14,  zero                      /* rt_sigprocmask */
#endif
#ifdef CONFIG_SIGNALS
    CALL 15,  rt_sigreturn
    CALL 127, rt_sigpending, 1
    CALL 128, rt_sigtimedwait, 7
    CALL 130, rt_sigsuspend, 1
    CALL 34,  pause
    CALL 36,  getitimer, 2
    CALL 38,  setitimer, 6
#endif
#ifdef CONFIG_GROW
    CALL 18,  pwrite64, 2               /* input that the agent brings */
#endif
calls_end:
