/* SPDX-License-Identifier: MIT */
/* What the interpreter saw, told to the host: branches taken, loop iterations, argument values. */
#ifndef BAREFLOW_AGENT_SEEN_H
#define BAREFLOW_AGENT_SEEN_H

#include "bareflow/wire.h"

/* Where a round stands; all zeros begins one. */
struct bf_seen {
    uint32_t function, part;
};

/* Send what comes next in a round: of every function that ran in the interpreter, or of those that still do.
 * Returns 1 while there is more, 0 when the round is done (at once where nothing is interpreted). */
int bf_seen_next(struct bf_seen *seen, struct bf_wire *wire, int all);

#endif
