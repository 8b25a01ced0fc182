/* sha256sum: prints the SHA-256 (FIPS 180-4) of files. */
#include "user/user.h"

const char usage_text[] = "sha256sum [FILE]...";

enum { CHUNK = 65536, BLOCK = 64 };

/* The first 32 bits of the fractions of the cube roots of the first 64 primes. */
static const u32 round_constants[64] = {0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b,
	0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6,
	0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d,
	0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
	0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585,
	0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa,
	0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* Turns x right by n bits. */
static u32
rotate(u32 x, unsigned n)
{
	return x >> n | x << (32 - n);
}

/* Mixes one block of 64 bytes into the state. */
static void
mix(u32 state[8], const u8 *block)
{
	u32 w[64], s[8];

	for (int i = 0; i < 16; i++)
		w[i] = (u32)block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 |
		       block[4 * i + 3];
	for (int i = 16; i < 64; i++) {
		u32 a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] +
		       (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
	}
	memcpy(s, state, sizeof(s));
	for (int i = 0; i < 64; i++) {
		u32 a = s[0], b = s[1], c = s[2], e = s[4];
		u32 choice = (e & s[5]) ^ (~e & s[6]);
		u32 majority = (a & b) ^ (a & c) ^ (b & c);
		u32 one = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + choice +
			  round_constants[i] + w[i];
		u32 two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + majority;

		memmove(s + 1, s, 7 * sizeof(*s));
		s[4] += one;
		s[0] = one + two;
	}
	for (int i = 0; i < 8; i++)
		state[i] += s[i];
}

/* Hashes an open file through buf; returns 0, or minus an error. */
static int
hash(int fd, u8 *buf, u32 state[8])
{
	static const u32 start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
		0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	u64 total = 0;
	ssize_t n;

	memcpy(state, start, sizeof(start));
	for (;;) {
		/* Only the last chunk is short, so only it can end inside a block. */
		n = read_full(fd, buf, CHUNK);
		if (n < 0)
			return n;
		total += n;
		for (ssize_t i = 0; i + BLOCK <= n; i += BLOCK)
			mix(state, buf + i);
		if (n < CHUNK)
			break;
	}

	/* The end: a one bit, zeros, and the length in bits, in one block or two. */
	u8 tail[2 * BLOCK] = {0};
	size_t left = n % BLOCK, size = left < BLOCK - 8 ? BLOCK : 2 * BLOCK;

	memcpy(tail, buf + n - left, left);
	tail[left] = 0x80;
	for (int i = 0; i < 8; i++)
		tail[size - 1 - i] = total * 8 >> 8 * i;
	for (size_t i = 0; i < size; i += BLOCK)
		mix(state, tail + i);
	return 0;
}

/* Prints one file's line; returns the exit status. */
static int
sum(const char *name, u8 *buf)
{
	int fd = open_input(name), error;
	u32 h[8];

	if (fd < 0)
		return 1;
	error = hash(fd, buf, h);
	if (error < 0)
		warn("%s: %s", name, strerror(error));
	else
		printf("%08x%08x%08x%08x%08x%08x%08x%08x  %s\n", h[0], h[1], h[2], h[3], h[4], h[5],
			h[6], h[7], name);
	if (fd > 0)
		close(fd);
	return error < 0;
}

int
main(int argc, char **argv)
{
	char **args = argv + 1;
	u8 *buf = alloc(CHUNK);
	int status = 0;

	(void)argc;
	while (next_option(&args, "", NULL))
		;
	if (!*args)
		return sum("-", buf);
	for (; *args; args++)
		status |= sum(*args, buf);
	return status;
}
