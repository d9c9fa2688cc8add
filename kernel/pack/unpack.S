/* SPDX-License-Identifier: MIT */
/* Stands before the packed kernel (bareflow/compile/packing.py has the format), unpacks it over itself and enters it.
 * STREAM_SIZE and BRANCH_LIMIT come from the packer; MEMORY_SIZE and SCRATCH, the offset of the kernel's
 * stacks, which need not be zero, from the kernel. */
#include "bareflow/gen/boot.h"

    .section .text, "ax"
    .globl  header
header:
    .long   KERNEL_MAGIC, KERNEL_ABI_VERSION
    .long   0                           /* file_size and crc32 are filled in by the packer */
    .long   MEMORY_SIZE
    .long   entry - header
    .long   0, 0, 0

/* State: as the kernel's own entry has it, and a few bytes of stack. rdi stays for it. */
entry:
    cld
    push    %rdi
    lea     header(%rip), %rbp
    lea     moved(%rip), %rsi
    lea     SCRATCH(%rbp), %rdi
    mov     %rdi, %rdx
    mov     $stream - moved + STREAM_SIZE, %ecx
    rep movsb
    jmp     *%rdx

/* A copy of this, out of the way. rdi = where the kernel goes, rsi = the stream, al = bits not used yet with a
 * lowest one that marks their end, rdx = the last distance, negative. */
moved:
    mov     %rbp, %rdi
    lea     stream(%rip), %rsi
    lea     bit(%rip), %rbx
    mov     $0x80, %al
    or      $-1, %rdx
literals:
    call    gamma
    rep movsb
    call    *%rbx
    jc      distance
    call    gamma
copy:
    push    %rsi
    lea     (%rdi,%rdx), %rsi
    rep movsb
    pop     %rsi
    call    *%rbx
    jnc     literals
distance:
    call    gamma
    dec     %ecx
    cmp     $255, %cl
    je      unpacked
    shl     $8, %ecx
    mov     (%rsi), %cl
    inc     %rsi
    not     %rcx
    mov     %rcx, %rdx
    call    gamma
    inc     %ecx
    jmp     copy

/* ecx = the next number */
gamma:
    xor     %ecx, %ecx
    inc     %ecx
1:  call    *%rbx
    jc      2f
    call    *%rbx
    adc     %ecx, %ecx
    jmp     1b

/* CF = the next bit */
bit:
    add     %al, %al
    jnz     2f
    lodsb
    adc     %al, %al
2:  ret

unpacked:
#if BRANCH_LIMIT
    mov     %rbp, %rsi
1:  lodsb
    and     $0xfe, %al
    cmp     $0xe8, %al
    jne     2f
    mov     (%rsi), %eax
    bswap   %eax
    cmp     $BRANCH_LIMIT, %eax
    jae     2f
    sub     %esi, %eax
    add     %ebp, %eax
    mov     %eax, (%rsi)
    add     $4, %rsi
2:  lea     4(%rsi), %rcx
    cmp     %rdi, %rcx
    jbe     1b
#endif
    pop     %rdi
    add     $KERNEL_HEADER_SIZEOF, %rbp
    jmp     *%rbp
stream:
