/* SPDX-License-Identifier: MIT */
/* Included before interp.c in a growing program: a loop in one long call makes its function hot. */
#ifndef BAREFLOW_AGENT_INTERP_HOOKS_H
#define BAREFLOW_AGENT_INTERP_HOOKS_H

#ifndef __ASSEMBLER__
#include "bareflow/agent.h"

#define BF_INTERP_ON_BACK_EDGE(f)                                                                            \
    do {                                                                                                     \
        if (!(PROGRAM.backs[index] & 63))                                                                    \
            bf_back_edges((f)->external, PROGRAM.backs[index]);                                              \
    } while (0)
#endif

#endif
