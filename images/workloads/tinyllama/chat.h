/* SPDX-License-Identifier: MIT */
/* Prompts from standard input, until it ends or Ctrl-C. */
#ifndef CHAT_H
#define CHAT_H

#include "generate.h"

bool chat(struct conversation *c, struct message *why);

#endif
