/* SPDX-License-Identifier: MIT */
/* Trials: the blobs of one function take turns, and calls are timed. rotate.c has the turns, trial.c the
 * host's orders and the reports to it. */
#ifndef BAREFLOW_ROTATE_H
#define BAREFLOW_ROTATE_H

#include <stdint.h>

#include "bareflow/agent.h"
#include "bareflow/wire.h"

#define BF_ANY UINT32_MAX

/* From the slow path: whether the function's calls take turns now. */
int bf_rotating(uint32_t function);
/* From the slow path, for a call of that function: points the slot at whose turn it is. 0: this call is not
 * to be timed; else candidate + 1, for the call that will be timed. */
uint32_t bf_rotation_turn(const uint64_t *return_slot);
/* The call that bf_rotation_turn allowed is being timed, or could not be. */
void bf_rotation_begun(const uint64_t *return_slot, int timed);
/* It has returned. */
void bf_rotation_time(uint32_t candidate, uint64_t cycles);

/* From the tick. A trial begins: the order is valid, and each of its candidates has an entry. */
void bf_rotation_start(const struct trial_order *order, const uint64_t *entries);
/* If it is this function's, or BF_ANY: calls go where they went before. */
void bf_rotation_end(uint32_t function);
/* A round that has ended and was not reported yet; NULL: none. */
const struct tried_record *bf_rotation_report(void);

void bf_trial_order(struct bf_wire *wire, const uint8_t *payload, uint32_t length);
void bf_trial_report(struct bf_wire *wire);

#endif
