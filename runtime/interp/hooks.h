/* SPDX-License-Identifier: MIT */
/* Where the growing runtime hangs on to the interpreter. Each is a macro so that a build may replace it with
 * -D or -include; `f` is a const struct bytecode_function *, `f->external` the runtime's own number of it. */
#ifndef INTERP_HOOKS_H
#define INTERP_HOOKS_H

/* A back edge was taken; program.backs is counted already. */
#ifndef BF_INTERP_ON_BACK_EDGE
#define BF_INTERP_ON_BACK_EDGE(f) ((void)(f))
#endif

/* Time stamps at entry and exit of every call; 0 leaves program.cycles alone. */
#ifndef BF_INTERP_CYCLES
#define BF_INTERP_CYCLES 1
#endif

#endif
