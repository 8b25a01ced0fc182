/* What replay.c and a fuzzer share. */
#pragma once

#include "tests/host/samples.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
/* How many inputs of each kind replay.c tries. */
extern const unsigned fuzz_rounds;
/* The n-th valid input, its length; 0 if there is none. */
size_t fuzz_sample(unsigned n, u8 *to);
