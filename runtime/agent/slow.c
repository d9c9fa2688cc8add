/* SPDX-License-Identifier: MIT */
/* The slow path: what a call costs once in many. It re-arms the counter so that it fires again at the next
 * threshold or the next call to be timed, queues a function that is hot, and times calls by taking the place
 * of their return address. Timed calls are found again by where that address stands, so that frames which
 * longjmp has thrown away do no harm. */
#include "bareflow/agent.h"
#include "bareflow/gen/snapshot.h"
#include "port.h"
#include "rotate.h"

#define SELF_GAP (1 << 20) /* calls to itself between two looks where no threshold is near */
#define MAX_GAP (1 << 24)
#define FRESH_CALLS 16 /* timed at once when code is new */

struct bf_agent bf_agent;

uint64_t bf_calls(uint32_t function, uint64_t *self_calls) {
    const struct slot *slot = &bf_slots[function];
    const struct function_stats *stats = &bf_stats[function];
    *self_calls = stats->self_armed - (uint64_t)slot->self_counter;
    return stats->armed - (uint64_t)slot->counter;
}

/* Let the counter turn negative at the `gap`-th call from now. */
static void arm(int64_t *counter, uint64_t *armed, uint64_t gap) {
    uint64_t calls = *armed - (uint64_t)*counter;
    *counter = (int64_t)gap - 1;
    *armed = calls + (uint64_t)*counter;
}

void bf_rearm(uint32_t function) {
    struct slot *slot = &bf_slots[function];
    struct function_stats *stats = &bf_stats[function];
    uint64_t own;
    stats->fresh = FRESH_CALLS;
    stats->sampled_calls =
        bf_calls(function, &own); /* what is timed next stands for none of the calls before */
    arm(&slot->counter, &stats->armed, 1);
    arm(&slot->self_counter, &stats->self_armed, 1);
}

/* Calls until the function is hot; BF_NEVER if it is already or never will be. */
static uint64_t until_hot(uint32_t function, uint64_t calls) {
    const struct function_stats *stats = &bf_stats[function];
    if (stats->threshold == BF_NEVER || stats->hot_tiers >> bf_slots[function].tier & 1)
        return BF_NEVER;
    return stats->threshold > calls ? stats->threshold - calls : 0;
}

static void queue_hot(uint32_t function, uint64_t now) {
    struct bf_agent *agent = &bf_agent;
    if (agent->hot_in - agent->hot_out == BF_HOT_QUEUE)
        return; /* found again at the next look */
    agent->hot[agent->hot_in++ % BF_HOT_QUEUE] = function;
    bf_stats[function].hot_tiers |= 1u << bf_slots[function].tier;
    bf_stats[function].hot_tsc = now;
    bf_kick();
}

void bf_back_edges(uint32_t function, uint64_t count) {
    const struct function_stats *stats = &bf_stats[function];
    if (stats->threshold == BF_NEVER || stats->hot_tiers >> bf_slots[function].tier & 1 ||
        count / GROWTH_BACK_EDGES < stats->threshold || bf_agent.busy)
        return;
    bf_agent.busy = 1;
    queue_hot(function, bf_tsc());
    bf_agent.busy = 0;
}

/* A free entry: the one for the same stack slot, or one whose frame is gone. NULL: all are in use. */
static struct bf_timed_call *free_entry(const uint64_t *return_slot) {
    struct bf_timed_call *found = 0;
    for (struct bf_timed_call *call = bf_agent.timed; call < bf_agent.timed + BF_TIMED_CALLS; call++) {
        if (call->slot == return_slot)
            return call;
        if (!call->slot || (call->slot < return_slot && *call->slot != (uint64_t)bf_timing_return))
            found = call;
    }
    return found;
}

static int on_main_stack(const uint64_t *place) {
    return (uint64_t)place >= bf_agent.stack_low && (uint64_t)place < bf_agent.stack_high;
}

static struct bf_timed_call *time_call(uint32_t function, uint64_t *return_slot, uint64_t weight) {
    if (!on_main_stack(return_slot) || *return_slot == (uint64_t)bf_timing_return)
        return 0;
    struct bf_timed_call *call = free_entry(return_slot);
    if (!call)
        return 0;
    *call = (struct bf_timed_call){.slot = return_slot,
                                   .real = *return_slot,
                                   .ticks = bf_agent.agent_cycles,
                                   .weight = weight,
                                   .function = function,
                                   .tier = bf_slots[function].tier};
    *return_slot = (uint64_t)bf_timing_return;
    return call;
}

/* Calls until the next one to be timed, from how many came since the last: about one in sample_cycles. */
static uint64_t next_gap(const struct function_stats *stats, uint64_t now, uint64_t calls) {
    uint64_t since = calls - stats->sampled_calls, cycles = now - stats->sampled_tsc;
    if (stats->fresh)
        return 1;
    uint64_t most = since * 4 < MAX_GAP ? since * 4 + 1 : MAX_GAP;
    if (since >> 40 || !cycles)
        return most;
    uint64_t gap = since * (bf_program.sample_cycles & 0xffffff) / cycles;
    return gap > most ? most : gap + 1;
}

/* A call of a function whose candidates take turns: looked at every time. */
static struct bf_timed_call *rotated_call(uint32_t function, uint64_t *return_slot) {
    uint32_t turn = bf_rotation_turn(return_slot);
    if (bf_rotating(function)) /* else this was the last call, and it is armed again */
        arm(&bf_slots[function].counter, &bf_stats[function].armed, 1);
    if (!turn)
        return 0;
    struct bf_timed_call *timed = time_call(function, return_slot, 1);
    if (timed)
        timed->candidate = turn;
    bf_rotation_begun(return_slot, timed != 0);
    return timed;
}

static struct bf_timed_call *outside_call(uint32_t function, uint64_t *return_slot) {
    if (bf_rotating(function))
        return rotated_call(function, return_slot);
    struct slot *slot = &bf_slots[function];
    struct function_stats *stats = &bf_stats[function];
    uint64_t own, calls = bf_calls(function, &own), now = bf_tsc();
    struct bf_timed_call *timed = 0;
    if (until_hot(function, calls + own) == 0)
        queue_hot(function, now);
    uint64_t gap = next_gap(stats, now, calls);
    if (stats->fresh || now - stats->sampled_tsc >= bf_program.sample_cycles / 2) {
        timed = time_call(function, return_slot, calls - stats->sampled_calls);
        stats->sampled_tsc = now;
        stats->sampled_calls = calls;
        stats->fresh -= stats->fresh != 0;
    }
    uint64_t hot = until_hot(function, calls + own);
    arm(&slot->counter, &stats->armed, gap < hot ? gap : hot ? hot : 1);
    return timed;
}

static void self_call(uint32_t function) {
    struct slot *slot = &bf_slots[function];
    struct function_stats *stats = &bf_stats[function];
    uint64_t own, calls = bf_calls(function, &own);
    if (until_hot(function, calls + own) == 0)
        queue_hot(function, bf_tsc());
    uint64_t hot = until_hot(function, calls + own);
    arm(&slot->self_counter, &stats->self_armed, hot < SELF_GAP ? hot + !hot : SELF_GAP);
}

struct bf_timed_call *bf_slow_path(uint32_t which, uint64_t *return_slot) {
    uint32_t function = which & ~GROWTH_SELF;
    struct bf_timed_call *timed = 0;
    if (bf_agent.busy)
        return 0; /* another thread; the counter stays negative until it is our turn */
    bf_agent.busy = 1;
    if (which & GROWTH_SELF)
        self_call(function);
    else
        timed = outside_call(function, return_slot);
    bf_agent.busy = 0;
    if (bf_ticks_held)
        bf_ticks_release();
    if (!bf_agent.ticking)
        bf_poll();
    return timed;
}

static void add_time(const struct bf_timed_call *call, uint64_t cycles) {
    if (call->candidate) {
        bf_rotation_time(call->candidate - 1, cycles);
        return;
    }
    struct tier_times *times = &bf_times[call->function][call->tier];
    unsigned __int128 sum = (unsigned __int128)cycles * call->weight;
    sum += (unsigned __int128)times->cycles_high << 64 | times->cycles_low;
    if (!times->samples++ || cycles < times->minimum)
        times->minimum = cycles;
    times->weight += call->weight;
    times->cycles_low = (uint64_t)sum;
    times->cycles_high = (uint64_t)(sum >> 64);
    struct bf_agent *agent = &bf_agent;
    if (agent->samples_in - agent->samples_out == BF_SAMPLE_QUEUE) {
        agent->samples_dropped++;
        return;
    }
    agent->samples[agent->samples_in % BF_SAMPLE_QUEUE] =
        (struct time_sample){call->function, call->tier, call->weight, cycles};
    agent->samples_in++;
}

uint64_t bf_timed_return(uint64_t now, uint64_t *return_slot) {
    struct bf_timed_call *call = bf_agent.timed;
    bf_agent.busy = 1;
    while (call->slot != return_slot)
        if (++call == bf_agent.timed + BF_TIMED_CALLS)
            __builtin_trap(); /* nothing else puts bf_timing_return on a stack */
    uint64_t cycles = now - call->start, ticks = bf_agent.agent_cycles - call->ticks;
    if (ticks <= cycles) /* else one came just before the first time stamp, or just behind the last */
        cycles -= ticks;
    add_time(call, cycles > bf_agent.overhead ? cycles - bf_agent.overhead : 0);
    call->slot = 0;
    bf_agent.busy = 0;
    return call->real;
}

/* Time an empty function: what remains is what timing adds. The cache and the predictors are warm by then. */
void bf_calibrate_timing(void) {
    uint32_t last = bf_program.functions;
    struct tier_times *times = &bf_times[last][0];
    for (int i = 0; i < 64; i++) {
        bf_stats[last].fresh = 1;
        arm(&bf_slots[last].counter, &bf_stats[last].armed, 1);
        bf_calibrate();
    }
    bf_agent.overhead = times->samples ? times->minimum : 0;
    bf_agent.samples_in = bf_agent.samples_out = 0;
}
