/* SPDX-License-Identifier: MIT
 * The accelerator's probe: goes to long mode, runs SSE, xgetbv/xsetbv, AVX and AVX2 as CPUID offers them, and
 * checks the answers. Before each step its letter goes to COM1, so that a machine that dies says where.
 * Ends with PROBE_OK at the debug-exit port, or PROBE_WRONG.
 */
#include <bareflow/gen/verdict.h>

#define PROBE_OK 0x20
#define PROBE_WRONG 0x21
#define REST 0x7e00          /* the second and third sector, right behind the first */
#define PML4 0x10000
#define PDPT 0x11000
#define PD 0x12000
#define ADDITIONS 8000000    /* of 1.0: exact in a float, as it is below 2^24 */

    .code16
    .globl _start
_start:                      /* real mode, dl = drive */
    cli
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x7c00, %sp
    cld
    mov $packet, %si
    mov $0x42, %ah           /* INT 13h extended read */
    int $0x13
    cli                      /* the firmware may have turned interrupts on */
    mov $0x92, %dx           /* fast A20 */
    in %dx, %al
    or $2, %al
    out %al, %dx

    mov $(PML4 >> 4), %ax    /* three tables: the first 2 MiB, mapped 1:1 */
    mov %ax, %es
    xor %di, %di
    xor %eax, %eax
    mov $(3 * 4096 / 4), %cx
    rep stosl
    movl $(PDPT | 3), %es:0
    movl $(PD | 3), %es:(PDPT - PML4)
    movl $0x83, %es:(PD - PML4)

    mov %cr4, %eax           /* PAE, OSFXSR, OSXMMEXCPT; long mode; protection, paging, MP without EM */
    or $0x620, %eax
    mov %eax, %cr4
    mov $PML4, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx    /* EFER */
    rdmsr
    or $0x100, %eax
    wrmsr
    lgdt gdt_pointer
    mov %cr0, %eax
    and $~4, %eax
    or $0x80000003, %eax
    mov %eax, %cr0
    ljmp $8, $long_mode

    .balign 4
packet:
    .byte 16, 0
    .word 2, REST, 0
    .quad 1
    .balign 8
gdt:
    .quad 0, 0x00209a0000000000, 0x0000920000000000
gdt_pointer:
    .word . - gdt - 1
    .long gdt

    .org 510
    .word 0xaa55

    .code64
say:                         /* al to COM1; changes dx, ah */
    mov %al, %ah
    mov $0x3fd, %dx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    mov %ah, %al
    mov $0x3f8, %dx
    out %al, %dx
    ret

wrong:
    mov $PROBE_WRONG, %al
    out %al, $DEBUG_EXIT_PORT
    hlt

long_mode:                   /* 64-bit, identity map, interrupts off */
    mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $0x7c00, %esp
    mov $'S', %al            /* SSE: this is also the part that takes time */
    call say
    mov $0x3f800000, %eax    /* 1.0f */
    movd %eax, %xmm1
    shufps $0, %xmm1, %xmm1
    xorps %xmm0, %xmm0
    mov $ADDITIONS, %ecx
1:  addps %xmm1, %xmm0
    dec %ecx
    jnz 1b
    cvtps2dq %xmm0, %xmm2
    movd %xmm2, %eax
    cmp $ADDITIONS, %eax
    jne wrong

    mov $1, %eax             /* without XSAVE there is no AVX */
    cpuid
    mov %ecx, %ebp
    bt $26, %ecx
    jnc done
    mov $'X', %al
    call say
    mov %cr4, %rax
    or $0x40000, %eax        /* OSXSAVE */
    mov %rax, %cr4
    xor %ecx, %ecx
    xgetbv
    or $3, %eax              /* x87 and SSE state; AVX's too where there is AVX */
    bt $28, %ebp
    jnc 1f
    or $4, %eax
1:  mov %eax, %esi
    xsetbv
    xor %eax, %eax
    xgetbv
    cmp %esi, %eax
    jne wrong
    bt $28, %ebp
    jnc done

    mov $'A', %al            /* AVX: eight floats */
    call say
    mov $0x40400000, %eax    /* 3.0f */
    vmovd %eax, %xmm3
    vshufps $0, %xmm3, %xmm3, %xmm3
    vinsertf128 $1, %xmm3, %ymm3, %ymm3
    vmulps %ymm3, %ymm3, %ymm4
    vextractf128 $1, %ymm4, %xmm5
    vcvtps2dq %xmm5, %xmm5
    vmovd %xmm5, %eax
    cmp $9, %eax
    jne wrong

    mov $7, %eax
    xor %ecx, %ecx
    cpuid
    bt $5, %ebx
    jnc done
    mov $'V', %al            /* AVX2: eight integers */
    call say
    mov $21, %eax
    vmovd %eax, %xmm6
    vpbroadcastd %xmm6, %ymm6
    vpaddd %ymm6, %ymm6, %ymm7
    vextracti128 $1, %ymm7, %xmm7
    vmovd %xmm7, %eax
    cmp $42, %eax
    jne wrong

done:
    mov $'.', %al
    call say
    mov $PROBE_OK, %al
    out %al, $DEBUG_EXIT_PORT
    hlt
    .org 1536
