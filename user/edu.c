/*
 * edu: a word to the teaching device, and its answer; or its test of the DMA contract, in KTAP:
 * what the device may reach, it reaches, and what it may not, it does not. The device tells the
 * truth: whether bytes arrived in memory is read by the CPU.
 */
#include "user/user.h"

const char usage_text[] = "edu [-d DEVICE] test | fact N | map PLACE to|from|both | unmap PLACE\n"
			  "       edu fill PLACE BYTE | peek PLACE | dma read|write ADDRESS\n"
			  "places: a b (a page each), c d (halves of one page)";

static int dev, tests, failed;
static char answer[256];

/* Sends a command; 0 or a negative error. The reply is in `answer`, its newline removed. */
static int
edu(const char *format, ...)
{
	char line[128];
	va_list args;
	ssize_t n;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	answer[0] = 0;
	n = write(dev, line, strlen(line));
	if (n < 0)
		return n;
	n = read(dev, answer, sizeof(answer) - 1);
	if (n > 0)
		answer[answer[n - 1] == '\n' ? n - 1 : n] = 0;
	return n < 0 ? n : 0;
}

static void
check(bool good, const char *name)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++tests, name);
	failed += !good;
}

/* Maps a place and returns its bus address. */
static u64
map(char place, const char *dir)
{
	u64 iova = 0;
	int err = edu("map %c %s", place, dir);

	if (err)
		die("map %c %s: %s", place, dir, strerror(-err));
	parse_number(answer, &iova);
	return iova;
}

/* Whether the place holds 16 times `byte`. */
static bool
holds(char place, int byte)
{
	char want[3];

	if (edu("peek %c", place))
		return false;
	snprintf(want, sizeof(want), "%02x", byte);
	for (int i = 0; i < 32; i += 2)
		if (memcmp(answer + i, want, 2) != 0)
			return false;
	return true;
}

/* Puts 16 times `byte` into the device, through place b. */
static void
load(int byte)
{
	u64 iova;

	edu("fill b %d", byte);
	iova = map('b', "to");
	edu("dma read 0x%lx", iova);
	edu("unmap b");
}

/* Whether the device holds 16 times `byte`: it writes them to place b. */
static bool
loaded(int byte)
{
	u64 iova;

	edu("fill b 0");
	iova = map('b', "from");
	edu("dma write 0x%lx", iova);
	edu("unmap b");
	return holds('b', byte);
}

static void
contract(void)
{
	u64 a, c, d;

	printf("KTAP version 1\n");
	load(0xa1);
	check(loaded(0xa1), "what is mapped is reached, both ways");

	edu("fill a 0x11");
	a = map('a', "to");
	edu("dma write 0x%lx", a);
	check(holds('a', 0x11), "a buffer mapped to the device is not writable by it");
	check(edu("map a to") == -EBUSY, "a map that is in use cannot be mapped again");
	edu("dma read 0x%lx", a);
	edu("unmap a");
	check(loaded(0x11), "but it is readable");

	load(0xa2);
	edu("fill a 0x22");
	a = map('a', "from");
	edu("dma read 0x%lx", a);
	check(!loaded(0x22), "a buffer mapped from the device is not readable by it");
	edu("unmap a");

	/* The device uses the mapping first, so that the IOTLB knows it. */
	load(0xa3);
	a = map('a', "both");
	edu("dma write 0x%lx", a);
	check(holds('a', 0xa3), "a write arrives while the buffer is mapped");
	edu("unmap a");
	edu("fill a 0x33");
	edu("dma write 0x%lx", a);
	check(holds('a', 0x33), "after unmap nothing arrives: the IOTLB is clean");
	check(edu("unmap a") == -ENOENT, "unmap of what is not mapped is an error");

	load(0xa4);
	edu("fill c 0x44");
	edu("fill d 0x44");
	c = map('c', "from");
	d = map('d', "from");
	edu("unmap c");
	edu("dma write 0x%lx", d);
	check(holds('d', 0xa4), "two buffers in one page: the first unmap leaves the second");
	edu("dma write 0x%lx", c);
	check(holds('c', 0x44), "and the first is gone");
	edu("unmap d");

	edu("fill a 0x55");
	edu("dma write 0x7f000000");
	check(holds('a', 0x55), "a DMA to nowhere ends and changes nothing");
	check(edu("fact 10") == 0 && strcmp(answer, "3628800") == 0, "the device lives on");
	printf("1..%d\n", tests);
}

int
main(int argc, char **argv)
{
	char line[128] = "";
	char **args = argv + 1, *path = "/dev/edu0";
	int err;

	while (next_option(&args, "d:", &path))
		;
	argc -= args - (argv + 1);
	argv = args - 1;
	if (argc < 2)
		usage(2);
	dev = open(path, O_RDWR);
	if (dev < 0)
		die("%s: %s", path, strerror(-dev));
	if (strcmp(argv[1], "test") == 0) {
		contract();
		return failed != 0;
	}
	for (int i = 1; i < argc; i++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s ", argv[i]);
	err = edu("%s", line);
	if (err)
		die("%s: %s", argv[1], strerror(-err));
	if (answer[0])
		printf("%s\n", answer);
	return 0;
}
