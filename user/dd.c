/* dd: copies blocks from and to places in files. */
#include "user/user.h"

const char usage_text[] =
	"dd [if=FILE] [of=FILE] [bs=BYTES] [count=BLOCKS] [skip=BLOCKS] [seek=BLOCKS]\n"
	"       a number may end in k (1024) or M (1048576)";

/* If arg is key and '=', returns what follows. */
static const char *
value_of(const char *arg, const char *key)
{
	size_t n = strlen(key);

	return strncmp(arg, key, n) == 0 && arg[n] == '=' ? arg + n + 1 : NULL;
}

/* Returns a number that may end in k or M. */
static u64
size_argument(const char *s)
{
	u64 value;
	const char *end = parse_number(s, &value);
	unsigned shift = !end ? 0 : *end == 'k' ? 10 : *end == 'M' ? 20 : 0;

	if (!end || end[shift ? 1 : 0] || value > (u64)INT64_MAX >> shift)
		usage(2);
	return value << shift;
}

/* Moves past n bytes of input; by reading them where it cannot seek. */
static int
skip_input(int fd, u64 n, char *buf, size_t size)
{
	if (n == 0 || lseek(fd, n, SEEK_SET) >= 0)
		return 0;
	while (n > 0) {
		ssize_t got = read(fd, buf, MIN(n, size));

		if (got <= 0)
			return got;
		n -= got;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	const char *input = NULL, *output = NULL, *s;
	u64 bs = 512, count = UINT64_MAX, skip = 0, seek = 0, copied = 0, from, to;
	int in = 0, out = 1;
	long error = 0;
	char *buf;

	for (int i = 1; i < argc; i++) {
		if ((s = value_of(argv[i], "if")))
			input = s;
		else if ((s = value_of(argv[i], "of")))
			output = s;
		else if ((s = value_of(argv[i], "bs")))
			bs = size_argument(s);
		else if ((s = value_of(argv[i], "count")))
			count = size_argument(s);
		else if ((s = value_of(argv[i], "skip")))
			skip = size_argument(s);
		else if ((s = value_of(argv[i], "seek")))
			seek = size_argument(s);
		else
			usage(strcmp(argv[i], "-h") == 0 ? 0 : 2);
	}
	if (bs == 0 || __builtin_mul_overflow(skip, bs, &from) ||
		__builtin_mul_overflow(seek, bs, &to))
		usage(2);

	buf = alloc(bs);
	if (input && (in = open(input, O_RDONLY)) < 0)
		die("%s: %s", input, strerror(in));
	/* Who seeks in the output wants to change a part of it, so the rest must stay. */
	if (output && (out = open(output, O_WRONLY | O_CREATE | (seek ? 0 : O_TRUNC))) < 0)
		die("%s: %s", output, strerror(out));
	if (!input)
		input = "standard input";
	if (!output)
		output = "standard output";
	if ((error = skip_input(in, from, buf, bs)) < 0)
		die("%s: %s", input, strerror(error));
	if (seek && (error = lseek(out, to, SEEK_SET)) < 0)
		die("%s: %s", output, strerror(error));

	for (error = 0; count > 0; count--) {
		ssize_t n = read(in, buf, bs);

		if (n < 0)
			warn("%s: %s", input, strerror(error = n));
		if (n <= 0)
			break;
		error = write_full(out, buf, n);
		if (error < 0) {
			warn("%s: %s", output, strerror(error));
			break;
		}
		copied += n;
	}
	fprintf(2, "%lu bytes copied\n", copied);
	return error < 0;
}
