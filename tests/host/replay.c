/*
 * A main() for the fuzzers where there is no libFuzzer: random inputs and damaged valid ones.
 * With a directory for argument it only writes the valid ones there, for libFuzzer to begin with.
 */
#include "tests/host/harness.h"
#include "tests/host/fuzz.h"
#include <stdio.h>

static u8 sample[SAMPLE_MAX + 1], input[SAMPLE_MAX + 1];

static int
write_corpus(const char *dir)
{
	size_t len;

	for (unsigned n = 0; (len = fuzz_sample(n, sample)); n++) {
		char path[512];
		snprintf(path, sizeof(path), "%s/sample%u", dir, n);
		FILE *f = fopen(path, "wb");
		if (!f || fwrite(sample, 1, len, f) != len || fclose(f))
			return perror(path), 1;
	}
	return 0;
}

/* Damages the input: bits, words that are often at an edge, a cut; returns its length. */
static size_t
mutate(size_t len)
{
	static const u64 edges[] = {0, 1, -1UL, 1UL << 31, 1UL << 32, 1UL << 52, 1UL << 63, 4096};

	for (unsigned n = rnd_below(6); n--;) {
		size_t at = rnd_below(len), width = 1UL << rnd_below(4);
		u64 edge = edges[rnd_below(NELEM(edges))] + rnd_below(3) - 1;
		if (rnd_below(2))
			input[at] ^= BIT(rnd_below(8));
		else
			memcpy(input + at, &edge, MIN(width, len - at));
	}
	return rnd_below(4) ? len : rnd_below(len + 1);
}

int
main(int argc, char **argv)
{
	size_t len;

	if (argc > 1)
		return write_corpus(argv[1]);
	test("replay: random inputs");
	for (unsigned round = 0; round < fuzz_rounds; round++) {
		len = rnd_below(256);
		for (size_t i = 0; i < len; i++)
			input[i] = rnd();
		LLVMFuzzerTestOneInput(input, len);
	}
	for (unsigned n = 0; (len = fuzz_sample(n, sample)); n++) {
		test("replay: sample %u, damaged", n);
		for (unsigned round = 0; round < fuzz_rounds; round++) {
			memcpy(input, sample, len);
			LLVMFuzzerTestOneInput(input, mutate(len));
		}
	}
	return test_done();
}
