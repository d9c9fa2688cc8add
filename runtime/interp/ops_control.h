/* SPDX-License-Identifier: MIT */
/* Constants, moves, branches, calls and returns. Included first inside run() in interp.c. */
/* clang-format off */

L_CONST: r[ip->a] = ip->imm; NEXT;
L_SYM: r[ip->a] = PROGRAM.symbol[LOW].address + (uint64_t)(int64_t)(int32_t)HIGH; NEXT;
L_MOV: r[ip->a] = r[ip->b]; NEXT;
L_MOV2: r[ip->a] = r[ip->b]; r[ip->c] = r[LOW]; NEXT;
L_FRAME: r[ip->a] = frame + ip->imm; NEXT;

L_JMP: GO(LOW);
L_BACK_E: edge[HIGH]++;
L_BACK: PROGRAM.backs[index]++; BF_INTERP_ON_BACK_EDGE(f); GO(LOW);
L_SWITCH: {
    const struct bytecode_case *found = find_case((const struct bytecode_case *)(ip + 1), LOW, r[ip->a]);
    edge[found->edge]++;
    GO(found->target);
}

L_CALL: call_symbol(LOW, ip, r); ip += (ip->b + 7u) / 8; NEXT;
L_CALL_R: call_native(r[ip->c], PROGRAM.signature + HIGH, r, (const uint16_t *)(ip + 1), r + ip->a);
    ip += (ip->b + 7u) / 8; NEXT;
L_SETJMP: ask_for_setjmp((struct interp_twice *)(uintptr_t)r[f->slots], ip, r); goto done;
L_RET: goto done;
L_RET1: value = r[ip->a]; goto done;
L_RET_N: {
    const uint16_t *words = (const uint16_t *)(ip + 1);
    for (uint32_t i = 0; i < ip->b; i++)
        results[i] = r[words[i]];
    value = results[0];
} goto done;
L_VA_START: start_arguments(r[ip->a], regs, ip->imm); NEXT;
L_TSC: r[ip->a] = tsc(); NEXT;
L_FRAME_ADDRESS: r[ip->a] = (uint64_t)(uintptr_t)__builtin_frame_address(0); NEXT;
L_RETURN_ADDRESS: r[ip->a] = regs ? regs->stack[-1] : (uint64_t)(uintptr_t)__builtin_return_address(0); NEXT;
L_THREAD: r[ip->a] = thread_pointer() + r[ip->b]; NEXT;
L_TRAP: __builtin_trap();
/* clang-format on */
