/* SPDX-License-Identifier: MIT */
/* The tick: polls the wire, publishes code, and reports. It starts before main and ends behind
 * it. Everything has its size; if the host dies, stalls or sends nonsense, the workload stays as it is. */
#include "bareflow/agent.h"
#include "bareflow/copy.h"
#include "bareflow/cpuid_words.h"
#include "bareflow/wire.h"
#include "code.h"
#include "port.h"
#include "rotate.h"
#include "seen.h"

#define OUTGOING (64 * 1024)
/* Everything leaves in order, so what can wait is only queued while little else is: bytes that may wait
 * before it. What a hot function needs is never behind more than that, on a slow line either. */
#define BEFORE_SAMPLES 1024
#define BEFORE_COUNTS 4096
#define PLACES 128
#define PLACES_IN_MESSAGE 64
#define TIMES_IN_MESSAGE 32
#define TEXT_IN_MESSAGE 496
#define SLOW_TICK                                                                                            \
    8 /* times as long a tick when nothing happens: every tick costs the workload some microseconds */
#define IDLE_TICKS 50   /* ticks without a message until nothing happens */
#define FAREWELL_MS 500 /* how long the end of the program waits for the host to have everything */

static struct bf_wire wire;
static uint8_t outgoing[OUTGOING], incoming[WIRE_MAX_PAYLOAD];
static uint64_t places[PLACES];
static uint32_t places_in, places_out;
static uint64_t ticks, ticks_missed, places_dropped;
static uint32_t greeted; /* the host incarnation that knows us */
static uint64_t run;     /* names this run for whoever merges what was seen of it */
static uint32_t collecting, collect_at, collect_all; /* a round of counts under way */
static uint32_t telling;                             /* the host incarnation that wants the console's text */
static uint64_t text_at;                             /* from where on */
static struct bf_seen seen;                          /* how far it has come with what the interpreter saw */
static uint64_t polled_tsc;
static uint32_t
    idle_ticks; /* since the last message to or from the host; more than IDLE_TICKS: ticks are slow */

static void greet(void) {
    struct agent_started record = {
        .version = GROWTH_VERSION,
        .functions = bf_program.functions,
        .arena_base = bf_code.base,
        .arena_size = bf_code.size,
        .tsc = bf_tsc(),
        .ns = bf_clock_ns(),
        .timing_overhead = bf_agent.overhead,
        .arena_used = bf_code.used,
        .run = run,
    };
    bf_cpuid_words(record.cpuid);
    bf_copy(record.build_id, bf_program.build_id, sizeof record.build_id);
    if (bf_wire_send(&wire, GROWTH_STARTED, &record, sizeof record) < 0)
        return;
    for (uint32_t i = 0; greeted && i < bf_program.functions; i++)
        bf_stats[i].sent_calls = 0; /* what another host was told this one has not heard */
    greeted = wire.peer;
}

/* ---- orders ---- */

/* What keeps an order from being carried out: PUBLISH_… */
static uint16_t check(const struct publish_order *order) {
    if (order->function >= bf_program.functions || order->tier >= GROWTH_TIERS)
        return PUBLISH_REFUSED;
    return bf_code_usable(order->start, order->entry, order->length, order->crc);
}

static void publish(const struct publish_order *order) {
    bf_code_close();
    struct published_record answer = {
        .function = order->function, .tier = order->tier, .status = check(order), .blob = order->blob};
    if (order->function < bf_program.functions) {
        uint64_t own, calls = bf_calls(order->function, &own);
        answer.calls = calls + own;
        answer.hot_tsc = bf_stats[order->function].hot_tsc;
    }
    if (answer.status == PUBLISH_DONE) {
        struct slot *slot = &bf_slots[order->function];
        bf_rotation_end(order->function);
        slot->tier = order->tier;
        __atomic_store_n(&slot->target, order->entry, __ATOMIC_RELEASE);
        bf_stats[order->function].threshold = bf_program.thresholds[order->tier];
        bf_rearm(order->function);
    }
    answer.tsc = bf_tsc();
    bf_wire_send(&wire, GROWTH_PUBLISHED, &answer, sizeof answer);
}

static void arm_order(const struct arm_order *order) {
    if (order->function >= bf_program.functions)
        return;
    struct function_stats *stats = &bf_stats[order->function];
    stats->threshold = order->threshold;
    stats->hot_tiers &= ~(1u << bf_slots[order->function].tier);
    bf_rearm(order->function);
}

static void requeue_hot(void) {
    for (uint32_t i = 0; i < bf_program.functions; i++)
        if (bf_stats[i].hot_tiers >> bf_slots[i].tier & 1) {
            bf_stats[i].hot_tiers &= ~(1u << bf_slots[i].tier);
            bf_rearm(i);
        }
}

static void begin_round(int all) {
    collecting = 1;
    collect_at = 0;
    collect_all = all != 0;
    seen = (struct bf_seen){0};
}

static void collect_order(const struct collect_order *order) {
    if (order->flags & COLLECT_HOT)
        requeue_hot();
    begin_round(order->flags & COLLECT_ALL);
}

static void text_order(const struct text_order *order) {
    telling = wire.peer;
    text_at = order->offset;
}

static void receive(void *context, uint16_t type, const uint8_t *payload, uint32_t length) {
    (void)context;
    if (type != GROWTH_COLLECT)
        idle_ticks = 0;
    union {
        struct publish_order publish;
        struct arm_order arm;
        struct collect_order collect;
        struct text_order text;
    } order;
    bf_copy(&order, payload, length < sizeof order ? length : sizeof order);
    if (type == GROWTH_CODE)
        bf_code_take(payload, length);
    else if (type == GROWTH_PUBLISH && length >= sizeof order.publish)
        publish(&order.publish);
    else if (type == GROWTH_ARM && length >= sizeof order.arm)
        arm_order(&order.arm);
    else if (type == GROWTH_COLLECT && length >= sizeof order.collect)
        collect_order(&order.collect);
    else if (type == GROWTH_TRIAL) {
        bf_code_close();
        bf_trial_order(&wire, payload, length);
    } else if (type == GROWTH_TEXT && length >= sizeof order.text)
        text_order(&order.text);
    else if (type == GROWTH_INPUT && length >= sizeof order.text)
        bf_port_type(payload + sizeof order.text, length - sizeof order.text, order.text.offset);
}

/* ---- reports ---- */

/* Bytes that wait for the host. */
static uint32_t queued(void) {
    uint32_t room = bf_wire_room(&wire);
    return room < OUTGOING ? OUTGOING - room : 0;
}

static void send_hot(void) {
    struct bf_agent *agent = &bf_agent;
    while (agent->hot_out != agent->hot_in && bf_wire_room(&wire) >= sizeof(struct hot_record)) {
        uint32_t function = agent->hot[agent->hot_out++ % BF_HOT_QUEUE];
        uint64_t own, calls = bf_calls(function, &own);
        struct hot_record record = {.function = function,
                                    .tier = (uint16_t)bf_slots[function].tier,
                                    .reason = calls + own < bf_stats[function].threshold ? HOT_BACK_EDGES
                                                                                         : HOT_CALLS,
                                    .calls = calls + own,
                                    .tsc = bf_stats[function].hot_tsc};
        bf_wire_send(&wire, GROWTH_HOT, &record, sizeof record);
    }
}

/* Free-running rings: `in - out` entries wait; send them in messages of at most `most`. */
static void send_samples(uint32_t least) {
    struct bf_agent *agent = &bf_agent;
    struct time_sample message[TIMES_IN_MESSAGE];
    while (agent->samples_in - agent->samples_out >= least && agent->samples_in != agent->samples_out &&
           queued() < BEFORE_SAMPLES) {
        uint32_t n = 0;
        while (n < TIMES_IN_MESSAGE && agent->samples_out != agent->samples_in)
            message[n++] = agent->samples[agent->samples_out++ % BF_SAMPLE_QUEUE];
        bf_wire_send(&wire, GROWTH_TIMES, message, n * sizeof message[0]);
    }
}

static void send_places(uint32_t least) {
    uint64_t message[PLACES_IN_MESSAGE];
    while (places_in - places_out >= least && places_in != places_out && queued() < BEFORE_SAMPLES) {
        uint32_t n = 0;
        while (n < PLACES_IN_MESSAGE && places_out != places_in)
            message[n++] = places[places_out++ % PLACES];
        bf_wire_send(&wire, GROWTH_PLACES, message, n * sizeof message[0]);
    }
}

/* Whether the host has all text that there is. */
static int send_text(void) {
    struct {
        struct text_mark mark;
        uint8_t bytes[TEXT_IN_MESSAGE];
    } message;
    while (telling && telling == wire.peer) {
        if (queued() > BEFORE_COUNTS)
            return 0;
        size_t n = bf_port_text(&message, sizeof message, text_at);
        if (n <= sizeof message.mark)
            break;
        text_at = message.mark.offset + message.mark.length;
        bf_wire_send(&wire, FRAME_TEXT, &message, (uint32_t)n);
    }
    return 1;
}

static void send_counts(uint32_t function) {
    struct {
        struct function_counts head;
        struct tier_times times[GROWTH_TIERS];
    } message;
    uint32_t n = 0;
    message.head = (struct function_counts){.function = function, .tier = (uint16_t)bf_slots[function].tier};
    message.head.calls = bf_calls(function, &message.head.self_calls);
    bf_stats[function].sent_calls = message.head.calls + message.head.self_calls;
    for (uint32_t tier = 0; tier < GROWTH_TIERS; tier++)
        if (bf_times[function][tier].samples) {
            message.head.timed |= (uint16_t)(1u << tier);
            message.times[n++] = bf_times[function][tier];
        }
    bf_wire_send(&wire, GROWTH_COUNTS, &message, sizeof message.head + n * sizeof message.times[0]);
}

static int send_round_end(uint16_t type) {
    struct collected_record record = {.tsc = bf_tsc(),
                                      .ns = bf_clock_ns(),
                                      .ticks = ticks,
                                      .ticks_missed = ticks_missed,
                                      .agent_cycles = bf_agent.agent_cycles,
                                      .times_dropped = bf_agent.samples_dropped,
                                      .places_dropped = places_dropped};
    return bf_wire_send(&wire, type, &record, sizeof record);
}

static void collect(void) {
    for (; collect_at < bf_program.functions; collect_at++) {
        uint64_t own, calls = bf_calls(collect_at, &own);
        if (!collect_all && calls + own == bf_stats[collect_at].sent_calls)
            continue;
        if (queued() > BEFORE_COUNTS)
            return;
        send_counts(collect_at);
    }
    do {
        if (queued() > BEFORE_COUNTS)
            return;
    } while (bf_seen_next(&seen, &wire, (int)collect_all));
    send_samples(1);
    send_places(1);
    if (send_round_end(GROWTH_COLLECTED) == 0)
        collecting = 0;
}

static void report(void) {
    if (!wire.peer)
        return;
    if (greeted != wire.peer)
        greet();
    send_hot();
    bf_trial_report(&wire);
    send_text();
    send_samples(TIMES_IN_MESSAGE);
    send_places(PLACES_IN_MESSAGE);
    if (collecting)
        collect();
}

/* ---- life ---- */

void bf_poll(void) {
    uint64_t now = bf_tsc();
    if (!bf_port_alive() || now - polled_tsc < bf_program.sample_cycles / 4)
        return; /* without a timer the slow path comes here at every call of its own */
    polled_tsc = now;
    report();
    bf_wire_poll(&wire, bf_clock_us());
    bf_code_close();
}

/* Make ticks rare while the host has nothing for us, and frequent again when it has. */
static void pace(void) {
    uint32_t before = idle_ticks;
    if (idle_ticks <= IDLE_TICKS && !bf_wire_idle(&wire))
        return; /* the host does not have everything yet */
    if (idle_ticks <= IDLE_TICKS)
        idle_ticks++;
    if (before == IDLE_TICKS)
        bf_timer_start(bf_program.tick_us * SLOW_TICK, bf_program.tick_us * SLOW_TICK);
}

void bf_kick(void) {
    if (!bf_agent.ticking || !bf_port_alive())
        return;
    if (idle_ticks > IDLE_TICKS)
        bf_timer_start(1, bf_program.tick_us);
    idle_ticks = 0;
}

static void tick(uint64_t interrupted) {
    uint64_t start = bf_tsc();
    ticks++;
    if (places_in - places_out < PLACES)
        places[places_in++ % PLACES] = interrupted;
    else
        places_dropped++;
    if (bf_agent.busy) {
        ticks_missed++;
        return;
    }
    uint32_t before = idle_ticks;
    report();
    bf_wire_poll(&wire, bf_clock_us());
    bf_code_close();
    if (!bf_port_alive())
        bf_timer_start(0, 0); /* nobody will ever listen: leave the workload alone */
    else if (!idle_ticks && before > IDLE_TICKS)
        bf_timer_start(bf_program.tick_us, bf_program.tick_us);
    else
        pace();
    bf_agent.agent_cycles += bf_tsc() - start;
}

extern char **__environ;
/* musl: writes what stdio still holds, as exit does behind the last destructor; nothing where stdio is not
 * used. */
extern void __stdio_exit(void) __attribute__((weak, visibility("hidden")));

__attribute__((constructor(101))) static void start(void) {
    uint64_t here = (uint64_t)__builtin_frame_address(0);
    bf_agent.stack_high = here + 65536;
    bf_agent.stack_low = here - (64 << 20);
    bf_agent.ticking = 1; /* the slow path is not to poll before there is a port */
    bf_calibrate_timing();
    run = bf_run_identity();
    if (bf_port_open(__environ) < 0)
        return;
    bf_code_open(bf_program.arena_hint, bf_program.arena_size);
    struct bf_wire_config config = {.session = (uint32_t)bf_tsc() | 1,
                                    .outgoing = outgoing,
                                    .outgoing_size = sizeof outgoing,
                                    .incoming = incoming,
                                    .incoming_size = sizeof incoming,
                                    .read = bf_port_read,
                                    .write = bf_port_write,
                                    .receive = receive};
    bf_copy(config.build_id, bf_program.build_id, sizeof config.build_id);
    if (bf_wire_init(&wire, &config) == 0 && bf_timer_prepare(tick) == 0)
        bf_agent.ticking = bf_timer_start(bf_program.tick_us, bf_program.tick_us) == 0;
    else
        bf_agent.ticking = 0;
}

/* Poll until a condition holds or the host has been silent for too long. */
static void farewell(int (*done)(void)) {
    uint64_t last = bf_clock_us();
    uint32_t acknowledged = wire.acknowledged;
    while (bf_port_alive() && !done() && bf_clock_us() - last < FAREWELL_MS * 1000ull) {
        report();
        if (bf_wire_poll(&wire, bf_clock_us()))
            bf_port_wait(1);
        if (acknowledged != wire.acknowledged)
            last = bf_clock_us();
        acknowledged = wire.acknowledged;
    }
    bf_code_close();
}

static int introduced(void) {
    return greeted != 0;
}

static int all_collected(void) {
    return !collecting;
}

static int all_sent(void) {
    return bf_wire_idle(&wire);
}

__attribute__((destructor(101))) static void stop(void) {
    if (!bf_port_alive())
        return;
    bf_timer_start(0, 0);
    bf_agent.busy = 1;    /* what still runs is neither counted nor timed */
    farewell(introduced); /* a short program may be done before the host has said its first word */
    if (!wire.peer)
        return;
    if (__stdio_exit)
        __stdio_exit();
    begin_round(1);
    farewell(all_collected);
    farewell(send_text);
    send_round_end(GROWTH_ENDED);
    farewell(all_sent);
    if (telling && all_sent())
        bf_port_text(0, 0, text_at);
}
